//! How much a module hands to the gateway in one go.

use std::sync::atomic::{AtomicU64, Ordering};

/// Remembers the largest text or block of one call.
#[derive(Debug, Default)]
pub(super) struct Handed(AtomicU64);

impl Handed {
    /// So many bytes have just been handed over.
    pub(super) fn note(&self, bytes: usize) {
        self.0.fetch_max(bytes as u64, Ordering::Relaxed);
    }

    /// The most so far.
    pub(super) fn most(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
