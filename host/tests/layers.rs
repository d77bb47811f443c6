//! Data flows one way: each area of the gateway uses only the areas that are listed for it, and the crates that do IO stay
//! in the areas that are for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Areas in reading order, and which others each may use.
const AREAS: [(&str, &str); 24] = [
    ("domain", ""),
    ("vault", "domain"),
    ("fair", "domain"),
    // What is written counts against what a tenant may have written.
    ("storage", "domain fair"),
    ("trail", "domain vault storage"),
    ("keyring", "domain vault storage trail"),
    ("guessing", "domain vault"),
    ("telecloud", "domain"),
    // Look-ups are shared among tenants.
    ("egress", "domain fair"),
    ("sandbox", "domain vault egress fair"),
    ("journal", "domain storage"),
    ("registry", "domain vault storage trail egress fair sandbox journal"),
    (
        "runner",
        "domain storage telecloud egress fair sandbox journal registry",
    ),
    ("orders", "domain vault storage"),
    (
        "jobs",
        "domain vault storage trail telecloud fair sandbox journal registry runner orders",
    ),
    (
        "registration",
        "domain storage telecloud egress journal registry runner",
    ),
    (
        "batches",
        "domain vault storage trail telecloud fair sandbox journal registry runner orders",
    ),
    (
        "gateway",
        "domain vault guessing telecloud egress fair sandbox journal registry runner jobs",
    ),
    (
        "api",
        "domain guessing storage trail egress fair sandbox journal registry orders jobs registration batches gateway",
    ),
    ("public", "domain guessing telecloud fair gateway"),
    ("server", ""),
    (
        "config",
        "domain vault guessing telecloud egress sandbox gateway public server",
    ),
    (
        "cli",
        "domain vault storage trail keyring journal jobs batches api config",
    ),
    (
        "app",
        "domain vault storage trail keyring guessing egress fair sandbox journal registry runner orders jobs registration batches gateway api public server config",
    ),
];

/// Crates that only some areas may name.
const CRATES: [(&str, &[&str]); 11] = [
    ("wasmtime", &["sandbox"]),
    ("wasmtime_wasi", &["sandbox"]),
    ("wasmtime_wasi_http", &["sandbox"]),
    ("sled", &["storage"]),
    ("quick_xml", &["telecloud", "egress"]),
    ("axum", &["api", "public", "server", "app"]),
    ("reqwest", &["cli"]),
    ("tokio_rustls", &["egress", "cli"]),
    ("rustls_native_certs", &["egress"]),
    ("webpki_roots", &["egress"]),
    ("x509_parser", &["domain"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The identifiers that follow `prefix` in the code, comments left out.
fn named_after<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let is_comment = |at: usize| {
        let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
        code[line..at].trim_start().starts_with("//")
    };
    code.match_indices(prefix)
        .filter(|(at, _)| !code[..*at].ends_with(word) && !is_comment(*at))
        .flat_map(|(at, _)| {
            let rest = &code[at + prefix.len()..];
            // `use crate::{a, b::{c, d}};` names `a` and `b`, on as many lines as it likes.
            rest.strip_prefix('{').map_or_else(|| vec![rest], outermost)
        })
        .map(|text| text.trim().split(|c: char| !word(c)).next().unwrap_or_default())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The members of a group, up to the brace that closes it.
fn outermost(list: &str) -> Vec<&str> {
    let (mut members, mut begin, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                members.push(&list[begin..at]);
                begin = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    members
}

fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    let goes_on = |before: &str| before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
    let mut lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.any(|line| line.match_indices(&path).any(|(at, _)| !goes_on(&line[..at])))
}

#[test]
fn each_area_uses_only_what_is_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<_, _> = AREAS.into_iter().collect();
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).expect("below the root").with_extension("");
        let area = path
            .iter()
            .next()
            .and_then(|part| part.to_str())
            .expect("a name")
            .to_owned();
        let is_test = path.iter().any(|part| part == "tests" || part == "fake");
        if area == "lib" || area == "main" || is_test {
            continue;
        }
        let Some(may_use) = allowed.get(area.as_str()) else {
            wrong.push(format!("{area} is not listed: say above which areas it may use"));
            continue;
        };
        let code = std::fs::read_to_string(&file).expect("readable");
        for used in named_after(&code, "crate::") {
            if used != area && !may_use.split(' ').any(|name| name == used) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
        for (name, areas) in CRATES {
            if !areas.contains(&area.as_str()) && names_crate(&code, name) {
                wrong.push(format!("{} names the crate {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_check_sees_what_it_has_to_see() {
    assert_eq!(named_after("use crate::egress::Door;", "crate::"), ["egress"]);
    assert_eq!(
        named_after("use crate::{public, server::Limits};", "crate::"),
        ["public", "server"]
    );
    assert_eq!(
        named_after(
            "use crate::{\n    public,\n    egress::{Door, tls::{self}},\n    server,\n};\nuse x::y;",
            "crate::"
        ),
        ["public", "egress", "server"]
    );
    assert_eq!(
        named_after("    let x = crate::sandbox::run();", "crate::"),
        ["sandbox"]
    );
    assert!(named_after("/// See crate::api.", "crate::").is_empty());
    assert!(names_crate("use axum::Router;", "axum"));
    assert!(!names_crate("use wasmtime_wasi::WasiCtx;", "wasmtime"));
    assert!(!names_crate("use my::sled::Tree;", "sled"));
}
