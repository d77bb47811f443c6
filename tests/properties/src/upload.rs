//! The upload checker.

use patchbay::sandbox::Sandbox;
use wasmparser::{Encoding, Parser, Payload};

/// Most characters of a refusal: it is read on a terminal.
const REFUSAL: usize = 501;

/// The bytes as an uploaded file.
///
/// What is accepted is a component with a handler, imports nothing but what the gateway offers, has no name that the store
/// cannot keep, and is whole: a byte less is refused. What is refused is so in a short sentence.
pub fn upload(data: &[u8]) {
    let found = match Sandbox::inspect(data) {
        Ok(found) => found,
        Err(refused) => {
            let sentence = refused.to_string();
            assert!(sentence.starts_with("expected "), "{sentence:?}");
            let characters = sentence.chars().count();
            assert!(characters <= REFUSAL, "a refusal of {characters} characters");
            assert!(!sentence.contains(char::is_control), "{sentence:?}");
            return;
        }
    };
    let first = Parser::new(0).parse_all(data).next();
    let is_component = matches!(
        first,
        Some(Ok(Payload::Version {
            encoding: Encoding::Component,
            ..
        }))
    );
    assert!(is_component);
    let handler = |name: &String| name.starts_with("patchbay:module/handler@0.1");
    assert!(found.exports.iter().any(handler), "{:?}", found.exports);
    assert!(found.exports.iter().all(|name| name.starts_with("patchbay:module/")));
    for name in &found.imports {
        let ours = ["orders", "config", "log"]
            .iter()
            .any(|interface| name.starts_with(&format!("patchbay:module/{interface}@0.1.")));
        let wasi = ["io", "clocks", "random", "cli", "filesystem", "sockets", "http"]
            .iter()
            .any(|package| name.starts_with(&format!("wasi:{package}/")) && name.contains("@0.2."));
        assert!(ours || wasi, "{name:?} was let in");
    }
    assert!(found.imports.len() + found.exports.len() <= 256);
    assert!(found.imports.iter().chain(&found.exports).all(|name| name.len() <= 128));
    assert_eq!(Sandbox::inspect(data), Ok(found), "read twice");
    assert!(
        Sandbox::inspect(&data[..data.len() - 1]).is_err(),
        "accepted without its last byte"
    );
}
