//! How documents and records lie in sled's tree: keys, chunks, checksums.
//!
//! | key | value |
//! |---|---|
//! | `d` document key | value |
//! | `l` tenant, NUL, call (16 bytes), part (4 bytes) | value |
//! | `c` one of the keys above, number from 1 (4 bytes) | what did not fit into that value |
//! | `g` | number of the latest group of writes (8 bytes) |
//!
//! A value is a checksum over key and everything else (8 bytes), the revision (8), the whole length (4), and the first
//! chunk of the bytes. All numbers are big-endian.

use bytes::Bytes;
use sled::{Batch, Tree};

use super::super::directory::unavailable;
use super::super::{Position, Revision, StorageError, Stored};
use crate::domain::name::TenantName;

/// Largest piece of a value, in bytes. sled keeps up to 17 values in a page, and moves a page that is larger than a
/// quarter of a segment to a file of its own, which it never syncs. See [`SEGMENT_BYTES`].
pub(super) const CHUNK_BYTES: usize = 32 << 10;

/// sled's unit of allocation, in bytes: a page of the largest pieces is well below a quarter of it.
pub(super) const SEGMENT_BYTES: usize = 4 << 20;
const _: () = assert!(24 * (CHUNK_BYTES + 1_024) < SEGMENT_BYTES / 4);

/// Largest value, in bytes: as many calls and modules need, with room.
pub(super) const VALUE_BYTES_MAX: usize = 64 << 20;

/// Where the number of the latest group of writes is kept.
pub(super) const GROUP_KEY: &[u8] = b"g";

const HEADER_BYTES: usize = 20;

pub(super) fn document_key(key: &str) -> Vec<u8> {
    [b"d", key.as_bytes()].concat()
}

/// The document's own key of what [`document_key`] made.
pub(super) fn document_name(key: &[u8]) -> String {
    String::from_utf8_lossy(&key[1..]).into_owned()
}

/// What all keys of a tenant's log begin with.
pub(super) fn log_prefix(tenant: &TenantName) -> Vec<u8> {
    [b"l", tenant.as_str().as_bytes(), b"\0"].concat()
}

pub(super) fn log_key(tenant: &TenantName, position: Position) -> Vec<u8> {
    let mut key = log_prefix(tenant);
    key.extend(position.call.to_be_bytes());
    key.extend(position.part.to_be_bytes());
    key
}

/// The first key after all of a tenant's log.
pub(super) fn log_end(tenant: &TenantName) -> Vec<u8> {
    // Names have no byte below `-`, so nothing lies between NUL and 1.
    [b"l", tenant.as_str().as_bytes(), b"\x01"].concat()
}

/// The position in a key that [`log_key`] made.
pub(super) fn log_position(key: &[u8]) -> Option<Position> {
    let (rest, part) = key.split_last_chunk()?;
    let (_, call) = rest.split_last_chunk()?;
    Some(Position {
        call: u128::from_be_bytes(*call),
        part: u32::from_be_bytes(*part),
    })
}

/// What the keys of all chunks of values begin with whose own keys begin with `prefix`.
pub(super) fn chunk_prefix(prefix: &[u8]) -> Vec<u8> {
    [b"c", prefix].concat()
}

/// The key of a chunk of the value at `key`. The number has a fixed length, so no two values have the same.
fn chunk_key(key: &[u8], number: u32) -> Vec<u8> {
    [b"c", key, &number.to_be_bytes()].concat()
}

/// Refuses a value that is too large to keep.
pub(super) fn check_size(key: &[u8], value: &[u8]) -> Result<(), StorageError> {
    if value.len() <= VALUE_BYTES_MAX {
        return Ok(());
    }
    let source = format!("{} bytes are more than {VALUE_BYTES_MAX}", value.len());
    Err(unavailable(&format!("writing {}", name(key)), source))
}

/// Adds a value to the batch, in as many chunks as it takes. Its size has been checked.
pub(super) fn insert(batch: &mut Batch, key: Vec<u8>, value: &[u8], revision: Revision) {
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    let head = &value[..value.len().min(CHUNK_BYTES)];
    let mut stored = Vec::with_capacity(HEADER_BYTES + head.len());
    stored.extend(checksum(&key, revision, value));
    stored.extend(revision.0.to_be_bytes());
    stored.extend(length.to_be_bytes());
    stored.extend(head);
    for (number, chunk) in (1..).zip(value[head.len()..].chunks(CHUNK_BYTES)) {
        batch.insert(chunk_key(&key, number), chunk);
    }
    batch.insert(key, stored);
}

