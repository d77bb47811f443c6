//! Components that no compiler should have to bear, and what the compiler may do while it bears them.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use patchbay_tests::gateway::{Deployment, Gateway, guest, program};
use serde_json::json;

use super::super::super::hostile::MODULE;
use super::{assert_serves, gateway_with, number, refusal, section};

/// Long enough for anything on a busy machine, if it happens at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A module that would serve, and in it so many functions that nobody calls, each of so many additions of what memory
/// holds. A thousand functions of a thousand additions take some six seconds of computing.
fn bomb(functions: usize, additions: usize) -> Result<Vec<u8>> {
    // local.get 0, i32.load, i32.add, local.set 0, local.get 0
    let step = [0x20, 0, 0x28, 2, 0, 0x6a, 0x21, 0, 0x20, 0];
    let body = [&[0, 0x20, 0][..], &step.repeat(additions), &[0x0b]].concat();
    let body = [number(body.len()), body].concat();
    let of_first_type = [number(functions), vec![0; functions]].concat();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 1, 0x7f, 1, 0x7f]),
        section(3, &of_first_type),
        section(5, &[1, 0, 1]),
        section(10, &[number(functions), body.repeat(functions)].concat()),
    ];
    Ok([guest("hello")?, section(1, &module.concat())].concat())
}

#[tokio::test]
async fn a_bomb_is_stopped_at_its_processor_time_and_others_are_served_meanwhile() -> Result<()> {
    let gateway = gateway_with(&["--compile-cpu-seconds", "1"]).await?;
    let bomb = bomb(200, 2_000)?;
    let upload = refusal(&gateway, "bomb", bomb.clone());
    let served = async {
        for turn in 0..20 {
            assert_serves(&gateway, &format!("beside a bomb, call {turn}")).await?;
        }
        anyhow::Ok(())
    };
    let (detail, served) = tokio::join!(upload, served);
    served?;
    let detail = detail?;
    assert!(
        detail.contains("takes too much to compile: compiling it took more than 1 s of computing"),
        "{detail}"
    );

    // An operator who gives compilers more, and then less, finds the version serving, or not: others do either way.
    let folder = gateway.kill()?;
    let gateway = Gateway::start_in(folder, &[])?;
    let version = gateway.admin().upload("acme", MODULE, bomb).await?.ok()?;
    let activation = json!({"version": version["number"]});
    gateway
        .admin()
        .put("/v1/tenants/acme/modules/hostile/active", activation)
        .await?;
    let hello = Deployment::of(guest("hello")?);
    gateway.admin().deploy("acme", "hello", hello).await?;
    let folder = gateway.kill()?;
    for file in fs::read_dir(folder.path().join("data/compiled"))? {
        fs::remove_file(file?.path())?;
    }
    let gateway = Gateway::start_in(folder, &["--compile-cpu-seconds", "1"])?;
    let refused = gateway
        .log()
        .into_iter()
        .filter(|line| line.contains("does not serve"))
        .collect::<Vec<_>>();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("more than 1 s of computing"), "{refused:?}");
    let active = json!({"version": 1});
    gateway
        .admin()
        .put("/v1/tenants/acme/modules/hostile/active", active)
        .await?;
    assert_serves(&gateway, "the way back").await
}

#[tokio::test]
async fn a_component_that_takes_too_much_memory_to_compile_is_refused() -> Result<()> {
    let gateway = gateway_with(&["--compile-memory-bytes", "268435456"]).await?;
    let detail = refusal(&gateway, "memory", bomb(1, 300_000)?).await?;
    assert!(
        detail.contains("compiling it took more than 256 MiB of memory"),
        "{detail}"
    );
    Ok(())
}

/// The process that a gateway has started.
fn child_of(parent: u32) -> Result<Option<u32>> {
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may be over by now.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
        if after_name.split(' ').nth(1) == Some(&parent.to_string()) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

fn within<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        ensure!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compiler_ends_with_its_gateway() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let admin = gateway.admin().clone();
    let bomb = bomb(1_000, 2_000)?;
    let upload = tokio::spawn(async move { admin.upload("acme", MODULE, bomb).await });
    let pid = gateway.pid();
    // Between its making and its own program, a process has the arguments of the one that made it.
    let compiler = within("a compiler", || {
        let arguments = |child: &u32| fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
        Ok(child_of(pid)?.filter(|child| arguments(child).starts_with("patchbay\0compile\0")))
    })?;
    drop(gateway.kill()?);
    within("the compiler's end", || {
        let stat = fs::read_to_string(format!("/proc/{compiler}/stat")).unwrap_or_default();
        Ok((stat.is_empty() || stat.contains(") Z ")).then_some(()))
    })?;
    assert!(upload.await?.is_err(), "nobody answers");
    Ok(())
}

/// Ended whatever the test finds.
struct Compiler(Child);

impl Drop for Compiler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_compiler_has_given_up_its_rights_before_it_reads_anything() -> Result<()> {
    let child = Command::new(program()?)
        .args(["compile", "--cpu-seconds", "7", "--memory-bytes", "1000000000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut compiler = Compiler(child);
    let of = |file: &str| format!("/proc/{}/{file}", compiler.0.id());
    let status = within("a filter", || {
        let status = fs::read_to_string(of("status"))?;
        Ok(status.contains("Seccomp:\t2\n").then_some(status))
    })?;
    assert!(
        status.contains("NoNewPrivs:\t1\n") && status.contains("Threads:\t1\n"),
        "{status}"
    );
    let limits = fs::read_to_string(of("limits"))?;
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line[name.len()..]
            .split_whitespace()
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (name, expected) in [
        ("Max cpu time", "7 9"),
        ("Max address space", "1000000000 1000000000"),
        ("Max file size", "0 0"),
        ("Max core file size", "0 0"),
        ("Max open files", "8 8"),
        ("Max processes", "0 0"),
    ] {
        assert_eq!(limit(name), expected, "{name}");
    }
    // Confined as it is, it does its work.
    compiler.0.stdin.take().context("piped")?.write_all(&guest("hello")?)?;
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut compiler.0.stdout.take().context("piped")?, &mut answer)?;
    assert!(compiler.0.wait()?.success());
    assert!(
        answer.windows(4).any(|bytes| bytes == b"\x7fELF"),
        "there is machine code"
    );
    let unfiltered = br#""unfiltered":null"#;
    assert!(answer.windows(unfiltered.len()).any(|bytes| bytes == unfiltered));
    Ok(())
}

#[tokio::test]
async fn machine_code_goes_with_the_last_module_that_uses_it() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let compiled = || Ok::<_, std::io::Error>(fs::read_dir(gateway.folder().join("data/compiled"))?.count());
    let admin = gateway.admin();
    let hello = || Ok::<_, anyhow::Error>(Deployment::of(guest("hello")?));
    admin.deploy("acme", "one", hello()?).await?;
    admin.deploy("acme", "two", hello()?).await?;
    assert_eq!(compiled()?, 2, "one for each component");
    admin.delete("/v1/tenants/acme/modules/one").await?;
    assert_eq!(compiled()?, 2, "the other module uses it");
    admin.delete("/v1/tenants/acme/modules/two").await?;
    assert_eq!(compiled()?, 1);
    assert_serves(&gateway, "its own is there").await?;
    admin.delete("/v1/tenants/acme").await?;
    assert_eq!(compiled()?, 0);
    Ok(())
}
