//! Starting and stopping: what is refused and how it is said, and what becomes of calls under way.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Gate, Reply, StatusCode};
use patchbay_tests::gateway::{ADMIN_TOKEN, Gateway, program};
use patchbay_tests::telecloud::{Encoding, client, post};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::hostile::{MODULE, Told, call, fetching, order, with};

/// For what has to happen and takes no time of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `patchbay serve` in a folder, which has to end by itself.
fn serve(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
    serve_by(Command::new(program()?), folder, arguments, variables)
}

/// The same, by a command that runs the program with the arguments that follow.
fn serve_by(mut command: Command, folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
    let mut child = command
        .args(["serve", "--public-listen", "127.0.0.1:0"])
        .args(arguments)
        .current_dir(folder)
        .env("PATCHBAY_ADMIN_LISTEN", "127.0.0.1:0")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let began = Instant::now();
    // What it says fits into the pipe, so it need not be read meanwhile.
    while child.try_wait()?.is_none() {
        if began.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("it started, and should not have: {arguments:?} {variables:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(child.wait_with_output()?)
}

/// Asserts that the gateway does not start, and gives what it said.
fn refused(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let output = serve(folder, arguments, variables)?;
    let said = String::from_utf8(output.stderr)?;
    assert!(matches!(output.status.code(), Some(1 | 2)), "{}: {said}", output.status);
    assert!(!said.contains("panicked"), "{said}");
    Ok(said)
}

/// Waits until a gateway that was told to stop says so: it is not ready, or takes no connections any more.
async fn until_it_stops_listening(gateway: &Gateway) -> Result<()> {
    let client = client()?;
    let began = Instant::now();
    for url in [
        format!("{}/readyz", gateway.admin().base()),
        gateway.url("acme", MODULE),
    ] {
        while let Ok(response) = client.get(&url).send().await {
            if response.status() == 503 {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{url} still answers {}", response.status());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}

/// A gateway with an order under way that waits for the carrier to open the gate.
struct UnderWay {
    gateway: Gateway,
    gate: Gate,
    order: JoinHandle<Result<Told>>,
    _carrier: FakeCarrier,
}

impl UnderWay {
    async fn start(folder: &Arc<TempDir>, arguments: &[&str]) -> Result<Self> {
        let carrier = FakeCarrier::start().await?;
        let gate = Gate::default();
        let answer = Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", "at last"));
        carrier.always("/", answer.when(&gate));
        let gateway = Gateway::start_in(Arc::clone(folder), arguments)?;
        let mut deployment = fetching(&carrier.url(), json!({"method": "POST"}))?;
        deployment.limits = json!({"deadline_ms": 120_000});
        gateway.admin().deploy("acme", MODULE, deployment).await?;
        let url = gateway.url("acme", MODULE);
        let order = tokio::spawn(async move {
            let posted = post(&client()?, &url, Encoding::Form, &order("4617ZU4617")).await?;
            Told::read(posted.status, posted.body)
        });
        carrier.wait_for_requests(1).await;
        Ok(Self {
            gateway,
            gate,
            order,
            _carrier: carrier,
        })
    }
}

/// Waits for the process to end by itself, and gives its exit code.
async fn ended(gateway: Gateway) -> Result<i32> {
    let pid = gateway.pid();
    let ended = tokio::task::spawn_blocking(move || gateway.wait());
    if let Ok(code) = tokio::time::timeout(PATIENCE, ended).await {
        return code?;
    }
    // Or the thread that waits for it would wait for ever.
    Command::new("kill").args(["-KILL", &pid.to_string()]).status()?;
    bail!("it does not end")
}

#[tokio::test]
async fn orders_under_way_are_answered_before_it_stops() -> Result<()> {
    for signal in ["TERM", "INT"] {
        let folder = Arc::new(tempfile::tempdir()?);
        let under_way = UnderWay::start(&folder, &["--drain-seconds", "60"]).await?;
        let UnderWay {
            gateway, gate, order, ..
        } = under_way;
        gateway.signal(signal)?;
        until_it_stops_listening(&gateway).await?;
        assert!(!order.is_finished(), "the carrier has not answered yet");
        gate.open();
        assert_eq!(order.await??.element("VAR2").as_deref(), Some("at last"));
        assert_eq!(ended(gateway).await?, 0, "after SIG{signal}");
    }
    Ok(())
}

#[tokio::test]
async fn what_does_not_end_is_cut_off_when_the_drain_time_is_over() -> Result<()> {
    let folder = Arc::new(tempfile::tempdir()?);
    let under_way = UnderWay::start(&folder, &["--drain-seconds", "1"]).await?;
    let UnderWay { gateway, order, .. } = under_way;
    let began = Instant::now();
    gateway.signal("TERM")?;
    assert!(order.await?.is_err(), "no answer, as there is none to give");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(ended(gateway).await?, 0);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    // What is known of the call is on record: the request left, and nothing came back. So it may have happened.
    let gateway = Gateway::start_in(folder, &[])?;
    let job = &gateway.admin().jobs("acme").await?[0];
    let path = format!("/v1/tenants/acme/calls/{}", job["call"].as_str().context("an id")?);
    let call = gateway.admin().get(&path).await?;
    assert_eq!(call["outcome"], "unknown", "{call:#}");
    assert_eq!(call["exchanges"][0]["request"]["method"], "POST");
    assert_eq!(call["reply"], json!(null));
    let what = call["after"][0]["what"].as_str().context("a sentence")?;
    assert!(what.starts_with("the gateway stopped meanwhile"), "{what}");
    Ok(())
}

#[tokio::test]
async fn one_that_has_nothing_to_do_stops_at_once() -> Result<()> {
    let gateway = Gateway::start_in(Arc::new(tempfile::tempdir()?), &["--drain-seconds", "600"])?;
    // An idle connection that is kept open is no reason to wait.
    let client = client()?;
    let ready = client.get(format!("{}/readyz", gateway.admin().base())).send().await?;
    assert_eq!(
        (ready.status().as_u16(), ready.text().await?.as_str()),
        (200, "ready\n")
    );
    gateway.signal("TERM")?;
    assert_eq!(ended(gateway).await?, 0);
    Ok(())
}

#[tokio::test]
async fn two_do_not_share_a_data_directory() -> Result<()> {
    let gateway = Gateway::start()?;
    gateway
        .admin()
        .deploy("acme", MODULE, with(json!({"mode": "echo"}))?)
        .await?;
    let data = gateway.folder().join("data");
    let data = data.to_str().context("text")?;
    let said = refused(gateway.folder(), &["--data-dir", data], &[])?;
    assert!(
        said.contains("data_dir") && said.contains(data) && said.contains("another patchbay process has it open"),
        "{said}"
    );
    let told = call(&gateway, "acme").await?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "the first serves on");
    Ok(())
}

#[test]
fn an_address_in_use_is_named_with_its_key() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let said = refused(folder.path(), &["--admin-listen", &address], &[])?;
    assert!(said.contains(&format!("admin_listen {address}: ")), "{said}");
    Ok(())
}

/// A wrong setting, and what has to be said of it.
#[derive(Debug, Default)]
struct Wrong {
    file: &'static str,
    arguments: &'static [&'static str],
    variable: Option<(&'static str, &'static str)>,
    said: &'static [&'static str],
}

#[test]
fn a_wrong_setting_is_named_by_its_key() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let in_file = |file, said| Wrong {
        file,
        arguments: &["--config", "c.toml"],
        said,
        ..Wrong::default()
    };
    let argument = |arguments, said| Wrong {
        arguments,
        said,
        ..Wrong::default()
    };
    let variable = |name, value, said| Wrong {
        variable: Some((name, value)),
        said,
        ..Wrong::default()
    };
    for wrong in [
        argument(&["--config", "nothing.toml"], &["config: nothing.toml: "]),
        in_file("colour = 1", &["c.toml", "unknown field `colour`"]),
        in_file("connections =", &["c.toml", "line 1"]),
        in_file("connections = \"many\"", &["c.toml", "connections"]),
        in_file(
            "connections = 0",
            &["connections: it must be 1 to 100000, and 0 is not"],
        ),
        argument(&["--drain-seconds", "601"], &["drain_seconds: it must be 0 to 600"]),
        argument(&["--drain-seconds", "soon"], &["--drain-seconds", "soon"]),
        variable("PATCHBAY_DATADIR", "x", &["PATCHBAY_DATADIR: there is no such setting"]),
        variable("PATCHBAY_CONNECTIONS", "many", &["--connections", "many"]),
        variable(
            "PATCHBAY_ADMIN_TOKEN",
            "short",
            &["PATCHBAY_ADMIN_TOKEN: it must have 32 characters"],
        ),
    ] {
        fs::write(folder.path().join("c.toml"), wrong.file)?;
        let said = refused(folder.path(), wrong.arguments, wrong.variable.as_slice())?;
        for part in wrong.said {
            assert!(said.contains(part), "{wrong:?}: {said}");
        }
    }
    assert!(
        !folder.path().join("patchbay-data").exists(),
        "everything is checked before anything is made"
    );
    Ok(())
}

#[test]
fn fewer_open_files_than_there_may_be_connections_are_refused_with_what_to_set() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 1000 && exec \"$0\" \"$@\""])
        .arg(program()?);
    let output = serve_by(limited, folder.path(), &["--connections", "1024"], &[])?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1), "{said}");
    let what = "connections: 1024 for each listener and 64 calls at once (concurrent_calls) need 4352 open files";
    assert!(said.contains(what) && said.contains("may have 1000 at most"), "{said}");
    Ok(())
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("file"), "")?;
    let said = refused(folder.path(), &["--data-dir", "file/data", "--key-file", "key"], &[])?;
    assert!(said.contains("data_dir file/data: "), "{said}");
    Ok(())
}

