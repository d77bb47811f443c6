//! One effect for each event, whatever comes in between: duplicates at once and later, answers that get lost, deadlines,
//! and stops of the gateway at any point. The carrier is a set of what it did; everything else is real.

mod far;

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::task::{LocalSet, yield_now};
use tokio::time::Instant;

use self::far::{Carrier, Dice};
use super::super::course::Came;
use super::super::index::JobKey;
use super::super::news::Heard;
use super::super::verdict::open_reply;
use super::super::{Claim, Ending, Jobs, Posted};
use super::*;
use crate::domain::answer::{Answer, Reply};
use crate::domain::call::{Exchange, Outcome, RecordedRequest, Usage};
use crate::domain::event::ActionKind;
use crate::domain::handling::Handling;
use crate::domain::job::{By, Stage};
use crate::domain::name::{ModulePath, TenantName};
use crate::domain::progress::Finding;
use crate::domain::update::NewStatus;
use crate::journal::{CallLog, Journal, NewCall};
use crate::orders::Orders;
use crate::storage::memory::Memory;
use crate::storage::{Durability, Stores};
use crate::vault::Vault;

/// Different events of one run.
const EVENTS: u64 = 3;

/// Posts between two stops of the gateway.
const POSTS: u64 = 8;

#[derive(Clone)]
struct World {
    dice: Dice,
    stores: Stores,
    carrier: Rc<RefCell<Carrier>>,
    /// What TeleCloud took.
    told: Rc<RefCell<Vec<(u64, NewStatus)>>>,
    /// Events for which TeleCloud waits, because it was told PENDING.
    awaited: Rc<RefCell<HashSet<u64>>>,
    ids: Rc<RefCell<u64>>,
}

fn path() -> ModulePath {
    ModulePath {
        tenant: TenantName::parse("acme").expect("a name"),
        module: module(),
    }
}

/// Odd ones are activations, which are told PENDING; the others are told that the outcome is unknown.
fn numbered(number: u64) -> Event {
    let event = if number % 2 == 1 { create() } else { suspend() };
    Event {
        order_number: Some(format!("order {number}")),
        ..event
    }
}

