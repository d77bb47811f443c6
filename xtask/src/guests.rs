//! Builds every module of this workspace as a component.
//!
//! All in one run of cargo, in a target folder of their own: the folder of the cargo that runs this is locked meanwhile,
//! and the standard library, where it has to be built, is built once for all.

mod component;
mod debian;
mod toolchain;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::cargo::clean_cargo;
use toolchain::Toolchain;

/// Where modules are, below the root of the workspace.
const FOLDERS: [&str; 2] = ["examples", "tests/guests"];

/// A module that is ready to be uploaded.
#[derive(Debug, Clone)]
pub(crate) struct BuiltGuest {
    /// Of its package, such as `sim-activation`.
    pub(crate) name: String,
    /// `target/guests/<name>.wasm`.
    pub(crate) path: PathBuf,
    /// Size of that file.
    pub(crate) bytes: u64,
}

/// Builds every module below `root`, the workspace's folder, and returns them in the order of their names.
///
/// Quick when nothing has changed; then the files are not touched either.
///
/// # Errors
/// When there is no toolchain and none can be had, with what to install; when a module does not compile, or is no
/// component.
pub(crate) fn build_all(root: &Path) -> Result<Vec<BuiltGuest>> {
    let toolchain = Toolchain::choose()?;
    eprintln!("guests: built with {toolchain}");
    let names = names(root)?;
    let target_folder = root.join("target/guest-build");

    let mut build = clean_cargo(root);
    build.args(["build", "--quiet", "--profile", "guest", "--target-dir"]);
    build.arg(&target_folder);
    for name in &names {
        build.args(["--package", name]);
    }
    toolchain.apply(&mut build);
    ensure!(
        build.status().context("cargo does not start")?.success(),
        "the guests do not compile"
    );

    let made = target_folder.join(toolchain.target()).join("guest");
    let components = root.join("target/guests");
    names
        .into_iter()
        .map(|name| {
            let compiled = made.join(format!("{}.wasm", name.replace('-', "_")));
            let path = components.join(format!("{name}.wasm"));
            let bytes = component::make(&compiled, &path).with_context(|| format!("guest {name}"))?;
            Ok(BuiltGuest { name, path, bytes })
        })
        .collect()
}

/// Packages below the modules' folders that are components.
fn names(root: &Path) -> Result<Vec<String>> {
    let output = clean_cargo(root)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("cargo does not start")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists packages")?;
    let mut names: Vec<String> = packages
        .iter()
        .filter(|package| is_guest(root, package))
        .filter_map(|package| package["name"].as_str().map(str::to_owned))
        .collect();
    ensure!(!names.is_empty(), "there is no module in {}", FOLDERS.join(" or "));
    names.sort_unstable();
    Ok(names)
}

fn is_guest(root: &Path, package: &Value) -> bool {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
    let has_kind = |target: &Value| {
        target["kind"]
            .as_array()
            .is_some_and(|kinds| kinds.contains(&"cdylib".into()))
    };
    FOLDERS.iter().any(|folder| manifest.starts_with(root.join(folder)))
        && package["targets"]
            .as_array()
            .is_some_and(|targets| targets.iter().any(has_kind))
}