/// The part of a stored value that its removal needs.
pub(super) fn header(stored: &sled::IVec) -> sled::IVec {
    sled::IVec::from(&stored[..stored.len().min(HEADER_BYTES)])
}

/// Adds the removal of a value and its chunks to the batch.
pub(super) fn remove(batch: &mut Batch, key: &[u8], stored: &[u8]) {
    batch.remove(key);
    remove_chunks(batch, key, stored, 0);
}

/// Adds the removal of the chunks that a replaced value has beyond those of a new one of `length` bytes.
pub(super) fn remove_chunks(batch: &mut Batch, key: &[u8], stored: &[u8], length: usize) {
    // A value whose header cannot be read has chunks that nobody will ever look for.
    let old = stored.get(16..HEADER_BYTES).and_then(|length| length.try_into().ok());
    let old = old.map_or(0, |length| chunks(u32::from_be_bytes(length) as usize));
    for number in chunks(length) + 1..=old {
        batch.remove(chunk_key(key, number));
    }
}

/// How many chunks a value of this length has besides its head.
fn chunks(length: usize) -> u32 {
    let chunks = length.min(VALUE_BYTES_MAX).div_ceil(CHUNK_BYTES).saturating_sub(1);
    u32::try_from(chunks).unwrap_or(u32::MAX)
}

/// The revision of a stored value.
pub(super) fn revision(stored: &[u8]) -> Option<Revision> {
    let bytes = stored.get(8..16)?.try_into().ok()?;
    Some(Revision(u64::from_be_bytes(bytes)))
}

/// Puts a value together from what was found at its key, and checks it.
///
/// # Errors
/// [`StorageError::Damaged`] when what is there is not what was written. A value that was replaced meanwhile is read
/// anew instead.
pub(super) fn read(tree: &Tree, key: &[u8], mut stored: sled::IVec) -> Result<Option<Stored>, StorageError> {
    loop {
        if let Some(value) = assemble(tree, key, &stored)? {
            return Ok(Some(value));
        }
        match tree.get(key).map_err(|error| broken(key, error))? {
            None => return Ok(None),
            Some(now) if now != stored => stored = now,
            Some(_) => {
                return Err(StorageError::Damaged {
                    what: name(key),
                    why: "its checksum is wrong".to_owned(),
                });
            }
        }
    }
}

/// The value, or `None` when its parts do not belong together.
fn assemble(tree: &Tree, key: &[u8], stored: &[u8]) -> Result<Option<Stored>, StorageError> {
    let (Some(sum), Some(revision), Some(length)) = (stored.get(..8), revision(stored), stored.get(16..HEADER_BYTES))
    else {
        return Ok(None);
    };
    let length = length.try_into().map_or(0, u32::from_be_bytes) as usize;
    if length > VALUE_BYTES_MAX {
        return Ok(None);
    }
    let mut value = stored[HEADER_BYTES..].to_vec();
    for number in 1..=chunks(length) {
        match tree.get(chunk_key(key, number)).map_err(|error| broken(key, error))? {
            Some(chunk) => value.extend_from_slice(&chunk),
            None => return Ok(None),
        }
    }
    let whole = value.len() == length && checksum(key, revision, &value) == sum;
    Ok(whole.then(|| Stored {
        value: Bytes::from(value),
        revision,
    }))
}

fn checksum(key: &[u8], revision: Revision, value: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    // Tells apart where the key ends, so that no other key and value have the same sum.
    hasher.update(&(key.len() as u64).to_be_bytes()).update(key);
    hasher.update(&revision.0.to_be_bytes()).update(value);
    let mut sum = [0; 8];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    sum
}

/// For people: what is kept at this key.
pub(super) fn name(key: &[u8]) -> String {
    match (key.first(), log_position(key)) {
        (Some(b'l'), Some(position)) => {
            let tenant = key[1..].split(|byte| *byte == 0).next().unwrap_or_default();
            let call = ulid::Ulid(position.call);
            format!(
                "call {call}, record {}, of {}",
                position.part,
                String::from_utf8_lossy(tenant)
            )
        }
        (Some(b'd'), _) => document_name(key),
        _ => "the database".to_owned(),
    }
}

/// What sled's own error means for the value at this key.
pub(super) fn broken(key: &[u8], error: sled::Error) -> StorageError {
    match error {
        sled::Error::Corruption { .. } => StorageError::Damaged {
            what: name(key),
            why: "the page that holds it is not as it was written".to_owned(),
        },
        error => unavailable(&format!("reading {}", name(key)), error),
    }
}
