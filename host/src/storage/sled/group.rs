//! A group of writes on its way into the tree: what each asks for is looked at in turn, and applied together.

use std::collections::HashSet;

use bytes::Bytes;
use sled::{Batch, Tree};

use super::super::{self as storage, Change, Revision, StorageError};
use super::layout;
use super::lines::Size;

/// Something to write.
pub(super) enum Work {
    /// Records to keep, by their keys in the tree, and changes of documents, no two of the same: all or none. Answers the
    /// revision that written documents have from then on.
    Write {
        records: Vec<(Vec<u8>, Bytes)>,
        changes: Vec<Change>,
    },
    /// The first documents to remove, so many at most, all or none. Answers how many there were.
    Delete { prefix: String, most: usize },
    /// Keys to remove, whatever is there. Answers 0.
    Remove(Vec<sled::IVec>),
}

impl Work {
    /// For the limits of a group.
    pub(super) fn size(&self) -> Size {
        let (values, bytes) = match self {
            Self::Write { records, changes } => (records.len() + changes.len(), storage::bytes_of(records, changes)),
            Self::Delete { most, .. } => (*most, 0),
            Self::Remove(keys) => (keys.len(), 0),
        };
        Size { values, bytes }
    }
}

/// What one piece of work came to.
pub(super) type Answer = Result<u64, StorageError>;

/// Applies all work in order, and gives an answer to each. It can be read from then on, but is not durable yet.
///
/// # Errors
/// The disk's own. It is open then what has been applied.
pub(super) fn apply(tree: &Tree, number: u64, work: Vec<Work>) -> Result<Vec<Answer>, sled::Error> {
    let mut group = Group {
        tree,
        batch: Batch::default(),
        documents: HashSet::new(),
    };
    group.batch.insert(layout::GROUP_KEY, &number.to_be_bytes());
    let mut answers = Vec::with_capacity(work.len());
    for (place, work) in (0..).zip(work) {
        // Unique, and never going back: a group has less than 2^16 pieces of work, and its number is kept with it.
        let revision = Revision(number << 16 | place);
        answers.push(group.add(work, revision)?);
    }
    tree.apply_batch(group.batch)?;
    Ok(answers)
}

struct Group<'a> {
    tree: &'a Tree,
    /// What is not applied yet.
    batch: Batch,
    /// The keys of the documents that the batch changes. What the tree says of them is out of date.
    documents: HashSet<String>,
}

impl Group<'_> {
    /// Adds one piece of work, whole: a batch is all or none, also in a crash. The inner error is the work's own.
    fn add(&mut self, work: Work, revision: Revision) -> Result<Answer, sled::Error> {
        Ok(match work {
            Work::Write { records, changes } => {
                if changes.iter().any(|change| self.documents.contains(change.key())) {
                    self.settle()?;
                }
                self.write(records, changes, revision)
            }
            Work::Remove(keys) => {
                keys.into_iter().for_each(|key| self.batch.remove(key));
                Ok(0)
            }
            Work::Delete { prefix, most } => {
                self.settle()?;
                self.delete(&prefix, most)
            }
        })
    }

    /// Applies what has been added, for work that has to see it.
    fn settle(&mut self) -> Result<(), sled::Error> {
        self.documents.clear();
        self.tree.apply_batch(std::mem::take(&mut self.batch))
    }

    fn write(&mut self, records: Vec<(Vec<u8>, Bytes)>, changes: Vec<Change>, revision: Revision) -> Answer {
        // All is looked at before anything is added.
        let mut documents = Vec::with_capacity(changes.len());
        for change in changes {
            let at = layout::document_key(change.key());
            let found = self.tree.get(&at).map_err(|error| layout::broken(&at, error))?;
            let found_revision = found.as_deref().and_then(layout::revision);
            change.expect().check(change.key(), found_revision)?;
            documents.push((at, found, change));
        }
        for (at, record) in records {
            layout::insert(&mut self.batch, at, &record, Revision(0));
        }
        for (at, found, change) in documents {
            match (change, found) {
                (Change::Put { key, value, .. }, found) => {
                    if let Some(found) = found {
                        layout::remove_chunks(&mut self.batch, &at, &found, value.len());
                    }
                    layout::insert(&mut self.batch, at, &value, revision);
                    self.documents.insert(key);
                }
                (Change::Delete { key, .. }, Some(found)) => {
                    layout::remove(&mut self.batch, &at, &found);
                    self.documents.insert(key);
                }
                (Change::Delete { .. }, None) => {}
            }
        }
        Ok(revision.0)
    }

    fn delete(&mut self, prefix: &str, most: usize) -> Answer {
        let mut found = Vec::new();
        for document in self.tree.scan_prefix(layout::document_key(prefix)).take(most) {
            let (key, stored) = document.map_err(|error| layout::broken(prefix.as_bytes(), error))?;
            found.push((key, layout::header(&stored)));
        }
        // Only now that all could be read: damage in the middle would leave the half of it in the batch.
        for (key, header) in &found {
            layout::remove(&mut self.batch, key, header);
        }
        // The next one that looks has to see that they are gone.
        self.documents
            .extend(found.iter().map(|(key, _)| layout::document_name(key)));
        Ok(found.len() as u64)
    }
}
