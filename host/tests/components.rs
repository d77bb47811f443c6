//! What the sandbox makes of components, with the program's own compiler.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use patchbay::domain::module::Digest;
use patchbay::sandbox::{CompileLimits, Compiler, Config, Export, PrepareError, Prepared, Sandbox};
use patchbay::vault::Vault;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const INTERFACES: [(&str, &str); 3] = [
    ("handler", include_str!("../../wit/handler.wit")),
    ("completion", include_str!("../../wit/completion.wit")),
    ("reconcile", include_str!("../../wit/reconcile.wit")),
];

/// Their functions that take one pointer, because all that they take does not fit into sixteen numbers.
const FUNCTIONS: [&str; 3] = ["handler@0.1.0#handle", "completion@0.1.0#check", "reconcile@0.1.0#find"];

/// A component that was built for the interfaces as they are after `change`, and exports the handler and `others`.
fn component(others: &[&str], change: (&str, &str)) -> Bytes {
    let mut text = include_str!("../../wit/orders.wit").to_owned();
    let mut world = String::new();
    let mut functions = String::new();
    for (name, interface) in INTERFACES {
        if name != "handler" && !others.contains(&name) {
            continue;
        }
        let interface = interface.replace("package patchbay:module@0.1.0;", "");
        let changed = interface.replace(change.0, change.1);
        text.push_str(&changed);
        world.push_str(&format!("export {name};"));
        for function in FUNCTIONS.iter().filter(|function| function.starts_with(name)) {
            functions.push_str(&format!(
                r#"(func (export "patchbay:module/{function}") (param i32) (result i32) unreachable)"#
            ));
        }
        if name == "completion" && changed.contains("receive: func") {
            functions.push_str(
                r#"(func (export "patchbay:module/completion@0.1.0#receive")
                    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)"#,
            );
        }
    }
    text.push_str(&format!("world built {{ {world} }}"));

    let mut resolve = Resolve::default();
    let package = resolve
        .push_source("built.wit", &text)
        .expect("the interfaces are well-formed");
    let world = resolve
        .select_world(&[package], Some("built"))
        .expect("the world is there");
    let core = format!(
        r#"(module (memory (export "memory") 1) {functions}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    let mut core = wat::parse_str(core).expect("well-formed");
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false).expect("embedded");
    let component = ComponentEncoder::default()
        .module(&core)
        .expect("it has the functions")
        .encode();
    component.expect("encoded").into()
}

const UNCHANGED: (&str, &str) = ("", "");

const LIMITS: CompileLimits = CompileLimits {
    cpu_seconds: 60,
    memory_bytes: 2 << 30,
    unconfined: false,
};

fn sandbox(artifacts: &Path, limits: CompileLimits) -> Arc<Sandbox> {
    let config = Config {
        concurrent_calls: 1,
        artifacts: artifacts.to_owned(),
        compiler: Compiler {
            program: env!("CARGO_BIN_EXE_patchbay").into(),
            limits,
        },
    };
    Arc::new(Sandbox::new(&config, Arc::new(Vault::new(&[7; 32]))).expect("a sandbox"))
}

async fn prepare(component: Bytes) -> Result<Arc<Prepared>, PrepareError> {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = sandbox(folder.path(), LIMITS);
    sandbox.prepare(&Digest::of(&component), component).await
}

#[tokio::test]
async fn what_a_component_exports_is_known_when_it_is_ready() {
    for (others, completion, reconcile) in [
        (&[][..], false, false),
        (&["completion"], true, false),
        (&["completion", "reconcile"], true, true),
    ] {
        let ready = prepare(component(others, UNCHANGED)).await.expect("it fits");
        assert_eq!(ready.exports(Export::Completion), completion, "{others:?}");
        assert_eq!(ready.exports(Export::Reconcile), reconcile, "{others:?}");
        assert!(!ready.exports(Export::Usage) && !ready.exports(Export::Audit));
    }
}

#[tokio::test]
async fn what_a_component_takes_of_memory_is_known_when_it_is_ready_and_the_same_from_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = component(&[], UNCHANGED);
    let digest = Digest::of(&component);
    let first = sandbox(folder.path(), LIMITS).prepare(&digest, component).await;
    let file = std::fs::read_dir(folder.path())
        .expect("listed")
        .next()
        .expect("a file");
    let on_disk = file.expect("a file").metadata().expect("a file").len();
    let loaded = sandbox(folder.path(), LIMITS).load(&digest).await.expect("it is there");
    let bytes = loaded.code_bytes();
    assert_eq!(first.expect("it fits").code_bytes(), bytes);
    // On the disk it has a tag and the component's names besides.
    assert!(bytes < on_disk && on_disk < bytes + 1_024, "{bytes}, {on_disk}");
}

#[tokio::test]
async fn an_export_of_other_types_is_refused_by_name() {
    for (others, change, why) in [
        (
            &[][..],
            ("result<answer, failure>", "result<answer, string>"),
            "the function handle of patchbay:module/handler@0.1.0 has other types: ",
        ),
        (
            &["completion"],
            (
                "check: func(event: event, state: string)",
                "check: func(event: event, state: list<string>)",
            ),
            "the function check of patchbay:module/completion@0.1.0 has other types: ",
        ),
        (
            &["completion"],
            ("receive: func(callback: callback) -> result<list<notice>, string>;", ""),
            "patchbay:module/completion@0.1.0 has no function receive",
        ),
        (
            &["completion", "reconcile"],
            ("undecided,", "undecided, lost,"),
            "the function find of patchbay:module/reconcile@0.1.0 has other types: ",
        ),
    ] {
        let Err(PrepareError::Refused(refused)) = prepare(component(others, change)).await else {
            panic!("{why}: it is not refused")
        };
        let sentence = refused.to_string();
        let expected = format!("the component does not fit the interface patchbay:module@0.1.0: {why}");
        assert!(sentence.starts_with(&expected), "{sentence}");
        assert!(
            sentence.ends_with("; build it against this gateway's wit folder"),
            "{sentence}"
        );
    }
}
