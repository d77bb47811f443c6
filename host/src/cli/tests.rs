mod course;
mod grant;
mod settings;

use clap::{CommandFactory, Parser};
use serde_json::Value;

use super::*;
use crate::api::tests::world::{ADMIN, World};
use crate::domain::tenant::Scope;

/// As the program's own.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A gateway's admin listener on a port of this machine.
struct Gateway {
    world: World,
    url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Ran {
    code: u8,
    output: String,
    errors: String,
}

impl Gateway {
    async fn start() -> Self {
        let world = World::new().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = world.router.clone();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("served") });
        Self { world, url, server }
    }

    /// Runs a command line as the platform admin.
    async fn run(&self, line: &str) -> Ran {
        self.run_with(line, ADMIN, "").await
    }

    /// `{key}`, `{token}`, `{call}` and `{job}` are the ids of what there is.
    async fn run_with(&self, line: &str, token: &str, input: &str) -> Ran {
        let line = line
            .replace("{key}", &self.world.key)
            .replace("{token}", &self.world.token)
            .replace("{call}", &self.world.call)
            .replace("{usage}", &self.world.usage)
            .replace("{audit}", &self.world.audit)
            .replace("{order}", &self.world.order)
            .replace("{job}", &self.world.job);
        let words = line.split(' ').chain(["--url", &self.url, "--token", token]);
        run(words, input, false).await
    }

    async fn json(&self, line: &str) -> Value {
        let ran = self.run(&format!("{line} --json")).await;
        assert_eq!((ran.code, ran.errors.as_str()), (0, ""), "{line}");
        serde_json::from_str(&ran.output).expect("JSON")
    }
}

