//! Who is still at work for a tenant: so that nothing is written down for one that is gone.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How long the last calls of a tenant that is removed are waited for. A call has 120 s at most, and some seconds more for
/// an exchange that it has begun.
const LAST_CALLS: Duration = Duration::from_secs(180);

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

    /// Sends those away who wait to change the tenant, and waits for those who are at work for it. False when some still
    /// are after a long time.
    pub(super) async fn leave(&self) -> bool {
        self.leaving.cancel();
        self.at_work.close();
        tokio::time::timeout(LAST_CALLS, self.at_work.wait()).await.is_ok()
    }
}
