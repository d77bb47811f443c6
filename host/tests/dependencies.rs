//! What comes into the build, as far as that can be told without a network and without a tool of its own: `deny.toml` is
//! the rule here as it is for `cargo xtask deny`, which looks for advisories besides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A platform that the gateway is for. Without one, crates for others would have to be there to be looked at.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// The only place that crates come from, apart from the workspace.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The oldest wasmtime without known faults that a module could use.
const WASMTIME: [u64; 3] = [48, 0, 8];

struct Package {
    name: String,
    version: String,
    source: Option<String>,
    license: String,
}

/// All packages that are built on this platform, tests included.
fn packages() -> Vec<Package> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--offline",
            "--format-version",
            "1",
            "--filter-platform",
            PLATFORM,
        ])
        .current_dir(root)
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let built: BTreeSet<String> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| node["id"].to_string())
        .collect();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    list(&metadata["packages"])
        .iter()
        .filter(|package| built.contains(&package["id"].to_string()))
        .map(|package| Package {
            name: text(&package["name"]).expect("a name"),
            version: text(&package["version"]).expect("a version"),
            source: text(&package["source"]),
            license: text(&package["license"]).unwrap_or_default(),
        })
        .collect()
}

fn rules() -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deny.toml");
    let text = std::fs::read_to_string(path).expect("readable");
    text.parse().expect("TOML")
}

/// Whether an SPDX expression, or a list in the old way of writing, is met by these licences.
fn is_met(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let expression = expression.trim();
    let parts = |separator: &str| -> Vec<&str> {
        let mut depth = 0_usize;
        let (mut parts, mut begin) = (Vec::new(), 0);
        for (at, c) in expression.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ if depth == 0 && at >= begin && expression[at..].starts_with(separator) => {
                    parts.push(&expression[begin..at]);
                    begin = at + separator.len();
                }
                _ => {}
            }
        }
        parts.push(&expression[begin..]);
        parts
    };
    // AND binds more tightly than OR.
    for separator in [" OR ", "/"] {
        let alternatives = parts(separator);
        if alternatives.len() > 1 {
            return alternatives.iter().any(|part| is_met(part, allowed));
        }
    }
    let all = parts(" AND ");
    if all.len() > 1 {
        return all.iter().all(|part| is_met(part, allowed));
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_met(inner, allowed),
        None => allowed.contains(expression),
    }
}

fn numbers(version: &str) -> Vec<u64> {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    release
        .split('.')
        .map(|number| number.parse().expect("a number"))
        .collect()
}

#[test]
fn every_crate_is_from_the_registry_under_a_licence_that_is_allowed_and_none_is_banned() {
    let rules = rules();
    let texts = |list: &toml::Value| -> Vec<String> {
        let list = list.as_array().expect("a list").iter();
        list.map(|entry| entry.as_str().expect("a text").to_owned()).collect()
    };
    let allowed = texts(&rules["licenses"]["allow"]);
    let allowed: BTreeSet<&str> = allowed.iter().map(String::as_str).collect();
    let banned: BTreeSet<&str> = rules["bans"]["deny"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|entry| entry.get("version").is_none())
        .map(|entry| entry["name"].as_str().expect("a name"))
        .collect();
    assert!(banned.contains("openssl"), "{banned:?}");
    let mut wrong = Vec::new();
    for Package {
        name,
        version,
        source,
        license,
    } in packages()
    {
        // What is ours has no source.
        let Some(source) = source else { continue };
        if source != REGISTRY {
            wrong.push(format!("{name} {version} comes from {source}"));
        }
        if banned.contains(name.as_str()) {
            wrong.push(format!("{name} {version} is banned"));
        }
        if !is_met(&license, &allowed) {
            wrong.push(format!(
                "{name} {version} is under {license:?}, and deny.toml does not allow that"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn there_is_one_wasmtime_and_it_is_new_enough() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        if package.name == "wasmtime" || package.name.starts_with("wasmtime-") {
            versions.entry(package.name).or_default().push(package.version);
        }
    }
    assert!(versions.len() > 5, "{versions:?}");
    for (name, versions) in versions {
        assert_eq!(versions.len(), 1, "{name} {versions:?}");
        assert!(numbers(&versions[0]) >= WASMTIME.to_vec(), "{name} {versions:?}");
    }
}

#[test]
fn licences_are_weighed_as_they_are_written() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 / MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND ISC", true),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(GPL-3.0 OR MIT) AND GPL-3.0", false),
        ("MIT OR GPL-3.0 AND ISC", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
        ("", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression:?}");
    }
}
