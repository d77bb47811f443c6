//! Turns at changing an order: of two calls about one order, the second sees what the first has written.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::domain::order::OrderId;

/// How many locks all orders share. With a hundred calls about different orders at their ends at once, one in forty
/// waits for another.
const STRIPES: usize = 4_096;

/// The locks. Cheap to clone; clones share them.
#[derive(Clone)]
pub(super) struct Turns(Arc<[Arc<Mutex<()>>]>);

/// The right to change one or two orders, until it is dropped.
pub(super) struct Turn {
    _one: OwnedMutexGuard<()>,
    _other: Option<OwnedMutexGuard<()>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Arc::default()).collect())
    }
}

impl Turns {
    pub(super) async fn one(&self, id: OrderId) -> Turn {
        Turn {
            _one: self.take(stripe(id)).await,
            _other: None,
        }
    }

    /// Both at once, always in the same order, so that nobody waits for somebody who waits for them.
    pub(super) async fn both(&self, id: OrderId, other: OrderId) -> Turn {
        let (a, b) = (stripe(id), stripe(other));
        let (first, second) = (a.min(b), a.max(b));
        let one = self.take(first).await;
        let other = if first == second {
            None
        } else {
            Some(self.take(second).await)
        };
        Turn {
            _one: one,
            _other: other,
        }
    }

    async fn take(&self, stripe: usize) -> OwnedMutexGuard<()> {
        Arc::clone(&self.0[stripe]).lock_owned().await
    }
}

fn stripe(id: OrderId) -> usize {
    // The low bits of an id are random, of a call's as well as of a hash.
    let stripe = id.0.0 % (STRIPES as u128);
    usize::try_from(stripe).unwrap_or_default()
}
