//! The line of those who have a component worked on. Nobody has many places in it, and nobody waits in it for long: whoever
//! finds no place comes again. A tenant that has none always finds one.
//!
//! Bodies are read and components compiled in turn, so that what uploads take of memory and processors is bounded however
//! many come. A tenant has one turn at a time: whoever deploys without end delays itself. Whose body is slow to come gives way
//! to those who wait to send theirs. And tenants that had much compiled of late have one turn at a time between them: however
//! many there are, room for a body and a compiler are left to all others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::engine::EngineError;
use crate::domain::name::TenantName;
use crate::fair::Allowance;

/// Places in all, of which a tenant takes another one only while it has fewer than are free. The first place of each tenant is
/// there even past these: an admin made every one of them. A place is a connection that waits, and no more.
pub const PLACES: usize = 32;

/// Places of one tenant: that many modules can be deployed at once by a script.
pub const PLACES_PER_TENANT: usize = 4;

/// Components in memory at once, each of up to the size that may be uploaded.
const BODIES: usize = 4;

/// Components that are compiled at once. Each takes a core, as far as calls leave one, and up to the compiler's memory.
const COMPILED_AT_ONCE: usize = 2;

/// Milliseconds of compiling in a second that a tenant has in the long run before it has had much. An ordinary component takes
/// some hundreds in all, one in JavaScript or Python some ten thousand.
const COMPILED_MS_PER_SECOND: u64 = 250;

/// For a turn, and after that for a compiler: less than proxies wait for an answer.
const WAIT: Duration = Duration::from_secs(50);

/// For this long a body may take its time although others wait to send theirs: 10 MiB at 4 Mbit/s. Two rounds of it are over
/// before who came first has waited in vain.
const UNDISTURBED: Duration = Duration::from_secs(20);

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    tenants: Mutex<HashMap<TenantName, Standing>>,
    bodies: Arc<Semaphore>,
    /// How many wait for room for a body.
    waiting: watch::Sender<usize>,
    compilers: Arc<Semaphore>,
    /// The turn of those who had much compiled.
    heavy: Arc<Semaphore>,
    /// How much that was. Grows by the tenants that ever deployed.
    compiled: Mutex<HashMap<TenantName, Arc<Allowance>>>,
    wait: Duration,
    undisturbed: Duration,
}

#[derive(Debug)]
struct Standing {
    places: usize,
    turn: Arc<Semaphore>,
}

/// A place in line. Left when it is dropped.
#[derive(Debug)]
struct Place {
    line: Arc<Line>,
    tenant: TenantName,
}

/// The right to read a component into memory, and to wait for a compiler.
#[derive(Debug)]
pub struct Turn {
    _body: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
    _heavy: Option<OwnedSemaphorePermit>,
    compiled: Arc<Allowance>,
    place: Place,
    since: Instant,
}

/// Counts among those who wait for room for a body.
struct Waiting<'l>(&'l Line);

/// The right to have a component compiled, for as long as it is held.
#[derive(Debug)]
pub struct Permit {
    _compiler: OwnedSemaphorePermit,
    since: Instant,
    /// What it takes counts against this.
    compiled: Option<Arc<Allowance>>,
}

impl Line {
    pub(super) fn new() -> Arc<Self> {
        Self::with(WAIT, UNDISTURBED)
    }

    fn with(wait: Duration, undisturbed: Duration) -> Arc<Self> {
        Arc::new(Self {
            tenants: Mutex::default(),
            bodies: Arc::new(Semaphore::new(BODIES)),
            waiting: watch::Sender::new(0),
            compilers: Arc::new(Semaphore::new(COMPILED_AT_ONCE)),
            heavy: Arc::new(Semaphore::new(1)),
            compiled: Mutex::default(),
            wait,
            undisturbed,
        })
    }

    /// Lines up for a tenant, and waits for its turn.
    pub(super) async fn turn(self: &Arc<Self>, tenant: &TenantName) -> Result<Turn, EngineError> {
        let (place, turn) = self.line_up(tenant)?;
        let compiled = self.compiled(tenant);
        let wait = async {
            let turn = turn.acquire_owned().await?;
            // Before a body: those who wait for this take no room from others.
            let heavy = match compiled.is_used_up() {
                true => Some(Arc::clone(&self.heavy).acquire_owned().await?),
                false => None,
            };
            Ok((turn, heavy, self.body().await?))
        };
        match tokio::time::timeout(self.wait, wait).await {
            Ok(Ok::<_, AcquireError>((turn, heavy, body))) => Ok(Turn {
                _body: body,
                _turn: turn,
                _heavy: heavy,
                compiled,
                place,
                since: Instant::now(),
            }),
            _ => Err(EngineError::Busy),
        }
    }

