//! The reference backend: everything in memory, nothing survives. For tests, and to say what the traits mean.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    self as storage, Blobs, Change, Documents, Durability, Ends, Log, Position, Revision, StorageError, Stored, Stores,
};
use crate::domain::module::Digest;
use crate::domain::name::TenantName;
use crate::fair::Allowances;

/// Keeps documents, log and blobs in memory.
#[derive(Debug, Default)]
pub struct Memory {
    kept: Mutex<Kept>,
    written: Arc<Allowances>,
}

#[derive(Debug, Default)]
struct Kept {
    documents: BTreeMap<String, Stored>,
    /// Revision of the latest write to any document. It never goes back, so a document that was removed and made again
    /// has a revision that nobody has seen.
    revision: u64,
    log: BTreeMap<TenantName, BTreeMap<Position, Bytes>>,
    blobs: HashMap<Digest, Bytes>,
}

impl Kept {
    /// Makes all changes or none.
    fn write(&mut self, changes: Vec<Change>) -> Result<Option<Revision>, StorageError> {
        Change::check_all(&changes)?;
        for change in &changes {
            let found = self.documents.get(change.key());
            change
                .expect()
                .check(change.key(), found.map(|stored| stored.revision))?;
        }
        self.revision += 1;
        let revision = Revision(self.revision);
        let answer = changes.iter().any(Change::is_put).then_some(revision);
        for change in changes {
            match change {
                Change::Put { key, value, .. } => drop(self.documents.insert(key, Stored { value, revision })),
                Change::Delete { key, .. } => drop(self.documents.remove(&key)),
            }
        }
        Ok(answer)
    }
}

impl Memory {
    /// Fresh stores that share nothing with others.
    #[must_use]
    pub fn stores() -> Stores {
        let memory = Arc::new(Self::default());
        Stores {
            documents: memory.clone(),
            log: memory.clone(),
            written: Arc::clone(&memory.written),
            blobs: memory,
        }
    }

    /// A panic elsewhere leaves nothing half-done: each use below changes the maps in one go.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Documents for Memory {
    async fn get(&self, key: &str) -> Result<Option<Stored>, StorageError> {
        Ok(self.kept().documents.get(key).cloned())
    }

    async fn write(&self, changes: Vec<Change>, _: Durability) -> Result<Option<Revision>, StorageError> {
        if let Some(tenant) = storage::owner(changes.iter().map(Change::key)) {
            self.written.of(&tenant).spend(storage::bytes_of::<()>(&[], &changes));
        }
        self.kept().write(changes)
    }

    async fn delete(&self, prefix: &str) -> Result<usize, StorageError> {
        let mut kept = self.kept();
        let before = kept.documents.len();
        kept.documents.retain(|key, _| !key.starts_with(prefix));
        Ok(before - kept.documents.len())
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StorageError> {
        let kept = self.kept();
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let found = kept.documents.range::<str, _>((from, Bound::Unbounded));
        Ok(found
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, stored)| (key.clone(), stored.clone()))
            .collect())
    }
}

#[async_trait]
impl Log for Memory {
    async fn append(
        &self,
        tenant: &TenantName,
        records: Vec<(Position, Bytes)>,
        changes: Vec<Change>,
        _: Durability,
    ) -> Result<Option<Revision>, StorageError> {
        self.written.of(tenant).spend(storage::bytes_of(&records, &changes));
        let mut kept = self.kept();
        let revision = kept.write(changes)?;
        kept.log.entry(tenant.clone()).or_default().extend(records);
        Ok(revision)
    }

    async fn newest(&self, tenant: &TenantName, before: Option<u128>, calls: usize) -> Result<Vec<Ends>, StorageError> {
        let kept = self.kept();
        let Some(log) = kept.log.get(tenant) else {
            return Ok(Vec::new());
        };
        let mut ends: Vec<Ends> = Vec::new();
        let until = before.map_or(Bound::Unbounded, |call| Bound::Excluded(Position { call, part: 0 }));
        let older = log.range((Bound::Unbounded, until));
        for (position, record) in older.rev() {
            if let Some(open) = ends.last_mut().filter(|open| open.call == position.call) {
                open.first = record.clone();
                continue;
            }
            if ends.len() == calls {
                break;
            }
            ends.push(Ends {
                call: position.call,
                first: record.clone(),
                last: record.clone(),
            });
        }
        Ok(ends)
    }

    async fn call(&self, tenant: &TenantName, call: u128) -> Result<Vec<(Position, Bytes)>, StorageError> {
        let kept = self.kept();
        let Some(log) = kept.log.get(tenant) else {
            return Ok(Vec::new());
        };
        let whole = Position { call, part: 0 }..=Position { call, part: u32::MAX };
        Ok(log
            .range(whole)
            .map(|(position, record)| (*position, record.clone()))
            .collect())
    }

    async fn delete(&self, tenant: &TenantName) -> Result<(), StorageError> {
        self.kept().log.remove(tenant);
        Ok(())
    }
}

#[async_trait]
impl Blobs for Memory {
    async fn put(&self, bytes: Bytes) -> Result<Digest, StorageError> {
        let digest = Digest::of(&bytes);
        self.kept().blobs.insert(digest, bytes);
        Ok(digest)
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, StorageError> {
        Ok(self.kept().blobs.get(digest).cloned())
    }

    async fn list(&self) -> Result<Vec<Digest>, StorageError> {
        Ok(self.kept().blobs.keys().copied().collect())
    }

    async fn remove(&self, digests: &[Digest]) -> Result<(), StorageError> {
        self.kept().blobs.retain(|digest, _| !digests.contains(digest));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::storage::conformance::conformance!((Memory::stores(), ()));
}
