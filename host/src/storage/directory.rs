//! The data directory: one process at a time, a known format, and a mark that says how much was acknowledged.
//!
//! Nothing here knows what the stores keep in their folders.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::StorageError;

/// What the `format` file of a directory that this program can read says.
const FORMAT: &str = "patchbay data, format 1\n";

/// The mark is the number of acknowledged groups and a checksum over it, 8 bytes each.
const MARK_BYTES: usize = 16;

/// Bytes of the disk that are left free. Writes are refused before the disk is full, because a store that has met a
/// full disk in the middle of a write takes no more until it is opened again.
pub(super) const RESERVE_BYTES: u64 = 64 << 20;

/// A data directory that this process holds alone for as long as this lives.
#[derive(Debug)]
pub(super) struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Opens the directory, or makes one of mode 0700.
    ///
    /// # Errors
    /// When another process has it open, when it has a format that is not known here, or when the system refuses.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let failed = |error| unavailable(&format!("opening the data directory {}", path.display()), error);
        make_folder(path).map_err(failed)?;
        let lock = file(true).open(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failed(std::io::Error::other(
                    "another patchbay process has it open; stop that one, or give this one a directory of its own",
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        match std::fs::read(path.join("format")) {
            Ok(format) if format == FORMAT.as_bytes() => {}
            Ok(format) => {
                let found = String::from_utf8_lossy(&format);
                return Err(failed(std::io::Error::other(format!(
                    "its format is {:?} and this program reads {FORMAT:?}; run the version that wrote it",
                    found.chars().take(80).collect::<String>(),
                ))));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the directory was in use before: everything that belongs there has been made.
    pub(super) fn is_made(&self) -> bool {
        self.path.join("format").exists()
    }

    /// Writes the format down, last of all, so that a directory with a format is whole.
    pub(super) fn made(&self) -> std::io::Result<()> {
        if self.is_made() {
            return Ok(());
        }
        let unfinished = self.path.join("format.unfinished");
        let mut format = file(true).open(&unfinished)?;
        format.write_all(FORMAT.as_bytes())?;
        format.sync_all()?;
        std::fs::rename(&unfinished, self.path.join("format"))?;
        sync_folder(&self.path)
    }

    /// Bytes that may still be written to this file system.
    pub(super) fn room(&self) -> std::io::Result<u64> {
        let system = rustix::fs::statvfs(&self.path)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }
}

/// How many groups of writes were acknowledged. A lower bound: it is written after each acknowledged group and not
/// synced, so a power failure can leave it some seconds behind, but never ahead.
///
/// A log-structured store takes a damaged record for the torn end of its log, and goes on with what is before it. Only
/// a witness outside of the store can tell that there was more.
#[derive(Debug)]
pub(super) struct Mark(File);

impl Mark {
    /// Opens the mark of this directory, or makes one at 0.
    pub(super) fn open(directory: &DataDirectory) -> Result<(Self, u64), StorageError> {
        let path = directory.path.join("acknowledged");
        let failed = |error| unavailable(&format!("opening {}", path.display()), error);
        let mark = Self(file(false).open(&path).map_err(failed)?);
        if !directory.is_made() {
            mark.set(0).and_then(|()| mark.0.sync_all()).map_err(failed)?;
        }
        let bytes = std::fs::read(&path).map_err(failed)?;
        let number = bytes.first_chunk().map_or(0, |number| u64::from_be_bytes(*number));
        if bytes != Self::encode(number) {
            return Err(StorageError::Damaged {
                what: path.display().to_string(),
                why: "it is not as it was written; restore the data directory from a backup".to_owned(),
            });
        }
        Ok((mark, number))
    }

    pub(super) fn set(&self, groups: u64) -> std::io::Result<()> {
        self.0.write_all_at(&Self::encode(groups), 0)
    }

    fn encode(groups: u64) -> [u8; MARK_BYTES] {
        let number = groups.to_be_bytes();
        let mut mark = [0; MARK_BYTES];
        mark[..8].copy_from_slice(&number);
        mark[8..].copy_from_slice(&blake3::hash(&number).as_bytes()[..8]);
        mark
    }
}

/// Makes a folder of mode 0700, and those above it, where there is none, so that a power failure does not take their
/// names.
pub(super) fn make_folder(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    // The folder above a relative path of one name is the current one.
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => Path::new("/"),
    };
    make_folder(above)?;
    match DirBuilder::new().mode(0o700).create(path) {
        // Another thread was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_folder(above)
}

/// Makes the names in a folder durable: a file that was synced can still lose its name.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

fn file(truncate: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(truncate)
        .mode(0o600);
    options
}

pub(super) fn unavailable(doing: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
    StorageError::Unavailable {
        doing: doing.to_owned(),
        source: source.into(),
    }
}