fn mode(path: &Path) -> Result<u32> {
    Ok(path
        .metadata()
        .with_context(|| path.display().to_string())?
        .permissions()
        .mode()
        & 0o777)
}

/// Whether any file in this folder or below has this text in it.
fn is_below(folder: &Path, text: &str) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            is_below(&path, text)?
        } else {
            fs::read(&path)?
                .windows(text.len())
                .any(|found| found == text.as_bytes())
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

#[tokio::test]
async fn the_first_admin_token_is_made_for_its_owner_only_and_works_from_then_on() -> Result<()> {
    let folder = Arc::new(tempfile::tempdir()?);
    let data = folder.path().join("data");
    let gateway = Gateway::start_without_token(Arc::clone(&folder))?;
    let file = folder.path().join("data.admin-token");
    assert_eq!(mode(&file)?, 0o600);
    assert_eq!(mode(&data)?, 0o700);
    assert_eq!(mode(&folder.path().join("data.key"))?, 0o600);
    gateway.admin().put("/v1/tenants/acme", json!({})).await?;
    let token = fs::read_to_string(&file)?;
    assert!(
        !gateway.log().iter().any(|line| line.contains(token.trim())),
        "the log tells where the token is, and not the token"
    );

    // It is the same one after a restart, and a given one takes its place.
    let folder = gateway.kill()?;
    assert!(!is_below(&data, token.trim())?, "a backup would hold the admin's token");
    assert!(is_below(folder.path(), token.trim())?);
    let gateway = Gateway::start_without_token(folder)?;
    assert_eq!(gateway.admin().get("/v1/tenants/acme").await?["name"], "acme");
    assert_eq!(fs::read_to_string(&file)?, token);
    let gateway = Gateway::start_in(gateway.kill()?, &[])?;
    assert_eq!(gateway.admin().get("/v1/tenants/acme").await?["name"], "acme");
    let old = gateway.admin().with_token(token.trim());
    assert!(old.get("/v1/tenants/acme").await.is_err());
    Ok(())
}

#[test]
fn a_key_file_that_others_may_read_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("key");
    fs::write(&key, "00".repeat(32))?;
    for open_to in [0o640, 0o604] {
        fs::set_permissions(&key, Permissions::from_mode(open_to))?;
        let said = refused(folder.path(), &["--key-file", "key"], &[])?;
        assert!(said.contains("key_file") && said.contains("chmod 600"), "{said}");
    }
    fs::set_permissions(&key, Permissions::from_mode(0o600))?;
    fs::write(&key, "not a key")?;
    let said = refused(folder.path(), &["--key-file", "key"], &[])?;
    assert!(
        said.contains("key_file") && said.contains("64 hexadecimal digits"),
        "{said}"
    );
    Ok(())
}

