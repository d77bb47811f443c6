//! Turns to compute: who computes a lot waits for those who compute little.
//!
//! What is computed here is interrupted after some milliseconds, but then every worker thread may be in the middle of such a
//! slice, and whatever else there is to do waits for the end of it, and of the next. So the tenants that compute a lot take
//! turns with each other, and there is one turn fewer than there are worker threads: one of these is always there for
//! everybody else. Calls of tenants that take turns go on on threads of their own, to which the system prefers all others. A
//! tenant that is alone needs no turns.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::background::Background;
use super::places::{Bounds, Kind, Line, Place, Places};
use crate::domain::name::TenantName;

/// A slice that is no longer than this holds nobody up: only a part of it counts. Ordinary calls have no others.
const SHORT: Duration = Duration::from_millis(1);

/// Which part of a short slice counts, and of the beginning of a longer one: one of so many. Whoever computes all the time in
/// short slices takes turns as well.
const SHORT_PARTS: u32 = 4;

/// What a tenant may compute at any time, without taking turns.
const AT_ONCE: Duration = Duration::from_millis(50);

/// What was computed is made up for in so many times as long: 50 ms in a second. At the usual rate of 100 calls in a second
/// this is 2 ms in short slices for each, and an ordinary call needs some tenths of one.
const REFILL: u32 = 20;

/// Longest computing that a tenant has to make up for: after ten quiet seconds it is like any other.
const DEBT_MAX: Duration = Duration::from_millis(450);

/// How long after another tenant's last call a tenant counts as alone.
const ALONE: Duration = Duration::from_secs(10);

/// What all tenants compute.
#[derive(Debug)]
pub struct Computing {
    turns: Arc<Places>,
    /// Grows by the tenants that ever computed: one that was forgotten would have nothing to make up for.
    accounts: Mutex<HashMap<Line, Arc<Account>>>,
    latest: Arc<Mutex<Option<Latest>>>,
    background: Arc<Background>,
}

/// Who computed last, and when somebody else did.
#[derive(Debug)]
struct Latest {
    tenant: TenantName,
    at: Instant,
    others: Option<Instant>,
}

/// What one tenant computes.
#[derive(Debug)]
pub struct Account {
    turns: Arc<Places>,
    line: Line,
    latest: Arc<Mutex<Option<Latest>>>,
    background: Arc<Background>,
    balance: Mutex<Balance>,
}

#[derive(Debug, Clone, Copy)]
struct Balance {
    /// What is still to be made up for: none for one that has just come.
    used: Duration,
    at: Instant,
    /// Takes turns, until it has made up for everything.
    takes_turns: bool,
}

impl Computing {
    /// For a runtime with so many worker threads: two at least, or none of them is left to anybody else.
    ///
    /// # Errors
    /// When no more threads can be had.
    pub fn new(workers: usize) -> io::Result<Self> {
        let turns = workers.saturating_sub(1).max(1);
        Ok(Self {
            turns: Places::sharing_all(turns),
            accounts: Mutex::default(),
            latest: Arc::default(),
            // One more than may compute at once: it ends what is over while the others are in the middle of a slice.
            background: Arc::new(Background::start(turns + 1)?),
        })
    }

    /// A tenant's account.
    pub fn account(&self, tenant: &TenantName) -> Arc<Account> {
        self.of(Line {
            tenant: tenant.clone(),
            kind: Kind::Event,
        })
    }

    /// The account of those who turn to a tenant, and nobody knows yet who they are. What they make the gateway compute is
    /// not the tenant's. All of these together take no more than half of the turns.
    pub fn strangers(&self, tenant: &TenantName) -> Arc<Account> {
        self.of(Line {
            tenant: tenant.clone(),
            kind: Kind::FollowUp,
        })
    }

    fn of(&self, line: Line) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(&line) {
            return Arc::clone(account);
        }
        let account = Arc::new(Account {
            turns: Arc::clone(&self.turns),
            line: line.clone(),
            latest: Arc::clone(&self.latest),
            background: Arc::clone(&self.background),
            balance: Mutex::new(Balance::new(Instant::now())),
        });
        accounts.insert(line, Arc::clone(&account));
        account
    }
}

