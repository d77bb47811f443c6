//! Threads that give way: the system runs them when nothing else wants a processor, or nearly so.

use std::future::pending;
use std::io;
use std::panic::resume_unwind;

use rustix::process::{getpriority_process, setpriority_process};
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

/// Whatever else wants the processor gets nine tenths of it, and at once when it wakes up.
const NICENESS: i32 = 10;

/// Threads for what may wait in there: more than the look-ups of names that may be under way at once, so that none of these
/// waits for another tenant's. They are there only while they are needed.
const BLOCKING_THREADS: usize = 96;

/// A runtime of such threads.
#[derive(Debug)]
pub(super) struct Background(Option<Runtime>);

impl Background {
    /// With so many threads.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("background")
            // After every slice, and not after sixty: there may always be another one, and timers would wait for them all.
            .event_interval(1)
            .global_queue_interval(1)
            .on_thread_start(|| {
                // Of this thread alone, and one that gives way more than that already goes on so. Where the system does not
                // say or let, its work is only not put behind that of others.
                if let Ok(before) = getpriority_process(None) {
                    let _ = setpriority_process(None, before.max(NICENESS));
                }
            })
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Does this work there, in the span that it would be in here. It is ended when nobody waits for it any more.
    pub(super) async fn run<W>(&self, work: W) -> W::Output
    where
        W: Future<Output: Send> + Send + 'static,
    {
        let Some(runtime) = &self.0 else { return work.await };
        match AbortOnDropHandle::new(runtime.spawn(work.in_current_span())).await {
            Ok(output) => output,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The threads are gone, and so is everything else in a moment.
            Err(_) => pending().await,
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Whoever drops this may be in the middle of such work, or of other work that must not wait.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::{Arc, Condvar, Mutex};

    use futures_util::future::join_all;
    use tokio::sync::{mpsc, oneshot};
    use tokio::task::spawn_blocking;

    use super::*;

    #[tokio::test]
    async fn work_is_done_on_a_thread_that_gives_way_and_others_stay_as_they_are() {
        let background = Background::start(1).expect("threads");
        let before = getpriority_process(None).expect("a priority");
        let there = background.run(async { getpriority_process(None).expect("a priority") });
        assert_eq!(there.await, NICENESS.max(before));
        assert_eq!(getpriority_process(None).expect("a priority"), before);
    }

    #[tokio::test]
    async fn as_many_look_ups_as_there_may_be_hold_up_nobody() {
        let background = Background::start(1).expect("threads");
        let answered = Arc::new((Mutex::new(false), Condvar::new()));
        let (begin, mut begun) = mpsc::unbounded_channel();
        // A resolver that does not answer, as many times as `egress` lets there be.
        let look_ups = (0..64).map(|_| {
            let (answered, begin) = (Arc::clone(&answered), begin.clone());
            background.run(async move {
                let look_up = spawn_blocking(move || {
                    begin.send(()).expect("they are counted");
                    let (answered, changes) = &*answered;
                    let waiting = changes.wait_while(answered.lock().expect("no panic"), |answered| !*answered);
                    drop(waiting);
                });
                look_up.await.expect("no panic");
            })
        });
        let mut look_ups = pin!(join_all(look_ups));
        for _ in 0..64 {
            tokio::select! {
                () = async { begun.recv().await.expect("one more") } => {}
                _ = &mut look_ups => panic!("nobody has let them go on"),
            }
        }
        let another = background.run(async { spawn_blocking(|| "done").await.expect("no panic") });
        assert_eq!(another.await, "done");
        *answered.0.lock().expect("no panic") = true;
        answered.1.notify_all();
        look_ups.await;
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_dropped() {
        let background = Background::start(1).expect("threads");
        let (kept, gone) = oneshot::channel::<()>();
        let work = background.run(async move {
            let _kept = kept;
            pending::<()>().await;
        });
        drop(Box::pin(work));
        let (kept_as_well, gone_as_well) = oneshot::channel::<()>();
        let work = async move {
            let _kept = kept_as_well;
            pending::<()>().await;
        };
        let begun = tokio::time::timeout(std::time::Duration::from_millis(1), background.run(work));
        begun.await.expect_err("it never ends");
        assert!(gone.await.is_err(), "never begun");
        assert!(gone_as_well.await.is_err(), "begun and ended");
    }
}
