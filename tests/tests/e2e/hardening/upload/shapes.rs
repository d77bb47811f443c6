//! Files that are no modules. Each is refused within one second of computing: that is all that the compiler gets here.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use patchbay_tests::component::{component, handler_text};
use patchbay_tests::gateway::guest;

use super::{gateway_with, refusal, section};

/// An instance without functions, under the handler's name.
const HOLLOW: &str = r#"(instance $i) (export "patchbay:module/handler@0.1.0" (instance $i))"#;

fn text(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the test's component is well-formed")
}

/// The kind of section that has a component.
const COMPONENT: u8 = 4;

/// A component with nothing in it.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

fn times(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, number| {
        // Writing to a string cannot fail.
        let _ = all.write_str(&item(number));
        all
    })
}

#[tokio::test]
async fn components_of_many_parts_are_judged_within_a_second_of_computing() -> Result<()> {
    let gateway = gateway_with(&["--compile-cpu-seconds", "1"]).await?;
    for (name, parts, sentence) in [
        (
            "10,000 imports",
            times(10_000, |number| {
                format!(r#"(import "wasi:io/a{number}@0.2.0" (instance))"#)
            }),
            "not a valid one: instances count exceeds limit of 1000",
        ),
        (
            "10,000 types",
            times(10_000, |_| "(type (func))".to_owned()),
            "has no function handle",
        ),
        (
            "900 components",
            times(900, |_| "(component)".to_owned()),
            "has no function handle",
        ),
        (
            "1,001 components",
            times(1_001, |_| "(component)".to_owned()),
            "not a valid one: components count exceeds limit",
        ),
        (
            "10,000 core modules",
            times(10_000, |_| "(core module)".to_owned()),
            "not a valid one: modules count exceeds limit",
        ),
    ] {
        let detail = refusal(&gateway, name, text(&format!("(component {parts} {HOLLOW})"))).await?;
        assert!(detail.contains(sentence), "{name}: {detail}");
    }
    // The text format does not go as deep.
    let nested = (0..1_000).fold(EMPTY.to_vec(), |inner, _| [EMPTY, &section(COMPONENT, &inner)].concat());
    let component = [text(&format!("(component {HOLLOW})")), section(COMPONENT, &nested)].concat();
    let detail = refusal(&gateway, "1,000 components in each other", component).await?;
    assert!(detail.contains("has no function handle"), "{detail}");
    Ok(())
}

#[tokio::test]
async fn what_does_not_fit_is_told_what_was_expected_and_what_was_found() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let core = |memory: &str| {
        component(
            &[],
            &handler_text("", "unreachable").replace(r#"(memory (export "memory") 4)"#, memory),
        )
    };
    let rows = [
        (
            "8 bytes",
            b"\0asm\x0d\0\x01\0".to_vec(),
            "expected an export patchbay:module/handler@0.1.0, found none",
        ),
        (
            "a later version",
            text(&format!("(component {})", HOLLOW.replace("@0.1.0", "@0.2.0"))),
            "expected an export patchbay:module/handler@0.1.0, found patchbay:module/handler@0.2.0",
        ),
        (
            "no function",
            text(&format!("(component {HOLLOW})")),
            "patchbay:module/handler@0.1.0 has no function handle",
        ),
        (
            "1 GiB of memory",
            core(r#"(memory (export "memory") 16384)"#)?.into(),
            "memory has a minimum byte size of 1073741824 which exceeds the limit of 0x8000000 bytes",
        ),
        (
            "a million table elements",
            core(r#"(memory (export "memory") 4) (table 1000000 funcref)"#)?.into(),
            "minimum element size of 1000000 which exceeds the limit",
        ),
        (
            "a shared memory",
            text("(component (core module (memory 1 1 shared)))"),
            "expected a WebAssembly component, and the file is not a valid one: threads must be enabled",
        ),
    ];
    for (name, upload, sentence) in rows {
        let detail = refusal(&gateway, name, upload).await?;
        assert!(detail.contains(sentence), "{name}: {detail}");
        let of_size = detail.contains("the component needs more than this gateway gives to an instance");
        assert_eq!(
            of_size,
            sentence.contains("which exceeds the limit"),
            "{name}: {detail}"
        );
    }

    // What the gateway itself has compiled is the most plausible precompiled file.
    let compiled = fs::read_dir(gateway.folder().join("data/compiled"))?
        .next()
        .context("a file")??;
    let compiled = fs::read(compiled.path())?;
    let elf = compiled
        .windows(4)
        .position(|bytes| bytes == b"\x7fELF")
        .context("machine code")?;
    let detail = refusal(&gateway, "precompiled", &compiled[elf..]).await?;
    assert!(
        detail.contains("found a file that was compiled to machine code already"),
        "{detail}"
    );

    let whole = guest("hostile")?;
    for end in (1..whole.len()).step_by(whole.len() / 7) {
        refusal(&gateway, &format!("cut after {end} bytes"), &whole[..end]).await?;
    }
    Ok(())
}
