//! Replacing keys. Whatever interrupts it, the data opens afterwards, and the same command again goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::{DOCUMENT, KeyringError, of, read, stored, unwrap};
use crate::domain::trail::{Deed, Signature, Verb};
use crate::storage::{Change, Documents, Durability, Expect, StorageError, Stored};
use crate::trail::{Book, Trail};
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

/// Wraps the keys with another root key. One batch is written, with the entry of the platform's trail in it, so the data
/// opens with the old one or with the new one at any time, and a new key file is on the disk before.
///
/// # Errors
/// When either key cannot be had, the old one is not the one, or the batch cannot be written.
pub async fn rotate_root_key(
    documents: &Arc<dyn Documents>,
    old: &KeySource,
    new: &KeySource,
) -> Result<Rotated, KeyringError> {
    let stored = stored(&**documents).await?;
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
    let change = wrapped(&new_root, &keys, &stored);
    write_down(documents, &keys, "vault/root-key", change).await?;
    Ok(Rotated::Now)
}

/// Makes a new data key, seals with it whatever is sealed with an older one, and removes the older one, with an entry of the
/// platform's trail in the same batch. `progress` is told after each page.
///
/// # Errors
/// When the root key is not the one, something sealed does not open, or a document cannot be written. The older data key
/// stays then.
pub async fn rotate_data_key(
    documents: &Arc<dyn Documents>,
    source: &KeySource,
    mut progress: impl FnMut(Swept),
) -> Result<Swept, KeyringError> {
    let root = read(source)?;
    let mut found = stored(&**documents).await?;
    let mut keys = unwrap(&root, source, &found)?;
    // More than one is what an earlier rotation left that was interrupted: it is taken to its end.
    if keys.data_keys().len() == 1 {
        keys = keys.with_new_data_key(Timestamp::now());
        documents
            .write(vec![wrapped(&root, &keys, &found)], Durability::Synced)
            .await?;
        found = stored(&**documents).await?;
    }
    let swept = reseal(&**documents, &Vault::with(keys.clone()), &mut progress).await?;
    let keys = keys.without_old_data_keys();
    write_down(documents, &keys, "vault/data-key", wrapped(&root, &keys, &found)).await?;
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

/// The keys' document, to be written unless somebody else has meanwhile.
fn wrapped(root: &RootKey, keys: &Keys, found: &Stored) -> Change {
    Change::Put {
        key: DOCUMENT.to_owned(),
        value: Bytes::from(root.wrap(keys)),
        expect: Expect::Unchanged(found.revision),
    }
}

/// Makes the change that ends a rotation, and says so in the platform's trail. The trail is sealed with these keys.
async fn write_down(
    documents: &Arc<dyn Documents>,
    keys: &Keys,
    what: &str,
    change: Change,
) -> Result<(), StorageError> {
    let trail = Trail::new(Arc::clone(documents), Arc::new(Vault::with(keys.clone())));
    let (by, deed) = (Signature::gateway(), Deed::new(Verb::Rotate, what));
    trail.write(&Book::Platform, &by, deed, vec![change]).await?;
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
