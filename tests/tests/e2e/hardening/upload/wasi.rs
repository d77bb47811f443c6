//! Guest toolchains import file systems and sockets by themselves. They are there, and there is nothing behind them.

use anyhow::Result;
use patchbay_tests::component::{component, handler_text};
use patchbay_tests::gateway::{Deployment, Gateway};

use super::super::super::hostile::{MODULE, call};

/// The way to give back the posted document, which is the first handle that an instance gets.
const DROP: &str = r#"(import "patchbay:module/orders@0.1.0" "[resource-drop]document" (func $drop (param i32)))"#;

/// Does so, and leaves the address of zeros, which are the answer done with an empty list of VARs.
const DONE: &str = "(call $drop (i32.const 1)) (i32.const 256)";

async fn ask(imports: &[&str], declared: &str, body: &str) -> Result<String> {
    let core = handler_text("", &format!("{body} {DONE}"));
    let core = core.replacen("(module", &format!("(module {DROP} {declared}"), 1);
    let gateway = Gateway::start()?;
    let deployment = Deployment::of(component(imports, &core)?.into());
    gateway.admin().deploy("acme", MODULE, deployment).await?;
    let told = call(&gateway, "acme").await?;
    Ok(told.element("SUCCESS").unwrap_or_default() + &told.error())
}

#[tokio::test]
async fn there_is_no_folder_to_open() -> Result<()> {
    // A list of no folders, or a trap.
    let said = ask(
        &["wasi:filesystem/preopens@0.2.12"],
        r#"(import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $folders (param i32)))"#,
        "(call $folders (i32.const 512)) (if (i32.load (i32.const 516)) (then (unreachable)))",
    );
    assert_eq!(said.await?, "Y");
    Ok(())
}

#[tokio::test]
async fn a_socket_connects_to_nothing() -> Result<()> {
    let declared = r#"
        (import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
        (import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $create (param i32 i32)))
        (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-connect" (func $connect
            (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    // A socket for IPv4, or not even that; then 127.0.0.1:80, as good an address as any. Anything but the error
    // access-denied is a trap.
    let body = "
        (call $create (i32.const 0) (i32.const 512))
        (if (i32.eqz (i32.load8_u (i32.const 512))) (then
            (call $connect (i32.load (i32.const 516)) (call $network) (i32.const 0)
                (i32.const 80) (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 768))
            (if (i32.ne (i32.load8_u (i32.const 768)) (i32.const 1)) (then (unreachable)))
            (if (i32.ne (i32.load8_u (i32.const 769)) (i32.const 1)) (then (unreachable)))))";
    let imports = [
        "wasi:sockets/instance-network@0.2.12",
        "wasi:sockets/tcp-create-socket@0.2.12",
        "wasi:sockets/tcp@0.2.12",
    ];
    assert_eq!(ask(&imports, declared, body).await?, "Y");
    Ok(())
}
