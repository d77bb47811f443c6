//! Scheduled work: usage is told to TeleCloud, and the carrier is compared with the orders on record.
//!
//! A run goes page by page and is written after each, so it goes on where it was after a restart. No two runs of one kind are
//! under way for one module. What is due, what a reading means and how two sides differ is decided in
//! [`domain`](crate::domain); here it is done. No lock is held and no slot taken while TeleCloud is told.

mod audit;
mod due;
mod far;
mod store;
mod usage;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;
use ulid::Ulid;

pub use self::audit::NumberedRow;
pub use self::worker::Worker;

use self::due::Last;
use self::far::{Far, Through, Trouble};
use self::store::{Folder, Record, Store};
use crate::domain::batch::{BatchKind, Progress, Run, RunId, RunStatus, Trigger, UsageResult};
use crate::domain::metering::Told;
use crate::domain::name::{ModulePath, TenantName};
use crate::domain::trail::{Deed, Verb, module_route};
use crate::domain::usage::Amount;
use crate::fair::Places;
use crate::orders::Orders;
use crate::registry::{Caller, Registry, RegistryError, Table};
use crate::runner::Runner;
use crate::sandbox::Prepared;
use crate::storage::{Documents, StorageError};
use crate::trail::{Book, Pending};
use crate::vault::Vault;

/// Runs of one kind that are kept of a module: two weeks of a run every hour would be more than anybody looks at.
pub const RUNS_KEPT: usize = 100;

/// Why scheduled work was not done as asked.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// There is no such module.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Another one is.
    #[error("run {0} of this kind is under way for the module, and has to come to its end first")]
    UnderWay(RunId),
    /// The module has no such run.
    #[error("the module has no run {0}")]
    NoSuchRun(RunId),
    /// The run is of another kind.
    #[error("run {0} is no {1} run")]
    OtherKind(RunId, BatchKind),
    /// The run has not come to its end.
    #[error("run {0} has not come to its end")]
    NotDone(RunId),
    /// The row is not in the report, or VARs alone cannot repair it.
    #[error("row {0} is not in the report, or cannot be repaired by VARs")]
    NoRepair(u32),
    /// There is no such order.
    #[error("the module has no order {0} on record")]
    NoSuchOrder(String),
    /// The settings do not name the component.
    #[error("the module's usage settings have no component {0}")]
    NoSuchComponent(String),
}

/// Why a page was not done.
#[derive(Debug)]
enum Stop {
    Trouble(Trouble),
    Storage(StorageError),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Pages that are worked on at once, of all runs. Each asks its module one thing at a time, and events come first there.
const PAGES_AT_ONCE: usize = 4;

/// Most pages of one run. With a thousand items on each it is a carrier's largest customer ten times over; a module whose
/// cursor goes in circles ends here.
const PAGES_MAX: u32 = 20_000;

/// Refuses a next page that leads nowhere.
fn check_next(record: &Record, next: Option<&str>) -> Result<(), Trouble> {
    if next.is_some() && next == record.progress.cursor.as_deref() {
        let why = "the module says that its next page begins where this one did".to_owned();
        return Err(Trouble::Final(why));
    }
    if next.is_some() && record.progress.pages >= PAGES_MAX {
        return Err(Trouble::Final(format!("the module goes on after {PAGES_MAX} pages")));
    }
    Ok(())
}

/// A part of what came of a usage run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// In the order of the run.
    pub items: Vec<UsageResult>,
    /// Where the next part begins.
    pub next: Option<String>,
}

