//! Debian's own Rust compiler, for machines whose rustup reaches no server.
//!
//! It comes with the source of the standard library, which cargo then builds along. Its packages do not get in the way of
//! rustup's.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::toolchain::rustc_prints;

const COMPILER: &str = "rustc-web";
const SOURCE: &str = "rust-web-src";

/// What cargo needs to know of it.
pub(super) struct Compiler {
    pub(super) rustc: PathBuf,
    pub(super) linker: PathBuf,
}

/// The compiler, if both of its packages are installed. Links its source to where cargo looks for it.
pub(super) fn find() -> Result<Option<Compiler>> {
    let (Some(rustc), Some(source)) = (
        installed_file(COMPILER, |path| path.ends_with("bin/rustc")),
        installed_file(SOURCE, |path| path.ends_with("library/std/Cargo.toml")),
    ) else {
        return Ok(None);
    };
    let source = source
        .ancestors()
        .nth(3)
        .context("library/std/Cargo.toml is three folders down")?;
    link_source(&rustc, source)?;
    let linker = linker().context("Debian's compiler is here, and no linker for WebAssembly: apt-get install lld")?;
    Ok(Some(Compiler { rustc, linker }))
}

/// Installs both packages, where this is Debian and we are root. Whether it could.
pub(super) fn install() -> Result<bool> {
    crate::debian::install(&[COMPILER, SOURCE])
}

/// The first of a package's files that `wanted` picks.
fn installed_file(package: &str, wanted: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let output = Command::new("dpkg").args(["-L", package]).output().ok()?;
    let files = String::from_utf8(output.stdout).ok()?;
    let found = files.lines().map(Path::new).find(|path| wanted(path) && path.is_file());
    found.map(Path::to_owned)
}

fn link_source(rustc: &Path, source: &Path) -> Result<()> {
    let output = Command::new(rustc).args(["--print", "sysroot"]).output()?;
    let sysroot = String::from_utf8(output.stdout)?;
    let link = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    if link.join("library/std/Cargo.toml").is_file() {
        return Ok(());
    }
    let parent = link.parent().context("the link is in a folder")?;
    std::fs::create_dir_all(parent)
        .and_then(|()| symlink(source, &link))
        .with_context(|| format!("run as root: ln -s {} {}", source.display(), link.display()))
}

/// rustup's linker, which does WebAssembly too, or one on the path.
fn linker() -> Option<PathBuf> {
    let libraries = rustc_prints(&["--print", "target-libdir"])?;
    let bundled = libraries.parent()?.join("bin/rust-lld");
    let on_path = || {
        let folders = std::env::var_os("PATH")?;
        std::env::split_paths(&folders)
            .map(|folder| folder.join("wasm-ld"))
            .find(|path| path.is_file())
    };
    if bundled.is_file() { Some(bundled) } else { on_path() }
}
