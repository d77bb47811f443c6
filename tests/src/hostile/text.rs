//! From the text of a hostile component to the component.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;

use crate::component::{HANDLE, REALLOC, component_of_world};

/// The documents' handle comes after the event, which takes 88 bytes.
const DONE: &str = "
    (func $done (param $event i32) (result i32)
        (call $drop-document (i32.load offset=88 (local.get $event)))
        (i32.const 1024))";

/// Sections of a component's binary format.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;

/// The magic number and the version.
const PREAMBLE_BYTES: usize = 8;

/// Makes the component.
pub(super) fn component(text: &str, world: &[&str], beside: &[&str]) -> Result<Bytes> {
    let own = |what: &str| text.contains(what);
    let memory = if own("(memory ") { "" } else { "(memory 4)" };
    let realloc = if own("(func $realloc ") { "" } else { REALLOC };
    let post = match own("(func $post ") {
        true => format!(r#"(export "cabi_post_{HANDLE}" (func $post))"#),
        false => String::new(),
    };
    let core = format!(
        r#"(module
            (import "patchbay:module/orders@0.1.0" "[resource-drop]document" (func $drop-document (param i32)))
            {text}
            {memory} {DONE} {realloc} {post}
            (export "memory" (memory 0))
            (export "cabi_realloc" (func $realloc))
            (export "{HANDLE}" (func $handle)))"#
    );
    let mut items: Vec<_> = imports(text)
        .into_iter()
        .map(|name| format!("import {name};"))
        .collect();
    items.extend(world.iter().map(|item| (*item).to_owned()));
    let mut component = component_of_world(&items.join("\n"), &core)?.to_vec();
    for module in beside {
        append(&mut component, &wat::parse_str(module)?)?;
    }
    Ok(component.into())
}

/// The interfaces that the text imports from.
fn imports(text: &str) -> BTreeSet<&str> {
    let names = text.split("(import \"").skip(1);
    let names = names.filter_map(|rest| rest.split('"').next());
    names.filter(|name| name.contains('@')).collect()
}

/// Adds a core module that imports nothing, and an instance of it.
fn append(component: &mut Vec<u8>, module: &[u8]) -> Result<()> {
    let number = modules(component)?;
    section(component, CORE_MODULE, module)?;
    // One instance, made of a module, with no arguments.
    let mut instance = vec![1, 0];
    leb128(&mut instance, number)?;
    instance.push(0);
    section(component, CORE_INSTANCE, &instance)
}

fn section(component: &mut Vec<u8>, id: u8, content: &[u8]) -> Result<()> {
    component.push(id);
    leb128(component, content.len())?;
    component.extend_from_slice(content);
    Ok(())
}

/// How many core modules the component has by itself.
fn modules(component: &[u8]) -> Result<usize> {
    let mut rest = component.get(PREAMBLE_BYTES..).context("no component")?;
    let mut count = 0;
    while let Some((id, after)) = rest.split_first() {
        count += usize::from(*id == CORE_MODULE);
        let (mut length, mut shift, mut at) = (0_usize, 0_u32, 0);
        loop {
            let byte = *after.get(at).context("cut off")?;
            length |= usize::from(byte & 0x7f) << shift;
            (at, shift) = (at + 1, shift + 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        rest = after.get(at + length..).context("cut off")?;
    }
    Ok(count)
}

fn leb128(into: &mut Vec<u8>, number: usize) -> Result<()> {
    let mut number = u32::try_from(number)?;
    ensure!(number < 1 << 28, "too large for a test");
    while number >= 0x80 {
        into.push(u8::try_from(number & 0x7f)? | 0x80);
        number >>= 7;
    }
    into.push(u8::try_from(number)?);
    Ok(())
}
