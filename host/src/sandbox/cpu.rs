//! How long a call has computed.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts the time that threads of this process gave to one call, and not the time on the clock: a call is not charged for
/// what others compute, however busy the machine is.
#[derive(Debug, Default)]
pub(super) struct Cpu {
    /// Nanoseconds of the turns that are over.
    over: AtomicU64,
    /// What the thread's clock showed when this turn of [`Cpu::count`] began.
    begun: AtomicU64,
}

impl Cpu {
    /// Counts what `work` computes until it is done or dropped.
    pub(super) async fn count<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.begun.store(thread_nanos(), Ordering::Relaxed);
            let turn = work.as_mut().poll(context);
            self.over.fetch_add(self.turn(), Ordering::Relaxed);
            turn
        })
        .await
    }

    /// The same for other work of the call, at the same time: after each of its turns, `look` is called.
    pub(super) async fn count_beside<T>(&self, work: impl Future<Output = T>, look: impl Fn()) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            let begun = thread_nanos();
            let turn = work.as_mut().poll(context);
            let nanos = thread_nanos().saturating_sub(begun);
            self.over.fetch_add(nanos, Ordering::Relaxed);
            look();
            turn
        })
        .await
    }

    /// What was computed up to now. To be asked by what [`Cpu::count`] counts, in its turn.
    pub(super) fn so_far(&self) -> Duration {
        self.in_all() + Duration::from_nanos(self.turn())
    }

    /// What was computed in the turns that are over.
    pub(super) fn in_all(&self) -> Duration {
        Duration::from_nanos(self.over.load(Ordering::Relaxed))
    }

    fn turn(&self) -> u64 {
        thread_nanos().saturating_sub(self.begun.load(Ordering::Relaxed))
    }
}

/// What this thread has computed since it began.
fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// Computes for so long.
#[cfg(test)]
pub(super) fn compute(time: Duration) {
    let until = thread_nanos() + u64::try_from(time.as_nanos()).expect("a short time");
    while thread_nanos() < until {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_computed_counts_over_all_turns_and_waiting_does_not() {
        let cpu = Cpu::default();
        let turn = Duration::from_millis(3);
        let between = cpu
            .count(async {
                compute(turn);
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(30)).await;
                compute(turn);
                cpu.so_far()
            })
            .await;
        // By others, in between.
        compute(turn);
        let in_all = cpu.in_all();
        assert!((2 * turn..3 * turn).contains(&between), "{between:?}");
        assert!((between..3 * turn).contains(&in_all), "{in_all:?}");
    }
}
