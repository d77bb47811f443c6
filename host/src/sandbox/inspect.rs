//! What an uploaded file is, and what it imports and exports, before anything is compiled.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wasmparser::{ElementItems, ElementKind, ElementSectionReader, Encoding, Parser, Payload, Validator, WasmFeatures};

/// The export that every module has.
const HANDLER: &str = "patchbay:module/handler@0.1";

/// Where the names of our own interfaces begin.
const OURS: &str = "patchbay:module/";

/// What a module may import: of our package these, of WASI 0.2 everything that guest toolchains import by themselves.
/// Of these, file systems and sockets are there with nothing behind them. A prefix ends where the patch version begins.
const IMPORTS: [&str; 10] = [
    "patchbay:module/orders@0.1.",
    "patchbay:module/config@0.1.",
    "patchbay:module/log@0.1.",
    "wasi:io/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:cli/",
    "wasi:filesystem/",
    "wasi:sockets/",
    "wasi:http/",
];

/// Most imports and exports of one component together, and most bytes of a name. Toolchains write some forty of some thirty
/// bytes. All of the names are kept with the version, and have to fit into one document of the store.
const NAMES_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 128;

/// Most items of passive element segments, of all core modules of a component together. An instance has a copy of them, of 16
/// bytes each, that is no part of any memory or table. Toolchains write none.
const PASSIVE_ITEMS_MAX: u64 = 10_000;

/// A passive segment itself takes as much as so many items.
const PASSIVE_SEGMENT_ITEMS: u64 = 2;

/// What a component needs and offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Interfaces of `patchbay:module` that it exports, with their versions.
    pub exports: Vec<String>,
    /// Interfaces that it imports, with their versions.
    pub imports: Vec<String>,
}

/// Most characters of a refusal. What is quoted in one is as long as whoever made the file liked.
const SENTENCE_CHARACTERS_MAX: usize = 500;

/// Why an upload is refused: a sentence for the integrator that says what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", readable(.0))]
pub struct UploadRefused(String);

/// A sentence for a terminal: one line of bounded length, in which nothing paints.
fn readable(sentence: &str) -> String {
    let mut line = String::new();
    for character in sentence.chars() {
        match character {
            '\n' | '\t' => line.push(' '),
            _ if character.is_control() => line.extend(character.escape_unicode()),
            _ => line.push(character),
        }
    }
    if let Some((end, _)) = line.char_indices().nth(SENTENCE_CHARACTERS_MAX) {
        line.truncate(end);
        line.push('…');
    }
    line
}

impl UploadRefused {
    /// The interfaces' names are right and their types are not.
    pub(super) fn mismatch(error: &wasmtime::Error) -> Self {
        Self(format!(
            "the component does not fit the interface patchbay:module@0.1.0: {error:#}; build it against this gateway's wit folder"
        ))
    }

    /// It is valid, and the compiler does not take it all the same.
    pub(super) fn not_compiled(error: &wasmtime::Error) -> Self {
        Self(format!("the component cannot be compiled: {error:#}"))
    }

    /// Compiling it takes more than any component may.
    pub(super) fn too_much(why: &str) -> Self {
        Self(format!("the component takes too much to compile: {why}"))
    }

    /// No instance of it would fit into the pool.
    pub(super) fn too_large(error: &wasmtime::Error) -> Self {
        Self(format!(
            "the component needs more than this gateway gives to an instance: {error:#}"
        ))
    }

    /// The bytes are not valid.
    pub(super) fn invalid(error: impl std::fmt::Display) -> Self {
        Self(format!(
            "expected a WebAssembly component, and the file is not a valid one: {error}"
        ))
    }
}

/// Reads a component's imports and exports and checks them against what a module may have.
pub(super) fn inspect(bytes: &[u8]) -> Result<Inspection, UploadRefused> {
    let found = |what: &str| Err(UploadRefused(format!("expected a WebAssembly component, found {what}")));
    if bytes.is_empty() {
        return found("an empty file");
    }
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return found("a file that was compiled to machine code already; upload the component itself");
    }
    if !bytes.starts_with(b"\0asm") {
        return match std::str::from_utf8(bytes) {
            Ok(text) if text.trim_start().starts_with('(') => {
                found("its text format; convert it with `wasm-tools parse` first")
            }
            _ => found("a file that does not begin with the WebAssembly magic number"),
        };
    }
    match Parser::new(0).parse_all(bytes).next() {
        Some(Ok(Payload::Version {
            encoding: Encoding::Component,
            ..
        })) => {}
        Some(Ok(Payload::Version {
            encoding: Encoding::Module,
            ..
        })) => {
            return found("a core module; make it a component with `wasm-tools component new`");
        }
        Some(Err(error)) => return Err(UploadRefused::invalid(error)),
        _ => return found("a file of another kind"),
    }
    Validator::new_with_features(features())
        .validate_all(bytes)
        .map_err(UploadRefused::invalid)?;
    check_elements(bytes)?;
    check(names(bytes)?)
}