fn number_of(event: &Event) -> u64 {
    let number = event
        .order_number
        .as_deref()
        .and_then(|order| order.strip_prefix("order "));
    number.expect("one of ours").parse().expect("a number")
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            stores: Memory::stores(),
            carrier: Rc::default(),
            told: Rc::default(),
            awaited: Rc::default(),
            ids: Rc::default(),
        }
    }

    async fn open(&self) -> Arc<Jobs> {
        let vault = Arc::new(Vault::new(&[7; 32]));
        let orders = Orders::new(Arc::clone(&self.stores.documents), Arc::clone(&vault));
        let jobs = Jobs::open(self.stores.clone(), vault, orders, &[path().tenant]).await;
        jobs.expect("what was written can be read")
    }

    fn id(&self) -> CallId {
        *self.ids.borrow_mut() += 1;
        CallId(ulid::Ulid::from_parts(
            1_795_000_000_000,
            u128::from(*self.ids.borrow()),
        ))
    }

    fn log(&self, id: CallId) -> CallLog {
        Journal::new(self.stores.log.clone()).begin(NewCall {
            tenant: &path().tenant,
            module: &module(),
            version: Some(1),
            id,
            about: None,
            received: Timestamp::now(),
            durability: Durability::Synced,
            log_bytes: 0,
            secrets: &Arc::default(),
        })
    }

    /// The module's part: one request, whose fate the dice decide.
    async fn module(&self, log: &CallLog, event: &Event, under: CallId) -> Came {
        if self.dice.below(6) == 0 {
            return Came::NothingChanged;
        }
        self.dice.pause().await;
        let request = RecordedRequest {
            method: "POST".into(),
            url: "https://carrier.example/".into(),
            headers: vec![],
            body: String::new(),
            body_bytes: 0,
        };
        let number = log
            .exchange_started(Some("api"), false, &request, Timestamp::now())
            .await
            .expect("kept");
        self.dice.pause().await;
        let fate = self.dice.below(5);
        let (end, came) = self.carrier.borrow_mut().take(number_of(event), under, fate);
        self.dice.pause().await;
        log.exchange_ended(number, 1, &end);
        self.dice.pause().await;
        came
    }

    /// TeleCloud posts an event.
    async fn post(self, jobs: Arc<Jobs>, number: u64) {
        let event = Arc::new(numbered(number));
        let (path, handling) = (path(), Handling::default());
        loop {
            let id = self.id();
            let posted = Posted {
                path: &path,
                handling: &handling,
                call: id,
                event: &event,
            };
            match jobs.claim(posted).await.expect("the store works") {
                Claim::Run(running) => {
                    let log = self.log(id);
                    log.event(&event.service, &event.document);
                    running.open_with(&log).await;
                    let came = self.module(&log, &event, id).await;
                    let may_have_changed = log.exchanges().iter().any(Exchange::may_have_changed);
                    if may_have_changed && self.dice.below(3) == 0 {
                        let reply = open_reply(event.action.kind());
                        running.overdue(&log, &reply).await.expect("kept");
                        self.hears(number, &reply);
                        self.dice.pause().await;
                    }
                    let reply = reply_of(&came, event.action.kind());
                    let ending = Ending {
                        reply: &reply,
                        came,
                        outcome: Outcome::Done,
                        detail: None,
                        usage: &Usage::default(),
                    };
                    running.end(&log, ending).await.expect("kept");
                    return self.hears(number, &reply);
                }
                Claim::Join(_, mut ended) => {
                    if let Ok(Some(reply)) = ended.wait_for(Option::is_some).await.as_deref() {
                        return self.hears(number, reply);
                    }
                }
                Claim::Again(_, reply) => return self.hears(number, &reply),
                Claim::Open(key) => {
                    let soon = Instant::now() + Duration::from_millis(1);
                    let again = jobs.posted_again(&key, &path, &event, soon).await;
                    if let Some(reply) = again.expect("the store works") {
                        return self.hears(number, &reply);
                    }
                }
            }
        }
    }

    fn hears(&self, number: u64, reply: &Reply) {
        if let Reply::Success { pending: true, .. } = reply {
            self.awaited.borrow_mut().insert(number);
        }
    }

    /// What the worker does, with the same changes to jobs, and the carrier and TeleCloud above.
    async fn work(self, jobs: Arc<Jobs>) {
        let page = super::super::Page {
            limit: 100,
            ..Default::default()
        };
        let (open, _) = jobs.list(&path().tenant, &page).await.expect("readable");
        for view in open {
            self.dice.pause().await;
            let key = JobKey {
                tenant: path().tenant,
                call: view.call,
            };
            let Some((mut case, revision)) = jobs.read(&key).await.expect("readable") else {
                continue;
            };
            let handling = Handling {
                settle_s: 0,
                ..Handling::default()
            };
            match case.job.stage {
                Stage::Unknown => {
                    let happened = self.carrier.borrow().did(key.call);
                    let finding = match happened {
                        true => Finding::Happened(Answer::Done(vars(&[(3, "2025550143")]))),
                        false => Finding::DidNotHappen,
                    };
                    self.dice.pause().await;
                    let found = jobs.advance(&key, By::Gateway, None, |case, now| {
                        (case.job.stage == Stage::Unknown).then(|| case.finding(Ok(finding.clone()), &handling, now))
                    });
                    found.await.expect("kept");
                }
                Stage::Again => {
                    let log = self.log(self.id());
                    log.event(&case.job.service, &case.matter.event.document);
                    let event = case.matter.event.clone();
                    let opening = jobs.rerunning(&key, &mut case, revision, log.id());
                    log.along(opening.expect("it can be written"));
                    let came = self.module(&log, &event, key.call).await;
                    let reply = reply_of(&came, event.action.kind());
                    log.along(Vec::new());
                    log.finish(None, Outcome::Done, None, &Usage::default())
                        .await
                        .expect("kept");
                    self.dice.pause().await;
                    let ended = jobs.advance(&key, By::Gateway, Some(log.id()), |case, now| {
                        Some(case.ended(came.clone(), &reply, now))
                    });
                    ended.await.expect("kept");
                }
                Stage::Telling => {
                    let sent = case.matter.news.clone();
                    if let Some(status) = sent.status {
                        self.told.borrow_mut().push((number_of(&case.matter.event), status));
                    }
                    self.dice.pause().await;
                    let told = jobs.advance(&key, By::Gateway, None, |case, now| {
                        Some(case.heard(&sent, Heard::Accepted, &handling, now))
                    });
                    told.await.expect("kept");
                }
                Stage::Running | Stage::Pending | Stage::Found | Stage::Fallout => {}
            }
        }
    }
}

fn reply_of(came: &Came, action: ActionKind) -> Reply {
    match came {
        Came::Done(vars) => Reply::Success {
            pending: false,
            vars: vars.clone(),
        },
        Came::Unknown => open_reply(action),
        _ => Reply::failure("no"),
    }
}

async fn run(seed: u64) {
    let world = World::new(seed);
    for _ in 0..4 {
        let jobs = world.open().await;
        let mut tasks = Vec::new();
        for _ in 0..POSTS {
            let number = world.dice.below(EVENTS);
            tasks.push(tokio::task::spawn_local(world.clone().post(Arc::clone(&jobs), number)));
        }
        tasks.push(tokio::task::spawn_local(world.clone().work(Arc::clone(&jobs))));
        for _ in 0..world.dice.below(60) {
            yield_now().await;
        }
        // The gateway stops here, wherever each of them is.
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        world.carrier.borrow().check(&world.told.borrow());
    }
    // From here on it runs, until nothing is open but what waits for TeleCloud.
    let jobs = world.open().await;
    for _ in 0..200 {
        world.clone().work(Arc::clone(&jobs)).await;
    }
    world.carrier.borrow().check(&world.told.borrow());
    let (open, _) = jobs
        .list(
            &path().tenant,
            &super::super::Page {
                limit: 100,
                ..Default::default()
            },
        )
        .await
        .expect("readable");
    for view in open {
        assert_eq!(view.stage, Stage::Found, "{view:?}");
    }
    for number in &*world.awaited.borrow() {
        let told = world.told.borrow().iter().any(|(other, _)| other == number);
        assert!(told, "TeleCloud waits for event {number} and is told nothing");
    }
    // Whatever happened is what the next post is answered with, and happens no more.
    for number in 0..EVENTS {
        world.clone().post(Arc::clone(&jobs), number).await;
        world.carrier.borrow().check(&world.told.borrow());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// proptest prints the seed that fails.
    #[test]
    fn an_event_has_one_effect_whatever_comes_in_between(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        LocalSet::new().block_on(&runtime, run(seed));
    }
}
