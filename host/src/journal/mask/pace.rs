//! How work grows, for tests.

use rustix::time::{ClockId, clock_gettime};

/// The work on sixteen times as much takes some sixteen times as long, and not 256 times. Says nothing of how long anything
/// takes.
pub(in crate::journal) fn assert_linear<W: Fn()>(size: usize, prepare: impl Fn(usize) -> W) {
    let (less, more) = (prepare(size), prepare(size * 16));
    let (less, more) = (nanoseconds(&less), nanoseconds(&more));
    assert!(more < less * 45, "{size}: {less} ns, sixteen times as much: {more} ns");
}

/// How long this thread computes for this, at the quickest of several times: what else runs on the machine does not count.
pub(in crate::journal) fn nanoseconds(work: &impl Fn()) -> i64 {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec * 1_000_000_000 + now.tv_nsec
    };
    let took = |_| {
        let started = now();
        work();
        now() - started
    };
    (0..5).map(took).min().unwrap_or_default()
}
