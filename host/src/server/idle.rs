//! Connections that wait for a request. Whoever opens as many as there may be, and says nothing, is not to keep everybody
//! else out: when there are too many, the one that has waited for longest has to go.
//!
//! One that has a request waits again when its answer is with the system to the last byte. It is all there when its body is
//! dropped, and has been written when the stream is flushed after that.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

/// Those that wait, longest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Idle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<u64, Arc<Notify>>,
    /// How often one has begun to wait.
    begun: u64,
    /// Whether the next one that waits has to go.
    wanted: bool,
}

impl Idle {
    /// Has the one that has waited for longest end, or, if none waits, the first that does.
    pub(super) fn end_longest(&self) {
        let mut state = self.state();
        match state.waiting.pop_first() {
            Some((_, end)) => end.notify_one(),
            None => state.wanted = true,
        }
    }

    /// There is room, so none has to go any more.
    pub(super) fn has_room(&self) {
        self.state().wanted = false;
    }

    /// A connection that has just begun, and waits.
    pub(super) fn connection(&self) -> Connection {
        let connection = Connection {
            idle: self.clone(),
            end: Arc::default(),
            stage: Mutex::new(Stage::Answered),
        };
        connection.flushed();
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
    stage: Mutex<Stage>,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// It waits for a request, and has this number among those that do.
    Waits(u64),
    /// It has one, and the answer is not all there.
    Serves,
    /// The answer is all there, and may have to be written yet.
    Answered,
}

impl Connection {
    /// It has a request.
    pub(super) fn serves(&self) {
        let mut state = self.idle.state();
        let before = std::mem::replace(&mut *self.stage(), Stage::Serves);
        if let Stage::Waits(number) = before {
            state.waiting.remove(&number);
        }
    }

    /// Whether the answer that it gives now has to be its last. A peer that sends its requests without waiting for answers
    /// never lets it wait for long enough.
    pub(super) fn is_wanted(&self) -> bool {
        self.idle.state().wanted
    }

    /// The body of its answer. What is dropped with it is the last of it.
    pub(super) fn answers<B>(self: &Arc<Self>, body: B) -> Answer<B> {
        Answer {
            body,
            connection: Arc::clone(self),
        }
    }

    /// Whatever there was to be written is with the system.
    pub(super) fn flushed(&self) {
        let mut state = self.idle.state();
        let mut stage = self.stage();
        if matches!(*stage, Stage::Answered) {
            state.begun += 1;
            let number = state.begun;
            *stage = Stage::Waits(number);
            if std::mem::take(&mut state.wanted) {
                self.end.notify_one();
            } else {
                state.waiting.insert(number, Arc::clone(&self.end));
            }
        }
    }

    /// Until it has to go. If a request has just come, it stays, and another one has to.
    pub(super) async fn ended(&self) {
        loop {
            self.end.notified().await;
            if matches!(*self.stage(), Stage::Waits(_)) {
                return;
            }
            self.idle.end_longest();
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.serves();
    }
}

/// The body of an answer. When it is dropped, its connection has all of it.
#[derive(Debug)]
pub(super) struct Answer<B> {
    body: B,
    connection: Arc<Connection>,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        *self.connection.stage() = Stage::Answered;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_one_that_has_waited_for_longest_has_to_go_and_none_that_has_a_request() {
        let idle = Idle::default();
        let [first, second, third] = [(); 3].map(|()| Arc::new(idle.connection()));
        let gone = |connection: &Connection| connection.ended().now_or_never().is_some();
        first.serves();
        drop(second);
        let fourth = idle.connection();
        drop(first.answers(()));
        first.flushed();
        idle.end_longest();
        assert_eq!([&*first, &third, &fourth].map(gone), [false, true, false]);
        fourth.serves();
        idle.end_longest();
        assert_eq!(
            [&*first, &fourth].map(gone),
            [true, false],
            "it waits again, and the other does not"
        );
        idle.end_longest();
        let [late, other] = [(); 2].map(|()| Arc::new(idle.connection()));
        idle.end_longest();
        late.serves();
        assert!(!gone(&late), "a request has just come");
        assert!(gone(&other), "so another one has to go");
        drop((first, third, fourth, late, other));
        assert!(idle.state().waiting.is_empty());
    }

    #[tokio::test]
    async fn a_connection_does_not_wait_before_its_answer_has_been_written() {
        let idle = Idle::default();
        let connection = Arc::new(idle.connection());
        let gone = || {
            idle.end_longest();
            connection.ended().now_or_never().is_some()
        };
        connection.serves();
        connection.flushed();
        assert!(!gone(), "what was flushed is none of the answer");
        let answer = connection.answers(());
        connection.flushed();
        assert!(!gone(), "some of the answer is flushed");
        drop(answer);
        assert!(!gone(), "its end is not");
        connection.flushed();
        assert!(gone());
    }

    #[tokio::test]
    async fn if_none_waits_the_first_that_does_has_to_go_unless_there_is_room_by_then() {
        let idle = Idle::default();
        let [first, second] = [(); 2].map(|()| Arc::new(idle.connection()));
        let gone = |connection: &Connection| connection.ended().now_or_never().is_some();
        let answer = |connection: &Arc<Connection>| {
            drop(connection.answers(()));
            connection.flushed();
        };
        first.serves();
        second.serves();
        idle.end_longest();
        assert_eq!([&*first, &second].map(gone), [false, false]);
        answer(&first);
        answer(&second);
        assert_eq!([&*first, &second].map(gone), [true, false]);
        second.serves();
        idle.end_longest();
        idle.has_room();
        answer(&second);
        assert!(!gone(&second));
    }
}
