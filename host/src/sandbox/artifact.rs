//! Compiled components on disk: made once, loaded after a restart, and never trusted further than our own tag on them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::PrepareError;
use super::inspect::UploadRefused;
use crate::domain::module::Digest;
use crate::vault::{TAG_BYTES, Vault};

/// A folder of files, each a tag followed by machine code. A file's name says of which component and for which engine; its
/// tag covers the name, so that no file can stand in for another.
pub(super) struct Artifacts {
    folder: PathBuf,
    /// Tells engines of other versions, settings or processors apart: their code is not ours to run.
    engine: u64,
    vault: Arc<Vault>,
}

impl Artifacts {
    pub(super) fn open(folder: PathBuf, engine: &Engine, vault: Arc<Vault>) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        remove_unfinished(&folder)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder,
            engine: hasher.finish(),
            vault,
        })
    }

    /// Loads the component's code, or makes it where there is none that is whole and ours.
    pub(super) fn load_or_compile(
        &self,
        engine: &Engine,
        digest: Digest,
        component: &[u8],
    ) -> Result<Component, PrepareError> {
        let name = format!("{digest}-{:016x}", self.engine);
        let path = self.folder.join(&name);
        match self.load(engine, &name, &path) {
            Some(loaded) => Ok(loaded),
            None => self.compile(engine, &name, &path, component),
        }
    }

    fn load(&self, engine: &Engine, name: &str, path: &Path) -> Option<Component> {
        let file = std::fs::read(path).ok()?;
        let (tag, code) = file.split_first_chunk::<TAG_BYTES>()?;
        if !Vault::same(tag, &self.vault.tag(name, code)) {
            tracing::warn!(path = %path.display(), "a compiled component was changed or damaged; compiling it anew");
            return None;
        }
        self.deserialize(engine, code)
            .inspect_err(|error| tracing::warn!(%error, "compiling a component anew"))
            .ok()
    }

    fn compile(&self, engine: &Engine, name: &str, path: &Path, component: &[u8]) -> Result<Component, PrepareError> {
        let code = engine
            .precompile_component(component)
            .map_err(|error| UploadRefused::invalid(format!("{error:#}")))?;
        // Losing the file costs a compilation and no more, so it is not worth failing for, nor a sync.
        if let Err(error) = self.store(name, path, &code) {
            tracing::warn!(path = %path.display(), %error, "a compiled component could not be kept");
        }
        self.deserialize(engine, &code)
            .map_err(|error| PrepareError::Failed(format!("{error:#}")))
    }

    fn store(&self, name: &str, path: &Path, code: &[u8]) -> std::io::Result<()> {
        // A rename makes the file appear whole or not at all.
        let unfinished = self
            .folder
            .join(format!("{UNFINISHED}{name}-{}", ulid::Ulid::generate()));
        let write = || {
            let mut file = std::fs::File::create_new(&unfinished)?;
            file.write_all(&self.vault.tag(name, code))?;
            file.write_all(code)?;
            std::fs::rename(&unfinished, path)
        };
        write().inspect_err(|_| {
            // The disk may be full: what is of no use must not stay. What stays all the same goes at the next start.
            let _ = std::fs::remove_file(&unfinished);
        })
    }

    #[expect(
        unsafe_code,
        reason = "machine code can only be loaded this way; see the safety comment"
    )]
    fn deserialize(&self, engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: the bytes must be the unaltered output of this engine's compiler. They are: either they have just come out
        // of it, or they carry a tag made with a key that is kept outside the folder, over the bytes and over a name with
        // the engine's compatibility hash in it. They are checked and used from memory, where nobody else can change them.
        unsafe { Component::deserialize(engine, code) }
    }
}

/// How the name of a file begins that is still being written.
const UNFINISHED: char = '.';

/// Removes what a crash has left unfinished.
fn remove_unfinished(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn only_file(folder: &Path) -> PathBuf {
        let mut files = std::fs::read_dir(folder)
            .expect("listed")
            .map(|entry| entry.expect("entry").path());
        let file = files.next().expect("one file");
        assert_eq!(files.next(), None, "no more than one");
        file
    }

    #[test]
    fn a_component_is_compiled_once_and_a_changed_file_is_never_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = super::super::engine::engine(1).expect("an engine");
        let vault = Arc::new(Vault::new(&[7; 32]));
        let artifacts = Artifacts::open(folder.path().to_owned(), &engine, vault).expect("opened");
        let digest = Digest::of(EMPTY);
        artifacts.load_or_compile(&engine, digest, EMPTY).expect("compiled");
        let file = only_file(folder.path());
        let name = file.file_name().expect("a name").to_str().expect("text").to_owned();
        assert!(artifacts.load(&engine, &name, &file).is_some(), "loaded from disk");

        let whole = std::fs::read(&file).expect("read");
        for flipped in [0, TAG_BYTES, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[flipped] ^= 1;
            std::fs::write(&file, changed).expect("written");
            assert!(
                artifacts.load(&engine, &name, &file).is_none(),
                "byte {flipped} was flipped"
            );
        }
        std::fs::write(&file, &whole[..10]).expect("written");
        assert!(artifacts.load(&engine, &name, &file).is_none(), "cut short");
        artifacts
            .load_or_compile(&engine, digest, EMPTY)
            .expect("compiled anew");
        assert_eq!(std::fs::read(&file).expect("read").len(), whole.len());

        let other = folder.path().join("other");
        std::fs::rename(&file, &other).expect("renamed");
        assert!(
            artifacts.load(&engine, "other", &other).is_none(),
            "a file under another's name"
        );
    }

    #[test]
    fn nothing_unfinished_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = super::super::engine::engine(1).expect("an engine");
        let names = || {
            let entries = std::fs::read_dir(folder.path()).expect("listed");
            let names: Vec<_> = entries.map(|entry| entry.expect("entry").file_name()).collect();
            names
        };
        for name in ["kept", ".half-written"] {
            std::fs::write(folder.path().join(name), "x").expect("written");
        }
        let vault = Arc::new(Vault::new(&[7; 32]));
        let artifacts = Artifacts::open(folder.path().to_owned(), &engine, vault).expect("opened");
        assert_eq!(names(), ["kept"], "after a crash");

        let taken = folder.path().join("taken");
        std::fs::create_dir(&taken).expect("a folder");
        std::fs::remove_file(folder.path().join("kept")).expect("removed");
        artifacts
            .store("taken", &taken, b"code")
            .expect_err("a file cannot replace a folder");
        assert_eq!(names(), ["taken"], "after an error");
    }
}
