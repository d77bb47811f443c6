//! The keys that do the work. They lie among the data, wrapped with the root key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::random;

/// Every key but the root key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// For tokens, TeleCloud keys, and what orders and events are found by. It is never replaced: a hash cannot be made
    /// anew without what was hashed.
    pub(super) hash: [u8; 32],
    /// For files of our own making, which are made again when this is replaced.
    pub(super) authenticate: [u8; 32],
    /// For what is sealed, the newest last. There is always one.
    data: Vec<DataKey>,
}

/// A key that things are sealed with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct DataKey {
    /// Counts from 1. What is sealed names it.
    pub id: u32,
    /// When it was made.
    #[zeroize(skip)]
    pub made: Timestamp,
    pub(super) key: [u8; 32],
}

impl Keys {
    /// New random keys.
    #[must_use]
    pub fn generate(now: Timestamp) -> Self {
        Self {
            hash: random(),
            authenticate: random(),
            data: vec![DataKey {
                id: 1,
                made: now,
                key: random(),
            }],
        }
    }

    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        Self {
            hash: blake3::derive_key("patchbay 2026-11 hash tokens and keys", seed),
            authenticate: blake3::derive_key("patchbay 2026-11 authenticate compiled components", seed),
            data: vec![DataKey {
                id: 1,
                made: Timestamp::UNIX_EPOCH,
                key: blake3::derive_key("patchbay 2026-11 seal secrets at rest", seed),
            }],
        }
    }

    /// The data keys, the newest last.
    #[must_use]
    pub fn data_keys(&self) -> &[DataKey] {
        &self.data
    }

    /// The same keys with one more data key, which is what is sealed with from now on, and another one for files.
    #[must_use]
    pub fn with_new_data_key(&self, now: Timestamp) -> Self {
        let mut keys = self.clone();
        keys.data.push(DataKey {
            id: self.newest().id + 1,
            made: now,
            key: random(),
        });
        keys.authenticate = random();
        keys
    }

    /// The same keys without the data keys that nothing is sealed with any more.
    #[must_use]
    pub fn without_old_data_keys(&self) -> Self {
        let mut keys = self.clone();
        keys.data = vec![self.newest().clone()];
        keys
    }

    pub(super) fn newest(&self) -> &DataKey {
        self.data.last().unwrap_or_else(|| unreachable!("there is always one"))
    }

    pub(super) fn data(&self, id: u32) -> Option<&DataKey> {
        self.data.iter().find(|key| key.id == id)
    }

    /// Whether these are keys as they are made here.
    pub(super) fn are_whole(&self) -> bool {
        !self.data.is_empty()
    }
}
