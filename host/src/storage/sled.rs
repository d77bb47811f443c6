//! The embedded backend: documents and log in one sled tree, made durable by one thread for all who wait.
//!
//! What sled leaves open is closed here. Its flush does not reach the disk: the database file is synced through a second
//! handle. Pages that outgrow its log go to files that it never syncs: values are cut so that none does. After damage it
//! may go on with an older state: a mark beside it says how much there must be.
//!
//! Point reads go to sled directly and not through `spawn_blocking`: from its cache they take about a microsecond and
//! from the disk a fraction of a millisecond, while handing them to another thread and back takes ten. Scans yield after
//! every [`SCAN_STEP`] pieces of values.

mod group;
mod layout;
mod lines;
mod writer;

use std::fs::File;
use std::ops::Bound;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use self::group::Work;
use self::lines::Whose;
use self::writer::{Disk, Writer};
use super::directory::{DataDirectory, Mark, make_folder, sync_folder, unavailable};
use super::{self as storage, Change, Documents, Durability, Ends, Log, Position, Revision, StorageError, Stored};
use crate::domain::name::TenantName;
use crate::fair::Allowances;

/// Bytes of pages that sled keeps in memory. Its own default is a gibibyte.
const CACHE_BYTES: u64 = 8 << 20;

/// Pieces of values, of at most [`layout::CHUNK_BYTES`] each, that a scan reads before others get a turn.
const SCAN_STEP: usize = 64;

/// Documents, or keys of a log, that are removed in one write.
const REMOVE_STEP: usize = 512;

/// How far the numbers of groups go on when the database is opened again. Those that a crash took are not used a second
/// time, so that a revision that somebody has seen never means something else: more than the writer can apply before a
/// sync, and few enough for millions of starts.
const GROUPS_SKIPPED: u64 = 1 << 24;

/// Documents and log in the folder `db` of a data directory.
///
/// Reads see what is applied, which may be a moment before it is durable; whoever wrote it hears of it when it is.
pub(super) struct Sled {
    // In this order they are dropped: what is queued is written, then the tree is closed, then the directory released.
    writer: Writer,
    tree: sled::Tree,
    written: Arc<Allowances>,
    _db: sled::Db,
    _directory: Arc<DataDirectory>,
}

/// The real disk.
struct Files {
    /// sled's file, opened a second time: sled itself has no way to sync it.
    db: File,
    mark: Mark,
    directory: Arc<DataDirectory>,
}

impl Disk for Files {
    fn room(&mut self) -> std::io::Result<u64> {
        self.directory.room()
    }

    fn sync(&mut self, group: u64) -> std::io::Result<()> {
        self.db.sync_data()?;
        self.mark.set(group)
    }
}

impl Sled {
    /// Opens the database in this directory, or makes one.
    ///
    /// # Errors
    /// When it cannot be read, or holds less than was acknowledged.
    pub(super) fn open(directory: &Arc<DataDirectory>, written: Arc<Allowances>) -> Result<Self, StorageError> {
        Self::open_with(directory, written, |files| files)
    }

