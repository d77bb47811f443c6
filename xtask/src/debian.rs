//! What is installed where this is Debian, and we may.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Installs packages, where this is Debian and we are root. Whether it could.
///
/// # Errors
/// When apt-get does not start.
pub(crate) fn install(packages: &[&str]) -> Result<bool> {
    let is_root = Path::new("/proc/self")
        .metadata()
        .is_ok_and(|process| process.uid() == 0);
    if !is_root || !Path::new("/usr/bin/apt-get").exists() {
        return Ok(false);
    }
    eprintln!("installing {} with apt-get", packages.join(" and "));
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
        let status = command.args(arguments).status();
        Ok::<_, anyhow::Error>(status.context("apt-get does not start")?.success())
    };
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    Ok(apt_get(&["update"])? && apt_get(&install)?)
}

/// Sees to it that there is `make`, with which the allocator is built.
///
/// # Errors
/// When there is none, and none can be installed.
pub(crate) fn make() -> Result<()> {
    if is_on_path("make") || (install(&["make"])? && is_on_path("make")) {
        return Ok(());
    }
    bail!("there is no make, with which the allocator is built. On Debian, as root: apt-get install make")
}

fn is_on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}
