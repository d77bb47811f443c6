//! The root key: where it comes from, and the one thing that it does.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Keys, NONCE_BYTES, random};
use crate::domain::secret::Secret;

/// What wrapped keys begin with.
const WRAPPED: &[u8; 4] = b"PBK1";

/// What they are bound to.
const PURPOSE: &[u8] = b"patchbay data keys";

const DIGITS: &str = "it must hold 64 hexadecimal digits; try `openssl rand -hex 32`";

/// Why there is no root key, or why it is not the right one.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The key file cannot be read or made.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The data was written with a key that is not there.
    #[error("the file is missing, and the data was written with the key in it; put it back")]
    Missing,
    /// There is a key, and it cannot be taken.
    #[error("{0}")]
    Bad(&'static str),
    /// What was wrapped does not open: another key, or changed bytes.
    #[error("the data was written with another key; put that one back")]
    OtherKey,
    /// What was wrapped is nothing that was wrapped here.
    #[error("the data's own keys are not as they were written; restore the data directory from a backup")]
    Damaged,
}

/// Where the root key comes from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file of 64 hexadecimal digits, for its owner only.
    File(PathBuf),
    /// The same digits, given by the environment.
    Given(Secret),
}

impl KeySource {
    /// Reads the key, which has to be there.
    ///
    /// # Errors
    /// When it is not there, cannot be read, is readable by others, or is no key.
    pub fn read(&self) -> Result<RootKey, RootKeyError> {
        let digits = match self {
            Self::Given(digits) => return RootKey::parse(digits.expose()),
            Self::File(path) => read(path)?,
        };
        RootKey::parse(&digits.ok_or(RootKeyError::Missing)?)
    }

    /// Reads the key, or makes a file of mode 0600 with a new random one if there is none.
    ///
    /// # Errors
    /// When it cannot be read or made, is readable by others, or is no key.
    pub fn read_or_make(&self) -> Result<RootKey, RootKeyError> {
        if let Self::File(path) = self
            && read(path)?.is_none()
        {
            make(path)?;
        }
        self.read()
    }

    /// Whether this is a file in that folder, whichever way the two are named.
    #[must_use]
    pub fn is_inside(&self, folder: &Path) -> bool {
        let Self::File(path) = self else { return false };
        let Ok(folder) = folder.canonicalize() else {
            return false;
        };
        // A file that is still to be made is where its folder is.
        let found = path.canonicalize().or_else(|_| folder_of(path).canonicalize());
        found.is_ok_and(|found| found.starts_with(&folder))
    }
}

/// As its setting is named.
impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "key_file {}", path.display()),
            Self::Given(_) => f.write_str("PATCHBAY_KEY"),
        }
    }
}

/// The key that wraps the others.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RootKey([u8; 32]);

impl RootKey {
    /// Takes 256 bits as 64 hexadecimal digits.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(digits: &str) -> Result<Self, RootKeyError> {
        let root = blake3::Hash::from_hex(digits.trim()).map_err(|_| RootKeyError::Bad(DIGITS))?;
        Ok(Self(blake3::derive_key(
            "patchbay 2026-11 wrap data keys",
            root.as_bytes(),
        )))
    }

    /// Encrypts the keys, to be kept among the data.
    #[must_use]
    pub fn wrap(&self, keys: &Keys) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random();
        let text = serde_json::to_vec(keys).unwrap_or_else(|_| unreachable!("numbers and times are JSON"));
        let text = Zeroizing::new(text);
        let payload = Payload {
            msg: &text,
            aad: PURPOSE,
        };
        let wrapped = XChaCha20Poly1305::new(&self.0.into()).encrypt(&XNonce::from(nonce), payload);
        let wrapped = wrapped.unwrap_or_else(|_| unreachable!("a few keys are a short text"));
        [WRAPPED.as_slice(), &nonce, &wrapped].concat()
    }

    /// Decrypts what [`Self::wrap`] made with this very key.
    ///
    /// # Errors
    /// When it was made with another key, or is nothing that was made here.
    pub fn unwrap(&self, wrapped: &[u8]) -> Result<Keys, RootKeyError> {
        let rest = wrapped.strip_prefix(WRAPPED).ok_or(RootKeyError::Damaged)?;
        let (nonce, message) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(RootKeyError::Damaged)?;
        let payload = Payload {
            msg: message,
            aad: PURPOSE,
        };
        let opened = XChaCha20Poly1305::new(&self.0.into()).decrypt(&XNonce::from(*nonce), payload);
        let opened = Zeroizing::new(opened.map_err(|_| RootKeyError::OtherKey)?);
        let keys: Keys = serde_json::from_slice(&opened).map_err(|_| RootKeyError::Damaged)?;
        keys.are_whole().then_some(keys).ok_or(RootKeyError::Damaged)
    }
}

