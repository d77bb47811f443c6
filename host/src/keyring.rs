//! The data's own keys, which lie wrapped among the data: read at start, replaced while the gateway is stopped.
//!
//! Nothing here knows what is sealed, only that it is sealed for the key of its document.

mod rotation;

use jiff::Timestamp;

use crate::storage::{Documents, Expect, StorageError, Stored};
use crate::vault::{KeySource, Keys, RootKey, RootKeyError, Vault, VaultError};

pub use self::rotation::{Rotated, Swept, rotate_data_key, rotate_root_key};

/// Where they are.
const DOCUMENT: &str = "platform/keys";

/// Why the keys are not there, or were not replaced.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The root key cannot be had, or is not the one that the keys were wrapped with.
    #[error("{origin}: {error}")]
    RootKey {
        /// Which one, as its setting is named.
        origin: String,
        /// What is wrong with it.
        error: RootKeyError,
    },
    /// There is data, and no keys.
    #[error(
        "the data directory has data and no keys: it was written by a version that is not read here, or has lost a part"
    )]
    NoKeys,
    /// There is no data either.
    #[error("there is nothing in the data directory yet, so there is no key to replace")]
    Empty,
    /// It would be replaced by itself.
    #[error("the new root key is the old one")]
    SameKey,
    /// A document does not open, so it cannot be sealed anew.
    #[error("document {place}: {error}; nothing that is sealed with the old data key is lost, and it stays")]
    Sealed {
        /// Which one.
        place: String,
        /// Why not.
        error: VaultError,
    },
    /// The store could not do it.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Opens the vault of this data. At the first start, when there is nothing yet, keys are made, and a key file if there
/// is none.
///
/// # Errors
/// When the root key is missing although there is data, or is another one, or the documents cannot be read or written.
pub async fn open(documents: &dyn Documents, source: &KeySource) -> Result<Vault, KeyringError> {
    if let Some(stored) = documents.get(DOCUMENT).await? {
        return Ok(Vault::with(unwrap(&read(source)?, source, &stored)?));
    }
    if !is_empty(documents).await? {
        return Err(KeyringError::NoKeys);
    }
    let root = source.read_or_make().map_err(|error| of(source, error))?;
    let keys = Keys::generate(Timestamp::now());
    let wrapped = root.wrap(&keys);
    documents.put(DOCUMENT, wrapped.into(), Expect::Absent).await?;
    Ok(Vault::with(keys))
}

/// The keys as they are wrapped now.
async fn stored(documents: &dyn Documents) -> Result<Stored, KeyringError> {
    match documents.get(DOCUMENT).await? {
        Some(stored) => Ok(stored),
        None if is_empty(documents).await? => Err(KeyringError::Empty),
        None => Err(KeyringError::NoKeys),
    }
}

async fn is_empty(documents: &dyn Documents) -> Result<bool, StorageError> {
    Ok(documents.page("", None, 1).await?.is_empty())
}

fn read(source: &KeySource) -> Result<RootKey, KeyringError> {
    source.read().map_err(|error| of(source, error))
}

fn unwrap(root: &RootKey, source: &KeySource, stored: &Stored) -> Result<Keys, KeyringError> {
    root.unwrap(&stored.value).map_err(|error| of(source, error))
}

fn of(source: &KeySource, error: RootKeyError) -> KeyringError {
    KeyringError::RootKey {
        origin: source.to_string(),
        error,
    }
}

#[cfg(test)]
mod tests;
