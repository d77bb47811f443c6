//! Where scheduled work is kept: each run, how far it has come, what came of it, and what TeleCloud was told.
//!
//! Cursors, readings and subscribers are customers' data, so every document is sealed for its own place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::due::Last;
use crate::domain::batch::{BatchKind, Progress, Run, RunId};
use crate::domain::metering::Account;
use crate::domain::name::{ModulePath, TenantName};
use crate::domain::order::OrderId;
use crate::domain::secret::Secret;
use crate::storage::{Change, Documents, Durability, Expect, StorageError};
use crate::vault::Vault;

/// Items of one document. The largest, a row of an audit with all its VARs, has a few KiB.
const ITEMS: usize = 100;

/// Documents that are read in one go.
const PAGE: usize = 50;

/// Bytes of one write, about. Others' come between it and the next.
pub(super) const PIECE_BYTES: usize = 128 << 10;

/// How long a piece may stay unsynced: the last one, which is synced, comes long before.
const PIECE_WITHIN: Duration = Duration::from_secs(10);

/// A run, and what it needs to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) run: Run,
    pub(super) progress: Progress,
}

/// What TeleCloud was told of an order, by component.
pub(super) type Accounts = BTreeMap<String, Account>;

/// Lists of a run that are kept in parts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Folder {
    /// What came of it.
    Results,
    /// The carrier's subscribers, until they are compared.
    Listed,
    /// What was repaired.
    Repairs,
}

#[derive(Clone)]
pub(super) struct Store {
    documents: Arc<dyn Documents>,
    vault: Arc<Vault>,
}

impl Store {
    pub(super) fn new(documents: Arc<dyn Documents>, vault: Arc<Vault>) -> Self {
        Self { documents, vault }
    }

    pub(super) async fn write(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        self.documents.write(changes, Durability::Synced).await.map(drop)
    }

    /// Writes a page in pieces, then all of `last` together with the rest of it: until that is there, the page is of no
    /// account.
    pub(super) async fn write_in_pieces(&self, page: Vec<Change>, last: Vec<Change>) -> Result<(), StorageError> {
        let (mut piece, mut bytes) = (Vec::new(), 0);
        for change in page {
            bytes += change.bytes();
            piece.push(change);
            if bytes >= PIECE_BYTES {
                let within = Durability::Within(PIECE_WITHIN);
                self.documents.write(std::mem::take(&mut piece), within).await?;
                bytes = 0;
            }
        }
        piece.extend(last);
        self.write(piece).await
    }

    pub(super) async fn record(&self, path: &ModulePath, id: RunId) -> Result<Option<Record>, StorageError> {
        self.get(&run(path, id)).await
    }

    pub(super) fn put_record(&self, path: &ModulePath, record: &Record) -> Result<Change, StorageError> {
        self.put(run(path, record.run.id), record, Expect::Anything)
    }

    /// A module's newest runs, the newest first.
    pub(super) async fn runs(&self, path: &ModulePath, kind: Option<BatchKind>) -> Result<Vec<Run>, StorageError> {
        let mut runs: Vec<Run> = Vec::new();
        for (key, stored) in self.documents.list(&format!("{}runs/", module(path))).await? {
            runs.push(self.open::<Record>(&key, &stored.value)?.run);
        }
        runs.retain(|run| kind.is_none_or(|kind| run.kind == kind));
        runs.reverse();
        Ok(runs)
    }

    /// The run of this kind that is under way.
    pub(super) async fn under_way(&self, path: &ModulePath, kind: BatchKind) -> Result<Option<RunId>, StorageError> {
        self.get(&under_way(path, kind)).await
    }

    /// Says that a run is under way. A conflict when another one is.
    pub(super) fn take(&self, path: &ModulePath, kind: BatchKind, id: RunId) -> Result<Change, StorageError> {
        self.put(under_way(path, kind), &id, Expect::Absent)
    }

    /// Holds only while no run is under way: to be written with what a run would write over.
    pub(super) fn idle(path: &ModulePath, kind: BatchKind) -> Change {
        Change::Delete {
            key: under_way(path, kind),
            expect: Expect::Absent,
        }
    }

    pub(super) fn release(path: &ModulePath, kind: BatchKind) -> Change {
        Change::Delete {
            key: under_way(path, kind),
            expect: Expect::Anything,
        }
    }

    /// The last time of a schedule that was seen to.
    pub(super) async fn last(&self, path: &ModulePath, kind: BatchKind) -> Result<Option<Last>, StorageError> {
        self.get(&last(path, kind)).await
    }

    pub(super) fn put_last(&self, path: &ModulePath, kind: BatchKind, value: &Last) -> Result<Change, StorageError> {
        self.put(last(path, kind), value, Expect::Anything)
    }

    pub(super) async fn accounts(&self, path: &ModulePath, order: OrderId) -> Result<Accounts, StorageError> {
        Ok(self.get(&accounts(path, order)).await?.unwrap_or_default())
    }