async fn run(words: impl IntoIterator<Item = &str>, input: &str, input_is_typed: bool) -> Ran {
    let words = ["patchbay"].into_iter().chain(words);
    let arguments = Arguments::try_parse_from(words).expect("a command line");
    let mut bytes = input.as_bytes();
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut terminal = Terminal {
        input: &mut bytes,
        input_is_typed,
        output: &mut output,
        errors: &mut errors,
        errors_are_seen: false,
    };
    let code = run_on(arguments.command, Arguments::command(), &mut terminal).await;
    Ran {
        code,
        output: String::from_utf8(output).expect("text"),
        errors: String::from_utf8(errors).expect("text"),
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Arguments::command().debug_assert();
}

#[tokio::test]
async fn every_command_works_for_people_and_for_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let component = file("three.wasm", "good three");
    let config = file("config.json", r#"{"region": "north"}"#);
    let grants = file(
        "grants.json",
        r#"[{"name": "x", "host": "x.example", "methods": ["GET"], "paths": ["/"]}]"#,
    );
    let secret = file("secret", "hunter2\n");
    let schedules = file("schedules.json", r#"{"usage": {"components": {"7": {"var": 11}}}}"#);
    let upload = format!("version upload acme sim {component} --activate");
    let replace_config = format!("config replace acme sim {config}");
    let replace_grants = format!("grant replace acme sim {grants}");
    let set_secret = format!("secret set acme sim new --from-file {secret}");
    let add_key = format!("key add acme --label x --from-file {secret}");
    let set_telecloud = format!("telecloud set acme --api-id-key 8 --from-file {secret}");
    let change_password = format!("order change-password acme 4711 --from-file {secret}");
    let replace_schedules = format!("schedule replace acme sim {schedules}");
    let rows = [
        ("tenant create fresh --title Fresh", "tenant fresh made"),
        ("tenant list", "acme"),
        ("tenant show acme", "tenant  acme"),
        ("tenant delete other", "tenant other removed"),
        ("module create acme new", "/m/acme/new"),
        ("module list acme", "sim"),
        ("module show acme sim", "active version    1"),
        ("module suspend acme sim", "suspended"),
        ("module resume acme sim", "takes events again"),
        ("module limits acme sim --cpu-ms 50", "limits changed"),
        ("module handling acme sim --repeat-s-for swap=5", "handling changed"),
        (&upload, "exports  handler"),
        ("version list acme sim", "active"),
        ("version activate acme sim 2", "version 2 serves"),
        ("config set acme sim url=https://a=b plan=", "set"),
        ("config unset acme sim region", "removed"),
        ("config list acme sim", "west"),
        (&replace_config, "replaced"),
        (
            "grant add acme sim lab --host 10.0.0.1 --method GET --path /** --network lab --action swap --secret new",
            "granted",
        ),
        ("network set vpn fd12::/48 192.168.7.0/24", "network vpn set"),
        ("network list", "10.20.0.0/16"),
        ("network remove unused", "network unused removed"),
        ("grant remove acme sim carrier", "removed"),
        ("grant list acme sim", "https://api.carrier.example"),
        (&replace_grants, "replaced"),
        ("schedule show acme sim", "usage      not scheduled"),
        ("usage run acme sim --dry-run", "begun"),
        ("usage list acme sim", "done"),
        ("usage show acme sim", "256"),
        ("usage show acme sim {usage}", "256"),
        ("usage settle acme sim 4711 7 0", "settled"),
        ("audit run acme sim", "begun"),
        ("audit list acme sim", "done"),
        ("audit show acme sim", "subscriber-id"),
        ("audit show acme sim {audit}", "14=S-1"),
        ("audit repair acme sim {audit} --row 1", "1"),
        (&replace_schedules, "replaced"),
        (&set_secret, "secret new set"),
        ("secret remove acme sim carrier-token", "removed"),
        ("secret list acme sim", "carrier-token"),
        (&add_key, "is accepted"),
        ("key list acme", "reseller"),
        ("key remove acme {key}", "not accepted any more"),
        (&set_telecloud, "calls to TeleCloud go to https://api.telecloud.app/"),
        ("telecloud show acme", "api id key  7"),
        (
            "telecloud register acme sim --module-url https://x.example/m/acme/sim --product-group 75 --group-status locked \
             --event order --event cancel",
            "moduleid_cancel   ID-OF-THE-NEW-MODULE",
        ),
        ("telecloud unset acme", "not set any more"),
        ("token create acme --scope read,deploy", "shown only once"),
        ("token list acme", "read"),
        ("token revoke acme {token}", "works no more"),
        ("call list acme --module sim --limit 5", "Order/Create"),
        ("call show acme {call}", "SUCCESS  Y"),
        ("call show acme", "SUCCESS  Y"),
        ("order find acme --mdn 2025550143 --account 100", "active"),
        ("order find acme --iccid 8901260000000000017 --module sim", "4711"),
        ("order find acme --value canary-pin", "There are no such orders here."),
        ("order find acme --order 4712", "There are no such orders here."),
        ("order list acme --limit 1", "SOC5GB"),
        ("order show acme 4711", "VAR3             2025550143"),
        ("order show acme {order}", "VAR6             ***"),
        (&change_password, "the password of order 4711 is changed, by call 0"),
        ("call list acme --about {job}", "There are no such calls here."),
        ("job list acme --module sim --stage pending", "Order/Create"),
        ("fallout list acme", "Nothing needs a person."),
        ("job show acme {job}", "patchbay job check-again acme 0"),
        ("job show acme {call}", "there is no open job for this call"),
        ("job check-again acme {job}", "done; the job stands at pending now"),
        (
            "job link acme {job} --order 4617ZU4617 --account 9105012",
            "stands at pending now",
        ),
        (
            "job tell acme {job} --status failed --error-text x --var 15=REJECTED",
            "stands at telling now",
        ),
        ("job done acme {job}", "done; the job is over"),
        ("module callback acme sim", "/m/acme/sim/callback/"),
        ("module callback acme sim --rotate", "/m/acme/sim/callback/"),
    ];
    for (line, said) in rows {
        // Each begins with the same things there.
        let gateway = Gateway::start().await;
        let said = if line.starts_with("version list") {
            "active"
        } else {
            said
        };
        let people = gateway.run(line).await;
        assert_eq!((people.code, people.errors.as_str()), (0, ""), "{line}");
        assert!(people.output.contains(said), "{line}: {}", people.output);

        let gateway = Gateway::start().await;
        let programs = gateway.run(&format!("{line} --json")).await;
        assert_eq!((programs.code, programs.errors.as_str()), (0, ""), "{line}");
        let gone = [
            "delete",
            "revoke",
            "key remove",
            "secret remove",
            "network remove",
            "telecloud unset",
            "usage settle",
        ];
        if gone.iter().any(|word| line.contains(word)) {
            assert_eq!(programs.output, "", "{line}");
        } else {
            serde_json::from_str::<Value>(&programs.output).expect(line);
        }
    }
}

#[tokio::test]
async fn exit_codes_say_what_kind_of_failure_it_was() {
    let gateway = Gateway::start().await;
    let unknown = gateway.run("module show acme none").await;
    assert_eq!((unknown.code, unknown.output.as_str()), (1, ""));
    assert_eq!(
        unknown.errors,
        "patchbay: No such module: Tenant acme has no module none. Make it with PUT on its URL.\n"
    );
    let token = gateway.world.token("acme", &[Scope::Read]).await;
    let forbidden = gateway.run_with("module delete acme sim", &token, "").await;
    assert_eq!(forbidden.code, 1);
    assert!(forbidden.errors.contains("the scope deploy"), "{}", forbidden.errors);
    let wrong = gateway.run_with("tenant list", "wrong", "").await;
    assert_eq!(wrong.code, 1);
    for there in ["tenant create acme", "module create acme sim"] {
        let ran = gateway.run(there).await;
        assert_eq!(ran.code, 1, "{there}");
        assert!(ran.errors.contains("is there already"), "{}", ran.errors);
    }
    for usage in [
        "version activate acme sim latest",
        "config replace acme sim /nowhere.json",
    ] {
        assert_eq!(gateway.run(usage).await.code, 2, "{usage}");
    }
    // A port that was free just now, and that nobody listens on.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let ran = run(["tenant", "list", "--token", ADMIN, "--url", &url], "", false).await;
    assert_eq!(ran.code, 3);
    assert!(
        ran.errors.contains("cannot reach the gateway at http://127.0.0.1"),
        "{}",
        ran.errors
    );
}

#[tokio::test]
async fn a_token_file_goes_before_a_token() {
    let gateway = Gateway::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, format!("{ADMIN}\n")).expect("written");
    let line = format!("tenant list --token-file {}", path.display());
    assert_eq!(gateway.run_with(&line, "wrong", "").await.code, 0);
}

#[test]
fn wrong_command_lines_are_refused_before_anything_is_sent() {
    for line in [
        "tenant",
        "tenant show Acme",
        "tenant show ..",
        "module limits acme sim",
        "config set acme sim novalue",
        "token create acme --scope root",
        "token create acme",
        "call show acme ..",
        "call list acme --outcome great",
        "order find acme",
        "order find acme --module sim",
        "order list acme --after 4711",
        "secret set acme sim x --from-file a --value-env B",
        "job show acme",
        "job list acme --stage lost",
        "job link acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF",
        "job tell acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF --var 21=x",
        "job tell acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF --status done",
        "telecloud set acme",
        "telecloud register acme sim",
        "telecloud register acme sim --module-url x --product-group 75",
        "telecloud register acme sim --module-url x --product-group 75 --event order",
        "telecloud register acme sim --module-url x --event order",
        "telecloud register acme sim --module-url x --module-id 7 --new",
        "telecloud set acme --api-id-key 7 --api-url https://x.example/{Service}",
    ] {
        let words = ["patchbay"].into_iter().chain(line.split(' '));
        let error = Arguments::try_parse_from(words).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[tokio::test]
async fn completion_scripts_know_the_commands() {
    let ran = run(["completion", "bash"], "", false).await;
    assert_eq!(ran.code, 0);
    for word in ["_patchbay", "tenant", "--token-file"] {
        assert!(ran.output.contains(word), "{word}");
    }
}

#[tokio::test]
async fn an_upload_that_comes_too_early_is_made_again() {
    use axum::http::{StatusCode, header};
    use axum::response::IntoResponse;

    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&asked);
    let answer = async move |body: bytes::Bytes| {
        assert_eq!(body, "a component");
        if counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2 {
            let problem = serde_json::json!({
                "type": "urn:patchbay:problem:busy", "title": "Too much at once", "status": 429, "code": "busy",
                "detail": "Too many.",
            });
            let after = [(header::RETRY_AFTER, "0")];
            return (StatusCode::TOO_MANY_REQUESTS, after, axum::Json(problem)).into_response();
        }
        let version = serde_json::json!({
            "number": 3, "digest": "0".repeat(64), "bytes": 11, "exports": [], "imports": [],
            "created": "2026-01-01T00:00:00Z",
        });
        (StatusCode::CREATED, axum::Json(version)).into_response()
    };
    let routes = axum::Router::new().fallback(answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("m.wasm");
    std::fs::write(&file, "a component").expect("written");
    let file = file.to_str().expect("text");
    let words = [
        "version", "upload", "acme", "sim", file, "--url", &url, "--token", ADMIN,
    ];
    let ran = run(words, "", false).await;
    server.abort();
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(ran.output.starts_with("version 3 of acme/sim\n"), "{}", ran.output);
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 3);
    assert_eq!(ran.errors, "patchbay: Too many. Trying again in 0 s.\n".repeat(2));
}
