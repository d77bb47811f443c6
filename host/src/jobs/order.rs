//! What comes of an event, seen for the record of its order, and written along with it.

use jiff::Timestamp;

use super::Jobs;
use super::case::Case;
use super::index::JobKey;
use crate::domain::answer::Reply;
use crate::domain::event::Vars;
use crate::domain::update::Update;
use crate::orders::{Observation, Prepared, Seen};
use crate::storage::StorageError;

impl Jobs {
    /// How the event of this job counts now, and what it is answered with.
    pub(super) async fn observe(&self, key: &JobKey, case: &Case, now: Timestamp) -> Option<Prepared> {
        let none = Vars::default();
        let answered = match &case.matter.reply {
            Some(Reply::Success { vars, .. }) => vars,
            _ => &none,
        };
        let seen = Seen::Event {
            event: &case.matter.event,
            outcome: case.job.outcome,
            answered,
        };
        self.seen(key, case, seen, now).await
    }

    /// What this job has brought about since it stood as `before`: TeleCloud took an update, the order's number became known,
    /// or more is known of the event.
    pub(super) async fn observe_turn(
        &self,
        key: &JobKey,
        before: &Case,
        case: &Case,
        took: Option<&Update>,
        now: Timestamp,
    ) -> Option<Prepared> {
        if let (Some(update), Some(order_number)) = (took, &case.job.order_number) {
            let seen = Seen::Update {
                order_number,
                account_number: case.job.account_number.as_deref(),
                update,
            };
            return self.seen(key, case, seen, now).await;
        }
        if let (None, Some(order_number)) = (&before.job.order_number, &case.job.order_number) {
            return noted(self.orders.link(&key.tenant, key.call, order_number).await).flatten();
        }
        if before.job.outcome != case.job.outcome || before.matter.reply != case.matter.reply {
            return self.observe(key, case, now).await;
        }
        None
    }

    async fn seen(&self, key: &JobKey, case: &Case, seen: Seen<'_>, now: Timestamp) -> Option<Prepared> {
        let observation = Observation {
            module: &case.job.module,
            call: key.call,
            at: now,
            seen,
        };
        noted(self.orders.observe(&key.tenant, observation).await)
    }
}

/// The order is not on record as it should be, and that is no reason not to go on.
fn noted<T>(observed: Result<T, StorageError>) -> Option<T> {
    observed
        .map_err(|error| tracing::error!(%error, "an order could not be put on record"))
        .ok()
}