    fn compiled(&self, tenant: &TenantName) -> Arc<Allowance> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let own = compiled.entry(tenant.clone());
        Arc::clone(own.or_insert_with(|| Arc::new(Allowance::per_second(COMPILED_MS_PER_SECOND))))
    }

    /// Room for a body. Only who finds none waits for it.
    async fn body(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        if let Ok(body) = Arc::clone(&self.bodies).try_acquire_owned() {
            return Ok(body);
        }
        let _waiting = Waiting::begin(self);
        Arc::clone(&self.bodies).acquire_owned().await
    }

    /// The right to have a component compiled without waiting in line: at the start, nobody else is there.
    pub(super) async fn permit(&self) -> Result<Permit, EngineError> {
        let compiler = Arc::clone(&self.compilers).acquire_owned().await;
        let compiler = compiler.map_err(|_| EngineError::Busy)?;
        Ok(Permit {
            _compiler: compiler,
            since: Instant::now(),
            compiled: None,
        })
    }

    fn line_up(self: &Arc<Self>, tenant: &TenantName) -> Result<(Place, Arc<Semaphore>), EngineError> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let taken: usize = tenants.values().map(|standing| standing.places).sum();
        let own = tenants.get(tenant).map_or(0, |standing| standing.places);
        if own >= PLACES_PER_TENANT {
            return Err(EngineError::TenantBusy);
        }
        if own > 0 && own >= PLACES.saturating_sub(taken) {
            return Err(EngineError::Busy);
        }
        let standing = tenants.entry(tenant.clone()).or_insert_with(|| Standing {
            places: 0,
            turn: Arc::new(Semaphore::new(1)),
        });
        standing.places += 1;
        let place = Place {
            line: Arc::clone(self),
            tenant: tenant.clone(),
        };
        Ok((place, Arc::clone(&standing.turn)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tenants = self.line.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut standing) = tenants.entry(self.tenant.clone()) {
            standing.get_mut().places -= 1;
            if standing.get().places == 0 {
                standing.remove();
            }
        }
    }
}

