//! Where things are kept: three narrow traits, and what implements them.
//!
//! The traits are shaped so that a store shared by many machines fits as well as an embedded one: writes are compared
//! with a revision, the log is append-only and apart by tenant, and large bytes go by digest.

mod blobs;
#[cfg(test)]
pub(crate) mod conformance;
mod directory;
pub mod memory;
mod sled;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::module::Digest;
use crate::domain::name::TenantName;
use crate::fair::Allowances;

/// Counts the changes of one document. Opaque but for equality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision(pub u64);

/// A document's bytes, and which change of it they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// As they were put.
    pub value: Bytes,
    /// For the next compare-and-set.
    pub revision: Revision,
}

/// What must be true of a document for a write to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything: the last writer wins.
    Anything,
    /// That there is none.
    Absent,
    /// That nobody has changed it since.
    Unchanged(Revision),
}

impl Expect {
    /// Whether a write may take place where the document at `key` has this revision, if there is one.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when it may not.
    pub fn check(self, key: &str, found: Option<Revision>) -> Result<(), StorageError> {
        let holds = match self {
            Self::Anything => true,
            Self::Absent => found.is_none(),
            Self::Unchanged(revision) => found == Some(revision),
        };
        if holds {
            Ok(())
        } else {
            Err(StorageError::Conflict { key: key.to_owned() })
        }
    }
}

/// What is to become of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is written.
    Put {
        /// Where.
        key: String,
        /// What it says from then on.
        value: Bytes,
        /// What must be true of it until then.
        expect: Expect,
    },
    /// It is removed, this one alone. One that is not there is as good as removed, unless a revision is expected of it.
    Delete {
        /// Where.
        key: String,
        /// What must be true of it until then.
        expect: Expect,
    },
}

impl Change {
    /// The key of the document.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } => key,
        }
    }

    /// What must be true of the document for the change to take place.
    #[must_use]
    pub fn expect(&self) -> Expect {
        match self {
            Self::Put { expect, .. } | Self::Delete { expect, .. } => *expect,
        }
    }

    /// The bytes that it writes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Put { value, .. } => value.len(),
            Self::Delete { .. } => 0,
        }
    }

    /// Whether it writes a document.
    fn is_put(&self) -> bool {
        matches!(self, Self::Put { .. })
    }

    /// Refuses changes of which two are of the same document: either order would be a guess.
    fn check_all(changes: &[Self]) -> Result<(), StorageError> {
        let mut keys = HashSet::with_capacity(changes.len());
        match changes.iter().find(|change| !keys.insert(change.key())) {
            None => Ok(()),
            Some(twice) => Err(directory::unavailable(
                &format!("writing {}", twice.key()),
                "two changes of one batch are of this document",
            )),
        }
    }
}

/// What documents that are a tenant's own work are below, the tenant's name being the next part of their keys.
const WORK: &str = "work/";

/// The tenant whose own work all of these documents are.
fn owner<'a>(mut keys: impl Iterator<Item = &'a str>) -> Option<TenantName> {
    let tenant = |key: &'a str| key.strip_prefix(WORK)?.split_once('/').map(|(tenant, _)| tenant);
    let first = tenant(keys.next()?)?;
    if keys.all(|key| tenant(key) == Some(first)) {
        TenantName::parse(first).ok()
    } else {
        None
    }
}

/// The bytes that a write takes: of the records, whatever their keys are, and of the documents.
fn bytes_of<K>(records: &[(K, Bytes)], changes: &[Change]) -> usize {
    let records: usize = records.iter().map(|(_, record)| record.len()).sum();
    records + changes.iter().map(Change::bytes).sum::<usize>()
}

/// When a write has to survive a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Before it is acknowledged.
    Synced,
    /// At the latest this long after, or a minute. It is acknowledged once it can be read. See [`Stores`] for what may be
    /// lost.
    Within(Duration),
}

/// Why a store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The document is not as the writer expected; nothing was written.
    #[error("{key} was changed by someone else meanwhile")]
    Conflict {
        /// Whose document.
        key: String,
    },
    /// What is there cannot be read back as it was written.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// Which record.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The data directory is in use, full, unreadable, or gone.
    #[error("{doing}: {source}")]
    Unavailable {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Small documents by key: tenants, modules, versions, settings. Keys are paths such as `tenants/acme/modules/sim`.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The document at `key`.
    async fn get(&self, key: &str) -> Result<Option<Stored>, StorageError>;

    /// Makes all changes or none. The documents that are written get one revision in common, which is answered if there
    /// are any. An error other than a conflict can leave it open whether the changes were made.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when what one of them expects does not hold. Two changes of one document are refused.
    async fn write(&self, changes: Vec<Change>, durability: Durability) -> Result<Option<Revision>, StorageError>;

    /// Writes a document, durably once this returns.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when `expect` does not hold.
    async fn put(&self, key: &str, value: Bytes, expect: Expect) -> Result<Revision, StorageError> {
        let key = key.to_owned();
        let doing = format!("writing {key}");
        let revision = self.write(vec![Change::Put { key, value, expect }], Durability::Synced);
        revision
            .await?
            .ok_or_else(|| directory::unavailable(&doing, "the store gave no revision"))
    }

    /// Removes every document whose key starts with `prefix`, durably once this returns. Says how many there were. They go
    /// step by step, the first ones first: a crash meanwhile leaves the others, each of them whole.
    async fn delete(&self, prefix: &str) -> Result<usize, StorageError>;

    /// All documents whose keys start with `prefix`, by key. For what is known to be few; the rest goes by
    /// [`Self::page`].
    async fn list(&self, prefix: &str) -> Result<Vec<(String, Stored)>, StorageError> {
        self.page(prefix, None, usize::MAX).await
    }

    /// At most `limit` documents whose keys start with `prefix`, by key, beginning with the first whose key is greater
    /// than `after`. Takes the time and the memory of the page, however many there are.
    ///
    /// Pages are not of one moment: a document that is written meanwhile may be missed, or be newer than those before it.
    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StorageError>;
}

