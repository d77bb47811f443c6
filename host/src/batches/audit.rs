//! An audit: the carrier's subscribers are listed page by page, then compared with the orders on record. Repairs are made
//! on command, and only of VARs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::far::Trouble;
use super::store::{Folder, Record};
use super::usage::sent;
use super::{BatchError, Batches, Stop, check_next};
use crate::domain::audit::{self, Row};
use crate::domain::batch::{BatchKind, BatchSettings, Repair, RunId, RunStatus, Sent};
use crate::domain::name::ModulePath;
use crate::domain::order::Order;
use crate::domain::subscriber::Subscriber;
use crate::domain::trail::{Deed, Verb, module_route};
use crate::orders::{PAGE_ORDERS_MAX, Page, Query};
use crate::registry::Caller;
use crate::storage::{Change, StorageError};

/// A row with its number in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NumberedRow {
    /// Counts from 1.
    pub number: u32,
    /// The difference.
    #[serde(flatten)]
    pub row: Row,
    /// What became of its repair, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Repair>,
}

/// Most bytes of a list of subscribers, as it is kept. Comparing holds all of it in memory, some times as large; a line has
/// 100 to 200.
const LISTED_BYTES_MAX: u64 = 64 << 20;

fn check_listed(record: &Record) -> Result<(), Trouble> {
    if record.progress.listed_bytes <= LISTED_BYTES_MAX {
        return Ok(());
    }
    let why = format!("the module lists more subscribers than can be compared: over {LISTED_BYTES_MAX} bytes of them");
    Err(Trouble::Final(why))
}

impl Batches {
    /// Does the next page, or compares once all pages are there.
    pub(super) async fn audit_page(
        &self,
        path: &ModulePath,
        settings: &BatchSettings,
        record: &mut Record,
    ) -> Result<(), Stop> {
        if record.progress.listed {
            return Ok(self.compare(path, settings, record).await?);
        }
        let cursor = record.progress.cursor.clone();
        let page = self.far.list_subscribers(path, cursor).await?;
        check_next(record, page.next.as_deref())?;
        let (id, number) = (record.run.id, record.progress.pages);
        let changes = self
            .store
            .put_page(path, id, Folder::Listed, number, &page.subscribers)
            .await?;
        let bytes: usize = changes.iter().map(Change::bytes).sum();
        record.progress.listed_bytes += bytes as u64;
        check_listed(record)?;
        record.run.count("subscribers", page.subscribers.len() as u64);
        record.progress.pages += 1;
        record.run.pages = record.progress.pages;
        record.progress.listed = page.next.is_none();
        record.progress.cursor = page.next;
        let record = self.store.put_record(path, record)?;
        Ok(self.store.write_in_pieces(changes, vec![record]).await?)
    }

    async fn compare(
        &self,
        path: &ModulePath,
        settings: &BatchSettings,
        record: &mut Record,
    ) -> Result<(), StorageError> {
        let subscribers: Vec<Subscriber> = self.store.list(path, record.run.id, Folder::Listed).await?;
        let orders = self.orders_of(path).await?;
        let rows = audit::differences(&orders, &subscribers, &settings.audit);
        record.run.count("orders", orders.len() as u64);
        for row in &rows {
            record.run.count(&row.difference.to_string(), 1);
        }
        record.run.status = RunStatus::Done;
        let changes = self.store.put_page(path, record.run.id, Folder::Results, 0, &rows);
        let (changes, done) = (changes.await?, self.store.put_record(path, record)?);
        self.store.write_in_pieces(changes, vec![done]).await?;
        self.store.forget_list(path, record.run.id, Folder::Listed).await
    }

    async fn orders_of(&self, path: &ModulePath) -> Result<Vec<Order>, StorageError> {
        let query = Query {
            module: Some(path.module.clone()),
            ..Query::default()
        };
        let (mut orders, mut after) = (Vec::new(), None);
        loop {
            let page = Page {
                after,
                limit: PAGE_ORDERS_MAX,
            };
            let listing = self.orders.search(&path.tenant, &query, page).await?;
            orders.extend(listing.orders);
            match listing.next {
                Some(next) => after = Some(next),
                None => return Ok(orders),
            }
        }
    }

    /// The report of an audit, with what was repaired.
    ///
    /// # Errors
    /// When there is no such audit, or the store refuses.
    pub async fn report(&self, path: &ModulePath, id: RunId) -> Result<Vec<NumberedRow>, BatchError> {
        self.finished(path, id, BatchKind::Audit).await?;
        let rows: Vec<Row> = self.store.list(path, id, Folder::Results).await?;
        let repairs: Vec<Repair> = self.store.list(path, id, Folder::Repairs).await?;
        let numbered = (1..).zip(rows).map(|(number, row)| NumberedRow {
            number,
            row,
            repaired: repairs.iter().find(|repair| repair.row == number).cloned(),
        });
        Ok(numbered.collect())
    }

    /// Saves on orders, by Order/Update, the VARs that bring them in line with the carrier: for these rows of a report, or for
    /// all. A row whose order has changed since is left alone. Says what became of each.
    ///
    /// # Errors
    /// When there is no such audit, a row has no repair, or the store refuses.
    pub async fn repair(
        &self,
        path: &ModulePath,
        id: RunId,
        rows: Option<&[u32]>,
        by: &Caller,
    ) -> Result<Vec<Repair>, BatchError> {
        let report = self.report(path, id).await?;
        let repairable = |row: &&NumberedRow| !row.row.repair.is_empty();
        if let Some(number) = rows.into_iter().flatten().find(|number| {
            let row = report.iter().find(|row| row.number == **number);
            row.as_ref().is_none_or(|row| !repairable(row))
        }) {
            return Err(BatchError::NoRepair(*number));
        }
        let wanted = |row: &&NumberedRow| rows.is_none_or(|rows| rows.contains(&row.number));
        let open = |row: &&NumberedRow| {
            let repaired = row.repaired.as_ref();
            !repaired.is_some_and(|repair| matches!(repair.result, Sent::Accepted { .. }))
        };
        let deed = Deed::new(Verb::Begin, format!("{}/runs/{id}/repairs", module_route(path)));
        let deed = deed.after(&serde_json::json!({"rows": rows}));
        self.registry.note(&path.tenant, by, deed).await?;
        let mut repairs = Vec::new();
        for row in report.iter().filter(repairable).filter(wanted).filter(open) {
            let Some(result) = self.repair_row(path, row).await? else {
                continue;
            };
            let repair = Repair {
                row: row.number,
                at: Timestamp::now(),
                by: by.name(),
                result,
            };
            let changes = self
                .store
                .put_page(path, id, Folder::Repairs, row.number, std::slice::from_ref(&repair))
                .await?;
            self.store.write(changes).await?;
            repairs.push(repair);
        }
        Ok(repairs)
    }

    /// `None` where the order is not any more as the report has it.
    async fn repair_row(&self, path: &ModulePath, row: &NumberedRow) -> Result<Option<Sent>, StorageError> {
        let [reference] = row.row.orders.as_slice() else {
            return Ok(None);
        };
        let Some(order) = self.orders.get(&path.tenant, reference.id).await? else {
            return Ok(None);
        };
        let as_reported = |(index, _): (u8, &str)| order.record.vars.get(index) == row.row.here.as_deref();
        if !row.row.repair.iter().all(as_reported) {
            return Ok(None);
        }
        let (Some(account), Some(number)) = (order.record.account_number, order.record.order_number) else {
            return Ok(None);
        };
        let (call, answer) = self.update(path, account, number, row.row.repair.clone()).await?;
        Ok(Some(sent(call, answer)))
    }
}