/// What the file holds, if there is one.
fn read(path: &Path) -> Result<Option<Zeroizing<String>>, RootKeyError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(RootKeyError::Bad("others may read it; run chmod 600 on it"));
    }
    let mut digits = Zeroizing::new(String::new());
    match file.read_to_string(&mut digits) {
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(RootKeyError::Bad(DIGITS)),
        read => Ok(read.map(|_| Some(digits))?),
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    let digits = Zeroizing::new(blake3::Hash::from_bytes(random()).to_hex().to_string());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", *digits)?;
    file.sync_all()?;
    // Without its name the file would be gone after a power failure, and with it every secret.
    File::open(folder_of(path))?.sync_all()
}

/// The folder that a file is in. A bare name is in the current one.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use jiff::Timestamp;

    use super::*;

    fn root(byte: u8) -> RootKey {
        RootKey([byte; 32])
    }

    #[test]
    fn keys_are_unwrapped_by_the_key_that_wrapped_them_and_by_no_other() {
        let keys = Keys::generate(Timestamp::UNIX_EPOCH).with_new_data_key(Timestamp::UNIX_EPOCH);
        let wrapped = root(1).wrap(&keys);
        assert!(root(1).unwrap(&wrapped).expect("its own key") == keys);
        assert!(matches!(root(2).unwrap(&wrapped), Err(RootKeyError::OtherKey)));
    }

    #[test]
    fn wrapped_keys_that_were_changed_anywhere_or_cut_off_are_refused() {
        let wrapped = root(1).wrap(&Keys::generate(Timestamp::UNIX_EPOCH));
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(root(1).unwrap(&changed).is_err(), "byte {at}");
            assert!(root(1).unwrap(&wrapped[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_key_file_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let source = KeySource::File(path.clone());
        assert!(matches!(source.read(), Err(RootKeyError::Missing)));
        assert!(!path.exists(), "reading makes nothing");
        let made = source.read_or_make().expect("made");
        assert!(source.read_or_make().expect("read") == made);
        assert!(source.read().expect("read") == made);
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        let given = KeySource::Given(Secret::new(std::fs::read_to_string(&path).expect("text")));
        assert!(
            given.read_or_make().expect("given") == made,
            "the same digits are the same key"
        );
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_no_key_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let source = KeySource::File(path.clone());
        let refused = || source.read_or_make().err().expect("refused").to_string();
        for content in [&b"not a key"[..], b"", b"\xff\xfe", &[b'0'; 63], &[b'g'; 64]] {
            std::fs::write(&path, content).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).expect("set");
            assert!(refused().contains("chmod 600"));
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
            assert!(refused().contains("64 hexadecimal"), "{content:?}");
        }
        let given = KeySource::Given(Secret::new("00".repeat(31)));
        assert!(given.read().is_err());
    }

    #[test]
    fn a_key_file_in_a_folder_is_found_to_be_there_whichever_way_it_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("below")).expect("made");
        std::fs::write(data.join("there"), "").expect("written");
        symlink(data.join("there"), folder.path().join("link")).expect("linked");
        symlink(&data, folder.path().join("other-data")).expect("linked");
        for (file, inside) in [
            ("data/key", true),
            ("data/below/key", true),
            ("data.key", false),
            ("data/../key", false),
            ("other-data/key", true),
            ("link", true),
            ("nowhere/key", false),
        ] {
            let source = KeySource::File(folder.path().join(file));
            assert_eq!(source.is_inside(&data), inside, "{file}");
        }
        assert!(!KeySource::Given(Secret::new(String::new())).is_inside(&data));
    }

    #[test]
    fn the_folder_of_a_key_file_can_be_opened_whichever_way_the_file_is_named() {
        for (file, folder) in [("keys/a.key", "keys"), ("a.key", "."), ("/a.key", "/")] {
            assert_eq!(folder_of(Path::new(file)), Path::new(folder), "{file}");
        }
    }
}
