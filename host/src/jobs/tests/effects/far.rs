//! The far ends: chance, and a carrier that is a set of what it did.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use tokio::task::yield_now;

use super::super::super::course::Came;
use super::super::vars;
use crate::domain::call::{CallId, ExchangeEnd, RecordedResponse};
use crate::domain::update::NewStatus;

/// Random numbers from a seed, the same ones every time: which of two tasks goes on is decided by them as well.
#[derive(Clone)]
pub(super) struct Dice(Rc<RefCell<u64>>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rc::new(RefCell::new(seed)))
    }

    pub(super) fn below(&self, most: u64) -> u64 {
        let mut state = self.0.borrow_mut();
        // A linear congruential generator, by Knuth. Its high bits are good enough for this.
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % most
    }

    /// Lets others go on, for some turns.
    pub(super) async fn pause(&self) {
        for _ in 0..self.below(4) {
            yield_now().await;
        }
    }
}

/// What the carrier did, by the id that it was asked under and by event.
#[derive(Default)]
pub(super) struct Carrier {
    done: HashSet<CallId>,
    effects: BTreeMap<u64, u32>,
    refused: BTreeMap<u64, u32>,
}

impl Carrier {
    /// Takes a request for an event, with one of five fates. Equal requests are not known by their id, so a second one has a
    /// second effect.
    pub(super) fn take(&mut self, event: u64, under: CallId, fate: u64) -> (ExchangeEnd, Came) {
        let lost = || ExchangeEnd::NoAnswer { reason: "lost".into() };
        let answered = |status| ExchangeEnd::Answered {
            response: RecordedResponse {
                status,
                headers: vec![],
                body: String::new(),
                body_bytes: 0,
            },
        };
        if matches!(fate, 0 | 1) {
            self.done.insert(under);
            *self.effects.entry(event).or_default() += 1;
        }
        match fate {
            0 => (answered(201), Came::Done(vars(&[(3, "2025550143")]))),
            1 | 2 => (lost(), Came::Unknown),
            3 => {
                *self.refused.entry(event).or_default() += 1;
                let came = Came::Rejected {
                    text: "Carrier Error: no".into(),
                    by_carrier: true,
                };
                (answered(422), came)
            }
            _ => {
                let reason = "refused".into();
                (ExchangeEnd::NotSent { reason }, Came::NothingChanged)
            }
        }
    }

    /// Whether what was asked under this id has happened.
    pub(super) fn did(&self, under: CallId) -> bool {
        self.done.contains(&under)
    }

    /// Nothing happened twice, and of what TeleCloud was `told` nothing is refunded that had happened.
    pub(super) fn check(&self, told: &[(u64, NewStatus)]) {
        for (number, effects) in &self.effects {
            assert_eq!(*effects, 1, "event {number} had {effects} effects");
        }
        for (number, status) in told {
            let happened = self.effects.contains_key(number);
            match status {
                NewStatus::Active => assert!(happened, "event {number} was told as done and was not"),
                NewStatus::Failed => {
                    assert!(
                        self.refused.contains_key(number),
                        "event {number} was told as failed, and nobody refused"
                    );
                }
                other => panic!("event {number} was told as {other}"),
            }
        }
    }
}