    fn open_with<D: Disk + 'static>(
        directory: &Arc<DataDirectory>,
        written: Arc<Allowances>,
        disk: impl FnOnce(Files) -> D,
    ) -> Result<Self, StorageError> {
        let path = directory.path().join("db");
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            unavailable(&format!("opening the database in {}", path.display()), error)
        };
        let (mark, acknowledged) = Mark::open(directory)?;
        make_folder(&path).map_err(|error| failed(error.into()))?;
        let db = open_db(&path)?;
        let tree: sled::Tree = (*db).clone();
        let mut group = match tree.get(layout::GROUP_KEY) {
            Ok(group) => group
                .and_then(|number| number.as_ref().try_into().ok())
                .map_or(0, u64::from_be_bytes),
            Err(error) => return Err(layout::broken(layout::GROUP_KEY, error)),
        };
        if group < acknowledged {
            return Err(damaged(&path, "acknowledged writes are missing from it"));
        }
        if group > 0 && !directory.is_made() {
            return Err(damaged(&path, "the file that says its format is missing"));
        }
        if directory.is_made() {
            group += GROUPS_SKIPPED;
            let skipped = tree.insert(layout::GROUP_KEY, &group.to_be_bytes());
            let flushed = skipped.and_then(|_| tree.flush());
            flushed.map_err(|error| failed(error.into()))?;
        }
        sync_files(&path).map_err(|error| failed(error.into()))?;
        let file = File::open(path.join("db")).map_err(|error| failed(error.into()))?;
        let files = Files {
            db: file,
            mark,
            directory: directory.clone(),
        };
        let writer = Writer::start(tree.clone(), group, disk(files)).map_err(|error| failed(error.into()))?;
        Ok(Self {
            writer,
            tree,
            written,
            _db: db,
            _directory: directory.clone(),
        })
    }

    /// Keeps records and makes changes, all or none.
    async fn write_all(
        &self,
        whose: Whose,
        records: Vec<(Vec<u8>, Bytes)>,
        changes: Vec<Change>,
        durability: Durability,
    ) -> Result<Option<Revision>, StorageError> {
        Change::check_all(&changes)?;
        for (key, record) in &records {
            layout::check_size(key, record)?;
        }
        for change in &changes {
            if let Change::Put { key, value, .. } = change {
                layout::check_size(&layout::document_key(key), value)?;
            }
        }
        let puts = changes.iter().any(Change::is_put);
        if let Some(tenant) = &whose {
            self.written.of(tenant).spend(storage::bytes_of(&records, &changes));
        }
        let revision = self
            .writer
            .write(whose, Work::Write { records, changes }, durability)
            .await?;
        Ok(puts.then_some(Revision(revision)))
    }

    /// The newest record of this tenant's log before a key.
    fn before(&self, prefix: &[u8], key: &[u8]) -> Result<Option<(sled::IVec, sled::IVec)>, StorageError> {
        let found = self.tree.range(prefix..key).next_back();
        found.transpose().map_err(|error| layout::broken(key, error))
    }
}

/// Sees to it that a scan, however long, gives others their turn.
#[derive(Default)]
struct Turns {
    pieces: usize,
}

impl Turns {
    /// Notes that a value was read, and yields when it is time.
    async fn read(&mut self, bytes: usize) {
        self.pieces += 1 + bytes / layout::CHUNK_BYTES;
        if self.pieces >= SCAN_STEP {
            self.pieces = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// sled checks what it reads, at times by panicking.
fn open_db(path: &Path) -> Result<sled::Db, StorageError> {
    let config = sled::Config::new()
        .path(path)
        .segment_size(layout::SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        // The writer flushes; in between there is nothing that anyone was told is kept.
        .flush_every_ms(None);
    match std::panic::catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Corruption { .. })) | Err(_) => Err(damaged(path, "it is not as it was written")),
        Ok(Err(error)) => Err(unavailable(
            &format!("opening the database in {}", path.display()),
            error,
        )),
    }
}

fn damaged(path: &Path, why: &str) -> StorageError {
    StorageError::Damaged {
        what: format!("the database in {}", path.display()),
        why: format!("{why}; restore the data directory from a backup"),
    }
}

/// Makes durable what opening wrote: sled leaves its settings, its snapshots and their names to the system.
fn sync_files(path: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(path)
}

#[async_trait]
impl Documents for Sled {
    async fn get(&self, key: &str) -> Result<Option<Stored>, StorageError> {
        let key = layout::document_key(key);
        match self.tree.get(&key).map_err(|error| layout::broken(&key, error))? {
            Some(stored) => layout::read(&self.tree, &key, stored),
            None => Ok(None),
        }
    }

    async fn write(&self, changes: Vec<Change>, durability: Durability) -> Result<Option<Revision>, StorageError> {
        // In one line with its log, so that what a tenant writes is in order, whichever of the two it is, and no other tenant's
        // settings wait for it.
        let whose = storage::owner(changes.iter().map(Change::key));
        self.write_all(whose, Vec::new(), changes, durability).await
    }