impl<'l> Waiting<'l> {
    fn begin(line: &'l Line) -> Self {
        line.waiting.send_modify(|waiting| *waiting += 1);
        Self(line)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

impl Turn {
    /// Comes when others wait for the room that this body takes, and it had its time.
    pub async fn outstayed(&self) {
        let line = &self.place.line;
        tokio::time::sleep_until(self.since + line.undisturbed).await;
        // The sender is in the line, which is there as long as a turn is.
        let _ = line.waiting.subscribe().wait_for(|waiting| *waiting > 0).await;
    }

    /// Waits for a compiler.
    pub(super) async fn permit(&self) -> Result<Permit, EngineError> {
        let permit = tokio::time::timeout(self.place.line.wait, self.place.line.permit()).await;
        let mut permit = permit.unwrap_or(Err(EngineError::Busy))?;
        permit.compiled = Some(Arc::clone(&self.compiled));
        Ok(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(compiled) = &self.compiled {
            let took = self.since.elapsed().as_millis();
            compiled.spend(usize::try_from(took).unwrap_or(usize::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    fn tenant(name: &str) -> TenantName {
        TenantName::parse(name).expect("a name")
    }

    /// Lets a future begin, and says whether it waits.
    async fn waits<T>(mut future: std::pin::Pin<&mut impl Future<Output = T>>) -> bool {
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn a_tenant_has_one_turn_and_few_places_and_leaves_room_for_others() {
        let line = Line::new();
        let acme = tenant("acme");
        let first = line.turn(&acme).await.expect("nobody is there");
        let (mut second, mut third) = (pin!(line.turn(&acme)), pin!(line.turn(&acme)));
        let mut fourth = Box::pin(line.turn(&acme));
        assert!(waits(second.as_mut()).await && waits(third.as_mut()).await && waits(fourth.as_mut()).await);
        assert_eq!(line.turn(&acme).await.expect_err("no fifth"), EngineError::TenantBusy);
        let other = line.turn(&tenant("other")).await.expect("not behind the first tenant");

        drop(fourth);
        let mut again = pin!(line.turn(&acme));
        assert!(waits(again.as_mut()).await, "a place that was left is free");
        drop(first);
        drop(second.await.expect("the next one's turn"));
        drop(third.await.expect("the turn after that"));
        drop(again.await.expect("the last turn"));
        drop(other);
        assert!(
            line.tenants.lock().expect("no panic").is_empty(),
            "nothing is left behind"
        );
    }

    #[tokio::test]
    async fn however_many_take_what_they_can_a_tenant_that_has_no_place_finds_one() {
        let line = Line::new();
        let (mut places, mut refused) = (Vec::new(), 0);
        for number in 0..PLACES + 8 {
            let tenant = tenant(&format!("tenant-{number}"));
            let first = line.line_up(&tenant);
            places.push(first.expect("the first place is always there"));
            for _ in 0..PLACES_PER_TENANT {
                match line.line_up(&tenant) {
                    Ok(another) => places.push(another),
                    Err(EngineError::Busy) => refused += 1,
                    Err(error) => assert_eq!(error, EngineError::TenantBusy),
                }
            }
        }
        assert!(refused > 0, "further places run out");
        let firsts = line.tenants.lock().expect("no panic").len();
        assert_eq!(firsts, PLACES + 8);
        assert!(places.len() < PLACES + firsts, "{}", places.len());
    }

    #[tokio::test]
    async fn a_body_that_is_slow_gives_way_when_another_waits_and_not_before() {
        let line = Line::with(WAIT, Duration::ZERO);
        let mut turns = Vec::new();
        for name in ["a", "b", "c", "d"] {
            turns.push(line.turn(&tenant(name)).await.expect("room for its body"));
        }
        // A timer of no time is over at its first tick.
        let mut outstayed = Box::pin(turns[0].outstayed());
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(waits(outstayed.as_mut()).await, "nobody waits for its room");
        let late = tenant("e");
        let mut next = Box::pin(line.turn(&late));
        assert!(waits(next.as_mut()).await);
        outstayed.await;
        drop(turns);
        drop(next.await.expect("room for its body"));
        assert_eq!(*line.waiting.borrow(), 0);

        let line = Line::new();
        let turn = line.turn(&late).await.expect("nobody is there");
        let _waiting = Waiting::begin(&line);
        assert!(waits(pin!(turn.outstayed())).await, "it may take its time for a while");
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let line = Line::with(Duration::ZERO, UNDISTURBED);
        let mut turns = Vec::new();
        for name in ["a", "b", "c", "d"] {
            turns.push(line.turn(&tenant(name)).await.expect("room for its body"));
        }
        assert_eq!(line.turn(&tenant("e")).await.expect_err("no room"), EngineError::Busy);
        let compilers = [
            turns[0].permit().await.expect("one"),
            turns[1].permit().await.expect("two"),
        ];
        assert_eq!(turns[2].permit().await.expect_err("none is free"), EngineError::Busy);
        drop(compilers);
        turns[2].permit().await.expect("free again");
    }

    #[tokio::test]
    async fn however_many_had_much_compiled_there_is_a_turn_and_a_compiler_for_others() {
        // Nobody waits.
        let line = Line::with(Duration::ZERO, UNDISTURBED);
        let heavy: Vec<_> = (0..8).map(|number| tenant(&format!("heavy-{number}"))).collect();
        for tenant in &heavy {
            line.compiled(tenant).spend(600_000);
        }
        let first = line.turn(&heavy[0]).await.expect("a turn");
        for tenant in &heavy[1..] {
            assert_eq!(line.turn(tenant).await.expect_err("one at a time"), EngineError::Busy);
        }
        let north = line.turn(&tenant("north")).await.expect("a turn");
        assert_eq!(line.bodies.available_permits(), BODIES - 2);
        let compilers = [first.permit().await, north.permit().await];
        let [Ok(_), Ok(mut permit)] = compilers else {
            panic!("{compilers:?}");
        };
        drop(first);
        line.turn(&heavy[1]).await.expect("the next one's turn");

        permit.since -= Duration::from_secs(3);
        drop(permit);
        assert!(
            line.compiled(&tenant("north")).is_used_up(),
            "it had much compiled as well"
        );
    }
}
