//! The one thread that writes. It takes what has queued up, applies it, and makes it durable with one sync for all.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use sled::{Batch, Tree};
use tokio::sync::{mpsc, oneshot};

use super::super::directory::unavailable;
use super::super::{Change, Revision, StorageError};
use super::layout;

/// Most records in one group. Beyond it a sync is shared by so many that it no longer counts.
const GROUP_RECORDS: usize = 512;

/// Most bytes in one group, so that nobody waits long for others' large records.
const GROUP_BYTES: usize = 8 << 20;

/// How long a group waits for company when the one before it had some. Whoever writes alone does not wait. Each group costs a
/// sync, and sled wakes all of its threads for it, so a few large groups are much cheaper than many small ones.
const LINGER: Duration = Duration::from_micros(500);

/// Writes that may wait in the queue. Whoever comes next awaits its turn.
const QUEUE: usize = 1_024;

/// Bytes of the disk that are left free. Writes are refused before the disk is full, because a store that has met a
/// full disk in the middle of a write takes no more until it is opened again.
const RESERVE_BYTES: u64 = 64 << 20;

/// What the writer needs of the disk. A seam: tests give one that fails.
pub(super) trait Disk: Send {
    /// Bytes that may still be written.
    fn room(&mut self) -> std::io::Result<u64>;

    /// Makes durable what was written up to this group.
    fn sync(&mut self, group: u64) -> std::io::Result<()>;
}

/// Something to write.
pub(super) enum Work {
    /// Records to keep, by their keys in the tree, and changes of documents, no two of the same: all or none. Answers the
    /// revision that written documents have from then on.
    Write {
        records: Vec<(Vec<u8>, Bytes)>,
        changes: Vec<Change>,
    },
    /// Documents to remove, all or none. Answers how many there were.
    Delete { prefix: String },
    /// Keys to remove, whatever is there. Answers 0.
    Remove(Vec<sled::IVec>),
}

impl Work {
    /// Records and bytes, for the limits of a group.
    fn size(&self) -> (usize, usize) {
        match self {
            Self::Write { records, changes } => {
                let records_bytes: usize = records.iter().map(|(_, value)| value.len()).sum();
                let changes_bytes: usize = changes.iter().map(Change::bytes).sum();
                (records.len() + changes.len(), records_bytes + changes_bytes)
            }
            Self::Delete { .. } => (1, 0),
            Self::Remove(keys) => (keys.len(), 0),
        }
    }
}

type Answer = Result<u64, StorageError>;
type Job = (Work, oneshot::Sender<Answer>);

