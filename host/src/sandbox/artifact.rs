//! Compiled components on disk: made once, loaded after a restart, and never trusted further than our own tag on them.

use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::compile::frame::{Frame, Verdict};
use super::inspect::{Inspection, UploadRefused};
use super::{PrepareError, engine};
use crate::domain::module::Digest;
use crate::vault::{TAG_BYTES, Vault};

/// A folder of files, each a tag followed by what the compiler said. A file's name says of which component and for which
/// engine; its tag covers the name, so that no file can stand in for another.
pub(super) struct Artifacts {
    folder: PathBuf,
    engine: Engine,
    fingerprint: u64,
    vault: Arc<Vault>,
}

/// The machine code of one tenant that is worth its place on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeShare {
    /// Of which components, each once: those first that are missed most.
    pub digests: Vec<Digest>,
    /// What its files may have together. Those for which there is no room left are not kept.
    pub bytes_max: u64,
}

/// A component's machine code, in memory.
pub(super) struct Compiled {
    pub(super) component: Component,
    pub(super) inspection: Inspection,
}

impl Artifacts {
    pub(super) fn open(folder: PathBuf, engine: Engine, vault: Arc<Vault>) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        remove(&folder, |name| name.starts_with(UNFINISHED))?;
        Ok(Self {
            folder,
            fingerprint: engine::fingerprint(&engine),
            engine,
            vault,
        })
    }

    /// The component's code, where there is some that is whole and ours.
    pub(super) fn load(&self, digest: Digest) -> Option<Compiled> {
        let name = self.name(digest);
        self.load_file(&name, &self.folder.join(&name))
    }

    fn load_file(&self, name: &str, path: &Path) -> Option<Compiled> {
        let mut file = Bytes::from(std::fs::read(path).ok()?);
        let tag = file.first_chunk::<TAG_BYTES>().copied();
        file.advance(TAG_BYTES.min(file.len()));
        if !tag.is_some_and(|tag| Vault::same(&tag, &self.vault.tag(name, &file))) {
            tracing::warn!(path = %path.display(), "a compiled component was changed or damaged; compiling it anew");
            return None;
        }
        let frame = Frame::read(file).map_err(|error| error.to_string());
        frame
            .and_then(|frame| self.accept(&frame).map_err(|error| error.to_string()))
            .inspect_err(|error| tracing::warn!(error, "compiling a component anew"))
            .ok()
    }

    /// Takes what the compiler said: the code, or why there is none.
    pub(super) fn accept(&self, frame: &Frame) -> Result<Compiled, PrepareError> {
        match &frame.head.verdict {
            Verdict::Refused(refused) => Err(refused.clone().into()),
            Verdict::Compiled { inspection, .. } => Ok(Compiled {
                // It is for this engine, or it would not have come here. So what is wrong with it is its size.
                component: self
                    .deserialize(&frame.code)
                    .map_err(|error| UploadRefused::too_large(&error))?,
                inspection: inspection.clone(),
            }),
        }
    }

    /// Keeps what the compiler said. Losing it costs a compilation and no more, so it is not worth failing for, nor a sync.
    pub(super) fn store(&self, digest: Digest, frame: &Frame) {
        let name = self.name(digest);
        let path = self.folder.join(&name);
        if let Err(error) = self.store_file(&name, &path, &frame.whole) {
            tracing::warn!(path = %path.display(), %error, "a compiled component could not be kept");
        }
    }

    fn store_file(&self, name: &str, path: &Path, said: &[u8]) -> std::io::Result<()> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < RESERVE_BYTES.saturating_add(said.len() as u64) {
            return Err(ErrorKind::StorageFull.into());
        }
        // A rename makes the file appear whole or not at all.
        let unfinished = self
            .folder
            .join(format!("{UNFINISHED}{name}-{}", ulid::Ulid::generate()));
        let write = || {
            let mut file = std::fs::File::create_new(&unfinished)?;
            file.write_all(&self.vault.tag(name, said))?;
            file.write_all(said)?;
            std::fs::rename(&unfinished, path)
        };
        write().inspect_err(|_| {
            // The disk may be full: what is of no use must not stay. What stays all the same goes at the next start.
            let _ = std::fs::remove_file(&unfinished);
        })
    }

    /// Removes the files of other components and other engines, and those that are too much for who has them.
    pub(super) fn keep(&self, shares: &[CodeShare]) {
        let mut kept = HashSet::new();
        for share in shares {
            let mut left = share.bytes_max;
            for digest in &share.digests {
                let name = self.name(*digest);
                let bytes = std::fs::metadata(self.folder.join(&name)).map_or(0, |file| file.len());
                if let Some(less) = left.checked_sub(bytes) {
                    left = less;
                    kept.insert(name);
                }
            }
        }
        // What is being written has no name yet that anybody could know.
        let unused = |name: &str| !kept.contains(name) && !name.starts_with(UNFINISHED);
        if let Err(error) = remove(&self.folder, unused) {
            tracing::warn!(folder = %self.folder.display(), %error, "compiled components that nothing uses stay");
        }
    }

    fn name(&self, digest: Digest) -> String {
        format!("{digest}-{:016x}", self.fingerprint)
    }

    #[expect(
        unsafe_code,
        reason = "machine code can only be loaded this way; see the safety comment"
    )]
    fn deserialize(&self, code: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: the bytes must be the unaltered output of this engine's compiler. They are: either they have just come out
        // of its process, through a pipe that nobody else has, or they carry a tag made with a key that is kept outside the
        // folder, over the bytes and over a name with the engine's fingerprint in it. They are checked and used from memory,
        // where nobody else can change them. Nothing here could tell what a compiler wrote that was led astray or taken over
        // by the component: that wasmparser and Cranelift are right is trusted, here as in any use of wasmtime. Their time,
        // their memory and their crashes are not; see `compile`.
        unsafe { Component::deserialize(&self.engine, code) }
    }
}

/// Bytes of the disk that machine code leaves free: twice what the stores need to go on.
const RESERVE_BYTES: u64 = 128 << 20;

/// How the name of a file begins that is still being written.
const UNFINISHED: char = '.';

/// Removes files by their names.
fn remove(folder: &Path, unused: impl Fn(&str) -> bool) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_none_or(&unused) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
