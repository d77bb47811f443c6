//! Keys, and what they are for: sealing secrets at rest, hashing tokens, authenticating files of our own making.
//!
//! There are two layers. The [`RootKey`] is kept outside the data directory, so that a copy of the data is not enough to
//! read what is sealed in it; it wraps the [`Keys`], which do everything else and lie wrapped among the data. So the root
//! key can be replaced without touching anything that was sealed or hashed.
//!
//! The ability to write to the data directory is another matter: only what is sealed, and compiled components, are
//! authenticated. Whoever can write the rest can make themselves an admin.

mod keys;
mod root_key;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::domain::secret::Secret;

pub use self::keys::{DataKey, Keys};
pub use self::root_key::{KeySource, RootKey, RootKeyError};

/// Length of a tag that [`Vault::tag`] makes.
pub const TAG_BYTES: usize = 32;

/// What everything sealed begins with. No JSON does.
const SEALED: &[u8; 4] = b"PBS1";

/// [`SEALED`] and the data key's number.
const HEADER_BYTES: usize = 8;

const NONCE_BYTES: usize = 24;

/// Why something that was sealed does not open.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It does not begin as sealed bytes do.
    #[error("these are no sealed bytes")]
    NotSealed,
    /// It was sealed with a data key that is not there any more.
    #[error("it was sealed with data key {0}, which is not there any more")]
    KeyGone(u32),
    /// Sealed with another key or for another place, or changed since.
    #[error("it was sealed for another place or with another key, or has been changed")]
    DoesNotOpen,
}

/// Does what the keys are for. Cheap to share behind an `Arc`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Vault(Keys);

impl Vault {
    /// A vault whose keys all follow from a seed: for what is not kept, as in tests and benchmarks.
    #[must_use]
    pub fn new(seed: &[u8; 32]) -> Self {
        Self(Keys::from_seed(seed))
    }

    /// A vault with these keys.
    #[must_use]
    pub fn with(keys: Keys) -> Self {
        Self(keys)
    }

    /// Encrypts a secret for one place, with the newest data key. It opens again only there.
    #[must_use]
    pub fn seal(&self, place: &str, secret: &Secret) -> Vec<u8> {
        let key = self.0.newest();
        let nonce: [u8; NONCE_BYTES] = random();
        let header = header(key.id);
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: &[&header, place.as_bytes()].concat(),
        };
        let sealed = XChaCha20Poly1305::new(&key.key.into()).encrypt(&XNonce::from(nonce), payload);
        // The cipher refuses only messages of 256 GiB and more.
        let sealed = sealed.unwrap_or_else(|_| unreachable!("a secret is a short text"));
        [&header, nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts what was sealed for this very place.
    ///
    /// # Errors
    /// When it was not sealed here: with another key, for another place, or changed since.
    pub fn open_sealed(&self, place: &str, sealed: &[u8]) -> Result<Secret, VaultError> {
        let id = key_of(sealed).ok_or(VaultError::NotSealed)?;
        let key = self.0.data(id).ok_or(VaultError::KeyGone(id))?;
        let (nonce, message) = sealed[HEADER_BYTES..]
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::DoesNotOpen)?;
        let payload = Payload {
            msg: message,
            aad: &[&sealed[..HEADER_BYTES], place.as_bytes()].concat(),
        };
        let opened = XChaCha20Poly1305::new(&key.key.into())
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| VaultError::DoesNotOpen)?;
        String::from_utf8(opened)
            .map(Secret::new)
            .map_err(|_| VaultError::DoesNotOpen)
    }

    /// A document with its sealed part sealed anew, if an older data key did it. What is sealed is the whole document, or
    /// what follows its first line, and it is sealed for the document's key.
    ///
    /// # Errors
    /// When the sealed part does not open.
    pub fn reseal(&self, place: &str, document: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        let Some((open, sealed)) = sealed_part(document) else {
            return Ok(None);
        };
        if key_of(sealed) == Some(self.0.newest().id) {
            return Ok(None);
        }
        let secret = self.open_sealed(place, sealed)?;
        Ok(Some([open, &self.seal(place, &secret)].concat()))
    }

    /// Hash of a token or an API key, to be kept in its stead.
    #[must_use]
    pub fn hash(&self, token: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.0.hash, token.as_bytes()).as_bytes()
    }

    /// A keyed hash of bytes for one purpose. The same bytes hash to something else for another.
    #[must_use]
    pub fn hash_for(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        keyed(&self.0.hash, purpose, bytes)
    }

    /// Whether two hashes are equal, in a time that does not depend on where they differ.
    #[must_use]
    pub fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
        a.ct_eq(b).into()
    }

    /// A tag over the name and the bytes of a file of our own making. Made twice for the same file, it is the same.
    #[must_use]
    pub fn tag(&self, name: &str, bytes: &[u8]) -> [u8; TAG_BYTES] {
        keyed(&self.0.authenticate, name, bytes)
    }

    /// 128 new random bits as 32 hexadecimal digits, for URLs.
    #[must_use]
    pub fn new_digits() -> Secret {
        Secret::new(format!("{:032x}", u128::from_ne_bytes(random())))
    }

    /// A new bearer token: 256 random bits, as `pb_` and 64 hexadecimal digits.
    #[must_use]
    pub fn new_token() -> Secret {
        Secret::new(format!("pb_{}", blake3::Hash::from_bytes(random()).to_hex()))
    }
}

/// The name is hashed apart, so that no other name and bytes are the same text.
fn keyed(key: &[u8; 32], name: &str, bytes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(blake3::hash(name.as_bytes()).as_bytes()).update(bytes);
    *hasher.finalize().as_bytes()
}

fn header(id: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..SEALED.len()].copy_from_slice(SEALED);
    header[SEALED.len()..].copy_from_slice(&id.to_be_bytes());
    header
}

/// The number of the data key that sealed these bytes, if they are sealed.
fn key_of(sealed: &[u8]) -> Option<u32> {
    let number = sealed.strip_prefix(SEALED)?.first_chunk()?;
    Some(u32::from_be_bytes(*number))
}

/// What of a document stands in the open, and what is sealed.
fn sealed_part(document: &[u8]) -> Option<(&[u8], &[u8])> {
    if key_of(document).is_some() {
        return Some((&[], document));
    }
    // JSON has no line breaks of its own.
    let end = document.iter().position(|byte| *byte == b'\n')?;
    let (open, sealed) = document.split_at(end + 1);
    key_of(sealed).map(|_| (open, sealed))
}

/// Bytes from the system's own source.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness there is no safe way on: no key, no token.
    getrandom::fill(&mut bytes).unwrap_or_else(|error| unreachable!("the system has no randomness: {error}"));
    bytes
}

#[cfg(test)]
mod tests;