/// Hands work to the thread. Dropping it waits until all that was queued is written.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `group` is the number of the latest group in the tree.
    pub(super) fn start(tree: Tree, group: u64, disk: impl Disk + 'static) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let mut thread = Thread {
            tree,
            group,
            disk,
            broken: None,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.run(jobs))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Queues the work and waits until it is durable. Once queued it is done, whether or not someone still waits.
    pub(super) async fn write(&self, work: Work) -> Answer {
        let stopped = || unavailable("writing", "the store's writer has stopped");
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send((work, answer)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

#[cfg(test)]
impl Writer {
    /// How many writes are in the queue.
    pub(super) fn queued(&self) -> usize {
        self.queue
            .as_ref()
            .map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the store's writer panicked");
        }
    }
}

/// The part of a group that is not applied yet.
#[derive(Default)]
struct Pending {
    batch: Batch,
    /// The keys of the documents that it changes. What the tree says of them is out of date.
    documents: HashSet<String>,
}

struct Thread<D> {
    tree: Tree,
    group: u64,
    disk: D,
    /// Why nothing more is written. After a failed sync the system forgets which pages were not written, so a later
    /// sync that succeeds would promise too much, and what comes after a gap in sled's log is lost with it.
    broken: Option<Arc<str>>,
}

impl<D: Disk> Thread<D> {
    fn run(&mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut company = false;
        while let Some(first) = jobs.blocking_recv() {
            if company {
                std::thread::sleep(LINGER);
            }
            let (mut records, mut bytes) = first.0.size();
            let mut group = vec![first];
            while records < GROUP_RECORDS && bytes < GROUP_BYTES {
                let Ok(next) = jobs.try_recv() else { break };
                let size = next.0.size();
                records += size.0;
                bytes += size.1;
                group.push(next);
            }
            company = group.len() > 1;
            self.write(group);
        }
    }

    fn write(&mut self, jobs: Vec<Job>) {
        let (work, waiters): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        // Whoever gave up waiting does not need the answer.
        match self.ready().and_then(|()| self.apply(work)) {
            Ok(answers) => waiters.into_iter().zip(answers).for_each(|(waiter, answer)| {
                let _ = waiter.send(answer);
            }),
            Err(why) => waiters.into_iter().for_each(|waiter| {
                let _ = waiter.send(Err(unavailable("writing to the data directory", &*why)));
            }),
        }
    }

    /// Whether anything may be written now, or why not.
    fn ready(&mut self) -> Result<(), Arc<str>> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        match self.disk.room() {
            Ok(room) if room < RESERVE_BYTES => Err(format!(
                "the disk is full: {room} bytes are free and {RESERVE_BYTES} must stay free; make room on it"
            )
            .into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string().into()),
        }
    }

    /// Applies all work and syncs. When that fails, nothing is written any more.
    fn apply(&mut self, work: Vec<Work>) -> Result<Vec<Answer>, Arc<str>> {
        let group = self.group + 1;
        let answers = self.add_all(group, work).map_err(std::io::Error::other);
        let synced = answers.and_then(|answers| self.disk.sync(group).map(|()| answers));
        match synced {
            Ok(answers) => {
                self.group = group;
                Ok(answers)
            }
            Err(error) => {
                tracing::error!(%error, "the store takes no more writes");
                let why: Arc<str> = format!("{error}; nothing is written until the gateway is restarted").into();
                self.broken = Some(why.clone());
                Err(why)
            }
        }
    }

    fn add_all(&self, group: u64, work: Vec<Work>) -> Result<Vec<Answer>, sled::Error> {
        let mut pending = Pending::default();
        pending.batch.insert(layout::GROUP_KEY, &group.to_be_bytes());
        let mut answers = Vec::with_capacity(work.len());
        for (number, work) in (0..).zip(work) {
            // Unique, and never going back: a group has less than 2^16 jobs, and its number is kept with it.
            let revision = Revision(group << 16 | number);
            answers.push(self.add(&mut pending, work, revision)?);
        }
        self.tree.apply_batch(pending.batch)?;
        self.tree.flush()?;
        Ok(answers)
    }

    /// Adds one job. The inner error is the job's own; the outer one is the disk's.
    fn add(&self, pending: &mut Pending, work: Work, revision: Revision) -> Result<Answer, sled::Error> {
        Ok(match work {
            Work::Write { records, changes } => {
                if changes.iter().any(|change| pending.documents.contains(change.key())) {
                    self.settle(pending)?;
                }
                self.write_all(pending, records, changes, revision)
            }
            Work::Remove(keys) => {
                keys.into_iter().for_each(|key| pending.batch.remove(key));
                Ok(0)
            }
            Work::Delete { prefix } => {
                self.settle(pending)?;
                self.delete(&mut pending.batch, &prefix)
            }
        })
    }

    /// Applies what has been added, for a job that has to see it. Nobody is answered before the whole group is applied.
    fn settle(&self, pending: &mut Pending) -> Result<(), sled::Error> {
        pending.documents.clear();
        self.tree.apply_batch(std::mem::take(&mut pending.batch))
    }

    fn write_all(
        &self,
        pending: &mut Pending,
        records: Vec<(Vec<u8>, Bytes)>,
        changes: Vec<Change>,
        revision: Revision,
    ) -> Answer {
        // All is looked at before anything is added.
        let mut documents = Vec::with_capacity(changes.len());
        for change in changes {
            let at = layout::document_key(change.key());
            let found = self.tree.get(&at).map_err(|error| layout::broken(&at, error))?;
            change
                .expect()
                .check(change.key(), found.as_deref().and_then(layout::revision))?;
            documents.push((at, found, change));
        }
        for (at, record) in records {
            layout::insert(&mut pending.batch, at, &record, Revision(0));
        }
        for (at, found, change) in documents {
            let key = match change {
                Change::Put { key, value, .. } => {
                    if let Some(found) = found {
                        layout::remove_chunks(&mut pending.batch, &at, &found, value.len());
                    }
                    layout::insert(&mut pending.batch, at, &value, revision);
                    key
                }
                Change::Delete { key, .. } => {
                    if let Some(found) = found {
                        layout::remove(&mut pending.batch, &at, &found);
                    }
                    key
                }
            };
            pending.documents.insert(key);
        }
        Ok(revision.0)
    }

    fn delete(&self, batch: &mut Batch, prefix: &str) -> Answer {
        let mut removed = 0;
        for document in self.tree.scan_prefix(layout::document_key(prefix)) {
            let (key, stored) = document.map_err(|error| layout::broken(prefix.as_bytes(), error))?;
            layout::remove(batch, &key, &stored);
            removed += 1;
        }
        Ok(removed)
    }
}
