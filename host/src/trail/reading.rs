//! Reading a trail: page by page, the newest entry first, or from its beginning to see whether it is whole.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Book, Trail, nothing};
use crate::domain::trail::Entry;
use crate::storage::StorageError;

/// Most entries of one page.
pub const PAGE_ENTRIES_MAX: usize = 200;

/// Entries that are read for one page at most. A filter that fits none of them gets an empty page, and goes on behind it.
const READ_MAX: u64 = 1_000;

/// Entries that are read in one go.
const STEP: u64 = 100;

/// Which entries to list. What is left out does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those written at this time or later.
    pub since: Option<Timestamp>,
    /// Those by someone whose id is this, or whose name has this in it.
    pub by: Option<String>,
    /// Those about something whose path has this in it.
    pub object: Option<String>,
}

impl Filter {
    fn fits(&self, entry: &Entry) -> bool {
        let by = entry.by.to_string();
        self.by.as_ref().is_none_or(|wanted| by.contains(wanted.as_str()))
            && self
                .object
                .as_ref()
                .is_none_or(|wanted| entry.object.contains(wanted.as_str()))
    }
}

/// Which part of a listing.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Entries with lower numbers than this.
    pub before: Option<u64>,
    /// At most so many, and [`PAGE_ENTRIES_MAX`].
    pub limit: usize,
}

/// An entry, and its own digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Kept {
    /// What is written.
    #[serde(flatten)]
    pub entry: Entry,
    /// BLAKE3 hash of the entry as it is written, which the next entry holds. 64 hexadecimal digits.
    pub digest: String,
}

/// A page of a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Newest first.
    pub entries: Vec<Kept>,
    /// Where the next page begins, unless this was the last.
    pub next: Option<u64>,
}

/// Whether a trail is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verification {
    /// How many entries follow each other without a gap and without a change, from the first on.
    pub entries: u64,
    /// The digest of the last of these. Kept elsewhere, it shows later that nothing before it was changed or removed.
    pub digest: String,
    /// What is wrong with the entry after these, if anything is.
    pub trouble: Option<String>,
}

impl Trail {
    /// A page of a trail, newest first.
    ///
    /// # Errors
    /// When the trail cannot be read, or an entry is missing or was changed.
    pub async fn list(&self, book: &Book, filter: &Filter, page: Page) -> Result<Listing, StorageError> {
        let (head, _) = self.head(book).await?;
        let mut end = page
            .before
            .map_or(head.number, |before| before.saturating_sub(1))
            .min(head.number);
        let (limit, last) = (page.limit.min(PAGE_ENTRIES_MAX), end.saturating_sub(READ_MAX));
        let mut entries = Vec::new();
        while end > last {
            let begin = end.saturating_sub(STEP).max(last);
            for kept in self.part(book, begin, end).await?.into_iter().rev() {
                if filter.since.is_some_and(|since| kept.entry.at < since) {
                    return Ok(Listing { entries, next: None });
                }
                end = kept.entry.number - 1;
                if filter.fits(&kept.entry) {
                    entries.push(kept);
                }
                if entries.len() == limit {
                    let next = (end > 0).then_some(end + 1);
                    return Ok(Listing { entries, next });
                }
            }
        }
        let next = (end > 0).then_some(end + 1);
        Ok(Listing { entries, next })
    }

    /// Reads a whole trail, and says up to where it is as it was written.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn verify(&self, book: &Book) -> Result<Verification, StorageError> {
        let mut good = nothing();
        let told = |good: super::Head, trouble: Option<String>| Verification {
            entries: good.number,
            digest: good.hash,
            trouble,
        };
        let head = match self.head(book).await {
            Ok((head, _)) => head,
            Err(StorageError::Damaged { what, why }) => return Ok(told(good, Some(format!("{what}: {why}")))),
            Err(error) => return Err(error),
        };
        while good.number < head.number {
            let number = good.number + 1;
            let trouble = match self.one(book, number).await {
                Ok((entry, hash)) if entry.previous == good.hash => {
                    good = super::Head {
                        number,
                        at: entry.at,
                        hash,
                    };
                    continue;
                }
                Ok(_) => "it does not follow the entry before it".to_owned(),
                Err(StorageError::Damaged { why, .. }) => why,
                Err(error) => return Err(error),
            };
            return Ok(told(good, Some(format!("entry {number}: {trouble}"))));
        }
        let trouble = (good != head).then(|| "the last entry is not the one that was written last".to_owned());
        Ok(told(good, trouble))
    }

    async fn one(&self, book: &Book, number: u64) -> Result<(Entry, String), StorageError> {
        let place = book.entry(number);
        let stored = self.documents.get(&place).await?;
        let stored = stored.ok_or_else(|| super::damaged(&place, "it is missing"))?;
        self.open(&place, &stored.value)
    }

    /// The entries after `begin`, up to `end`, in order.
    async fn part(&self, book: &Book, begin: u64, end: u64) -> Result<Vec<Kept>, StorageError> {
        let mut part = Vec::new();
        for number in begin + 1..=end {
            let (entry, digest) = self.one(book, number).await?;
            part.push(Kept { entry, digest });
        }
        Ok(part)
    }
}
