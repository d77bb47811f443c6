//! Ten thousand random secrets by every way in, and then a search of everything that the gateway wrote or said.

mod search;

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use patchbay_tests::carrier::{Behaviour, Reply, StatusCode};
use patchbay_tests::gateway::{Gateway, program};
use patchbay_tests::power::Numbers;
use patchbay_tests::telecloud::{Encoding, post, post_body};
use reqwest::Method;
use serde_json::{Value, json};

use self::search::{Canaries, Said, Search, sent};
use super::super::super::stage::{MODULE, Stage, fields_of, grant, with};

/// At least so many in all.
const SECRETS: usize = 10_000;

const TENANTS: usize = 8;

/// Of each module: as many as there may be, so that masking has to find any of them.
const MODULE_SECRETS: usize = 50;

/// TeleCloud keys of each tenant, and its tokens.
const KEYS: usize = 30;

/// Orders of each tenant. Each has a dozen secrets of its own.
const ORDERS: usize = 12;

/// Requests to the API that it cannot take, and secrets in each.
const BAD_REQUESTS: usize = 40;
const BAD_FIELDS: usize = 190;

/// Everything is logged, but for what the compiler says of code and sled of its pages: that takes two minutes, and neither
/// ever sees a secret that is not sealed.
const LOG: &str = "trace,cranelift_codegen=info,cranelift_frontend=info,regalloc2=info,wasmtime=info,wasmtime_cranelift=info,\
                   wasmtime_environ=info,wasmtime_internal_cranelift=info,wasmtime_internal_environ=info,sled=info";

/// Another one each time, or the one that failed.
fn seed() -> u64 {
    let given = std::env::var("PATCHBAY_TEST_SEED").ok();
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("later than 1970")
            .as_millis()
    };
    given.map_or_else(
        || u64::try_from(now()).expect("soon"),
        |seed| seed.parse().expect("a number"),
    )
}

/// A tenant with everything that is secret set.
struct Tenant {
    name: String,
    /// How its module ends each call.
    claim: &'static str,
    keys: Vec<String>,
    secrets: Vec<String>,
}

impl Tenant {
    fn new(number: usize, canaries: &mut Canaries) -> Self {
        Self {
            name: format!("tenant-{number}"),
            claim: ["done", "rejected", "pending", "trap"][number % 4],
            keys: (0..KEYS).map(|_| canaries.plain()).collect(),
            // Placed into a header, so without what no header can carry.
            secrets: (0..MODULE_SECRETS).map(|_| canaries.plain()).collect(),
        }
    }