/// The features that the engine has. Whatever else a component uses is named by the validator.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::WASM2 | WasmFeatures::COMPONENT_MODEL;
    features.insert(WasmFeatures::TAIL_CALL | WasmFeatures::EXTENDED_CONST | WasmFeatures::RELAXED_SIMD);
    features
}

/// Names of the imports and exports of the outermost component.
fn names(bytes: &[u8]) -> Result<Inspection, UploadRefused> {
    let (mut imports, mut exports) = (BTreeSet::new(), BTreeSet::new());
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(UploadRefused::invalid)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.insert(import.map_err(UploadRefused::invalid)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.insert(export.map_err(UploadRefused::invalid)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(Inspection {
        exports: exports.into_iter().collect(),
        imports: imports.into_iter().collect(),
    })
}

/// Refuses what every instance would hold beside its memories and tables. Segments of other kinds are in no instance.
fn check_elements(bytes: &[u8]) -> Result<(), UploadRefused> {
    let mut items = 0_u64;
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::ElementSection(section) = payload.map_err(UploadRefused::invalid)? {
            items = items.saturating_add(passive_items(section)?);
        }
    }
    if items > PASSIVE_ITEMS_MAX {
        return Err(UploadRefused(format!(
            "expected at most {PASSIVE_ITEMS_MAX} items in passive element segments, each of which counts as \
             {PASSIVE_SEGMENT_ITEMS} more, found {items}"
        )));
    }
    Ok(())
}

fn passive_items(section: ElementSectionReader<'_>) -> Result<u64, UploadRefused> {
    let mut items = 0_u64;
    for segment in section {
        let segment = segment.map_err(UploadRefused::invalid)?;
        if matches!(segment.kind, ElementKind::Passive) {
            let count = match segment.items {
                ElementItems::Functions(functions) => functions.count(),
                ElementItems::Expressions(_, expressions) => expressions.count(),
            };
            items = items
                .saturating_add(u64::from(count))
                .saturating_add(PASSIVE_SEGMENT_ITEMS);
        }
    }
    Ok(items)
}

fn check(mut found: Inspection) -> Result<Inspection, UploadRefused> {
    if !found.exports.iter().any(|name| name.starts_with(HANDLER)) {
        let listed = if found.exports.is_empty() {
            "none".to_owned()
        } else {
            found.exports.join(", ")
        };
        return Err(UploadRefused(format!(
            "expected an export {HANDLER}.0, found {listed}; build the component for the world patchbay:module/module@0.1.0"
        )));
    }
    if let Some(name) = found.imports.iter().find(|name| !allowed(name)) {
        return Err(UploadRefused(format!(
            "expected imports from patchbay:module@0.1 and WASI 0.2 only, found {name}, which this gateway does not offer"
        )));
    }
    let count = found.imports.len() + found.exports.len();
    if count > NAMES_MAX {
        return Err(UploadRefused(format!(
            "expected at most {NAMES_MAX} imports and exports, found {count}"
        )));
    }
    let mut names = found.imports.iter().chain(&found.exports);
    if let Some(name) = names.find(|name| name.len() > NAME_BYTES_MAX) {
        return Err(UploadRefused(format!(
            "expected names of at most {NAME_BYTES_MAX} bytes, found one of {}",
            name.len()
        )));
    }
    found.exports.retain(|name| name.starts_with(OURS));
    Ok(found)
}

fn allowed(name: &str) -> bool {
    IMPORTS.iter().any(|prefix| name.starts_with(prefix)) && (name.starts_with(OURS) || name.contains("@0.2."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let bytes = wat::parse_str(text).expect("the test's component is well-formed");
        inspect(&bytes).expect_err("it is refused").to_string()
    }

    #[test]
    fn what_is_no_component_is_refused_by_what_it_is() {
        for (bytes, found) in [
            (&b""[..], "found an empty file"),
            (b"\0asm", "not a valid one"),
            (b"MZ\x90\0whatever", "magic number"),
            (b"(component)", "found its text format"),
            (b"\0asm\x01\0\0\0", "found a core module"),
        ] {
            let sentence = inspect(bytes).expect_err("it is refused").to_string();
            assert!(
                sentence.contains("expected a WebAssembly component") && sentence.contains(found),
                "{sentence}"
            );
        }
    }

    #[test]
    fn every_truncation_of_a_component_is_refused() {
        let whole =
            wat::parse_str(r#"(component (core module (func (export "f"))) (import "wasi:io/poll@0.2.0" (instance)))"#)
                .expect("well-formed");
        for end in 0..whole.len() {
            assert!(inspect(&whole[..end]).is_err(), "cut after {end} bytes");
        }
    }

    #[test]
    fn a_component_without_a_handler_is_told_which_world_to_build_for() {
        let sentence = refusal(r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#);
        assert!(
            sentence.contains("expected an export patchbay:module/handler@0.1.0, found wasi:cli/run@0.2.0"),
            "{sentence}"
        );
    }

    #[test]
    fn a_foreign_import_is_named() {
        for name in [
            "acme:db/store@1.0.0",
            "wasi:keyvalue/store@0.2.0",
            "wasi:http/types@0.3.0",
            "patchbay:module/secrets@0.1.0",
        ] {
            let sentence = refusal(&format!(
                r#"(component (import "{name}" (instance)) (instance $i) (export "patchbay:module/handler@0.1.0" (instance $i)))"#
            ));
            assert!(sentence.contains(&format!("found {name},")), "{sentence}");
        }
    }

    #[test]
    fn names_without_end_are_refused() {
        let with = |imports: &str| {
            format!(r#"(component {imports} (instance $i) (export "patchbay:module/handler@0.1.0" (instance $i)))"#)
        };
        let many = |count: usize| -> String {
            let import = |number: usize| format!(r#"(import "wasi:io/a{number}@0.2.0" (instance))"#);
            (0..count).map(import).collect()
        };
        let whole = wat::parse_str(with(&many(255))).expect("well-formed");
        assert_eq!(inspect(&whole).expect("as many as may be").imports.len(), 255);
        let sentence = refusal(&with(&many(256)));
        assert!(
            sentence.contains("at most 256 imports and exports, found 257"),
            "{sentence}"
        );
        let long = format!(r#"(import "wasi:io/{}@0.2.0" (instance))"#, "a".repeat(115));
        let sentence = refusal(&with(&long));
        assert!(sentence.contains("at most 128 bytes, found one of 129"), "{sentence}");
    }

    #[test]
    fn a_refusal_is_one_short_line_whatever_it_quotes() {
        let paints = "a\u{1b}[31mb\nc".to_owned();
        assert_eq!(UploadRefused(paints).to_string(), "a\\u{1b}[31mb c");
        let long = UploadRefused("é".repeat(501)).to_string();
        assert_eq!(long, "é".repeat(500) + "…");
    }

    #[test]
    fn an_import_of_an_inner_component_is_not_the_modules_own() {
        let bytes = wat::parse_str(
            r#"(component
                (component (import "acme:db/store@1.0.0" (instance)))
                (import "patchbay:module/log@0.1.0" (instance))
                (instance $i) (export "patchbay:module/handler@0.1.0" (instance $i)) (export "other" (instance $i)))"#,
        )
        .expect("well-formed");
        let found = inspect(&bytes).expect("it is accepted");
        assert_eq!(found.imports, ["patchbay:module/log@0.1.0"]);
        assert_eq!(found.exports, ["patchbay:module/handler@0.1.0"]);
    }

    #[test]
    fn what_instances_would_hold_of_passive_elements_is_bounded_over_all_modules() {
        let with = |modules: &str| {
            format!(r#"(component {modules} (instance $i) (export "patchbay:module/handler@0.1.0" (instance $i)))"#)
        };
        let module = |segments: String| format!("(core module (func $f) {segments})");
        let functions = |count: usize| module(format!("(elem func {})", "$f ".repeat(count)));
        let expressions = |count: usize| module(format!("(elem funcref {})", "(ref.null func) ".repeat(count)));
        let inside = |count: usize| format!("(component {})", functions(count));
        let many = "$f ".repeat(20_000);
        let active = module(format!("(table 20000 funcref) (elem (i32.const 0) func {many})"));
        let declared = module(format!("(elem declare func {many})"));
        let empty = |count: usize| module("(elem func)".repeat(count));
        for (modules, more, found) in [
            (String::new(), functions(9_998), functions(9_999)),
            (functions(5_000), expressions(4_996), expressions(4_997)),
            (functions(5_000), inside(4_996), inside(4_997)),
            (active + &declared, functions(9_998), functions(9_999)),
            (functions(1), empty(4_998), empty(4_999)),
        ] {
            let whole = wat::parse_str(with(&(modules.clone() + &more))).expect("well-formed");
            inspect(&whole).expect("as many as may be");
            let sentence = refusal(&with(&(modules + &found)));
            assert!(sentence.contains("at most 10000 items in passive"), "{sentence}");
            assert!(sentence.contains("found 10001"), "{sentence}");
        }
    }

    #[test]
    fn features_that_the_engine_lacks_are_refused_here() {
        for core in [
            "(memory i64 1)",
            "(memory 1 1 shared)",
            "(memory 1) (memory 1)",
            "(type (struct))",
            "(tag)",
        ] {
            let sentence = refusal(&format!("(component (core module {core}))"));
            assert!(sentence.contains("not a valid one"), "{core}: {sentence}");
        }
    }
}
