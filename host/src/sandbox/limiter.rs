//! One cap over everything that an instance may grow.

use wasmtime::ResourceLimiter;

/// Bytes that a table's element takes in the host.
const TABLE_ELEMENT_BYTES: u64 = size_of::<usize>() as u64;

/// What the host holds is looked at anew whenever so many parts of the cap have been added since: until then, what was let
/// go counts as held.
const LOOKS: u64 = 64;

/// The host would hold more for an instance than it may have.
#[derive(Debug, thiserror::Error)]
#[error("the gateway holds too much for its requests")]
pub(super) struct HeldTooMuch;

/// Sums over all memories and tables of an instance, and over what the host holds for it: a cap on each one of them would
/// be no cap on the instance.
pub(super) struct Limiter {
    cap: u64,
    /// By memories and tables, which only grow.
    used: u64,
    /// By the host: what it held when that was looked at, and what was added since.
    held: u64,
    /// Of that, what was added since.
    added: u64,
    /// The most that ever was.
    most: u64,
    /// Whether something was refused: then a trap that follows is likely about that.
    refused: bool,
}

impl Limiter {
    /// Allows `cap` bytes in all.
    pub(super) fn new(cap: u64) -> Self {
        Self {
            cap,
            used: 0,
            held: 0,
            added: 0,
            most: 0,
            refused: false,
        }
    }

    /// The most bytes that ever were in use.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// Whether growth was refused.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    /// What is beyond a memory's or table's own maximum will not be, so it uses nothing up. Whatever else fails after it was
    /// allowed stays counted: a failure cannot be told from one that was never announced here, and taking back what
    /// another growth has used would be a way past the cap.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>, unit: u64) -> bool {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let more = (desired.saturating_sub(current) as u64).saturating_mul(unit);
        if self.with(more).is_none() {
            self.refused = true;
            return false;
        }
        self.used = self.used.saturating_add(more);
        true
    }

    /// Counts bytes that the host is about to hold. `now` says what it holds: what was let go is told nobody.
    pub(super) fn hold(&mut self, more: usize, now: impl FnOnce() -> usize) -> Result<(), HeldTooMuch> {
        let more = more as u64;
        let added = self.added.saturating_add(more);
        if added > self.cap / LOOKS || self.in_all(more) > self.cap {
            (self.held, self.added) = (now() as u64, 0);
        }
        if self.with(more).is_none() {
            self.refused = true;
            return Err(HeldTooMuch);
        }
        self.held = self.held.saturating_add(more);
        self.added = self.added.saturating_add(more);
        Ok(())
    }

    fn in_all(&self, more: u64) -> u64 {
        self.used.saturating_add(self.held).saturating_add(more)
    }

    /// Notes what there is with so many bytes more, if that is within the cap.
    fn with(&mut self, more: u64) -> Option<()> {
        let all = self.in_all(more);
        (all <= self.cap).then(|| self.most = self.most.max(all))
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, maximum, 1))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, maximum, TABLE_ELEMENT_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_count_together() {
        let mut limiter = Limiter::new(1000);
        assert!(limiter.memory_growing(0, 500, None).expect("no fault"));
        assert!(limiter.memory_growing(0, 400, None).expect("no fault"));
        assert!(!limiter.refused());
        assert!(
            !limiter.table_growing(0, 13, None).expect("no fault"),
            "13 elements are 104 bytes"
        );
        assert!(limiter.refused());
        assert!(
            limiter.table_growing(0, 12, None).expect("no fault"),
            "12 elements are 96 bytes"
        );
        assert_eq!(limiter.most(), 996);
        assert!(!limiter.memory_growing(0, usize::MAX, None).expect("no fault"));
    }

    #[test]
    fn growth_beyond_a_memorys_own_maximum_uses_nothing_up_and_is_no_matter_of_the_limit() {
        let mut limiter = Limiter::new(1000);
        for _ in 0..3 {
            assert!(!limiter.memory_growing(100, 600, Some(500)).expect("no fault"));
            assert!(!limiter.table_growing(0, 50, Some(49)).expect("no fault"));
        }
        assert_eq!((limiter.most(), limiter.refused()), (0, false));
        assert!(limiter.memory_growing(100, 500, Some(500)).expect("no fault"));
        assert_eq!(limiter.most(), 400);
    }

    #[test]
    fn what_the_host_holds_counts_together_with_memory_until_it_is_let_go() {
        let mut limiter = Limiter::new(1000);
        assert!(limiter.memory_growing(0, 500, None).expect("no fault"));
        limiter.hold(300, || 0).expect("room");
        assert!(!limiter.memory_growing(500, 701, None).expect("no fault"));
        limiter.hold(201, || 300).expect_err("over the cap");
        assert!(limiter.refused());
        limiter.hold(200, || 300).expect("just as much as there is");
        // All but a hundred bytes were let go.
        limiter.hold(400, || 100).expect("room again");
        assert_eq!(limiter.most(), 1000);
        limiter.hold(1, || 500).expect_err("full");
    }

    #[test]
    fn what_the_host_holds_is_looked_at_now_and_then_and_not_each_time() {
        let mut limiter = Limiter::new(64_000);
        let mut looks = 0;
        for _ in 0..100 {
            let now = || {
                looks += 1;
                0
            };
            limiter.hold(100, now).expect("room");
        }
        // 1,000 bytes are ten times as much as is added each time.
        assert_eq!(looks, 9);
        assert!(limiter.most() <= 1_000);
    }
}