    /// What `{{basic:…}}` makes of the first two secrets.
    fn pair(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.secrets[0], self.secrets[1]))
    }

    /// Makes the tenant and its module.
    async fn deploy(&self, stage: &Stage) {
        let config = json!({
            "mode": "claim", "claim": self.claim, "url": "/echo", "authorization": "Basic {{basic:s0:s1}}",
        });
        let mut module = stage.hostile(config, json!({}));
        let mut grant = grant("carrier", &stage.carrier);
        grant["secrets"] = (0..MODULE_SECRETS).map(|number| format!("s{number}")).collect();
        module.grants = json!([grant]);
        let secrets = self.secrets.iter().enumerate();
        module.secrets = secrets
            .map(|(number, secret)| (format!("s{number}"), secret.clone()))
            .collect();
        let admin = stage.gateway.admin();
        admin.deploy(&self.name, MODULE, module).await.expect("deployed");
    }

    /// Sets the tenant's keys, and makes its tokens, which nobody sees again.
    async fn set_up(&self, stage: &Stage, telecloud: Vec<String>) -> Vec<String> {
        let admin = stage.gateway.admin();
        let at = format!("/v1/tenants/{}", self.name);
        let mut tokens = Vec::new();
        for key in &self.keys {
            let key = json!({ "label": "canary", "key": key });
            admin.post(&format!("{at}/telecloud-keys"), key).await.expect("made");
            let token = json!({ "label": "canary", "scopes": ["read"] });
            let made = admin.post(&format!("{at}/tokens"), token).await.expect("made");
            tokens.push(made["value"].as_str().expect("a token").to_owned());
        }
        for key in telecloud {
            let access = json!({ "url": "https://telecloud.test/{format}/{Service}/{Action}", "api_id_key": "7", "api_key": key });
            admin.put(&format!("{at}/telecloud"), access).await.expect("set");
        }
        tokens
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_secrets_are_in_no_log_no_file_no_error_and_no_answer() {
    let seed = seed();
    let mut canaries = Canaries {
        numbers: Numbers::new(seed),
        all: Vec::new(),
    };
    let stage = Stage::empty(&["--log", LOG]).await;
    let mut said = Said::default();

    let tenants: Vec<_> = (0..TENANTS).map(|number| Tenant::new(number, &mut canaries)).collect();
    for tenant in &tenants {
        tenant.deploy(&stage).await;
    }
    let set_up = tenants.iter().map(|tenant| tenant.set_up(&stage, canaries.some(3)));
    let set_up: Vec<_> = set_up.collect();
    for tokens in join_all(set_up).await {
        canaries.all.extend(tokens);
    }

    orders(&stage, &tenants, &mut canaries, &mut said).await;
    bad_requests(&stage, &tenants, &mut canaries, &mut said).await;
    strangers(&stage, &tenants, &mut canaries, &mut said).await;
    let read = everything_there_is_to_read(&stage, &tenants, &mut said).await;
    assert!(read.calls > ORDERS * TENANTS, "only {read:?}");
    // Those that the carrier takes, or is to take; of the others there is no order.
    assert!(
        read.orders >= ORDERS * TENANTS / 2 && read.jobs >= ORDERS * TENANTS / 4,
        "only {read:?}"
    );
    // A key, a token and a secret each, and three times the access to TeleCloud.
    assert!(read.entries > TENANTS * (2 * KEYS + MODULE_SECRETS), "only {read:?}");
    bad_settings(&mut canaries, &mut said);

    assert!(canaries.all.len() >= SECRETS, "only {}", canaries.all.len());
    let pairs: Vec<_> = tenants.iter().map(Tenant::pair).collect();
    let mut search = Search::new(&canaries.all, &pairs, seed);
    let known = format!("<{}>", canaries.all[SECRETS / 2]);
    assert!(search.automaton.is_match(&known), "it finds what is there");
    for (what, bytes) in &said.0 {
        search.none_in(bytes, what);
    }
    let (log, folder) = {
        let (gateway, log) = (stage.gateway, Gateway::log);
        let log = log(&gateway);
        (log, gateway.kill().expect("it ran"))
    };
    assert!(log.len() > 300, "only {} lines", log.len());
    for line in &log {
        search.none_in(line.as_bytes(), "the log");
    }
    search.none_on_disk(folder.path());
    assert!(search.bytes > 1_000_000, "only {} bytes were looked at", search.bytes);
}

/// Orders with everything secret in them, and a carrier that says it all back in its headers, its body and its refusal.
async fn orders(stage: &Stage, tenants: &[Tenant], canaries: &mut Canaries, said: &mut Said) {
    for number in 0..ORDERS {
        for tenant in tenants {
            let secrets = canaries.some(6);
            let names = [
                "VAR5",
                "VAR6",
                "VAR7",
                "Customer[password]",
                "Customer[SSN]",
                "Customer[DL]",
            ];
            let mut order: Vec<(&str, &str)> = names.into_iter().zip(secrets.iter().map(String::as_str)).collect();
            let order_number = format!("N-{number}");
            let wrong = canaries.some(5);
            order.extend([
                ("order_number", order_number.as_str()),
                ("APIAuth[API_KEY]", &tenant.keys[number % KEYS]),
                ("APIAuth[old][API_KEY]", &wrong[0]),
                ("APIAuth[older][APIKEY]", &wrong[1]),
                ("APIAuth[other][api_key]", &wrong[2]),
                ("API_KEY", &wrong[3]),
                ("Customer[API_KEY]", &wrong[4]),
            ]);
            let known = tenant
                .secrets
                .iter()
                .chain([&tenant.pair()])
                .cloned()
                .collect::<Vec<_>>()
                .join(" ");
            let body = json!({ "you_sent": secrets, "secrets": known, "spelled": secrets.iter().flat_map(|secret| sent(secret)).collect::<Vec<_>>() });
            let status = [
                StatusCode::OK,
                StatusCode::UNAUTHORIZED,
                StatusCode::INTERNAL_SERVER_ERROR,
            ][number % 3];
            stage.carrier.next(Behaviour::answer(Reply::new(
                status,
                "application/json",
                body.to_string(),
            )));
            let encoding = Encoding::ALL[number % Encoding::ALL.len()];
            let url = stage.gateway.url(&tenant.name, MODULE);
            let posted = post(
                &stage.client,
                &url,
                encoding,
                &with(fields_of("port-in-pending"), &order),
            )
            .await;
            let posted = posted.expect("an answer");
            // Every one of them ran, so the right key was found among the wrong ones.
            assert!(!posted.body.contains("authentication"), "{posted:?}");
            said.0
                .push((format!("the answer to an order as {encoding:?}"), posted.body.into()));
        }
    }
    assert!(
        stage.carrier.requests().len() >= ORDERS * tenants.len(),
        "the carrier was asked each time"
    );
}

/// JSON with secrets where they do not belong: as names, as values of other types, in texts that are no JSON.
async fn bad_requests(stage: &Stage, tenants: &[Tenant], canaries: &mut Canaries, said: &mut Said) {
    let tenant = format!("/v1/tenants/{}", tenants[0].name);
    let module = format!("{tenant}/modules/{MODULE}");
    let routes = [
        (Method::PUT, tenant.clone()),
        (Method::POST, format!("{tenant}/telecloud-keys")),
        (Method::POST, format!("{tenant}/tokens")),
        (Method::PUT, format!("{tenant}/telecloud")),
        (Method::PUT, module.clone()),
        (Method::PUT, format!("{module}/grants")),
        (Method::PUT, format!("{module}/schedules")),
        (Method::PUT, format!("{module}/secrets/token")),
        (Method::POST, format!("{module}/runs")),
        (Method::PUT, format!("{module}/active")),
    ];
    for number in 0..BAD_REQUESTS {
        let (method, path) = &routes[number % routes.len()];
        let mut secrets = canaries.some(BAD_FIELDS);
        let first = secrets.remove(0);
        let fields: serde_json::Map<String, Value> = secrets
            .chunks(2)
            .map(|pair| (pair[0].clone(), json!(pair.last())))
            .collect();
        let mut body = match number / routes.len() % 3 {
            0 => Value::Object(fields),
            1 => json!({ "value": fields, "key": [first], "api_key": { "is": first }, "label": [first], "title": [first] }),
            _ => json!([first, fields]),
        }
        .to_string();
        if number % 4 == 3 {
            body.truncate(body.len() - 2);
        }
        let url = format!("{}{path}", stage.gateway.admin().base());
        let request = stage.client.request(method.clone(), url);
        let request = request.bearer_auth(patchbay_tests::gateway::ADMIN_TOKEN);
        let request = request.header("content-type", "application/json").body(body);
        // Where no secret belongs, what is refused is quoted to who sent it; it is in no log all the same.
        let mut quoted = Said::default();
        let is_confidential = ["keys", "telecloud", "secrets/token"]
            .iter()
            .any(|end| path.ends_with(end));
        let heard = if is_confidential { &mut *said } else { &mut quoted };
        let (status, _) = heard.send(&format!("{method} {path}"), request).await;
        assert!(status.is_client_error(), "{method} {path}: {status}");
    }
}

/// What those send who may not: wrong tokens, keys, callback secrets; secrets in queries, and posts that nobody can read.
async fn strangers(stage: &Stage, tenants: &[Tenant], canaries: &mut Canaries, said: &mut Said) {
    let base = stage.gateway.admin().base();
    for number in 0..60 {
        let tenant = &tenants[number % tenants.len()].name;
        let token = canaries.plain();
        let scheme = ["Bearer", "Basic", "Token"][number % 3];
        let request = stage.client.get(format!("{base}/v1/tenants/{tenant}"));
        said.send(
            "a wrong token",
            request.header("authorization", format!("{scheme} {token}")),
        )
        .await;
        let query = [
            ("limit", canaries.next()),
            ("token", canaries.next()),
            ("from", canaries.next()),
        ];
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&query[..1 + number % 3])
            .finish();
        let request = stage.client.get(format!("{base}/v1/tenants/{tenant}/calls?{query}"));
        let request = request.bearer_auth(patchbay_tests::gateway::ADMIN_TOKEN);
        said.send("a secret in the query", request).await;

        let url = stage.gateway.url(tenant, MODULE);
        let request = stage.client.post(format!("{url}/callback/{}", canaries.plain()));
        said.send("a wrong callback secret", request).await;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("SERVICE", "Order/Create")
            .append_pair("APIAuth[API_KEY]", &canaries.next())
            .finish();
        said.send("a wrong key in the query", stage.client.get(format!("{url}?{query}")))
            .await;
        let key = canaries.next();
        for (content_type, body) in [
            (
                "application/json",
                format!(
                    "{{\"SERVICE\":\"Order/Create\",\"APIAuth\":{{\"API_KEY\":{}",
                    json!(key)
                ),
            ),
            (
                "application/xml",
                format!("<APIAuth><API_KEY>{}</API_KEY>", canaries.next()),
            ),
            (
                "text/plain",
                format!("SERVICE=Order/Create&APIAuth[API_KEY={}", canaries.next()),
            ),
            (
                "multipart/form-data; boundary=x",
                format!("--x\r\nname=\"APIAuth[API_KEY]\"\r\n\r\n{}", canaries.next()),
            ),
        ] {
            let posted = post_body(&stage.client, &url, Some(content_type), body)
                .await
                .expect("an answer");
            assert_eq!(posted.status, 200);
            said.0
                .push((format!("the answer to unreadable {content_type}"), posted.body.into()));
        }
    }
}

