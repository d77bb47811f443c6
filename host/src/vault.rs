//! The root key, and what it is for: sealing secrets at rest, hashing tokens, authenticating files of our own making.
//!
//! The root key is kept outside the data directory, so that neither a copy of the data nor the ability to write to it is
//! enough. Every use has a key of its own, derived from the root.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::domain::secret::Secret;

/// Length of a tag that [`Vault::tag`] makes.
pub const TAG_BYTES: usize = 32;

const NONCE_BYTES: usize = 24;

/// Why there is no vault, or why it would not open something.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file cannot be read or made.
    #[error("key file {path}: {source}")]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key file has something else in it, or others may read it.
    #[error("key file {path}: {why}")]
    BadKeyFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: &'static str,
    },
    /// What was sealed does not open: another key, another place, or changed bytes.
    #[error("the secret does not open with this key; was the key file replaced?")]
    DoesNotOpen,
}

/// Holds the keys. Cheap to share behind an `Arc`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Vault {
    seal: [u8; 32],
    hash: [u8; 32],
    authenticate: [u8; 32],
}

impl Vault {
    /// Reads the key file, or makes one of mode 0600 with a new random key if there is none.
    ///
    /// The file holds 64 hexadecimal digits: 256 bits.
    ///
    /// # Errors
    /// When the file cannot be read or made, is readable by others, or holds anything else.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        let failed = |source| VaultError::KeyFile {
            path: path.to_owned(),
            source,
        };
        let bad = |why| VaultError::BadKeyFile {
            path: path.to_owned(),
            why,
        };
        let mut text = String::new();
        match File::open(path) {
            Ok(mut file) => {
                if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
                    return Err(bad("others may read it; run chmod 600 on it"));
                }
                file.read_to_string(&mut text).map_err(failed)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                text = blake3::Hash::from_bytes(random()).to_hex().to_string();
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(failed)?;
                writeln!(file, "{text}")
                    .and_then(|()| file.sync_all())
                    // Without its name the file would be gone after a power failure, and with it every secret.
                    .and_then(|()| File::open(folder_of(path))?.sync_all())
                    .map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        let root = blake3::Hash::from_hex(text.trim()).map_err(|_| bad("it must hold 64 hexadecimal digits"))?;
        text.zeroize();
        Ok(Self::new(root.as_bytes()))
    }

    /// Derives the keys from a root key.
    #[must_use]
    pub fn new(root: &[u8; 32]) -> Self {
        Self {
            seal: blake3::derive_key("patchbay 2026-11 seal secrets at rest", root),
            hash: blake3::derive_key("patchbay 2026-11 hash tokens and keys", root),
            authenticate: blake3::derive_key("patchbay 2026-11 authenticate compiled components", root),
        }
    }

    /// Encrypts a secret for one place. It opens again only there.
    #[must_use]
    pub fn seal(&self, place: &str, secret: &Secret) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random();
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = XChaCha20Poly1305::new(&self.seal.into()).encrypt(&XNonce::from(nonce), payload);
        // The cipher refuses only messages of 256 GiB and more.
        let sealed = sealed.unwrap_or_else(|_| unreachable!("a secret is a short text"));
        [nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts what was sealed for this very place.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] for another key, another place or changed bytes.
    pub fn open_sealed(&self, place: &str, sealed: &[u8]) -> Result<Secret, VaultError> {
        let (nonce, message) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::DoesNotOpen)?;
        let payload = Payload {
            msg: message,
            aad: place.as_bytes(),
        };
        let opened = XChaCha20Poly1305::new(&self.seal.into())
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| VaultError::DoesNotOpen)?;
        String::from_utf8(opened)
            .map(Secret::new)
            .map_err(|_| VaultError::DoesNotOpen)
    }

    /// Hash of a token or an API key, to be kept in its stead.
    #[must_use]
    pub fn hash(&self, token: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.hash, token.as_bytes()).as_bytes()
    }

    /// A keyed hash of bytes for one purpose. The same bytes hash to something else for another.
    #[must_use]
    pub fn hash_for(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.hash);
        hasher.update(blake3::hash(purpose.as_bytes()).as_bytes()).update(bytes);
        *hasher.finalize().as_bytes()
    }

    /// Whether two hashes are equal, in a time that does not depend on where they differ.
    #[must_use]
    pub fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
        a.ct_eq(b).into()
    }

    /// A tag over the name and the bytes of a file of our own making. Made twice for the same file, it is the same.
    #[must_use]
    pub fn tag(&self, name: &str, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.authenticate);
        hasher.update(blake3::hash(name.as_bytes()).as_bytes()).update(bytes);
        *hasher.finalize().as_bytes()
    }

    /// A new bearer token: 256 random bits, as `pb_` and 64 hexadecimal digits.
    #[must_use]
    pub fn new_token() -> Secret {
        Secret::new(format!("pb_{}", blake3::Hash::from_bytes(random()).to_hex()))
    }
}

/// The folder that a file is in. A bare name is in the current one.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Bytes from the system's own source.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness there is no safe way on: no key, no token.
    getrandom::fill(&mut bytes).unwrap_or_else(|error| unreachable!("the system has no randomness: {error}"));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_in_its_own_place_with_its_own_key() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal("acme/sim/token", &Secret::new("hunter2".into()));
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(
            vault
                .open_sealed("acme/sim/token", &sealed)
                .expect("its own place")
                .expose(),
            "hunter2"
        );
        assert!(vault.open_sealed("other/sim/token", &sealed).is_err());
        assert!(Vault::new(&[2; 32]).open_sealed("acme/sim/token", &sealed).is_err());
        let mut changed = sealed.clone();
        changed[NONCE_BYTES] ^= 1;
        assert!(vault.open_sealed("acme/sim/token", &changed).is_err());
        assert!(vault.open_sealed("acme/sim/token", &sealed[..10]).is_err());
    }

    #[test]
    fn the_key_file_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let made = Vault::open(&path).expect("made");
        let read = Vault::open(&path).expect("read");
        assert_eq!(made.hash("x"), read.hash("x"));
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_folder_of_a_key_file_can_be_opened_whichever_way_the_file_is_named() {
        for (file, folder) in [("keys/a.key", "keys"), ("a.key", "."), ("/a.key", "/")] {
            assert_eq!(folder_of(Path::new(file)), Path::new(folder), "{file}");
        }
    }

    #[test]
    fn a_key_file_that_others_may_read_or_that_is_no_key_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "not a key").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        assert!(
            Vault::open(&path)
                .err()
                .expect("refused")
                .to_string()
                .contains("chmod 600")
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        assert!(
            Vault::open(&path)
                .err()
                .expect("refused")
                .to_string()
                .contains("64 hexadecimal")
        );
    }
}
