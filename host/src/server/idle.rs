//! Connections that wait for a request. Whoever opens as many as there may be, and says nothing, is not to keep everybody
//! else out: when there are too many, the one that has waited for longest has to go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Those that wait, longest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Idle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<u64, Arc<Notify>>,
    /// How often one has begun to wait.
    begun: u64,
}

impl Idle {
    /// Has the one that has waited for longest end, if any waits.
    pub(super) fn end_longest(&self) {
        if let Some((_, end)) = self.state().waiting.pop_first() {
            end.notify_one();
        }
    }

    /// A connection that has just begun, and waits.
    pub(super) fn connection(&self) -> Connection {
        let connection = Connection {
            idle: self.clone(),
            end: Arc::default(),
            waits: Mutex::default(),
        };
        connection.waits();
        connection
    }

    /// Nothing in here can panic half-way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, as long as it is there.
#[derive(Debug)]
pub(super) struct Connection {
    idle: Idle,
    end: Arc<Notify>,
    /// Its number among those that wait.
    waits: Mutex<Option<u64>>,
}

impl Connection {
    /// It waits for a request from now on.
    pub(super) fn waits(&self) {
        let mut state = self.idle.state();
        state.begun += 1;
        let number = state.begun;
        state.waiting.insert(number, Arc::clone(&self.end));
        *self.number() = Some(number);
    }

    /// It has one.
    pub(super) fn serves(&self) {
        let mut state = self.idle.state();
        if let Some(number) = self.number().take() {
            state.waiting.remove(&number);
        }
    }

    /// Until it has to go. If a request has just come, it stays.
    pub(super) async fn ended(&self) {
        loop {
            self.end.notified().await;
            if self.number().is_some() {
                return;
            }
        }
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.serves();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_one_that_has_waited_for_longest_has_to_go_and_none_that_has_a_request() {
        let idle = Idle::default();
        let [first, second, third] = [(); 3].map(|()| idle.connection());
        let gone = |connection: &Connection| connection.ended().now_or_never().is_some();
        first.serves();
        drop(second);
        let fourth = idle.connection();
        first.waits();
        idle.end_longest();
        assert_eq!([&first, &third, &fourth].map(gone), [false, true, false]);
        fourth.serves();
        idle.end_longest();
        assert_eq!(
            [&first, &fourth].map(gone),
            [true, false],
            "it waits again, and the other does not"
        );
        idle.end_longest();
        let late = idle.connection();
        idle.end_longest();
        late.serves();
        assert!(!gone(&late), "a request has just come");
        drop((first, third, fourth, late));
        assert!(idle.state().waiting.is_empty());
    }
}
