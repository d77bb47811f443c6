//! The command line as a person or a script uses it: the real program against a running gateway.

mod trail;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use patchbay_tests::carrier::{FakeCarrier, TOKEN, script_for};
use patchbay_tests::gateway::{ADMIN_TOKEN, Gateway, guest, program};
use patchbay_tests::telecloud::{client, post, scenarios};
use serde_json::Value;

/// What a command did.
struct Ran {
    code: i32,
    output: String,
    errors: String,
}

impl Ran {
    /// The output of a command that did as asked.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!((self.code, self.errors.as_str()), (0, ""), "{}", self.output);
        self.output
    }

    /// What a command that did not do as asked said of it.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.output.as_str()), (code, ""), "{}", self.errors);
        self.errors
    }
}

/// A person's terminal: where the gateway is, and as whom.
struct Shell<'s> {
    url: &'s str,
    token: &'s str,
    folder: &'s Path,
}

impl Shell<'_> {
    fn run(&self, arguments: &[&str]) -> Result<Ran> {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Result<Ran> {
        let mut child = Command::new(program()?)
            .args(arguments)
            .current_dir(self.folder)
            .env("PATCHBAY_URL", self.url)
            .env("PATCHBAY_TOKEN", self.token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("stdin is piped")?;
        // A command that reads nothing may be over by now.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output()?;
        Ok(Ran {
            code: output.status.code().context("it was ended by a signal")?,
            output: String::from_utf8(output.stdout)?,
            errors: String::from_utf8(output.stderr)?,
        })
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.run(&[arguments, &["--json"]].concat())?.done();
        serde_json::from_str(&output).with_context(|| format!("{arguments:?}: {output}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_sets_everything_up_and_reads_the_first_call() -> Result<()> {
    let (gateway, carrier) = (Gateway::start()?, FakeCarrier::start().await?);
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("sim.wasm"), guest("sim-activation")?)?;
    let shell = Shell {
        url: gateway.admin().base(),
        token: ADMIN_TOKEN,
        folder: folder.path(),
    };
    let port = carrier.address().port().to_string();
    let url = format!("carrier_url={}", carrier.url());

    assert_eq!(
        shell
            .run(&["tenant", "create", "acme", "--title", "Acme Mobile"])?
            .done(),
        "tenant acme made\n"
    );
    let added = shell
        .run_with(&["key", "add", "acme", "--label", "reseller"], "key_good\n")?
        .done();
    assert!(
        added.starts_with("key ") && added.ends_with(" is accepted\n") && !added.contains("key_good"),
        "{added}"
    );
    let made = shell.run(&["module", "create", "acme", "sim"])?.done();
    assert!(
        made.contains("it serves at /m/acme/sim once a version is active"),
        "{made}"
    );
    shell
        .run(&["config", "set", "acme", "sim", &url, "plan.VZW-15GB-UNLTT=unlimited-15"])?
        .done();
    // A line break at its end is the shell's, not the secret's.
    let set = shell.run_with(
        &["secret", "set", "acme", "sim", "carrier-token"],
        &format!("{TOKEN}\n"),
    )?;
    assert_eq!(set.done(), "secret carrier-token set\n");
    let add = [
        "grant",
        "add",
        "acme",
        "sim",
        "orders",
        "--host",
        "127.0.0.1",
        "--scheme",
        "http",
        "--port",
        &port,
    ];
    let grant = [
        "--method",
        "POST",
        "--path",
        "/v1/activations",
        "--secret",
        "carrier-token",
        "--network",
        "loopback",
    ];
    let set = ["network", "set", "loopback", "127.0.0.0/8", "::1/128"];
    assert_eq!(shell.run(&set)?.done(), "network loopback set\n");
    shell.run(&[&add[..], &grant[..]].concat())?.done();
    let uploaded = shell
        .run(&["version", "upload", "acme", "sim", "sim.wasm", "--activate"])?
        .done();
    assert!(
        uploaded.starts_with("version 1 of acme/sim\ndigest   ") && uploaded.ends_with("it serves\n"),
        "{uploaded}"
    );

    let activated = shell.run(&["version", "activate", "acme", "sim", "1"])?.done();
    assert_eq!(activated, "version 1 serves\n");

    script_for("activate", &carrier).await?;
    let scenario = scenarios()?.into_iter().find(|scenario| scenario.id == "activate");
    let scenario = scenario.context("a scenario")?;
    let posted = post(
        &client()?,
        &gateway.url("acme", "sim"),
        scenario.encoding,
        &scenario.fields,
    )
    .await?;
    assert_eq!(Some(posted.body), scenario.expect);

    let table = shell.run(&["call", "list", "acme"])?.done();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(
        lines[0].starts_with("CALL ") && lines[1].contains("sim v1") && lines[1].contains("done"),
        "{table}"
    );
    let id = lines[1].split_whitespace().next().context("an id")?;
    let story = shell.run(&["call", "show", "acme", id])?.done();
    for part in [
        "outcome   done",
        "  SERVICE  Order/Create",
        "Exchange 1 of 1, by grant orders",
        "  < 201",
        "  SUCCESS  Y",
    ] {
        assert!(story.contains(part), "{part:?} is not in: {story}");
    }
    assert!(!story.contains(TOKEN) && !story.contains("key_good"), "{story}");
    let filtered = shell.run(&["call", "list", "acme", "--outcome", "faulted"])?.done();
    assert_eq!(filtered, "There are no such calls here.\n");

    // For programs, each list is what the API says.
    for (arguments, path) in [
        (&["tenant", "list"][..], "/v1/tenants"),
        (&["tenant", "show", "acme"], "/v1/tenants/acme"),
        (&["key", "list", "acme"], "/v1/tenants/acme/telecloud-keys"),
        (&["token", "list", "acme"], "/v1/tenants/acme/tokens"),
        (&["module", "list", "acme"], "/v1/tenants/acme/modules"),
        (&["module", "show", "acme", "sim"], "/v1/tenants/acme/modules/sim"),
        (
            &["config", "list", "acme", "sim"],
            "/v1/tenants/acme/modules/sim/config",
        ),
        (&["grant", "list", "acme", "sim"], "/v1/tenants/acme/modules/sim/grants"),
        (
            &["secret", "list", "acme", "sim"],
            "/v1/tenants/acme/modules/sim/secrets",
        ),
        (
            &["version", "list", "acme", "sim"],
            "/v1/tenants/acme/modules/sim/versions",
        ),
        (&["call", "list", "acme"], "/v1/tenants/acme/calls"),
        (&["call", "show", "acme", id], &format!("/v1/tenants/acme/calls/{id}")),
    ] {
        assert_eq!(
            shell.json(arguments)?,
            gateway.admin().get(path).await?,
            "{arguments:?}"
        );
        assert!(!shell.run(arguments)?.done().is_empty(), "{arguments:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_and_grants_go_to_a_file_and_come_back() -> Result<()> {
    let gateway = Gateway::start()?;
    let folder = tempfile::tempdir()?;
    let shell = Shell {
        url: gateway.admin().base(),
        token: ADMIN_TOKEN,
        folder: folder.path(),
    };
    shell.run(&["tenant", "create", "acme"])?.done();
    shell.run(&["module", "create", "acme", "sim"])?.done();
    shell.run(&["config", "set", "acme", "sim", "a=1", "b=x=y"])?.done();
    shell.run(&["config", "unset", "acme", "sim", "a"])?.done();
    let saved = shell.run(&["config", "list", "acme", "sim", "--json"])?.done();
    assert_eq!(serde_json::from_str::<Value>(&saved)?, serde_json::json!({"b": "x=y"}));
    let add = [
        "grant",
        "add",
        "acme",
        "sim",
        "api",
        "--host",
        "api.carrier.example",
        "--method",
        "GET",
        "--path",
        "/v1",
    ];
    shell.run(&add)?.done();
    let grants = shell.run(&["grant", "list", "acme", "sim", "--json"])?.done();
    fs::write(folder.path().join("grants.json"), &grants)?;
    shell.run(&["grant", "remove", "acme", "sim", "api"])?.done();
    assert_eq!(shell.json(&["grant", "list", "acme", "sim"])?, serde_json::json!([]));

    shell.run(&["grant", "replace", "acme", "sim", "grants.json"])?.done();
    assert_eq!(shell.run(&["grant", "list", "acme", "sim", "--json"])?.done(), grants);
    shell
        .run_with(&["config", "replace", "acme", "sim", "-"], &saved)?
        .done();
    assert_eq!(shell.run(&["config", "list", "acme", "sim", "--json"])?.done(), saved);

    // A tenant's own token, from a file and from --json, does what its scopes say.
    let made = shell.json(&["token", "create", "acme", "--scope", "read,deploy"])?;
    let token = made["value"].as_str().context("a token")?;
    fs::write(folder.path().join("token"), format!("{token}\n"))?;
    let own = ["--token-file", "token"];
    shell
        .run(&[&["config", "set", "acme", "sim", "c=3"][..], &own].concat())?
        .done();
    let refused = shell.run(&[&["call", "list", "acme"][..], &own].concat())?.failed(1);
    assert!(refused.contains("scope calls"), "{refused}");
    Ok(())
}

#[test]
fn an_exit_code_tells_whose_fault_it_is() -> Result<()> {
    let gateway = Gateway::start()?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("text.wasm"), "no component")?;
    let shell = |url, token| Shell {
        url,
        token,
        folder: folder.path(),
    };
    let admin = shell(gateway.admin().base(), ADMIN_TOKEN);
    admin.run(&["tenant", "create", "acme"])?.done();
    admin.run(&["module", "create", "acme", "sim"])?.done();

    // 1: the gateway, or what is there already, says no.
    for (arguments, sentence) in [
        (&["tenant", "create", "acme"][..], "tenant acme is there already"),
        (&["tenant", "show", "nobody"], "There is no tenant nobody"),
        (
            &["module", "limits", "acme", "sim", "--cpu-ms", "0"],
            "limits.cpu_ms must be 10 to 30000",
        ),
        (
            &["version", "upload", "acme", "sim", "text.wasm"],
            "expected a WebAssembly component",
        ),
        (&["version", "activate", "acme", "sim", "7"], "has no version 7"),
        (&["config", "unset", "acme", "sim", "a"], "there is no setting a"),
        (&["secret", "remove", "acme", "sim", "a"], "has no secret a"),
    ] {
        let said = admin.run(arguments)?.failed(1);
        assert!(
            said.starts_with("patchbay: ") && said.contains(sentence),
            "{arguments:?}: {said}"
        );
    }
    let said = shell(gateway.admin().base(), "wrong")
        .run(&["tenant", "list"])?
        .failed(1);
    assert!(said.contains("The token is not valid"), "{said}");

    // 2: the command line is wrong, and nothing was asked of the gateway.
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let nowhere = format!("http://{closed}");
    let alone = shell(&nowhere, ADMIN_TOKEN);
    for (arguments, sentence) in [
        (&["tenant", "create", "Acme"][..], "Acme"),
        (&["tenant", "fly"], "fly"),
        (&["tenant"], "Usage"),
        (&["config", "set", "acme", "sim", "a"], "KEY=VALUE"),
        (&["call", "show", "acme", "7"], "26 letters and digits"),
        (&["call", "list", "acme", "--outcome", "fine"], "fine"),
        (&["version", "upload", "acme", "sim", "none.wasm"], "none.wasm"),
        (&["grant", "replace", "acme", "sim", "text.wasm"], "text.wasm"),
        (&["tenant", "list", "--url", "ftp://x"], "http://"),
        (&["module", "limits", "acme", "sim"], "required"),
    ] {
        let said = alone.run(arguments)?.failed(2);
        assert!(said.contains(sentence), "{arguments:?}: {said}");
    }

    // 3: there is no gateway.
    let said = alone.run(&["tenant", "list"])?.failed(3);
    assert!(
        said.contains("cannot reach the gateway") && said.contains(&nowhere),
        "{said}"
    );
    let public = shell(gateway.public(), ADMIN_TOKEN).run(&["tenant", "list"])?.failed(3);
    assert!(public.contains("is no Patchbay admin listener"), "{public}");
    Ok(())
}

#[test]
fn help_and_completion_need_no_gateway() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let shell = Shell {
        url: "http://127.0.0.1:1",
        token: "",
        folder: folder.path(),
    };
    for (name, mark) in [
        ("bash", "complete -F _patchbay"),
        ("zsh", "#compdef patchbay"),
        ("fish", "complete -c patchbay"),
    ] {
        let script = shell.run(&["completion", name])?.done();
        assert!(script.contains(mark) && script.contains("activate"), "{name}");
    }
    let help = shell.run(&["--help"])?.done();
    assert!(
        help.contains("Exit codes:") && help.contains("serve") && help.contains("tenant"),
        "{help}"
    );
    assert!(shell.run(&["--version"])?.done().starts_with("patchbay "));
    Ok(())
}
