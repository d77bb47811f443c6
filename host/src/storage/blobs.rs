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

use super::directory::{DataDirectory, RESERVE_BYTES, make_folder, sync_folder, unavailable};
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
    /// Bytes that may still be written to the disk.
    room: Room,
}

/// A seam: tests give one that says that the disk is full.
type Room = Box<dyn Fn() -> std::io::Result<u64> + Send + Sync>;

impl BlobFiles {
    /// Opens the folder, or makes one, and removes what a crash left unfinished.
    pub(super) fn open(directory: &Arc<DataDirectory>) -> Result<Self, StorageError> {
        let held = directory.clone();
        Self::open_with(directory, Box::new(move || held.room()))
    }

    fn open_with(directory: &Arc<DataDirectory>, room: Room) -> Result<Self, StorageError> {
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
            folders: Arc::new(Folders {
                blobs,
                unfinished,
                room,
            }),
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
            self.check_room(bytes.len() as u64)?;
            self.write(&digest, bytes)
                .map_err(|error| unavailable(&format!("writing blob {digest}"), error))?;
        }
        Ok(digest)
    }

    /// Refuses what would leave the documents and the log without the room that they need to go on.
    fn check_room(&self, bytes: u64) -> Result<(), StorageError> {
        let room = (self.room)().map_err(|error| unavailable("asking how full the disk is", error))?;
        if room < bytes.saturating_add(RESERVE_BYTES) {
            return Err(unavailable(
                "writing a blob",
                format!("the disk is full: {room} bytes are free"),
            ));
        }
        Ok(())
    }

    /// What has a digest for its name, where that digest belongs.
    fn list(&self) -> std::io::Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for folder in std::fs::read_dir(&self.blobs)? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(folder.path())? {
                let path = file?.path();
                let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
                let digest = name.and_then(|name| Digest::try_from(name).ok());
                digests.extend(digest.filter(|digest| self.place(digest).1 == path));
            }
        }
        Ok(digests)
    }

    fn remove(&self, digest: &Digest) -> Result<(), StorageError> {
        match std::fs::remove_file(self.place(digest).1) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(unavailable(&format!("removing blob {digest}"), error))
            }
            // Not synced: what is back after a power failure is removed again by whoever looks through all of them.
            _ => Ok(()),
        }
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

    async fn list(&self) -> Result<Vec<Digest>, StorageError> {
        let folders = self.folders.clone();
        apart(move || {
            let listed = folders.list();
            listed.map_err(|error| unavailable("listing blobs", error))
        })
        .await
    }

    async fn remove(&self, digests: &[Digest]) -> Result<(), StorageError> {
        let (folders, digests) = (self.folders.clone(), digests.to_vec());
        apart(move || digests.iter().try_for_each(|digest| folders.remove(digest))).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_would_fill_the_disk_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = Arc::new(DataDirectory::open(folder.path()).expect("opened"));
        let free = Arc::new(AtomicU64::new(RESERVE_BYTES + 8));
        let room = free.clone();
        let blobs =
            BlobFiles::open_with(&directory, Box::new(move || Ok(room.load(Ordering::SeqCst)))).expect("opened");
        let error = blobs.put("nine bytes".into()).await.expect_err("no room");
        let StorageError::Unavailable { source, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(
            source.to_string(),
            format!("the disk is full: {} bytes are free", RESERVE_BYTES + 8)
        );
        assert_eq!(blobs.list().await.expect("listed"), []);
        let digest = blobs.put("8 bytes.".into()).await.expect("there is room");
        free.store(0, Ordering::SeqCst);
        assert_eq!(blobs.put("8 bytes.".into()).await.expect("it is there"), digest);
    }

    #[tokio::test]
    async fn what_is_no_blob_is_not_listed() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = Arc::new(DataDirectory::open(folder.path()).expect("opened"));
        let blobs = BlobFiles::open(&directory).expect("opened");
        let digest = blobs.put("component".into()).await.expect("kept");
        let place = blobs.folders.place(&digest).0;
        let elsewhere = blobs.folders.blobs.join("unfinished").join(digest.to_string());
        for stray in [place.join("notes"), blobs.folders.blobs.join("notes"), elsewhere] {
            std::fs::write(stray, "x").expect("written");
        }
        assert_eq!(blobs.list().await.expect("listed"), [digest]);
    }
}
