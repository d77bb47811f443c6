//! Large bytes in files that are named by their digest.
//!
//! A file has its name only once it is whole and on the disk: it is written elsewhere, synced, renamed, and its folder is
//! synced. What is read is checked against its name.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ulid::Ulid;

use super::directory::{DataDirectory, make_folder, sync_folder, unavailable};
use super::{Blobs, StorageError};
use crate::domain::module::Digest;

/// Blobs in the folder `blobs` of a data directory, in 256 folders by their first two digits.
pub(super) struct BlobFiles {
    folders: Arc<Folders>,
    _directory: Arc<DataDirectory>,
}

struct Folders {
    blobs: PathBuf,
    /// Holds what is being written. Emptied at start.
    unfinished: PathBuf,
}

impl BlobFiles {
    /// Opens the folder, or makes one, and removes what a crash left unfinished.
    pub(super) fn open(directory: &Arc<DataDirectory>) -> Result<Self, StorageError> {
        let blobs = directory.path().join("blobs");
        let unfinished = blobs.join("unfinished");
        let prepare = || {
            make_folder(&unfinished)?;
            for entry in std::fs::read_dir(&unfinished)? {
                std::fs::remove_file(entry?.path())?;
            }
            sync_folder(&blobs)
        };
        prepare().map_err(|error| unavailable(&format!("opening {}", blobs.display()), error))?;
        Ok(Self {
            folders: Arc::new(Folders { blobs, unfinished }),
            _directory: directory.clone(),
        })
    }
}

impl Folders {
    /// The blob's folder, and its file there.
    fn place(&self, digest: &Digest) -> (PathBuf, PathBuf) {
        let name = digest.to_string();
        let folder = self.blobs.join(&name[..2]);
        let file = folder.join(name);
        (folder, file)
    }

    fn get(&self, digest: &Digest) -> Result<Option<Bytes>, StorageError> {
        let bytes = match std::fs::read(self.place(digest).1) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unavailable(&format!("reading blob {digest}"), error)),
        };
        if Digest::of(&bytes) != *digest {
            return Err(StorageError::Damaged {
                what: format!("blob {digest}"),
                why: "its bytes have another digest".to_owned(),
            });
        }
        Ok(Some(Bytes::from(bytes)))
    }

    fn put(&self, bytes: &[u8]) -> Result<Digest, StorageError> {
        let digest = Digest::of(bytes);
        // One that is damaged is written anew.
        if !matches!(self.get(&digest), Ok(Some(_))) {
            self.write(&digest, bytes)
                .map_err(|error| unavailable(&format!("writing blob {digest}"), error))?;
        }
        Ok(digest)
    }

    fn write(&self, digest: &Digest, bytes: &[u8]) -> std::io::Result<()> {
        let (folder, file) = self.place(digest);
        let unfinished = self.unfinished.join(Ulid::generate().to_string());
        let written = write_file(&unfinished, bytes)
            .and_then(|()| make_folder(&folder))
            .and_then(|()| std::fs::rename(&unfinished, &file));
        if written.is_err() {
            // The next start removes it where this fails as well.
            let _ = std::fs::remove_file(&unfinished);
        }
        written?;
        sync_folder(&folder)?;
        sync_folder(&self.blobs)
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reading, hashing and syncing 20 MiB takes tens of milliseconds: not on a thread that serves calls.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(unavailable("reading or writing a blob", error)))
}

#[async_trait]
impl Blobs for BlobFiles {
    async fn put(&self, bytes: Bytes) -> Result<Digest, StorageError> {
        let folders = self.folders.clone();
        apart(move || folders.put(&bytes)).await
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, StorageError> {
        let (folders, digest) = (self.folders.clone(), *digest);
        apart(move || folders.get(&digest)).await
    }
}