/// How much was read of what there is many of.
#[derive(Debug, Default)]
struct Read {
    calls: usize,
    orders: usize,
    jobs: usize,
    entries: usize,
}

/// Reads a listing to its end, `parameter` being what says where the next page begins.
async fn pages(stage: &Stage, said: &mut Said, path: &str, parameter: &str) -> Vec<Value> {
    let (mut items, mut from) = (Vec::new(), String::new());
    loop {
        let url = format!("{}{path}?limit=200{from}", stage.gateway.admin().base());
        let request = stage.client.get(url).bearer_auth(patchbay_tests::gateway::ADMIN_TOKEN);
        let (status, page) = said.send(path, request).await;
        assert_eq!(status, 200, "{path}: {page}");
        items.extend(page["items"].as_array().expect("a list").iter().cloned());
        from = match &page["next"] {
            Value::Null => return items,
            Value::String(next) => format!("&{parameter}={next}"),
            next => format!("&{parameter}={next}"),
        };
    }
}

/// Everything that the API shows.
async fn everything_there_is_to_read(stage: &Stage, tenants: &[Tenant], said: &mut Said) -> Read {
    let admin = stage.gateway.admin();
    let mut read = Read::default();
    let get = |path: &str| {
        let request = stage.client.get(format!("{}{path}", admin.base()));
        request.bearer_auth(patchbay_tests::gateway::ADMIN_TOKEN)
    };
    for path in [
        "/v1/tenants",
        "/v1/networks",
        "/v1/trail/verification",
        "/v1/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        said.send(path, get(path)).await;
    }
    read.entries += pages(stage, said, "/v1/trail", "before").await.len();
    for tenant in tenants {
        let at = format!("/v1/tenants/{}", tenant.name);
        for below in [
            "",
            "/quota",
            "/telecloud-keys",
            "/telecloud",
            "/tokens",
            "/modules",
            "/trail/verification",
        ] {
            said.send(below, get(&format!("{at}{below}"))).await;
        }
        for below in ["", "/config", "/grants", "/schedules", "/runs", "/secrets", "/versions"] {
            said.send(below, get(&format!("{at}/modules/{MODULE}{below}"))).await;
        }
        read.entries += pages(stage, said, &format!("{at}/trail"), "before").await.len();
        for (what, from, id, count) in [
            ("calls", "before", "id", &mut read.calls),
            ("orders", "after", "id", &mut read.orders),
            ("jobs", "after", "call", &mut read.jobs),
        ] {
            for item in pages(stage, said, &format!("{at}/{what}"), from).await {
                let path = format!("{at}/{what}/{}", item[id].as_str().expect("an id"));
                let (status, shown) = said.send(&path, get(&path)).await;
                // A job may have come to its end since.
                assert!(status == 200 || (what == "jobs" && status == 404), "{path}: {shown}");
                *count += 1;
            }
        }
    }
    read
}

/// Settings that are refused, with secrets in them.
fn bad_settings(canaries: &mut Canaries, said: &mut Said) {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..6 {
        let secret = canaries.plain();
        let mut command = Command::new(program().expect("built"));
        command.arg("serve").current_dir(folder.path());
        let file = match number % 3 {
            0 => format!("data_dir = \"d\"\nadmin_token = \"{secret}\"\n"),
            1 => format!("connections = \"{secret}\"\n"),
            _ => String::new(),
        };
        fs::write(folder.path().join("c.toml"), file).expect("written");
        let refused = match number {
            // Too short, and not hexadecimal.
            2 => command.env("PATCHBAY_ADMIN_TOKEN", &secret),
            5 => command.env("PATCHBAY_KEY", &secret),
            _ => command.args(["--config", "c.toml"]),
        };
        let refused = refused.output().expect("it ran");
        assert_eq!(refused.status.code(), Some(1), "{number}");
        said.0.push((
            "what is said of a wrong setting".to_owned(),
            [refused.stdout, refused.stderr].concat(),
        ));
    }
}
