//! What a call computes, in whichever of its tasks: for whom it counts, and when it is too much.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::cpu::Cpu;
use crate::fair::Account;

/// One call's computing.
pub(super) struct Meter {
    cpu: Cpu,
    most: Duration,
    account: Arc<Account>,
    used_up: CancellationToken,
}

impl Meter {
    /// For a call of this tenant, which may compute for so long.
    pub(super) fn new(account: Arc<Account>, most: Duration) -> Self {
        Self {
            cpu: Cpu::default(),
            most,
            account,
            used_up: CancellationToken::new(),
        }
    }

    /// Does the module's own work, slice by slice. It is expected to ask [`Meter::is_used_up`] by itself.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.account.share(self.cpu.count(work)).await
    }

    /// Does what the gateway does for the module meanwhile. What it computes counts in the same way.
    pub(super) async fn run_beside<T>(&self, work: impl Future<Output = T>) -> T {
        let look = || {
            if self.in_all() > self.most {
                self.used_up.cancel();
            }
        };
        self.account.share(self.cpu.count_beside(work, look)).await
    }

    /// Does what is left to do when the module has ended. It counts for the tenant, and no longer for the call.
    pub(super) fn clear_up(&self, work: impl FnOnce()) {
        self.account.charge_for(work);
    }

    /// Whether all is used up. To be asked by the module's own work, in its turn.
    pub(super) fn is_used_up(&self) -> bool {
        self.cpu.so_far() > self.most
    }

    /// Waits until what was done beside has used all up, while the module itself may be waiting for it.
    pub(super) async fn used_up(&self) {
        self.used_up.cancelled().await;
    }

    /// What was computed in slices that are over.
    pub(super) fn in_all(&self) -> Duration {
        self.cpu.in_all()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::task::yield_now;

    use super::*;
    use crate::domain::name::TenantName;
    use crate::fair::Computing;
    use crate::sandbox::cpu::compute;

    #[tokio::test]
    async fn what_is_done_beside_counts_for_the_call_and_ends_it_when_it_is_too_much() {
        let tenant = TenantName::parse("acme").expect("a name");
        let slice = Duration::from_millis(4);
        let meter = Arc::new(Meter::new(
            Computing::new(2).expect("threads").account(&tenant),
            slice * 5 / 2,
        ));
        for slices in 1..=3 {
            let beside = Arc::clone(&meter);
            let work = tokio::spawn(async move {
                beside
                    .run_beside(async {
                        yield_now().await;
                        compute(slice);
                    })
                    .await;
            });
            // The module waits, and is not charged for that.
            meter.run(work).await.expect("no panic");
            assert!(meter.in_all() >= slice * slices, "{:?}", meter.in_all());
            let over = slices > 2;
            assert_eq!(meter.used_up().now_or_never().is_some(), over, "{slices}");
            assert_eq!(meter.run(async { meter.is_used_up() }).await, over, "{slices}");
        }
    }
}
