//! Power failures: what of a program's files would be left if the machine lost power right now.
//!
//! The program runs with the library of `tests/power` preloaded, which records what it syncs. Killed, it has lost what
//! was in its memory; what the system had in its own is lost with [`PowerLoss::fail`].

mod work;

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use tempfile::TempDir;

pub use self::work::Work;
use crate::gateway;

/// What a disk writes at once, in bytes.
const PAGE_BYTES: u64 = 4 << 10;

/// What becomes of bytes that were written and not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// None of them reached the disk.
    Lost,
    /// Some pages did and others did not, in no order, as this seed has it: the system writes them when it likes.
    Partly(u64),
}

/// A folder whose syncs are recorded.
pub struct PowerLoss {
    root: PathBuf,
    shadow: TempDir,
}

impl PowerLoss {
    /// Watches a folder. What is in it now counts as synced.
    ///
    /// # Errors
    /// When the library is not built, with the command that builds it, or the system refuses.
    pub fn watch(root: &Path) -> anyhow::Result<Self> {
        let power = Self {
            root: root.canonicalize()?,
            shadow: tempfile::tempdir()?,
        };
        for folder in ["files", "folders"] {
            fs::create_dir(power.shadow.path().join(folder))?;
        }
        // This calls fsync for each of its arguments: the recorder sees what is there as it sees what comes.
        let status = Command::new("sync")
            .arg(&power.root)
            .args(all_below(&power.root)?)
            .envs(power.envs()?)
            .status()?;
        ensure!(status.success(), "recording {}: {status}", root.display());
        ensure!(
            power.shadow.path().join("root").exists(),
            "nothing is recorded: is sync(1) linked statically here?"
        );
        Ok(power)
    }

    /// What the program's environment needs to be recorded.
    ///
    /// # Errors
    /// When the library is not built, with the command that builds it.
    pub fn envs(&self) -> anyhow::Result<[(&'static str, OsString); 3]> {
        let library = gateway::program()?.with_file_name("libpatchbay_power.so");
        ensure!(
            library.is_file(),
            "the recorder is not built: run `cargo build --workspace` first"
        );
        Ok([
            ("LD_PRELOAD", library.into()),
            ("POWER_LOSS_ROOT", self.root.clone().into()),
            ("POWER_LOSS_SHADOW", self.shadow.path().into()),
        ])
    }

    /// From now on the disk takes nothing any more: every sync fails.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn break_disk(&self) -> anyhow::Result<()> {
        fs::write(self.shadow.path().join("broken"), "")?;
        Ok(())
    }

    /// Makes a folder what the watched one is after a power failure. The program has to be dead by now.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn fail(self, into: &Path, unsynced: Unsynced) -> anyhow::Result<()> {
        let root = fs::read_to_string(self.shadow.path().join("root"))?;
        let mut numbers = match unsynced {
            Unsynced::Lost => None,
            Unsynced::Partly(seed) => Some(Numbers::new(seed)),
        };
        self.folder(&root, Path::new(""), into, &mut numbers)
    }

    /// Makes the folder of this key, and all that is in it. `path` is where it is below the root.
    fn folder(&self, key: &str, path: &Path, into: &Path, numbers: &mut Option<Numbers>) -> anyhow::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(into)?;
        let names = match fs::read_to_string(self.shadow.path().join("folders").join(key)) {
            Ok(names) => names,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for line in names.lines() {
            let mut parts = line.splitn(3, ' ');
            let (Some(kind), Some(key), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
                anyhow::bail!("{line:?} in the names of {}", path.display());
            };
            let (path, into) = (path.join(name), into.join(name));
            if kind == "folder" {
                self.folder(key, &path, &into, numbers)?;
            } else {
                self.file(key, &path, &into, numbers)
                    .with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
    }

    /// Makes the file of this key. One that was never synced has a name, and nothing in it.
    fn file(&self, key: &str, path: &Path, into: &Path, numbers: &mut Option<Numbers>) -> anyhow::Result<()> {
        let synced = self.shadow.path().join("files").join(key);
        if synced.exists() {
            fs::copy(synced, into)?;
        } else {
            File::options().write(true).create_new(true).mode(0o600).open(into)?;
        }
        let (Some(numbers), Ok(written)) = (numbers, File::open(self.root.join(path))) else {
            return Ok(());
        };
        let metadata = written.metadata()?;
        // Another file may have the name by now.
        if key.split('-').next() == Some(&*metadata.ino().to_string()) {
            tear(&written, &File::options().write(true).open(into)?, numbers)?;
        }
        Ok(())
    }
}

/// Puts some pages of what was written over those that were synced.
fn tear(written: &File, made: &File, numbers: &mut Numbers) -> anyhow::Result<()> {
    let length = written.metadata()?.len();
    if numbers.below(2) == 0 {
        made.set_len(length)?;
    }
    let end = made.metadata()?.len().min(length);
    let mut page = vec![0; usize::try_from(PAGE_BYTES)?];
    for at in (0..end).step_by(page.len()) {
        if numbers.below(2) == 0 {
            let page = &mut page[..usize::try_from(PAGE_BYTES.min(end - at))?];
            written.read_exact_at(page, at)?;
            made.write_all_at(page, at)?;
        }
    }
    Ok(())
}

fn all_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        found.push(entry.path());
        if entry.file_type()?.is_dir() {
            found.extend(all_below(&entry.path())?);
        }
    }
    Ok(found)
}

/// Numbers that look random and are the same for the same seed, on every machine: splitmix64.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// Those of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next one.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next one, from 0 to below this.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }
}