/// Why a run begins.
enum Why<'a> {
    /// It is due, and this time of its schedule is seen to with it.
    Due(&'a Last),
    /// Somebody asks for it.
    Asked(&'a Caller),
}

/// The runs that are under way.
type UnderWay = HashMap<(ModulePath, BatchKind), RunId>;

/// The scheduled work of all tenants.
pub struct Batches {
    registry: Arc<Registry>,
    orders: Orders,
    store: Store,
    far: Box<dyn Far>,
    under_way: Mutex<UnderWay>,
    /// Places for those whose next page is worked on.
    pages: Arc<Places>,
    /// Something is to be done sooner than the worker knows.
    wake: Notify,
}

impl Batches {
    /// Puts the parts together, and finds the runs that were under way when the gateway stopped.
    ///
    /// # Errors
    /// When the store refuses or a document is damaged.
    pub async fn open(
        documents: Arc<dyn Documents>,
        vault: Arc<Vault>,
        registry: Arc<Registry>,
        orders: Orders,
        runner: Arc<Runner>,
        modules: Arc<Table<Prepared>>,
    ) -> Result<Arc<Self>, StorageError> {
        let far = Box::new(Through { runner, modules });
        Self::with(documents, vault, registry, orders, far).await
    }

    async fn with(
        documents: Arc<dyn Documents>,
        vault: Arc<Vault>,
        registry: Arc<Registry>,
        orders: Orders,
        far: Box<dyn Far>,
    ) -> Result<Arc<Self>, StorageError> {
        let store = Store::new(documents, vault);
        let mut under_way = UnderWay::new();
        for path in registry.paths() {
            for kind in BatchKind::ALL {
                if let Some(id) = store.under_way(&path, kind).await? {
                    under_way.insert((path.clone(), kind), id);
                }
            }
        }
        Ok(Arc::new(Self {
            registry,
            orders,
            store,
            far,
            under_way: Mutex::new(under_way),
            pages: Places::leaving_some(PAGES_AT_ONCE, usize::MAX),
            wake: Notify::new(),
        }))
    }

    /// Begins a run by hand.
    ///
    /// # Errors
    /// When there is no such module, another run of this kind is under way, or the store refuses.
    pub async fn start(
        &self,
        path: &ModulePath,
        kind: BatchKind,
        dry_run: bool,
        by: &Caller,
    ) -> Result<Run, BatchError> {
        self.registry.batches(path)?;
        self.begin(path, kind, dry_run, Trigger::Operator(by.name()), Why::Asked(by))
            .await
    }

    /// An entry in a tenant's trail, to be written with what it is about.
    async fn entry(&self, tenant: &TenantName, by: &Caller, deed: Deed) -> Result<Pending, StorageError> {
        let book = Book::Tenant(tenant.clone());
        self.registry.trail().begin(&book, &by.signature(), deed).await
    }

    /// Begins a run.
    async fn begin(
        &self,
        path: &ModulePath,
        kind: BatchKind,
        dry_run: bool,
        trigger: Trigger,
        why: Why<'_>,
    ) -> Result<Run, BatchError> {
        let now = Timestamp::now();
        let record = Record {
            run: Run {
                id: RunId(Ulid::generate()),
                module: path.module.clone(),
                kind,
                trigger,
                dry_run,
                started: now,
                written: now,
                status: RunStatus::Running,
                pages: 0,
                counts: Default::default(),
            },
            progress: Progress::default(),
        };
        let id = record.run.id;
        let mut changes = vec![self.store.take(path, kind, id)?, self.store.put_record(path, &record)?];
        let mut entry = None;
        match why {
            Why::Due(last) => changes.push(self.store.put_last(path, kind, last)?),
            Why::Asked(by) => {
                let deed = Deed::new(Verb::Begin, format!("{}/runs/{id}", module_route(path)));
                let deed = deed.after(&serde_json::json!({"kind": kind, "dry_run": dry_run}));
                let pending = entry.insert(self.entry(&path.tenant, by, deed).await?);
                changes.append(&mut pending.changes);
            }
        }
        let written = self.store.write(changes).await;
        drop(entry);
        match written {
            Ok(()) => {}
            Err(StorageError::Conflict { .. }) => {
                let other = self.store.under_way(path, kind).await?;
                return Err(BatchError::UnderWay(other.unwrap_or(id)));
            }
            Err(error) => return Err(error.into()),
        }
        self.under_way().insert((path.clone(), kind), id);
        self.wake.notify_one();
        self.clear_up(path, kind).await;
        Ok(record.run)
    }

    /// Removes the runs beyond those that are kept. That can wait, so nothing fails because of it.
    async fn clear_up(&self, path: &ModulePath, kind: BatchKind) {
        let old = async {
            let runs = self.store.runs(path, Some(kind)).await?;
            for run in runs.iter().skip(RUNS_KEPT).filter(|run| !run.status.is_open()) {
                self.store.forget(path, run.id).await?;
            }
            Ok::<_, StorageError>(())
        };
        if let Err(error) = old.await {
            tracing::error!(module = %path, %error, "old runs could not be removed");
        }
    }

    /// A module's runs, the newest first.
    ///
    /// # Errors
    /// When there is no such module, or the store refuses.
    pub async fn runs(&self, path: &ModulePath, kind: Option<BatchKind>) -> Result<Vec<Run>, BatchError> {
        self.registry.batches(path)?;
        Ok(self.store.runs(path, kind).await?)
    }

    /// One run.
    ///
    /// # Errors
    /// When there is no such module or run, or the store refuses.
    pub async fn run(&self, path: &ModulePath, id: RunId) -> Result<Run, BatchError> {
        self.registry.batches(path)?;
        let record = self.store.record(path, id).await?;
        record.map(|record| record.run).ok_or(BatchError::NoSuchRun(id))
    }

    /// A part of what came of a usage run, beginning after `after`: [`Results::next`] of the part before.
    ///
    /// # Errors
    /// When there is no such module or run, it is none of usage, or the store refuses.
    pub async fn results(&self, path: &ModulePath, id: RunId, after: Option<&str>) -> Result<Results, BatchError> {
        if self.run(path, id).await?.kind != BatchKind::Usage {
            return Err(BatchError::OtherKind(id, BatchKind::Usage));
        }
        let (items, next) = self.store.part(path, id, Folder::Results, after).await?;
        Ok(Results { items, next })
    }

    /// Says what TeleCloud has of a component of an order, in the carrier's units: what was held or in doubt is settled, and
    /// later totals are compared with this one. 0 says that the count starts anew.
    ///
    /// # Errors
    /// When there is no such module, order or component, or the store refuses.
    pub async fn settle(
        &self,
        path: &ModulePath,
        order_number: &str,
        component_id: &str,
        total: Amount,
        by: &Caller,
    ) -> Result<(), BatchError> {
        let settings = self.registry.batches(path)?;
        let rule = settings.usage.components.get(component_id);
        let rule = rule.ok_or_else(|| BatchError::NoSuchComponent(component_id.to_owned()))?;
        let id = self.orders.id(&path.tenant, &path.module, order_number);
        if self.orders.get(&path.tenant, id).await?.is_none() {
            return Err(BatchError::NoSuchOrder(order_number.to_owned()));
        }
        let mut accounts = self.store.accounts(path, id).await?;
        let account = accounts.entry(component_id.to_owned()).or_default();
        let deed = Deed::new(
            Verb::Decide,
            format!("{}/settlements/{order_number}/{component_id}", module_route(path)),
        );
        let told = |told: &Option<Told>| told.as_ref().map(|told| told.total);
        let deed = deed.before(&told(&account.told)).after(&total);
        account.doubtful = None;
        account.told = Some(Told {
            total,
            units: rule.units(total),
            at: Timestamp::now(),
            run: None,
            page: 0,
        });
        let mut entry = self.entry(&path.tenant, by, deed).await?;
        let mut changes = std::mem::take(&mut entry.changes);
        // A run would write over it.
        changes.extend([
            Store::idle(path, BatchKind::Usage),
            self.store.put_accounts(path, id, &accounts)?,
        ]);
        match self.store.write(changes).await {
            Err(error @ StorageError::Conflict { .. }) => {
                let other = self.store.under_way(path, BatchKind::Usage).await?;
                Err(other.map_or_else(|| error.into(), BatchError::UnderWay))
            }
            written => Ok(written?),
        }
    }

    async fn finished(&self, path: &ModulePath, id: RunId, kind: BatchKind) -> Result<Run, BatchError> {
        let run = self.run(path, id).await?;
        if run.kind != kind {
            return Err(BatchError::OtherKind(id, kind));
        }
        match run.status {
            RunStatus::Done => Ok(run),
            _ => Err(BatchError::NotDone(id)),
        }
    }

    /// A panic elsewhere leaves a whole map behind.
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