    async fn delete(&self, prefix: &str) -> Result<usize, StorageError> {
        let whose = storage::owner([prefix].into_iter());
        let mut removed = 0;
        loop {
            let prefix = prefix.to_owned();
            let step = Work::Delete {
                prefix,
                most: REMOVE_STEP,
            };
            let step = self.writer.write(whose.clone(), step, Durability::Synced).await?;
            let step = usize::try_from(step).unwrap_or(usize::MAX);
            removed += step;
            if step < REMOVE_STEP {
                return Ok(removed);
            }
        }
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StorageError> {
        let prefix = layout::document_key(prefix);
        let from = match after.map(layout::document_key) {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix.clone()),
        };
        let mut found = Vec::new();
        let mut turns = Turns::default();
        for document in self.tree.range((from, Bound::Unbounded)) {
            let (key, stored) = document.map_err(|error| layout::broken(&prefix, error))?;
            if found.len() == limit || !key.starts_with(&prefix) {
                break;
            }
            let mut bytes = 0;
            // One that is removed meanwhile is not there.
            if let Some(stored) = layout::read(&self.tree, &key, stored)? {
                bytes = stored.value.len();
                found.push((layout::document_name(&key), stored));
            }
            turns.read(bytes).await;
        }
        Ok(found)
    }
}

#[async_trait]
impl Log for Sled {
    async fn append(
        &self,
        tenant: &TenantName,
        records: Vec<(Position, Bytes)>,
        changes: Vec<Change>,
        durability: Durability,
    ) -> Result<Option<Revision>, StorageError> {
        let keyed = records
            .into_iter()
            .map(|(position, record)| (layout::log_key(tenant, position), record));
        self.write_all(Some(tenant.clone()), keyed.collect(), changes, durability)
            .await
    }

    async fn newest(&self, tenant: &TenantName, before: Option<u128>, calls: usize) -> Result<Vec<Ends>, StorageError> {
        let prefix = layout::log_prefix(tenant);
        let mut ends = Vec::new();
        let mut turns = Turns::default();
        let mut until = match before {
            Some(call) => layout::log_key(tenant, Position { call, part: 0 }),
            None => layout::log_end(tenant),
        };
        while ends.len() < calls {
            let Some((last_key, last)) = self.before(&prefix, &until)? else {
                break;
            };
            let Some(Position { call, part }) = layout::log_position(&last_key) else {
                break;
            };
            until = layout::log_key(tenant, Position { call, part: 0 });
            let last = layout::read(&self.tree, &last_key, last)?;
            let first = match part {
                0 => last.clone(),
                _ => match self.tree.get(&until).map_err(|error| layout::broken(&until, error))? {
                    Some(first) => layout::read(&self.tree, &until, first)?,
                    None => None,
                },
            };
            let mut bytes = 0;
            // A log that is being removed has calls without ends.
            if let (Some(first), Some(last)) = (first, last) {
                bytes = first.value.len() + last.value.len();
                ends.push(Ends {
                    call,
                    first: first.value,
                    last: last.value,
                });
            }
            turns.read(bytes).await;
        }
        Ok(ends)
    }

    async fn call(&self, tenant: &TenantName, call: u128) -> Result<Vec<(Position, Bytes)>, StorageError> {
        let first = layout::log_key(tenant, Position { call, part: 0 });
        let last = layout::log_key(tenant, Position { call, part: u32::MAX });
        let mut records = Vec::new();
        let mut turns = Turns::default();
        for record in self.tree.range(first.clone()..=last) {
            let (key, stored) = record.map_err(|error| layout::broken(&first, error))?;
            let value = layout::read(&self.tree, &key, stored)?;
            let mut bytes = 0;
            if let (Some(position), Some(value)) = (layout::log_position(&key), value) {
                bytes = value.value.len();
                records.push((position, value.value));
            }
            turns.read(bytes).await;
        }
        Ok(records)
    }

    async fn delete(&self, tenant: &TenantName) -> Result<(), StorageError> {
        let prefix = layout::log_prefix(tenant);
        // Records before chunks: a crash in between leaves chunks that nobody looks for, never records without them.
        for prefix in [prefix.clone(), layout::chunk_prefix(&prefix)] {
            loop {
                let keys = self.tree.scan_prefix(&prefix).keys().take(REMOVE_STEP);
                let keys = keys
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| layout::broken(&prefix, error))?;
                if keys.is_empty() {
                    break;
                }
                let whose = Some(tenant.clone());
                self.writer.write(whose, Work::Remove(keys), Durability::Synced).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