    pub(super) fn put_accounts(
        &self,
        path: &ModulePath,
        order: OrderId,
        value: &Accounts,
    ) -> Result<Change, StorageError> {
        self.put(accounts(path, order), value, Expect::Anything)
    }

    /// Keeps one page of a list, in as many documents as it takes, in the place of all that there is of that page.
    pub(super) async fn put_page<T: Serialize>(
        &self,
        path: &ModulePath,
        id: RunId,
        folder: Folder,
        page: u32,
        items: &[T],
    ) -> Result<Vec<Change>, StorageError> {
        let page = format!("{}{page:08}-", list(path, id, folder));
        let mut changes = Vec::new();
        for (part, items) in items.chunks(ITEMS).enumerate() {
            changes.push(self.put(format!("{page}{part:04}"), &items, Expect::Anything)?);
        }
        // A crash between two pieces may have left more of it.
        let last = changes.last().map(Change::key);
        let more = self.documents.page(&page, last, usize::MAX).await?;
        changes.extend(more.into_iter().map(|(key, _)| Change::Delete {
            key,
            expect: Expect::Anything,
        }));
        Ok(changes)
    }

    /// A whole list, in order.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &ModulePath,
        id: RunId,
        folder: Folder,
    ) -> Result<Vec<T>, StorageError> {
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let (mut more, next) = self.part(path, id, folder, after.as_deref()).await?;
            items.append(&mut more);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(items),
            }
        }
    }

    /// A part of a list, and where the next one begins.
    pub(super) async fn part<T: DeserializeOwned>(
        &self,
        path: &ModulePath,
        id: RunId,
        folder: Folder,
        after: Option<&str>,
    ) -> Result<(Vec<T>, Option<String>), StorageError> {
        let folder = list(path, id, folder);
        let after = after.map(|after| format!("{folder}{after}"));
        let found = self.documents.page(&folder, after.as_deref(), PAGE).await?;
        let next = found.last().filter(|_| found.len() == PAGE);
        let next = next
            .and_then(|(key, _)| key.strip_prefix(folder.as_str()))
            .map(str::to_owned);
        let mut items = Vec::new();
        for (key, stored) in &found {
            items.append(&mut self.open::<Vec<T>>(key, &stored.value)?);
        }
        Ok((items, next))
    }

    /// Removes a run and all that came of it.
    pub(super) async fn forget(&self, path: &ModulePath, id: RunId) -> Result<(), StorageError> {
        for folder in [Folder::Results, Folder::Listed, Folder::Repairs] {
            self.forget_list(path, id, folder).await?;
        }
        self.documents.delete(&run(path, id)).await?;
        Ok(())
    }

    pub(super) async fn forget_list(&self, path: &ModulePath, id: RunId, folder: Folder) -> Result<(), StorageError> {
        self.documents.delete(&list(path, id, folder)).await?;
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StorageError> {
        let stored = self.documents.get(key).await?;
        stored.map(|stored| self.open(key, &stored.value)).transpose()
    }

    fn open<T: DeserializeOwned>(&self, key: &str, sealed: &[u8]) -> Result<T, StorageError> {
        let damaged = |why: String| StorageError::Damaged {
            what: key.to_owned(),
            why,
        };
        let text = self.vault.open_sealed(key, sealed);
        let text = text.map_err(|error| damaged(error.to_string()))?;
        serde_json::from_str(text.expose()).map_err(|error| damaged(error.to_string()))
    }

    fn put<T: Serialize>(&self, key: String, value: &T, expect: Expect) -> Result<Change, StorageError> {
        let text = serde_json::to_string(value).map_err(|error| StorageError::Unavailable {
            doing: format!("writing {key} as JSON"),
            source: error.into(),
        })?;
        let value = self.vault.seal(&key, &Secret::new(text)).into();
        Ok(Change::Put { key, value, expect })
    }
}

/// Everything of a tenant's scheduled work.
fn tenant(tenant: &TenantName) -> String {
    format!("work/{tenant}/batches/")
}

fn module(path: &ModulePath) -> String {
    format!("{}{}/", tenant(&path.tenant), path.module)
}

/// Ids are all of one length, so no id's key is the start of another's.
fn run(path: &ModulePath, id: RunId) -> String {
    format!("{}runs/{id}", module(path))
}

fn under_way(path: &ModulePath, kind: BatchKind) -> String {
    format!("{}under-way/{kind}", module(path))
}

fn last(path: &ModulePath, kind: BatchKind) -> String {
    format!("{}last/{kind}", module(path))
}

fn accounts(path: &ModulePath, order: OrderId) -> String {
    format!("{}accounts/{order}", module(path))
}

fn list(path: &ModulePath, id: RunId, folder: Folder) -> String {
    let folder = match folder {
        Folder::Results => "results",
        Folder::Listed => "listed",
        Folder::Repairs => "repairs",
    };
    format!("{}{folder}/{id}/", module(path))
}
