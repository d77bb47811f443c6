//! The line of those who have a component worked on. It is short, nobody has many places in it, and nobody waits in it for
//! long: whoever finds no place comes again.
//!
//! Bodies are read and components compiled in turn, so that what uploads take of memory and processors is bounded however
//! many come. A tenant has one turn at a time: whoever deploys without end delays itself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::engine::EngineError;
use crate::domain::name::TenantName;

/// Places in all. The last in line waits for some minutes if all others have JavaScript or Python compiled.
pub const PLACES: usize = 16;

/// Places of one tenant: that many modules can be deployed at once by a script.
pub const PLACES_PER_TENANT: usize = 4;

/// Components in memory at once, each of up to the size that may be uploaded.
const BODIES: usize = 4;

/// Components that are compiled at once. Each takes a core, as far as calls leave one, and up to the compiler's memory.
const COMPILED_AT_ONCE: usize = 2;

/// For a turn, and after that for a compiler: less than proxies wait for an answer.
const WAIT: Duration = Duration::from_secs(50);

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    tenants: Mutex<HashMap<TenantName, Standing>>,
    bodies: Arc<Semaphore>,
    compilers: Arc<Semaphore>,
    wait: Duration,
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
    place: Place,
}

/// The right to have a component compiled, for as long as it is held.
#[derive(Debug)]
pub struct Permit {
    _compiler: OwnedSemaphorePermit,
}

impl Line {
    pub(super) fn new() -> Arc<Self> {
        Self::waiting(WAIT)
    }

    fn waiting(wait: Duration) -> Arc<Self> {
        Arc::new(Self {
            tenants: Mutex::default(),
            bodies: Arc::new(Semaphore::new(BODIES)),
            compilers: Arc::new(Semaphore::new(COMPILED_AT_ONCE)),
            wait,
        })
    }

    /// Lines up for a tenant, and waits for its turn.
    pub(super) async fn turn(self: &Arc<Self>, tenant: &TenantName) -> Result<Turn, EngineError> {
        let (place, turn) = self.line_up(tenant)?;
        let wait = async {
            (
                turn.acquire_owned().await,
                Arc::clone(&self.bodies).acquire_owned().await,
            )
        };
        match tokio::time::timeout(self.wait, wait).await {
            Ok((Ok(turn), Ok(body))) => Ok(Turn {
                _body: body,
                _turn: turn,
                place,
            }),
            _ => Err(EngineError::Busy),
        }
    }

    /// The right to have a component compiled without waiting in line: at the start, nobody else is there.
    pub(super) async fn permit(&self) -> Result<Permit, EngineError> {
        let compiler = Arc::clone(&self.compilers).acquire_owned().await;
        let compiler = compiler.map_err(|_| EngineError::Busy)?;
        Ok(Permit { _compiler: compiler })
    }

    fn line_up(self: &Arc<Self>, tenant: &TenantName) -> Result<(Place, Arc<Semaphore>), EngineError> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let taken: usize = tenants.values().map(|standing| standing.places).sum();
        let standing = tenants.get(tenant).map_or(0, |standing| standing.places);
        if standing >= PLACES_PER_TENANT {
            return Err(EngineError::TenantBusy);
        }
        if taken >= PLACES {
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

impl Turn {
    /// Waits for a compiler.
    pub(super) async fn permit(&self) -> Result<Permit, EngineError> {
        let permit = tokio::time::timeout(self.place.line.wait, self.place.line.permit()).await;
        permit.unwrap_or(Err(EngineError::Busy))
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
    async fn past_the_last_place_everybody_is_told_to_come_again() {
        let line = Line::new();
        let name = |number: usize| tenant(&format!("tenant-{number}"));
        let mut turns = Vec::new();
        for number in 0..BODIES {
            turns.push(line.turn(&name(number)).await.expect("room for its body"));
        }
        let tenants: Vec<_> = (BODIES..PLACES).map(name).collect();
        let mut waiting: Vec<_> = tenants.iter().map(|tenant| Box::pin(line.turn(tenant))).collect();
        for turn in &mut waiting {
            assert!(waits(turn.as_mut()).await, "no body of theirs is in memory");
        }
        let late = line.turn(&name(PLACES)).await;
        assert_eq!(late.expect_err("no place"), EngineError::Busy);
        turns.clear();
        let first = waiting.remove(0).await;
        first.expect("room for its body");
        drop(waiting);
        line.turn(&name(PLACES)).await.expect("a place");
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let line = Line::waiting(Duration::ZERO);
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
}
