//! The trail: who changed what, when and from where. Written in the same batch as the change, and only ever longer.
//!
//! The platform has one trail and each tenant another, so that no tenant can fill or read another's. They are kept apart
//! from what is kept of tenants, and outlive them. Entries are sealed for their places and linked by hashes. There is no way
//! here to change or remove one, and what is secret must not be handed in.

mod reading;
mod refusals;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

pub use self::reading::{Filter, Kept, Listing, PAGE_ENTRIES_MAX, Page, Verification};

use self::refusals::Refusals;
use crate::domain::name::TenantName;
use crate::domain::secret::Secret;
use crate::domain::trail::{Actor, Deed, Entry, Signature, Verb};
use crate::storage::{Change, Documents, Durability, Expect, Revision, StorageError};
use crate::vault::Vault;

/// Whose trail.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Book {
    /// What only the platform admin can do, and what the gateway does by itself.
    Platform,
    /// What a tenant can do. It is there also when the tenant is not.
    Tenant(TenantName),
}

impl Book {
    /// Where its newest entry is said to be. A folder to itself: one tenant's name may be the start of another's.
    fn head(&self) -> String {
        match self {
            Self::Platform => "trail/head/platform".to_owned(),
            Self::Tenant(tenant) => format!("trail/head/tenants/{tenant}/head"),
        }
    }

    /// Everything in it.
    fn folder(&self) -> String {
        match self {
            Self::Platform => "trail/entries/platform/".to_owned(),
            Self::Tenant(tenant) => format!("trail/entries/tenants/{tenant}/"),
        }
    }

    /// Padded, so that keys are in the order of numbers.
    fn entry(&self, number: u64) -> String {
        format!("{}{number:020}", self.folder())
    }
}

/// The newest entry of a trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    number: u64,
    at: Timestamp,
    /// Of the entry as it was written, before it was sealed.
    hash: String,
}

/// What the first entry follows.
fn nothing() -> Head {
    Head {
        number: 0,
        at: Timestamp::MIN,
        hash: blake3::hash(b"").to_hex().to_string(),
    }
}

/// All trails.
pub struct Trail {
    documents: Arc<dyn Documents>,
    vault: Arc<Vault>,
    /// Whose turn it is to write an entry. Grows by the tenants that there ever were.
    turns: Mutex<HashMap<Book, Arc<tokio::sync::Mutex<()>>>>,
    refusals: Refusals,
}

/// An entry that is about to be written. Until this is dropped nobody else writes into the same trail.
#[must_use]
pub struct Pending {
    /// To be written in one batch with the change that they are about.
    pub changes: Vec<Change>,
    _turn: OwnedMutexGuard<()>,
}

impl Trail {
    /// The trails in these documents.
    #[must_use]
    pub fn new(documents: Arc<dyn Documents>, vault: Arc<Vault>) -> Self {
        Self {
            documents,
            vault,
            turns: Mutex::default(),
            refusals: Refusals::default(),
        }
    }

    /// Makes changes, and says in a trail who did. All of it or none, durably once this returns.
    ///
    /// # Errors
    /// As [`Documents::write`]. A change whose entry cannot be written does not happen.
    pub async fn write(
        &self,
        book: &Book,
        by: &Signature,
        deed: Deed,
        changes: Vec<Change>,
    ) -> Result<Option<Revision>, StorageError> {
        let mut pending = self.begin(book, by, deed).await?;
        pending.changes.extend(changes);
        self.documents.write(pending.changes, Durability::Synced).await
    }

    /// Writes an entry for what changes no document here, durably once this returns.
    ///
    /// # Errors
    /// When it could not be written. Then what it is about must not be done.
    pub async fn note(&self, book: &Book, by: &Signature, deed: Deed) -> Result<(), StorageError> {
        self.write(book, by, deed, Vec::new()).await.map(drop)
    }

