//! Running cargo, and what it has built.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What the cargo and the rustup that run this may have set, and a build of something else must not inherit.
/// `LD_LIBRARY_PATH` names the libraries of their compiler, and another compiler would load those.
const NOT_INHERITED: [&str; 11] = [
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_MAKEFLAGS",
    "CARGO_TARGET_DIR",
    "LD_LIBRARY_PATH",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// What cargo tells a program that it runs about that program's package. To the cargo that we run it would be a change of
/// the environment: build scripts that look at these, such as ring's, and all that depends on them would be built again
/// whenever a command of ours follows a plain `cargo build`, and again the other way round.
const OF_THIS_PACKAGE: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// The cargo that runs this, or the one on the path.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if OF_THIS_PACKAGE.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Cargo for a build of something else, with none of the settings of the one that runs this.
pub(crate) fn clean_cargo(root: &Path) -> Command {
    let mut command = cargo(root);
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    command
}

/// Runs cargo, its output being the user's.
pub(crate) fn run<S: AsRef<OsStr>>(root: &Path, arguments: &[S]) -> Result<()> {
    let status = cargo(root).args(arguments).status().context("cargo does not start")?;
    ensure!(status.success(), "cargo ended with {status}");
    Ok(())
}

/// Whether cargo does this. What it says is not shown.
pub(crate) fn succeeds(root: &Path, arguments: &[&str]) -> bool {
    let output = cargo(root).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// Runs a program that was built before, by its path below the target folder.
pub(crate) fn run_built(root: &Path, path: &str, arguments: &[&str]) -> Result<()> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
    let program = target.join(path);
    let status = Command::new(&program)
        .args(arguments)
        .status()
        .with_context(|| program.display().to_string())?;
    ensure!(status.success(), "{path} ended with {status}");
    Ok(())
}
