//! From what the compiler made to a component.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wit_component::ComponentEncoder;

/// Bytes 4 to 8 of a core module: version 1, layer 0. A component has another version and layer 1.
const CORE_VERSION: [u8; 4] = [1, 0, 0, 0];

/// Makes `compiled` a component at `path`, and returns its size in bytes. A file that would not change is left alone.
///
/// Encoding takes a millisecond, so there is nothing to gain by remembering what it was made from.
pub(super) fn make(compiled: &Path, path: &Path) -> Result<u64> {
    let compiled = fs::read(compiled).with_context(|| compiled.display().to_string())?;
    let component = if compiled.get(4..8) == Some(&CORE_VERSION) {
        encode(&compiled)?
    } else {
        compiled
    };
    if fs::read(path).ok().as_ref() != Some(&component) {
        write(path, &component).with_context(|| path.display().to_string())?;
    }
    Ok(component.len().try_into()?)
}

fn encode(core: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default().validate(true).module(core)?.encode()
}

/// Whoever reads the file meanwhile sees the old one or the new one, whole.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)?;
    Ok(())
}