/// The folder of a gateway that ran and has ended, with a tenant and, if wanted, a secret.
async fn after_a_run(with_secret: bool) -> Result<Arc<TempDir>> {
    let gateway = Gateway::start()?;
    let mut deployment = with(json!({"mode": "echo"}))?;
    if with_secret {
        deployment.secrets = vec![("token".to_owned(), "secret".to_owned())];
    }
    gateway.admin().deploy("acme", MODULE, deployment).await?;
    gateway.kill()
}

#[tokio::test]
async fn with_another_key_it_does_not_start_and_with_its_own_it_does() -> Result<()> {
    // Without any secret as well: with another key, no token and no TeleCloud key would be right any more.
    for with_secret in [false, true] {
        let folder = after_a_run(with_secret).await?;
        let key = folder.path().join("data.key");
        let own = fs::read(&key)?;
        // Replaced, and lost: none is made in its place.
        for (other, says) in [(Some("11".repeat(32)), "another key"), (None, "the file is missing")] {
            match other {
                Some(other) => fs::write(&key, other)?,
                None => fs::remove_file(&key)?,
            }
            let variables = [("PATCHBAY_ADMIN_TOKEN", ADMIN_TOKEN)];
            let said = refused(folder.path(), &["--data-dir", "data"], &variables)?;
            assert!(
                said.contains("key_file") && said.contains("data.key") && said.contains(says),
                "{said}"
            );
        }
        fs::write(&key, own)?;
        fs::set_permissions(&key, Permissions::from_mode(0o600))?;
        let gateway = Gateway::start_in(folder, &[])?;
        let told = call(&gateway, "acme").await?;
        assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"));
    }
    Ok(())
}
