//! What one call brings to the door: its right of passage, and what it has used of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::error::DoorError;
use super::policy::{Permit, Policy};
use super::record::Recorder;
use crate::domain::call::Usage;
use crate::domain::event::ActionKind;
use crate::domain::limits::{LimitName, Limits};
use crate::domain::name::{SecretName, TenantName};
use crate::domain::secret::Secret;

/// What a module asked for in time. The door grants no more than its own and its grant's limits; zero counts as not asked,
/// since a request that is given up as it is sent has an unknown outcome and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeouts {
    /// From the look-up to the end of the TLS handshake.
    pub connect: Option<Duration>,
    /// From there to the head of the answer.
    pub first_byte: Option<Duration>,
    /// Between two parts of the answer.
    pub between_bytes: Option<Duration>,
}

/// One call's right of passage.
pub struct Passage {
    /// Whose call it is. Look-ups are shared among tenants.
    pub tenant: TenantName,
    /// The module's grants, compiled once.
    pub policy: Arc<Policy>,
    /// The module's secrets.
    pub secrets: Arc<BTreeMap<SecretName, Secret>>,
    /// The module's limits. Of them, the door keeps `requests`, `request_bytes`, `response_bytes` and `traffic_bytes`.
    pub limits: Limits,
    /// What the event asks for: grants may hold for some actions only.
    pub action: ActionKind,
    /// When the call must be answered.
    pub deadline: Instant,
    /// The tenant's share of open connections, shared by all of its calls. Who finds none free waits until its deadline.
    pub connections: Arc<Semaphore>,
    /// Writes the exchanges down.
    pub recorder: Arc<dyn Recorder>,
    /// What the call has used up. [`Spent::default`] for a new call.
    pub spent: Spent,
}

/// What a call has used up.
#[derive(Debug, Default)]
pub struct Spent {
    asked: AtomicU32,
    /// Bytes of bodies, both ways.
    carried: AtomicU64,
    /// Bytes of bodies that went out.
    sent: AtomicU64,
    largest_request: AtomicU64,
    largest_response: AtomicU64,
    /// Bits of the limits that were run into, by their names' numbers.
    hit: AtomicU32,
    /// Exchanges whose end has not been recorded.
    under_way: TaskTracker,
    /// By the grant's place in its policy.
    by_grant: Mutex<Vec<u32>>,
}

/// Which way a body goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Out,
    Back,
}

impl Spent {
    /// Adds what was spent so far to what a call used.
    pub fn tell(&self, usage: &mut Usage) {
        usage.request_bytes = self.largest_request.load(Ordering::Relaxed);
        usage.response_bytes = self.largest_response.load(Ordering::Relaxed);
        usage.sent_bytes = self.sent.load(Ordering::Relaxed);
        usage.received_bytes = self.carried.load(Ordering::Relaxed).saturating_sub(usage.sent_bytes);
        let hit = self.hit.load(Ordering::Relaxed);
        let limits = LimitName::ALL.into_iter();
        usage.hit.extend(limits.filter(|limit| hit & bit(*limit) != 0));
    }

    /// Notes that a limit stood in the way.
    pub(super) fn hit(&self, limit: LimitName) {
        self.hit.fetch_or(bit(limit), Ordering::Relaxed);
    }

    /// Waits until the end of every exchange has been recorded. One that is given up ends a moment later, on another
    /// thread: whoever judges by the record has to wait for it.
    pub async fn settled(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }

    /// An exchange is under way until what this returns is dropped.
    pub(super) fn begin(&self) -> TaskTrackerToken {
        self.under_way.token()
    }

    /// Counts bytes of a body before they are held, `so_far` of which were counted before, and says whether `most` still
    /// holds for all bodies together.
    pub(super) fn carry(&self, way: Way, so_far: u64, bytes: usize, most: u64) -> bool {
        let bytes = bytes as u64;
        let holds = self.carried.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= most;
        let largest = match way {
            Way::Out => {
                self.sent.fetch_add(bytes, Ordering::Relaxed);
                &self.largest_request
            }
            Way::Back => &self.largest_response,
        };
        largest.fetch_max(so_far.saturating_add(bytes), Ordering::Relaxed);
        if !holds {
            self.hit(LimitName::TrafficBytes);
        }
        holds
    }

    /// The same for a body that goes out, with the error if it is too much.
    pub(super) fn carry_out(&self, so_far: u64, bytes: usize, limits: &Limits) -> Result<(), DoorError> {
        let most = limits.traffic_bytes;
        match self.carry(Way::Out, so_far, bytes, most) {
            true => Ok(()),
            false => Err(DoorError::LimitReached(format!(
                "the module allows {most} bytes in all bodies of one call, and they are used up"
            ))),
        }
    }

    /// Counts a request, and says which of the call's it is, from 1.
    pub(super) fn ask(&self) -> u32 {
        self.asked.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Counts a request under its grant, if that has one left.
    pub(super) fn take(&self, permit: &Permit<'_>) -> Result<(), DoorError> {
        let grant = permit.grant();
        let mut by_grant = self.by_grant.lock().unwrap_or_else(PoisonError::into_inner);
        if by_grant.len() <= permit.index() {
            by_grant.resize(permit.index() + 1, 0);
        }
        let used = &mut by_grant[permit.index()];
        match grant.requests {
            Some(most) if *used >= most => Err(DoorError::LimitReached(format!(
                "grant \"{}\" allows {most} requests in one call, and they are used up",
                grant.name
            ))),
            _ => {
                *used += 1;
                Ok(())
            }
        }
    }
}

fn bit(limit: LimitName) -> u32 {
    1 << limit as u32
}
