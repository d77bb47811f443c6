//! Replacing keys. Whatever interrupts it, the data opens afterwards, and the same command again goes on where it was.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::{DOCUMENT, KeyringError, of, read, stored, unwrap};
use crate::storage::{Change, Documents, Durability, Expect, Stored};
use crate::vault::{KeySource, Keys, RootKey, RootKeyError, Vault};

/// Documents that are looked at, and written, in one go. The largest have some 60 KiB.
const PAGE: usize = 200;

/// What is sealed anew may be lost in a crash, because it is done again then; only the order of writes matters.
const UNHURRIED: Durability = Durability::Within(Duration::from_secs(1));

/// What came of replacing the root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// It was replaced.
    Now,
    /// It had been replaced by this very key before, and its command was interrupted.
    Before,
}

/// How far the sealing anew is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Documents that were looked at.
    pub seen: usize,
    /// Documents that were sealed anew.
    pub resealed: usize,
}

/// Wraps the keys with another root key. One document is written, so the data opens with the old one or with the new one
/// at any time, and a new key file is on the disk before.
///
/// # Errors
/// When either key cannot be had, the old one is not the one, or the document cannot be written.
pub async fn rotate_root_key(
    documents: &dyn Documents,
    old: &KeySource,
    new: &KeySource,
) -> Result<Rotated, KeyringError> {
    let stored = stored(documents).await?;
    let old_root = read(old)?;
    let keys = match unwrap(&old_root, old, &stored) {
        Ok(keys) => keys,
        Err(error) if is_other_key(&error) => {
            let is_new = new.read().is_ok_and(|new| new.unwrap(&stored.value).is_ok());
            return if is_new { Ok(Rotated::Before) } else { Err(error) };
        }
        Err(error) => return Err(error),
    };
    let new_root = new.read_or_make().map_err(|error| of(new, error))?;
    if new_root == old_root {
        return Err(KeyringError::SameKey);
    }
    write(documents, &new_root, &keys, &stored).await?;
    Ok(Rotated::Now)
}

/// Makes a new data key, seals with it whatever is sealed with an older one, and removes the older one. `progress` is told
/// after each page.
///
/// # Errors
/// When the root key is not the one, something sealed does not open, or a document cannot be written. The older data key
/// stays then.
pub async fn rotate_data_key(
    documents: &dyn Documents,
    source: &KeySource,
    mut progress: impl FnMut(Swept),
) -> Result<Swept, KeyringError> {
    let root = read(source)?;
    let mut found = stored(documents).await?;
    let mut keys = unwrap(&root, source, &found)?;
    // More than one is what an earlier rotation left that was interrupted: it is taken to its end.
    if keys.data_keys().len() == 1 {
        keys = keys.with_new_data_key(Timestamp::now());
        write(documents, &root, &keys, &found).await?;
        found = stored(documents).await?;
    }
    let swept = reseal(documents, &Vault::with(keys.clone()), &mut progress).await?;
    write(documents, &root, &keys.without_old_data_keys(), &found).await?;
    Ok(swept)
}

/// Seals everything with the newest key that is not sealed with it.
async fn reseal(
    documents: &dyn Documents,
    vault: &Vault,
    progress: &mut impl FnMut(Swept),
) -> Result<Swept, KeyringError> {
    let (mut swept, mut after) = (Swept::default(), None);
    loop {
        let page = documents.page("", after.as_deref(), PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(swept);
        };
        after = Some(last.clone());
        let mut changes = Vec::new();
        for (place, stored) in &page {
            let again = vault
                .reseal(place, &stored.value)
                .map_err(|error| KeyringError::Sealed {
                    place: place.clone(),
                    error,
                })?;
            changes.extend(again.map(|value| Change::Put {
                key: place.clone(),
                value: value.into(),
                expect: Expect::Unchanged(stored.revision),
            }));
        }
        swept.seen += page.len();
        swept.resealed += changes.len();
        if !changes.is_empty() {
            documents.write(changes, UNHURRIED).await?;
        }
        progress(swept);
    }
}

async fn write(documents: &dyn Documents, root: &RootKey, keys: &Keys, found: &Stored) -> Result<(), KeyringError> {
    let wrapped = Bytes::from(root.wrap(keys));
    documents
        .put(DOCUMENT, wrapped, Expect::Unchanged(found.revision))
        .await?;
    Ok(())
}

fn is_other_key(error: &KeyringError) -> bool {
    matches!(
        error,
        KeyringError::RootKey {
            error: RootKeyError::OtherKey,
            ..
        }
    )
}
