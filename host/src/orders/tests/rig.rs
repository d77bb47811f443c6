//! Orders of one module on a store.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use ulid::Ulid;

use super::super::*;
use crate::domain::call::{CallId, Outcome};
use crate::domain::event::{Action, Document, Event, Vars};
use crate::domain::order::Order;
use crate::domain::update::Update;
use crate::storage::memory::Memory;
use crate::storage::{Durability, Stores};

pub(super) const CARD: &str = "8901260000000000017";
pub(super) const MDN: &str = "2025550143";

#[derive(Clone)]
pub(super) struct Rig {
    pub(super) orders: Orders,
    pub(super) tenant: TenantName,
    pub(super) module: ModuleName,
    documents: Arc<dyn Documents>,
    calls: Arc<AtomicU64>,
}

/// Runs a test on each kind of store.
pub(super) async fn each_store(test: impl AsyncFn(Rig)) {
    test(Rig::on(&Memory::stores())).await;
    let folder = tempfile::tempdir().expect("a folder");
    let stores = Stores::open(folder.path()).expect("a store");
    test(Rig::on(&stores)).await;
}

impl Rig {
    pub(super) fn on(stores: &Stores) -> Self {
        let documents = Arc::clone(&stores.documents);
        Self {
            orders: Orders::new(Arc::clone(&documents), Arc::new(Vault::new(&[7; 32]))),
            tenant: TenantName::parse("acme").expect("a name"),
            module: ModuleName::parse("sim").expect("a name"),
            documents,
            calls: Arc::default(),
        }
    }

    /// Another tenant's orders of the same module.
    pub(super) fn of_tenant(&self, name: &str) -> Self {
        let mut rig = self.clone();
        rig.tenant = TenantName::parse(name).expect("a name");
        rig
    }

    /// Orders of another module of the tenant.
    pub(super) fn of_module(&self, name: &str) -> Self {
        let mut rig = self.clone();
        rig.module = ModuleName::parse(name).expect("a name");
        rig
    }

    /// A call that is newer than all before it.
    pub(super) fn call(&self) -> CallId {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        CallId(Ulid::from_parts(number, u128::from(number)))
    }

    /// The newest call.
    pub(super) fn latest(&self) -> CallId {
        let number = self.calls.load(Ordering::Relaxed);
        CallId(Ulid::from_parts(number, u128::from(number)))
    }

    pub(super) async fn prepare(
        &self,
        call: CallId,
        event: &Event,
        outcome: Outcome,
        answered: &[(u8, &str)],
    ) -> Prepared {
        let answered = &vars(answered);
        let seen = Seen::Event {
            event,
            outcome,
            answered,
        };
        self.observe(call, seen).await
    }

    /// Observes, and writes what comes of it.
    pub(super) async fn see(&self, call: CallId, event: &Event, outcome: Outcome, answered: &[(u8, &str)]) {
        let prepared = self.prepare(call, event, outcome, answered).await;
        self.write(prepared).await;
    }

    pub(super) async fn tell(&self, call: CallId, order_number: &str, update: &Update) {
        let seen = Seen::Update {
            order_number,
            account_number: Some("100"),
            update,
        };
        let prepared = self.observe(call, seen).await;
        self.write(prepared).await;
    }

    async fn observe(&self, call: CallId, seen: Seen<'_>) -> Prepared {
        let observation = Observation {
            module: &self.module,
            call,
            at: Timestamp::UNIX_EPOCH,
            seen,
        };
        let prepared = self.orders.observe(&self.tenant, observation).await;
        prepared.expect("the store reads")
    }

    /// Writes the changes, then lets others have their turn.
    pub(super) async fn write(&self, mut prepared: Prepared) {
        let changes = std::mem::take(&mut prepared.changes);
        let written = self.documents.write(changes, Durability::Synced).await;
        written.expect("written");
        drop(prepared);
    }

    /// The order of this number.
    pub(super) async fn order(&self, number: &str) -> Option<Order> {
        let id = self.orders.id(&self.tenant, &self.module, number);
        self.orders.get(&self.tenant, id).await.expect("read")
    }

    /// All that a query finds on its first page.
    pub(super) async fn find(&self, query: &Query) -> Vec<Order> {
        let page = Page {
            after: None,
            limit: PAGE_ORDERS_MAX,
        };
        let found = self.orders.search(&self.tenant, query, page).await.expect("read");
        assert_eq!(found.next, None);
        found.orders
    }
}

pub(super) fn vars(of: &[(u8, &str)]) -> Vars {
    let mut vars = Vars::default();
    for (index, value) in of {
        vars.set(*index, (*value).to_owned()).expect("a VAR");
    }
    vars
}

/// A value for each VAR.
pub(super) fn number(index: u8) -> String {
    format!("value-{index}")
}

/// An event of account 100.
pub(super) fn event(action: Action, order_number: Option<&str>, of: &[(u8, &str)]) -> Event {
    Event {
        service: String::new(),
        action,
        account_number: Some("100".to_owned()),
        order_number: order_number.map(str::to_owned),
        parent_order_number: None,
        carrier_product_id: None,
        new_state: None,
        vars: vars(of),
        document: Document::default(),
    }
}

pub(super) fn create(order_number: Option<&str>, of: &[(u8, &str)]) -> Event {
    event(Action::Create, order_number, of)
}
