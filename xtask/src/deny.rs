//! What may come into the build, by `cargo deny` and `deny.toml`.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::cargo;

/// Licences, bans and sources, then advisories by the newest database that can be had.
pub(crate) fn check(root: &Path) -> Result<()> {
    ensure!(
        cargo::succeeds(root, &["deny", "--version"]),
        "cargo-deny is not installed: `cargo install cargo-deny --locked` takes some ten minutes"
    );
    cargo::run(root, &["deny", "--offline", "check", "bans", "licenses", "sources"])?;
    if cargo::run(root, &["deny", "fetch", "db"]).is_err() {
        eprintln!(
            "    the advisory database is out of reach: what follows goes by the copy that is here, if there is one"
        );
    }
    // A copy that is older than ninety days is refused.
    cargo::run(root, &["deny", "--offline", "check", "advisories"])
        .context("there are advisories, or there is no database to look in")
}
