//! Batches whose carrier and TeleCloud are not asked, for tests of what stands on them.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use super::far::{Far, Trouble};
use super::{Batches, Orders, Registry, RunStatus};
use crate::domain::batch::{BatchKind, RunId};
use crate::domain::call::CallId;
use crate::domain::event::Vars;
use crate::domain::name::ModulePath;
use crate::domain::subscriber::{Subscriber, SubscriberPage};
use crate::domain::usage::{Reading, Subscription, UsageKind, UsagePage};
use crate::registry::fake::holder;
use crate::runner::NotTold;
use crate::storage::Documents;
use crate::telecloud::client::Call;
use crate::vault::Vault;

/// Every order has used 512 of component 7; the carrier has one line, with the id S-1; TeleCloud takes everything.
struct Agreeable {
    /// The number of the line.
    mdn: String,
}

#[async_trait]
impl Far for Agreeable {
    async fn read_usage(
        &self,
        _: &ModulePath,
        subscriptions: Vec<Subscription>,
        _: Option<String>,
    ) -> Result<UsagePage, Trouble> {
        let readings = subscriptions.into_iter().map(|subscription| Reading {
            order_number: subscription.order_number,
            kind: UsageKind::Recurring,
            component_id: "7".to_owned(),
            total: "512".parse().expect("an amount"),
            vars: Vars::default(),
        });
        Ok(UsagePage {
            readings: readings.collect(),
            next: None,
        })
    }

    async fn list_subscribers(&self, _: &ModulePath, _: Option<String>) -> Result<SubscriberPage, Trouble> {
        let line = Subscriber {
            id: "S-1".to_owned(),
            mdn: Some(self.mdn.clone()),
            iccid: None,
            status: None,
            carrier_product_id: None,
        };
        Ok(SubscriberPage {
            subscribers: vec![line],
            next: None,
        })
    }

    async fn tell(&self, _: &ModulePath, _: &Call) -> (CallId, Result<(), NotTold>) {
        (CallId(Ulid::generate()), Ok(()))
    }
}

/// The carrier's one line has this number.
pub(crate) async fn agreeable(
    documents: Arc<dyn Documents>,
    vault: Arc<Vault>,
    registry: Arc<Registry>,
    orders: Orders,
    mdn: &str,
) -> Arc<Batches> {
    let far = Box::new(Agreeable { mdn: mdn.to_owned() });
    let batches = Batches::with(documents, vault, registry, orders, far).await;
    batches.expect("opened")
}

/// Begins a run, and carries it to its end.
pub(crate) async fn finished(batches: &Batches, path: &ModulePath, kind: BatchKind) -> RunId {
    let run = batches.start(path, kind, false, &holder("operator", &[])).await;
    let id = run.expect("nothing else is under way").id;
    let carried = batches.carry_on(path, kind, id, &CancellationToken::new()).await;
    carried.expect("the store is there");
    assert_eq!(batches.run(path, id).await.expect("a run").status, RunStatus::Done);
    id
}
