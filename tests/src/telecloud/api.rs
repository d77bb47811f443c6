//! TeleCloud's own API, as far as the gateway calls it: strict about what it is sent, with real state behind it.

use std::io;
use std::sync::MutexGuard;
use std::time::Duration;

use anyhow::Context;

mod form;
mod modules;
mod orders;
mod requests;
mod units;

#[cfg(test)]
mod tests;

pub use modules::{Module, ProductGroup};
pub use orders::{Component, Notation, Order, Refund, ServiceStatus};
pub use requests::{Outcome, ReceivedCall};
pub use units::Units;

use super::{Fields, Posted};
use crate::peer::{Behaviour, Peer, lock};
use requests::{Books, Telecloud};

/// The key's id that [`FakeTelecloud`] knows.
pub const API_ID_KEY: &str = "id-of-the-gateway";

/// The key that [`FakeTelecloud`] knows under [`API_ID_KEY`].
pub const API_KEY: &str = "key-of-the-gateway";

/// How long a call is waited for. Far longer than it takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running TeleCloud that can be called. Dropping it closes its listener and every connection.
///
/// It listens on the loopback interface and keeps orders, modules and product groups. A test says which orders there are,
/// gives it a [`Behaviour`] where it shall not do as it is asked, and afterwards asks what it was sent and what became of
/// it.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use patchbay_tests::telecloud::{Behaviour, FakeTelecloud, Order, ServiceStatus};
///
/// let telecloud = FakeTelecloud::start().await?;
/// telecloud.put_order(Order::new("9105012", "4617ZU4617", ServiceStatus::Pending));
/// telecloud.next(Behaviour::telecloud_error("Try again later"));
/// // … let a gateway finish the order at `telecloud.url()` …
/// let calls = telecloud.wait_for_calls(2).await?;
/// assert_eq!(calls[1].fields["service_status"], "ACTIVE");
/// assert!(telecloud.refunds().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FakeTelecloud {
    peer: Peer<Telecloud>,
}

impl FakeTelecloud {
    /// Starts on a free port, with [`API_ID_KEY`] and [`API_KEY`].
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn start() -> io::Result<Self> {
        let peer = Peer::start_on(0, Telecloud::default()).await?;
        Ok(Self { peer })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`. Its paths are `/xml/{Service}/{Action}`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.peer.address())
    }

    /// Closes the listener and every connection. Whoever dials now is refused, and the port stays reserved.
    pub async fn refuse_connections(&self) {
        self.peer.refuse_connections().await;
    }

    /// Listens again after [`FakeTelecloud::refuse_connections`].
    ///
    /// # Errors
    /// When the system has no socket left.
    pub async fn accept_connections(&self) -> io::Result<()> {
        self.peer.accept_connections().await
    }

    // What it shall do.

    /// Queues a behaviour for the next call for which none is queued yet.
    pub fn next(&self, behaviour: Behaviour) {
        self.peer.next(behaviour);
    }

    /// Behaves so whenever service and action begin with `prefix`, such as `Order/`, and nothing is queued. Of two such
    /// rules the later one holds.
    pub fn always(&self, prefix: &str, behaviour: Behaviour) {
        self.peer.always(prefix, behaviour);
    }

    /// Lets this decide, by service and action, whenever nothing is queued and no rule holds.
    pub fn otherwise(&self, choose: impl FnMut(&str) -> Behaviour + Send + 'static) {
        self.peer.otherwise(choose);
    }

    /// Registers an order. It replaces one of the same number.
    pub fn put_order(&self, order: Order) {
        self.books().orders.insert(order.order_number.clone(), order);
    }

    /// Registers a product group that has no modules yet.
    pub fn put_product_group(&self, product_group_id: &str) {
        let groups = &mut self.books().product_groups;
        groups.insert(product_group_id.to_owned(), ProductGroup::default());
    }

    /// Posts to this URL whenever a reported usage reaches a component's maximum, from inside the call that reports it:
    /// that one is answered afterwards. `fields` are posted as they are, and besides them `order_number` and
    /// `Customer[account_number]`.
    pub fn on_maximum(&self, module_url: &str, fields: Fields) {
        self.books().on_maximum = Some((module_url.to_owned(), fields));
    }

    // What it has seen and done.

    /// Every call that was received whole, in order.
    #[must_use]
    pub fn received(&self) -> Vec<ReceivedCall> {
        self.peer.received()
    }

    /// Waits until `count` calls have been received since the start and have had their effect, and gives all that have
    /// been received. They need not have been answered.
    ///
    /// # Errors
    /// When they do not come within a minute; the error lists what came.
    pub async fn wait_for_calls(&self, count: usize) -> anyhow::Result<Vec<ReceivedCall>> {
        let waited = tokio::time::timeout(PATIENCE, self.peer.wait_for(count)).await;
        let calls = self.received();
        waited.with_context(|| format!("{count} calls expected within {PATIENCE:?}, and there are {calls:#?}"))?;
        Ok(calls)
    }

    /// The order of this number, as it is now.
    #[must_use]
    pub fn order(&self, order_number: &str) -> Option<Order> {
        self.books().orders.get(order_number).cloned()
    }

    /// Every refund, oldest first.
    #[must_use]
    pub fn refunds(&self) -> Vec<Refund> {
        self.books().refunds.clone()
    }

    /// Every notation, oldest first.
    #[must_use]
    pub fn notations(&self) -> Vec<Notation> {
        self.books().notations.clone()
    }

    /// The module of this id, unless it was deleted.
    #[must_use]
    pub fn module(&self, module_id: &str) -> Option<Module> {
        self.books().modules.get(module_id).cloned()
    }

    /// The product group of this id.
    #[must_use]
    pub fn product_group(&self, product_group_id: &str) -> Option<ProductGroup> {
        self.books().product_groups.get(product_group_id).cloned()
    }

    /// What the module of [`FakeTelecloud::on_maximum`] answered, oldest first; an error says why there was no answer.
    #[must_use]
    pub fn maximum_answers(&self) -> Vec<Result<Posted, String>> {
        self.books().maximum_answers.clone()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.peer.party().books)
    }
}
