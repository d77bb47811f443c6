//! One cap over everything that an instance may grow.

use wasmtime::ResourceLimiter;

/// Bytes that a table's element takes in the host.
const TABLE_ELEMENT_BYTES: u64 = size_of::<usize>() as u64;

/// Sums over all memories and tables of an instance: a cap on each one of them would be no cap on the instance.
pub(super) struct Limiter {
    cap: u64,
    used: u64,
    /// Whether something was refused: then a trap that follows is likely about that.
    refused: bool,
}

impl Limiter {
    /// Allows `cap` bytes in all.
    pub(super) fn new(cap: u64) -> Self {
        Self {
            cap,
            used: 0,
            refused: false,
        }
    }

    /// Bytes in use. Memories and tables only grow, so this is also the most that ever was.
    pub(super) fn used(&self) -> u64 {
        self.used
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
        let used = self.used.saturating_add(more);
        if used > self.cap {
            self.refused = true;
            return false;
        }
        self.used = used;
        true
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
        assert_eq!(limiter.used(), 996);
        assert!(!limiter.memory_growing(0, usize::MAX, None).expect("no fault"));
    }

    #[test]
    fn growth_beyond_a_memorys_own_maximum_uses_nothing_up_and_is_no_matter_of_the_limit() {
        let mut limiter = Limiter::new(1000);
        for _ in 0..3 {
            assert!(!limiter.memory_growing(100, 600, Some(500)).expect("no fault"));
            assert!(!limiter.table_growing(0, 50, Some(49)).expect("no fault"));
        }
        assert_eq!((limiter.used(), limiter.refused()), (0, false));
        assert!(limiter.memory_growing(100, 500, Some(500)).expect("no fault"));
        assert_eq!(limiter.used(), 400);
    }
}
