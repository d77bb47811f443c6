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
            background: Arc::new(Background::start(turns)?),
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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn tenant(name: &str) -> TenantName {
        TenantName::parse(name).expect("a name")
    }

    /// Computes for so long, in one go.
    fn compute(time: Duration) {
        let began = computed();
        while computed() - began < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn who_computes_a_lot_takes_turns_until_it_has_made_up_for_all_of_it() {
        let begin = Instant::now();
        let (second, ms) = (Duration::from_secs(1), Duration::from_millis);
        // Of its first millisecond a quarter counts.
        let at_once = Balance::new(begin).after(AT_ONCE + SHORT * 3 / 4, begin);
        assert!(!at_once.takes_turns);
        let over = at_once.after(ms(4), begin);
        assert!(over.takes_turns);
        // 50 ms are made up for in a second.
        let later = over.after(Duration::ZERO, begin + second);
        assert!(later.takes_turns, "three milliseconds and a quarter are left");
        assert!(later.after(Duration::ZERO, begin + second + ms(64)).takes_turns);
        assert!(!later.after(Duration::ZERO, begin + second + ms(65)).takes_turns);

        let spinning = Balance::new(begin).after(Duration::from_secs(60), begin);
        assert!(spinning.after(Duration::ZERO, begin + 9 * second).takes_turns);
        assert!(!spinning.after(Duration::ZERO, begin + 10 * second).takes_turns);

        let steady = |slice, every| {
            let mut balance = Balance::new(begin);
            (1..=1_000).any(|number| {
                balance = balance.after(slice, begin + every * number);
                balance.takes_turns
            })
        };
        assert!(
            !steady(Duration::from_micros(900), ms(5)),
            "180 ms a second in short slices"
        );
        assert!(
            steady(Duration::from_micros(900), ms(1)),
            "nearly all the time in short slices"
        );
        assert!(!steady(ms(4), ms(100)), "40 ms a second");
        assert!(steady(ms(7), ms(100)), "70 ms a second");
    }

    #[test]
    fn who_is_alone_needs_no_turns() {
        let computing = Computing::new(2).expect("threads");
        let (spinner, victim) = (
            computing.account(&tenant("spinner")),
            computing.account(&tenant("victim")),
        );
        let begin = Instant::now();
        assert!(!spinner.note_presence(begin));
        assert!(!spinner.note_presence(begin + ALONE));
        assert!(victim.note_presence(begin + ALONE), "the other was here just now");
        assert!(spinner.note_presence(begin + ALONE));
        let later = begin + 2 * ALONE;
        assert!(spinner.note_presence(later - Duration::from_millis(1)));
        assert!(!spinner.note_presence(later), "the victim was gone for long enough");
    }

    #[tokio::test]
    async fn of_those_that_take_turns_one_computes_at_a_time_and_nobody_else_waits_for_it() {
        let computing = Arc::new(Computing::new(2).expect("threads"));
        let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let victim = computing.account(&tenant("victim"));
        victim.share(async {}).await;
        let mut spinners = Vec::new();
        for name in ["north", "south"] {
            let account = computing.account(&tenant(name));
            account.share(async { compute(AT_ONCE * 2) }).await;
            for _ in 0..3 {
                let (account, at_work, most) = (Arc::clone(&account), Arc::clone(&at_work), Arc::clone(&most));
                spinners.push(tokio::spawn(async move {
                    for _ in 0..20 {
                        let turn = account.turn().await;
                        assert!(turn.is_some(), "it takes turns");
                        most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        at_work.fetch_sub(1, Ordering::SeqCst);
                    }
                }));
            }
        }
        tokio::task::yield_now().await;
        assert!(victim.turn().await.is_none(), "it computes next to nothing");
        for spinner in spinners {
            spinner.await.expect("no panic");
        }
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn work_that_waits_goes_on_when_it_is_woken_and_holds_no_turn_meanwhile() {
        let computing = Arc::new(Computing::new(2).expect("threads"));
        computing.account(&tenant("victim")).share(async {}).await;
        let account = computing.account(&tenant("spinner"));
        account.share(async { compute(AT_ONCE * 2) }).await;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waiting = {
            let account = Arc::clone(&account);
            tokio::spawn(async move { account.share(receiver).await })
        };
        tokio::task::yield_now().await;
        let turn = tokio::time::timeout(Duration::from_secs(60), account.turn()).await;
        drop(turn.expect("there is one, and nobody holds it"));
        sender.send(7).expect("it is waited for");
        assert_eq!(waiting.await.expect("no panic"), Ok(7));
    }

    #[tokio::test]
    async fn what_strangers_have_computed_is_not_the_tenants() {
        let computing = Computing::new(2).expect("threads");
        computing.account(&tenant("other")).share(async {}).await;
        let strangers = computing.strangers(&tenant("victim"));
        strangers.share(async { compute(AT_ONCE + SHORT * 2) }).await;
        let now = Instant::now();
        assert!(strangers.takes_turns(now));
        assert!(!computing.account(&tenant("victim")).takes_turns(now));
        assert!(!computing.strangers(&tenant("other")).takes_turns(now));
    }
}
