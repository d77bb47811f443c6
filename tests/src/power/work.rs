//! Work for a store that can be checked afterwards: what each worker writes follows from a seed, so what must be there
//! follows from how far it came.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use patchbay::domain::module::Digest;
use patchbay::domain::name::TenantName;
use patchbay::storage::{Change, Durability, Expect, Position, StorageError, Stores};

use super::Numbers;

/// Documents that each worker writes and removes again and again.
const DOCUMENTS: u64 = 8;

/// Most bytes of an ordinary value.
const SMALL: u64 = 600;

/// Most bytes of a large one, which takes several pieces. Few are, so that the recorder, which looks at whole files, leaves
/// time for many syncs.
const LARGE: u64 = 200_000;

/// How long the writes that may wait do so: a few of them are lost at each failure, and some are not.
const LATER: Duration = Duration::from_millis(30);

/// What some workers do to a store, each its own batches one after another.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// What they write follows from this.
    pub seed: u64,
}

/// What a worker writes at once, besides the document that says how far it came.
struct Batch {
    records: Vec<(Position, Bytes)>,
    changes: Vec<Change>,
    /// Kept before the rest.
    blob: Option<Bytes>,
    durability: Durability,
}

impl Work {
    /// Goes on with a worker's batches until a write fails. Says how many were acknowledged after each.
    ///
    /// # Errors
    /// When the store fails, or does what it should not.
    pub async fn go_on(
        &self,
        stores: &Stores,
        worker: u64,
        mut batches: u64,
        acknowledged: impl Fn(u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let tenant = tenant()?;
        let done = done_key(worker);
        let stored = stores.documents.get(&done).await?;
        let mut expect = stored.map_or(Expect::Absent, |stored| Expect::Unchanged(stored.revision));
        loop {
            let mut batch = self.batch(worker, batches);
            if let Some(blob) = batch.blob {
                stores.blobs.put(blob).await?;
            }
            if batches % 5 == 4 {
                self.conflict(stores, worker, batches).await?;
            }
            batches += 1;
            batch.changes.push(Change::Put {
                key: done.clone(),
                value: batches.to_string().into(),
                expect,
            });
            let log = &stores.log;
            let append = log.append(&tenant, batch.records, batch.changes, batch.durability);
            let revision = append.await?.context("a document was put")?;
            acknowledged(batches)?;
            expect = Expect::Unchanged(revision);
        }
    }

    /// Tries to write the batch, and nonsense, with an expectation that does not hold.
    async fn conflict(&self, stores: &Stores, worker: u64, number: u64) -> anyhow::Result<()> {
        let batch = self.batch(worker, number);
        let wrong = Change::Put {
            key: done_key(worker),
            value: "nonsense".into(),
            expect: Expect::Absent,
        };
        let changes = batch.changes.into_iter().chain([wrong]).collect();
        match stores
            .log
            .append(&tenant()?, batch.records, changes, batch.durability)
            .await
        {
            Err(StorageError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => bail!("a document that is there was written as absent"),
        }
    }

    /// Checks that a store holds the first batches of a worker, exactly, of which so many were acknowledged. Says how many
    /// there are.
    ///
    /// # Errors
    /// When it does not, or lacks one that was acknowledged as synced.
    pub async fn check(&self, stores: &Stores, worker: u64, acknowledged: u64) -> anyhow::Result<u64> {
        let tenant = tenant()?;
        let batches = match stores.documents.get(&done_key(worker)).await? {
            None => 0,
            Some(stored) => std::str::from_utf8(&stored.value)?.parse()?,
        };
        let mut numbers = (0..acknowledged).rev();
        let synced = numbers.find(|number| self.batch(worker, *number).durability == Durability::Synced);
        ensure!(
            synced.is_none_or(|last| batches > last),
            "worker {worker}: batch {synced:?} was acknowledged as synced, and only {batches} are there"
        );
        // One more may have been under way.
        ensure!(
            batches <= acknowledged + 1,
            "worker {worker}: {batches} batches are there, and {acknowledged} were acknowledged"
        );

        let mut expected = BTreeMap::new();
        for number in 0..batches {
            let batch = self.batch(worker, number);
            let records = stores.log.call(&tenant, call(worker, number)).await?;
            ensure!(
                records == batch.records,
                "worker {worker}: the records of batch {number} of {batches}"
            );
            if let Some(blob) = batch.blob {
                let kept = stores.blobs.get(&Digest::of(&blob)).await?;
                ensure!(
                    kept == Some(blob),
                    "worker {worker}: the blob of batch {number} of {batches}"
                );
            }
            for change in batch.changes {
                match change {
                    Change::Put { key, value, .. } => drop(expected.insert(key, value)),
                    Change::Delete { key, .. } => drop(expected.remove(&key)),
                }
            }
        }
        let records = stores.log.call(&tenant, call(worker, batches)).await?;
        ensure!(
            records.is_empty(),
            "worker {worker}: records of batch {batches} without the rest of it"
        );
        let found = stores.documents.list(&documents_prefix(worker)).await?;
        let found: BTreeMap<_, _> = found.into_iter().map(|(key, stored)| (key, stored.value)).collect();
        ensure!(
            found == expected,
            "worker {worker}: the documents after {batches} batches"
        );
        Ok(batches)
    }

    fn batch(&self, worker: u64, number: u64) -> Batch {
        let mut numbers = Numbers::new(self.seed ^ (worker << 40) ^ number);
        let mut changes = Vec::new();
        for document in 0..DOCUMENTS {
            let key = format!("{}{document}", documents_prefix(worker));
            let expect = Expect::Anything;
            match numbers.below(6) {
                0 => {
                    let most = if numbers.below(16) == 0 { LARGE } else { SMALL };
                    let value = bytes(&mut numbers, most);
                    changes.push(Change::Put { key, value, expect });
                }
                1 => changes.push(Change::Delete { key, expect }),
                _ => {}
            }
        }
        let records = (0..).take(if numbers.below(2) == 0 { 1 } else { 3 }).map(|part| {
            let call = call(worker, number);
            (Position { call, part }, bytes(&mut numbers, SMALL))
        });
        Batch {
            records: records.collect(),
            changes,
            blob: (number % 8 == 5).then(|| bytes(&mut Numbers::new(!self.seed ^ (worker << 40) ^ number), LARGE)),
            durability: match number % 4 {
                3 => Durability::Within(LATER),
                _ => Durability::Synced,
            },
        }
    }
}

fn bytes(numbers: &mut Numbers, most: u64) -> Bytes {
    let words = numbers.below(most / 8);
    (0..words).flat_map(|_| numbers.number().to_be_bytes()).collect()
}

fn tenant() -> anyhow::Result<TenantName> {
    Ok(TenantName::parse("acme")?)
}

/// Where it says how far a worker came.
fn done_key(worker: u64) -> String {
    format!("work/acme/done/{worker}")
}

fn documents_prefix(worker: u64) -> String {
    format!("work/acme/documents/{worker}/")
}

fn call(worker: u64, number: u64) -> u128 {
    u128::from(worker) << 64 | u128::from(number)
}