impl Account {
    /// Does work whose time counts for this tenant, slice by slice: each from one wait to the next. Before a slice it waits for
    /// its turn, if the tenant has to take turns. Whoever drops this gives the turn back.
    pub async fn share<W: Future>(&self, work: W) -> W::Output {
        let mut work = pin!(work);
        loop {
            let turn = self.turn().await;
            let began = computed();
            let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
            self.charge(computed().saturating_sub(began), Instant::now());
            drop(turn);
            match polled {
                Poll::Ready(output) => return output,
                Poll::Pending => woken().await,
            }
        }
    }

    /// Does work that is shared slice by slice as said above, and is not over soon. As soon as the tenant takes turns, the rest
    /// of it is done where it holds up nobody else.
    pub async fn run<W>(&self, work: W) -> W::Output
    where
        W: Future<Output: Send> + Send + 'static,
    {
        let mut work = Box::pin(work);
        let here = poll_fn(|context| match self.has_to_take_turns() {
            true => Poll::Ready(None),
            false => work.as_mut().poll(context).map(Some),
        });
        match here.await {
            Some(output) => output,
            None => self.background.run(work).await,
        }
    }

    /// Both: work of one slice, and it is done where it holds up nobody else if the tenant takes turns.
    pub async fn share_and_give_way<W>(self: &Arc<Self>, work: W) -> W::Output
    where
        W: Future<Output: Send> + Send + 'static,
    {
        let account = Arc::clone(self);
        self.run(async move { account.share(work).await }).await
    }

    /// Does work that cannot wait for a turn. What it takes counts all the same.
    pub fn charge_for(&self, work: impl FnOnce()) {
        let began = computed();
        work();
        self.charge(computed().saturating_sub(began), Instant::now());
    }

    async fn turn(&self) -> Option<Place> {
        if !self.has_to_take_turns() {
            return None;
        }
        // As many as there are may wait: they are bounded by their own places.
        self.turns.take(&self.line, Bounds::NONE, None).await.ok()
    }

    fn has_to_take_turns(&self) -> bool {
        let now = Instant::now();
        self.note_presence(now) && self.takes_turns(now)
    }

    /// Says that this tenant is here, and whether another one was of late.
    fn note_presence(&self, now: Instant) -> bool {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let others = match latest.take() {
            Some(before) if before.tenant != self.line.tenant => Some(before.at),
            Some(before) => before.others,
            None => None,
        };
        *latest = Some(Latest {
            tenant: self.line.tenant.clone(),
            at: now,
            others,
        });
        others.is_some_and(|others| now.duration_since(others) < ALONE)
    }

    fn takes_turns(&self, now: Instant) -> bool {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        *balance = balance.after(Duration::ZERO, now);
        balance.takes_turns
    }

    fn charge(&self, computed: Duration, now: Instant) {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        *balance = balance.after(computed, now);
    }
}

impl Balance {
    fn new(now: Instant) -> Self {
        Self {
            used: Duration::ZERO,
            at: now,
            takes_turns: false,
        }
    }

    /// After a slice of this length up to now.
    fn after(self, slice: Duration, now: Instant) -> Self {
        let short = slice.min(SHORT);
        let computed = slice - short + short / SHORT_PARTS;
        let made_up = now.saturating_duration_since(self.at) / REFILL;
        let used = (self.used.saturating_sub(made_up) + computed).min(AT_ONCE + DEBT_MAX);
        Self {
            used,
            at: now,
            takes_turns: used > AT_ONCE || (self.takes_turns && !used.is_zero()),
        }
    }
}

/// What this thread has computed. Unlike a clock, this does not count what others computed meanwhile.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// Until the task is woken, by whatever its work waits for.
async fn woken() {
    let mut waited = false;
    poll_fn(|_| {
        if std::mem::replace(&mut waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests;
