//! What may come into the build, by `cargo deny` and `deny.toml`.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::cargo;

/// Licences, bans and sources, then advisories by the newest database that can be had.
pub(crate) fn check(root: &Path) -> Result<()> {
    ensure!(
        is_installed(root),
        "cargo-deny is not installed: `cargo install cargo-deny --locked` takes some ten minutes"
    );
    without_advisories(root)?;
    if cargo::run(root, &["deny", "fetch", "db"]).is_err() {
        eprintln!(
            "    the advisory database is out of reach: what follows goes by the copy that is here, if there is one"
        );
    }
    // A copy that is older than ninety days is refused.
    cargo::run(root, &["deny", "--offline", "check", "advisories"])
        .context("there are advisories, or there is no database to look in")
}

/// As much of it as this machine can do, among the other checks: nothing without cargo-deny, which takes longer to build than
/// all of the project, and no advisories where their newest database is out of reach.
pub(crate) fn as_far_as_possible(root: &Path) -> Result<()> {
    if !is_installed(root) {
        eprintln!("    cargo-deny is not installed; host/tests/dependencies.rs looks at licences, sources and bans");
        return Ok(());
    }
    without_advisories(root)?;
    if !cargo::succeeds(root, &["deny", "fetch", "db"]) {
        eprintln!("    the advisory database is out of reach, so advisories were not looked for");
        return Ok(());
    }
    cargo::run(root, &["deny", "--offline", "check", "advisories"])
}

fn is_installed(root: &Path) -> bool {
    cargo::succeeds(root, &["deny", "--version"])
}

fn without_advisories(root: &Path) -> Result<()> {
    cargo::run(root, &["deny", "--offline", "check", "bans", "licenses", "sources"])
}
