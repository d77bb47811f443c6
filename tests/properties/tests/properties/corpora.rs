//! Inputs that are kept: where a fuzzer starts from, and what one has found.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};
use patchbay_properties::ALL;

/// A folder below `fuzz/`.
fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

/// Every file of a folder; none where there is no folder.
fn files(folder: &PathBuf) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "the last line before a panic names the input")]
fn every_kept_input_has_its_property() -> Result<()> {
    for (target, property) in ALL {
        let mut seeds = files(&folder("corpus").join(target))?;
        assert!(!seeds.is_empty(), "{target} has nothing to start from");
        seeds.extend(files(&folder("regressions").join(target))?);
        for path in seeds {
            println!("{}", path.display());
            property(&std::fs::read(&path)?);
        }
    }
    Ok(())
}

#[test]
fn every_folder_and_every_fuzz_target_is_that_of_a_property() -> Result<()> {
    let properties: BTreeSet<_> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    let names = |folder_name| -> Result<BTreeSet<String>> {
        let stems = files(&folder(folder_name))?.into_iter();
        Ok(stems
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect())
    };
    assert_eq!(names("fuzz_targets")?, properties);
    assert_eq!(names("corpus")?, properties);
    assert!(names("regressions")?.is_subset(&properties));
    // The targets are built by the fuzzer only, so nobody else would notice one that falls behind.
    for name in properties {
        let text = std::fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs")))?;
        let expected = format!("libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_properties::{name}(data));");
        assert!(text.contains(&expected), "{name}: {text}");
    }
    Ok(())
}
