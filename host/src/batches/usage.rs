//! One page of a usage run: which orders the module is asked about, and how the run goes on.

mod tell;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub(super) use self::tell::sent;
use self::tell::{Asked, Setting};
use super::far::Trouble;
use super::store::{Folder, Record};
use super::{Batches, Stop, check_next};
use crate::domain::batch::{BatchSettings, Progress, RunStatus, Sent, UsageResult};
use crate::domain::metering::{Pass, Verdict};
use crate::domain::name::ModulePath;
use crate::domain::order::{OrderId, OrderState};
use crate::orders::{Page, Query};
use crate::storage::StorageError;

/// Orders that a module is asked about at once: a carrier that has to be asked line by line gets through within a call.
const ORDERS: usize = 50;

/// Tries after which a page is left behind although TeleCloud was not told all of it. The next run tells the rest.
const TRIES: u32 = 5;

impl Batches {
    /// Does the next page. `tries` is how often it was tried before.
    pub(super) async fn usage_page(
        &self,
        path: &ModulePath,
        settings: &BatchSettings,
        record: &mut Record,
        tries: u32,
    ) -> Result<(), Stop> {
        if record.progress.asked.is_empty() && !self.next_orders(path, record).await? {
            return Ok(());
        }
        let asked = self.asked(path, &record.progress.asked).await?;
        let subscriptions = asked.values().map(Asked::subscription).collect();
        let cursor = record.progress.cursor.clone();
        let page = self.far.read_usage(path, subscriptions, cursor).await?;
        check_next(record, page.next.as_deref())?;
        let setting = Setting {
            path,
            settings,
            pass: Pass {
                run: record.run.id,
                page: record.progress.pages,
                at: Timestamp::now(),
            },
            dry_run: record.run.dry_run,
        };
        let mut outcome = self.tell_all(setting, &asked, &page).await?;
        if let Some(why) = outcome.not_sent.filter(|_| tries < TRIES) {
            // What TeleCloud has taken is not told again.
            self.store.write(outcome.changes).await?;
            return Err(Trouble::Passing(why).into());
        }
        count(record, &outcome.results);
        let number = record.progress.pages;
        let results = self
            .store
            .put_page(path, record.run.id, Folder::Results, number, &outcome.results)
            .await?;
        let read: BTreeSet<OrderId> = page
            .readings
            .iter()
            .filter_map(|reading| Some(asked.get(&reading.order_number)?.order.id))
            .collect();
        go_on(record, &read, page.next);
        // What TeleCloud was told is on record together with how far the run is: alone, the page would be read again, and its
        // results would not say what was told.
        outcome.changes.push(self.store.put_record(path, record)?);
        Ok(self.store.write_in_pieces(results, outcome.changes).await?)
    }

    /// Finds the orders to ask about next. Says whether there are any; without, the record is written as it is then.
    async fn next_orders(&self, path: &ModulePath, record: &mut Record) -> Result<bool, StorageError> {
        let query = Query {
            module: Some(path.module.clone()),
            ..Query::default()
        };
        let page = Page {
            after: record.progress.after,
            limit: ORDERS,
        };
        let listing = self.orders.search(&path.tenant, &query, page).await?;
        for order in &listing.orders {
            if !is_in_service(order.record.state) {
                continue;
            }
            match (&order.record.order_number, &order.record.account_number) {
                (Some(_), Some(_)) => record.progress.asked.push(order.id),
                _ => record.run.count("without_number", 1),
            }
        }
        let found = record.progress.asked.len() as u64;
        record.run.count("orders", found);
        record.progress.silent.clone_from(&record.progress.asked);
        record.progress.then = listing.next;
        if found == 0 {
            go_on(record, &BTreeSet::new(), None);
        }
        self.store.write(vec![self.store.put_record(path, record)?]).await?;
        Ok(found > 0)
    }

    /// The orders as they are now, by number.
    async fn asked(&self, path: &ModulePath, ids: &[OrderId]) -> Result<BTreeMap<String, Asked>, StorageError> {
        let mut asked = BTreeMap::new();
        for id in ids {
            let Some(order) = self.orders.get(&path.tenant, *id).await? else {
                continue;
            };
            let record = &order.record;
            if let (Some(order_number), Some(account_number)) = (&record.order_number, &record.account_number) {
                let (order_number, account_number) = (order_number.clone(), account_number.clone());
                let accounts = self.store.accounts(path, *id).await?;
                asked.insert(
                    order_number.clone(),
                    Asked {
                        order,
                        account_number,
                        order_number,
                        accounts,
                    },
                );
            }
        }
        Ok(asked)
    }
}

/// Whether the order can use anything, as far as is known.
fn is_in_service(state: OrderState) -> bool {
    match state {
        OrderState::Active | OrderState::Suspended | OrderState::NonPay | OrderState::Unknown => true,
        OrderState::Pending | OrderState::Failed | OrderState::Cancelled => false,
    }
}

/// Adds what became of a page to the counts of the run.
fn count(record: &mut Record, results: &[UsageResult]) {
    let run = &mut record.run;
    run.count("readings", results.len() as u64);
    for result in results {
        run.count(
            match result.verdict {
                Verdict::Report { .. } => "to_report",
                Verdict::Unchanged { .. } => "unchanged",
                Verdict::Held { .. } => "held",
                Verdict::UnknownKind => "unknown_kind",
                Verdict::NoSuchComponent => "no_such_component",
                Verdict::NoSuchOrder => "no_such_order",
            },
            1,
        );
        let told = [
            ("reported", "not_reported", &result.reported),
            ("saved", "not_saved", &result.saved),
        ];
        for (done, failed, sent) in told {
            match sent {
                Some(Sent::Accepted { .. }) => run.count(done, 1),
                Some(Sent::Failed { .. }) => run.count(failed, 1),
                Some(Sent::DryRun) | None => {}
            }
        }
    }
}

/// Moves the run on to what comes next: the module's next page, the next orders, or the end.
fn go_on(record: &mut Record, read: &BTreeSet<OrderId>, next: Option<String>) {
    let progress = &mut record.progress;
    progress.silent.retain(|order| !read.contains(order));
    let end_of_orders = next.is_none();
    progress.cursor = next;
    if !progress.asked.is_empty() {
        progress.pages += 1;
        record.run.pages = progress.pages;
    }
    if end_of_orders {
        let silent = progress.silent.len() as u64;
        *progress = Progress {
            pages: progress.pages,
            after: progress.then,
            ..Progress::default()
        };
        record.run.count("silent", silent);
        if record.progress.after.is_none() {
            record.run.status = RunStatus::Done;
        }
    }
}