    /// Writes that somebody who is known tried what they may not. Tries of the same thing, by tokens of the same tenant from
    /// the same network, are counted, and only the first, the tenth and so on are entries. That one could not be written is
    /// no reason to refuse otherwise, so the log says so and nobody else.
    pub async fn refused(&self, book: &Book, by: &Signature, what: &str, object: &str) {
        let tenant = match &by.actor {
            Actor::Token { tenant, .. } => Some(tenant),
            _ => None,
        };
        let Some(tries) = self.refusals.count(tenant, what, by.from, Instant::now()) else {
            return;
        };
        let deed = Deed::new(Verb::Refuse, object).after(&serde_json::json!({"tried": what, "tries": tries}));
        if let Err(error) = self.note(book, by, deed).await {
            tracing::error!(%error, what, "a refused try could not be written into the trail");
        }
    }

    /// Prepares an entry, for those who write their changes by another way.
    ///
    /// # Errors
    /// When the trail cannot be read.
    pub async fn begin(&self, book: &Book, by: &Signature, deed: Deed) -> Result<Pending, StorageError> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(book.clone()).or_default())
        };
        let turn = turn.lock_owned().await;
        // Read each time: after a write that failed only the store knows whether it was made.
        let (head, expect) = self.head(book).await?;
        let entry = Entry {
            number: head.number + 1,
            at: Timestamp::now().max(just_after(head.at)),
            by: by.actor.clone(),
            from: by.from,
            verb: deed.verb,
            object: deed.object,
            before: deed.before,
            after: deed.after,
            previous: head.hash,
        };
        let (place, text) = (book.entry(entry.number), json(&entry)?);
        let head = Head {
            number: entry.number,
            at: entry.at,
            hash: hash(&text),
        };
        let changes = vec![
            self.put(place, text, Expect::Absent),
            self.put(book.head(), json(&head)?, expect),
        ];
        Ok(Pending { changes, _turn: turn })
    }

    /// A time that is later than all that a trail has in it, and no earlier than now.
    ///
    /// # Errors
    /// When the trail cannot be read.
    pub async fn after_all(&self, book: &Book) -> Result<Timestamp, StorageError> {
        let (head, _) = self.head(book).await?;
        Ok(Timestamp::now().max(just_after(head.at)))
    }

    async fn head(&self, book: &Book) -> Result<(Head, Expect), StorageError> {
        let place = book.head();
        if let Some(stored) = self.documents.get(&place).await? {
            let head = self.open(&place, &stored.value)?.0;
            return Ok((head, Expect::Unchanged(stored.revision)));
        }
        if self.documents.get(&book.entry(1)).await?.is_some() {
            return Err(damaged(&place, "it is missing, and there are entries"));
        }
        Ok((nothing(), Expect::Absent))
    }

    fn put(&self, key: String, text: String, expect: Expect) -> Change {
        let value = self.vault.seal(&key, &Secret::new(text)).into();
        Change::Put { key, value, expect }
    }

    /// What was sealed, and its hash.
    fn open<T: DeserializeOwned>(&self, place: &str, sealed: &[u8]) -> Result<(T, String), StorageError> {
        let text = self.vault.open_sealed(place, sealed);
        let text = text.map_err(|error| damaged(place, &error.to_string()))?;
        let value = serde_json::from_str(text.expose()).map_err(|error| damaged(place, &error.to_string()))?;
        Ok((value, hash(text.expose())))
    }
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn json(value: &impl Serialize) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError::Unavailable {
        doing: "writing an entry of the trail as JSON".to_owned(),
        source: error.into(),
    })
}

fn damaged(what: &str, why: &str) -> StorageError {
    StorageError::Damaged {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}

/// The clock may have been set back since that entry: what comes later has a later time all the same.
fn just_after(entry: Timestamp) -> Timestamp {
    let later = entry.saturating_add(jiff::SignedDuration::from_nanos(1));
    later.unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