/// Position of a record in a tenant's log: the call's id, then the record's number within the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The id of the call, 128 bits whose first 48 are milliseconds since 1970.
    pub call: u128,
    /// Counts from 0.
    pub part: u32,
}

/// The first and the last record of a call; the same one twice where it has only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The call's id, as in [`Position::call`].
    pub call: u128,
    /// The record with the lowest part.
    pub first: Bytes,
    /// The record with the highest part.
    pub last: Bytes,
}

/// An append-only log, apart by tenant.
#[async_trait]
pub trait Log: Send + Sync {
    /// Adds records and makes changes, all or none. The documents that are written get one revision in common, which is
    /// answered if there are any. Appends from many tasks share one sync to disk.
    ///
    /// A record at a position that is taken replaces what is there. After an error other than a conflict the records may
    /// or may not have been kept, so whoever tries again does so at the same positions. What one task appends in order is
    /// kept in that order, also when it gave up waiting in between.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when what a change expects does not hold. Two changes of one document are refused.
    async fn append(
        &self,
        tenant: &TenantName,
        records: Vec<(Position, Bytes)>,
        changes: Vec<Change>,
        durability: Durability,
    ) -> Result<Option<Revision>, StorageError>;

    /// The ends of at most `calls` calls, newest first, starting with the newest call that is older than `before`.
    ///
    /// A listing needs no more than the ends, and a call may have hundreds of large records in between.
    async fn newest(&self, tenant: &TenantName, before: Option<u128>, calls: usize) -> Result<Vec<Ends>, StorageError>;

    /// The records of one call, in order.
    async fn call(&self, tenant: &TenantName, call: u128) -> Result<Vec<(Position, Bytes)>, StorageError>;

    /// Removes a tenant's whole log, durably once this returns.
    async fn delete(&self, tenant: &TenantName) -> Result<(), StorageError>;
}

/// Large bytes by their digest: components. Never in the same files as documents.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps the bytes, durably once this returns. Keeping them again changes nothing.
    async fn put(&self, bytes: Bytes) -> Result<Digest, StorageError>;

    /// The bytes of this digest, checked against it.
    async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, StorageError>;

    /// The digests of all that is kept, in no order.
    async fn list(&self) -> Result<Vec<Digest>, StorageError>;

    /// Removes the bytes of these digests, where there are any. A power failure may bring them back.
    ///
    /// Whoever asks for it sees to it that nobody relies on them or is about to: a put at the same time may find them kept
    /// already, and write nothing.
    async fn remove(&self, digests: &[Digest]) -> Result<(), StorageError>;
}

/// The stores that the gateway runs on.
///
/// What is durable survives the end of the process, however it ends, and a power failure. Of what was acknowledged
/// [`Durability::Within`] some time, either may take what came after the latest sync: until then it is in the process's
/// own memory, but for what filled up a segment of 4 MiB, so the system that goes on is of no help. What is taken is
/// always the end: where a write is found again, so is all that was applied before it, and each batch is whole.
///
/// A sync is due when a [`Durability::Synced`] write comes, when the time of one that waits is over, and when the stores
/// are dropped. When one fails, all later writes are refused, and what was acknowledged since the last good one may be
/// lost.
#[derive(Clone)]
pub struct Stores {
    /// Tenants and their configuration.
    pub documents: Arc<dyn Documents>,
    /// What happened in calls.
    pub log: Arc<dyn Log>,
    /// Components.
    pub blobs: Arc<dyn Blobs>,
    /// What the bytes count against that are written of each tenant: its log and what is written along with that, and the
    /// documents of its work. They are written all the same: whoever makes some asks first whether there is anything left.
    pub written: Arc<Allowances>,
}

impl Stores {
    /// Opens a data directory, or makes one of mode 0700. It is released when the last of the stores is dropped, which
    /// waits for the writes that were queued.
    ///
    /// # Errors
    /// When another process has it open, its format is not known here, it is damaged, or the system refuses.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let directory = Arc::new(directory::DataDirectory::open(path)?);
        let written = Arc::<Allowances>::default();
        let sled = Arc::new(sled::Sled::open(&directory, Arc::clone(&written))?);
        let blobs = Arc::new(blobs::BlobFiles::open(&directory)?);
        directory
            .made()
            .map_err(|error| directory::unavailable(&format!("making {}", path.display()), error))?;
        Ok(Self {
            documents: sled.clone(),
            log: sled,
            blobs,
            written,
        })
    }
}
