//! Components written in the text format, for modules that no toolchain would make.

use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The export of a core module that becomes the module's handler: it takes the event's address and gives the answer's.
pub const HANDLE: &str = "patchbay:module/handler@0.1.0#handle";

/// A function that finds room for everything that the host hands over, from 64 KiB on; nothing is given back.
pub(crate) const REALLOC: &str = "
    (global $next (mut i32) (i32.const 65536))
    (func $realloc (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
        (global.set $next (i32.add (local.get $at) (local.get $new)))
        (local.get $at))";

/// Makes a component of a core module in the text format.
///
/// The core module has to export [`HANDLE`], a `memory`, and `cabi_realloc`. Of the interfaces in `imports`, such as
/// `wasi:random/random@0.2.12`, it can import functions in their lowered form.
///
/// # Errors
/// When the text is not well-formed, an interface is not in the wit folder, or the two do not fit.
pub fn component(imports: &[&str], core: &str) -> Result<Bytes> {
    let imports: Vec<_> = imports.iter().map(|name| format!("import {name};")).collect();
    component_of_world(&imports.join("\n"), core)
}

/// The same with any items in its world, besides the handler.
///
/// # Errors
/// As for [`component`].
pub fn component_of_world(items: &str, core: &str) -> Result<Bytes> {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    resolve.push_dir(&folder).context("the wit folder")?;
    let world = format!("package test:hostile;\nworld hostile {{\n{items}\nexport patchbay:module/handler@0.1.0;\n}}");
    let package = resolve.push_source("hostile.wit", &world)?;
    let world = resolve.select_world(&[package], Some("hostile"))?;
    let mut core = wat::parse_str(core)?;
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false)?;
    let component = ComponentEncoder::default().module(&core)?.encode()?;
    Ok(component.into())
}

/// The handler of this text as a component that imports nothing: a function body that leaves the answer's address, and
/// whatever else its core module has.
///
/// # Errors
/// As for [`component`].
pub fn handler(rest: &str, body: &str) -> Result<Bytes> {
    component(&[], &handler_text(rest, body))
}

/// The core module of [`handler`], as text.
#[must_use]
pub fn handler_text(rest: &str, body: &str) -> String {
    format!(
        r#"(module
            (memory (export "memory") 4)
            {rest}
            (func (export "{HANDLE}") (param $event i32) (result i32) {body})
            {REALLOC}
            (export "cabi_realloc" (func $realloc)))"#
    )
}

#[cfg(test)]
mod tests {
    use patchbay::sandbox::Sandbox;

    use super::*;

    #[test]
    fn a_handler_of_text_is_a_module_as_the_gateway_takes_it() {
        let component = handler("", "unreachable").expect("made");
        let found = Sandbox::inspect(&component).expect("accepted");
        assert_eq!(found.exports, ["patchbay:module/handler@0.1.0"]);
        let random = r#"(import "wasi:random/random@0.2.12" "get-random-u64" (func $random (result i64)))"#;
        let core =
            handler_text("", "(drop (call $random)) unreachable").replacen("(module", &format!("(module {random}"), 1);
        let found = Sandbox::inspect(&component_of(&core)).expect("accepted");
        assert_eq!(
            found.imports,
            ["patchbay:module/orders@0.1.0", "wasi:random/random@0.2.12"]
        );
    }

    fn component_of(core: &str) -> Bytes {
        component(&["wasi:random/random@0.2.12"], core).expect("made")
    }
}
