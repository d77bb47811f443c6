//! Who is still at work for a tenant: so that nothing is written down for one that is gone.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Held by whatever may still write down something of a tenant's.
pub type Present = TaskTrackerToken;

/// Knows whether anybody is at work for a tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct Presence {
    at_work: TaskTracker,
    leaving: CancellationToken,
}

impl Presence {
    /// The right to work for the tenant.
    pub(super) fn enter(&self) -> Present {
        self.at_work.token()
    }

    /// Waits until the tenant is being removed.
    pub(super) async fn left(&self) {
        self.leaving.cancelled().await;
    }

    /// Sends those away who wait to change the tenant.
    pub(super) fn leave(&self) {
        self.leaving.cancel();
        self.at_work.close();
    }

    /// Waits for those who are at work for a tenant that is being removed.
    pub(super) async fn gone(&self) {
        self.at_work.wait().await;
    }
}
