//! F. Who may do what: tokens, tenants, and what is left of those that are gone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Gate, TOKEN};
use patchbay_tests::gateway::{Admin, Deployment, Gateway};
use patchbay_tests::telecloud::{Encoding, client, post};
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::hostile::{MODULE, call, with};
use crate::e2e::stage::fields_of;

/// Any id: none of these is there.
const ID: &str = "01KAJ3X0V5R7W2Q8N4M6B1C9DF";

/// Every operation of the description, with a tenant's name and any names and ids in its path.
async fn operations(admin: &Admin, tenant: &str) -> Result<Vec<(Method, String)>> {
    let description = admin.get("/v1/openapi.json").await?;
    let mut all = Vec::new();
    for (path, item) in description["paths"].as_object().context("paths")? {
        for method in item.as_object().context("a path")?.keys() {
            // `parameters` is no method.
            let Ok(method) = method.to_uppercase().parse::<Method>() else {
                continue;
            };
            if method.as_str() == "PARAMETERS" {
                continue;
            }
            let path = path
                .replace("{tenant}", tenant)
                .replace("{module}", MODULE)
                .replace("{name}", "token")
                .replace("{network}", "lab")
                .replace("{number}", "1")
                .replace("{id}", ID)
                .replace("{call}", ID);
            ensure!(!path.contains('{'), "{path}: say here what to put there");
            all.push((method, path));
        }
    }
    ensure!(all.len() > 40, "{} operations", all.len());
    Ok(all)
}

async fn token(admin: &Admin, tenant: &str, new: Value) -> Result<(Admin, String)> {
    let made = admin.post(&format!("/v1/tenants/{tenant}/tokens"), new).await?;
    let id = made["token"]["id"].as_str().context("an id")?.to_owned();
    Ok((admin.with_token(made["value"].as_str().context("a token")?), id))
}

/// What is answered over a socket of its own, byte for byte but for the date.
fn exchange(base: &str, request: &str) -> Result<String> {
    #[expect(clippy::disallowed_methods, reason = "a test dials the gateway itself")]
    let mut stream = TcpStream::connect(base.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let lines = answer
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with("date: "));
    Ok(lines.collect())
}

fn request(method: &str, path: &str, token: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    )
}

const ALL_SCOPES: [&str; 6] = ["read", "calls", "deploy", "grants", "operate", "access"];

#[tokio::test]
async fn another_tenants_token_is_answered_byte_for_byte_as_if_there_were_no_such_tenant() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    // Names of one length, so that lengths in headers are the same.
    admin.deploy("south", MODULE, with(json!({"mode": "echo"}))?).await?;
    admin.put("/v1/tenants/north", json!({})).await?;
    let made = admin
        .post("/v1/tenants/north/tokens", json!({"scopes": ALL_SCOPES}))
        .await?;
    let north = made["value"].as_str().context("a token")?;
    let base = admin.base().to_owned();
    let mut tried = 0;
    for (method, path) in operations(admin, "south").await? {
        if !path.contains("/south") {
            continue;
        }
        let there = exchange(&base, &request(method.as_str(), &path, north))?;
        ensure!(
            there.starts_with("HTTP/1.1 404 Not Found\r\n"),
            "{method} {path}: {there}"
        );
        let absent = exchange(
            &base,
            &request(method.as_str(), &path.replace("/south", "/never"), north),
        )?;
        assert_eq!(there.replace("south", "never"), absent, "{method} {path}");
        tried += 1;
    }
    assert!(tried > 40, "{tried} routes");
    assert_eq!(call(&gateway, "south").await?.element("SUCCESS").as_deref(), Some("Y"));
    Ok(())
}

#[tokio::test]
async fn every_route_refuses_whoever_has_no_valid_token_or_not_its_scope() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    admin.deploy("acme", MODULE, with(json!({"mode": "echo"}))?).await?;
    let (revoked, id) = token(admin, "acme", json!({"scopes": ALL_SCOPES})).await?;
    admin.delete(&format!("/v1/tenants/acme/tokens/{id}")).await?;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300);
    let expiring = json!({"scopes": ALL_SCOPES, "expires": soon.to_string()});
    let (expired, _) = token(admin, "acme", expiring).await?;
    while expired.send(Method::GET, "/v1/tenants/acme", None).await?.status != 401 {
        ensure!(
            jiff::Timestamp::now() < soon + jiff::SignedDuration::from_secs(10),
            "it does not expire"
        );
    }
    let mut by_scope = Vec::new();
    for scope in ALL_SCOPES {
        by_scope.push((scope, token(admin, "acme", json!({"scopes": [scope]})).await?.0));
    }
    let strangers = [
        ("wrong", "pb_00"),
        ("revoked", revoked.token()),
        ("expired", expired.token()),
    ];
    let mut address = 0;
    for (method, path) in operations(admin, "acme").await? {
        let name = format!("{method} {path}");
        let answer = admin
            .with_token("")
            .send(method.clone(), &path, Some(&json!({})))
            .await?;
        assert_eq!(answer.status, 401, "{name}: {}", answer.body);
        for (what, token) in strangers {
            // Each try from elsewhere, as a proxy tells: one source of wrong tokens is soon refused for that.
            address += 1;
            let forwarded = format!(
                "Host: gateway\r\nX-Forwarded-For: 198.51.{}.{}",
                address / 250,
                address % 250
            );
            let request = request(method.as_str(), &path, token).replace("Host: gateway", &forwarded);
            let answer = exchange(admin.base(), &request)?;
            assert!(answer.starts_with("HTTP/1.1 401 "), "{name}, {what}: {answer}");
        }
        // Whatever else it answers to who may: to all others it is 403. Nothing is changed by a body that is no component
        // and has none of the fields, but by the few routes that take such a one.
        if method == Method::DELETE || path.ends_with("/callback-rotation") {
            continue;
        }
        let mut may = Vec::new();
        for (scope, holder) in &by_scope {
            let answer = holder.send(method.clone(), &path, Some(&json!({}))).await?;
            if answer.status != 403 {
                may.push(*scope);
            }
        }
        assert!(may.len() <= 1, "{name} is for more than one scope: {may:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_request_that_has_begun_ends_although_its_token_is_revoked_and_the_next_is_refused() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    admin.deploy("acme", MODULE, with(json!({"mode": "echo"}))?).await?;
    let made = admin
        .post("/v1/tenants/acme/tokens", json!({"scopes": ["deploy"]}))
        .await?;
    let value = made["value"].as_str().context("a token")?;
    let config = format!("/v1/tenants/acme/modules/{MODULE}/config");
    let body = "{\"mode\":\"echo\",\"who\":\"begun\"}";
    let head = format!(
        "PUT {config} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nAuthorization: Bearer {value}\r\n\
         Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    #[expect(clippy::disallowed_methods, reason = "a test dials the gateway itself")]
    let mut stream = TcpStream::connect(admin.base().trim_start_matches("http://"))?;
    stream.write_all(head.as_bytes())?;
    // It was let in: its body is asked for.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on)?;
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let id = made["token"]["id"].as_str().context("an id")?;
    admin.delete(&format!("/v1/tenants/acme/tokens/{id}")).await?;

    stream.write_all(body.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(admin.get(&config).await?["who"], "begun");
    let next = admin.with_token(value).send(Method::GET, &config, None).await?;
    assert_eq!(next.status, 401);
    // The trail has both, in the order in which they took effect.
    let trail = admin.get("/v1/tenants/acme/trail?limit=2").await?;
    assert_eq!(
        (&trail["items"][0]["by"]["id"], &trail["items"][1]["verb"]),
        (&json!(id), &json!("remove"))
    );
    Ok(())
}

#[tokio::test]
async fn a_tenant_that_is_removed_while_calls_run_leaves_nothing_and_its_name_starts_anew() -> Result<()> {
    let folder = Arc::new(tempfile::tempdir()?);
    let gateway = Gateway::start_in(Arc::clone(&folder), &[])?;
    let admin = gateway.admin();
    let carrier = FakeCarrier::start().await?;
    let module = || Deployment::sim_activation(&carrier.url(), TOKEN);
    admin.deploy("acme", MODULE, module()?).await?;
    let (own, _) = token(admin, "acme", json!({"scopes": ALL_SCOPES})).await?;
    let gate = Gate::default();
    carrier.always("/", Behaviour::normal().when(&gate));
    let url = gateway.url("acme", MODULE);
    let sender = tokio::spawn(async move { post(&client()?, &url, Encoding::Form, &fields_of("activate")).await });
    carrier.wait_for_requests(1).await;

    // The order is at the carrier; its job and its call are on the disk.
    let remover = admin.clone();
    let removal = tokio::spawn(async move { remover.delete("/v1/tenants/acme").await });
    while own.send(Method::GET, "/v1/tenants/acme", None).await?.status != 401 {}
    let refused = call(&gateway, "acme").await?.error();
    assert!(refused.contains("there is no module at this URL"), "{refused}");
    assert!(!removal.is_finished(), "the call is waited for");
    gate.open();
    let answered = sender.await??;
    assert_eq!(answered.status, 200);
    assert!(answered.body.contains("<SUCCESS>Y</SUCCESS>"), "{}", answered.body);
    removal.await??;
    assert_eq!(carrier.history().len(), 1, "what had begun came to its end");

    admin.deploy("acme", MODULE, module()?).await?;
    let fresh = async |admin: &Admin| -> Result<()> {
        for below in ["calls", "jobs", "orders", "tokens"] {
            let listed = admin.get(&format!("/v1/tenants/acme/{below}")).await?;
            assert_eq!(listed["items"], json!([]), "{below}");
        }
        Ok(())
    };
    fresh(admin).await?;
    // The same event again is another one's, and not answered from what the former tenant's module said.
    let url = gateway.url("acme", MODULE);
    let again = post(&client()?, &url, Encoding::Form, &fields_of("activate")).await?;
    assert_eq!(again.status, 200);
    let newest = admin.newest_call("acme").await?;
    assert_ne!(newest["outcome"], "repeated", "{newest:#}");
    assert_eq!(newest["exchanges"][0]["request"]["method"], "POST", "{newest:#}");
    admin.delete("/v1/tenants/acme").await?;

    // Nor does a restart find anything.
    gateway.signal("TERM")?;
    tokio::task::spawn_blocking(move || gateway.wait()).await??;
    let gateway = Gateway::start_in(folder, &[])?;
    gateway.admin().put("/v1/tenants/acme", json!({})).await?;
    fresh(gateway.admin()).await
}

#[tokio::test]
async fn other_methods_and_other_spellings_of_a_path_reach_nothing() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    admin.deploy("acme", MODULE, with(json!({"mode": "echo"}))?).await?;
    let made = admin
        .post("/v1/tenants/acme/tokens", json!({"scopes": ["access"]}))
        .await?;
    let (value, base) = (made["value"].as_str().context("a token")?, admin.base().to_owned());
    let entries = async || admin.get("/v1/tenants/acme/trail?limit=200").await;
    let (before, tokens) = (entries().await?, admin.get("/v1/tenants/acme/tokens").await?);

    for (method, path) in [
        ("OPTIONS", "/v1/tenants/acme/tokens"),
        ("PUT", "/v1/tenants/acme/tokens"),
        ("PATCH", "/v1/tenants/acme/tokens"),
        ("TRACE", "/v1/tenants/acme/tokens"),
        ("DELETE", "/v1/tenants/acme/tokens"),
        ("MAKE-COFFEE", "/v1/tenants/acme/tokens"),
        ("post", "/v1/tenants/acme/tokens"),
        ("GET", "/v1/tenants/acme/modules/hostile/active"),
        ("HEAD", "/v1/tenants/acme/modules/hostile/callback-rotation"),
    ] {
        let answer = exchange(&base, &request(method, path, value))?;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method} {path}: {answer}");
    }
    // HEAD is GET without its body, for those who may GET, and for nobody else.
    let head = exchange(&base, &request("HEAD", "/v1/tenants/acme/tokens", value))?;
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let head = exchange(&base, &request("HEAD", "/v1/tenants/acme/tokens", "pb_00"))?;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    for overridden in [
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
    ] {
        let get =
            request("GET", "/v1/tenants/acme", value).replace("Host: gateway", &format!("Host: x\r\n{overridden}"));
        let answer = exchange(&base, &get)?;
        assert!(
            answer.starts_with("HTTP/1.1 403 "),
            "the scope read is missing: {answer}"
        );
    }

    for path in [
        "//v1/tenants/acme/tokens",
        "/v1//tenants/acme/tokens",
        "/v1/tenants//acme/tokens",
        "/v1/tenants/acme//tokens",
        "/v1/tenants/acme/tokens/",
        "/v1/tenants/acme/./tokens",
        "/v1/tenants/acme/../acme/tokens",
        "/v1/tenants/%2e%2e/acme/tokens",
        "/v1/tenants/acme%2ftokens",
        "/v1/tenants/acme/tokens%00",
        "/v1/tenants/acme/tokens;x=1",
        "/v1/tenants/acme%00/tokens",
        "/v1/tenants/Acme/tokens",
        "/v1/tenants/%C3%A1cme/tokens",
        "/v1/tenants/acme%20/tokens",
        "/v1/tenants/acme./tokens",
        "/v1/tenants/none/../acme/tokens",
        "/V1/tenants/acme/tokens",
        "/v1/Tenants/acme/tokens",
        "/v1/tenants/acme/Tokens",
        "/v1/%74enants/acme/tokens%2f",
        "/../v1/tenants/acme/tokens",
        "/m/../v1/tenants/acme/tokens",
    ] {
        let answer = exchange(&base, &request("GET", path, value))?;
        let status = answer.get(9..12).unwrap_or_default();
        assert!(matches!(status, "400" | "404"), "{path}: {answer}");
    }
    // Nothing was changed: what came to the trail since says of each that it was refused.
    let newest = before["items"][0]["number"].as_u64().context("a number")?;
    let after = entries().await?;
    let since = after["items"].as_array().context("entries")?.iter();
    let since: Vec<_> = since.take_while(|entry| entry["number"] != newest).collect();
    assert!(since.len() < 200, "all of them are on this page");
    assert!(!since.is_empty(), "some were refused");
    for entry in since {
        assert_eq!(entry["verb"], "refuse", "{entry:#}");
    }
    assert_eq!(admin.get("/v1/tenants/acme/tokens").await?, tokens);
    Ok(())
}

#[tokio::test]
async fn neither_listener_answers_what_the_other_one_is_for() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    admin.deploy("acme", MODULE, with(json!({"mode": "echo"}))?).await?;
    let made = admin
        .post("/v1/tenants/acme/tokens", json!({"scopes": ALL_SCOPES}))
        .await?;
    let value = made["value"].as_str().context("a token")?;
    let mut all = operations(admin, "acme").await?;
    all.push((Method::GET, "/v1/openapi.json".to_owned()));
    all.push((Method::GET, "/healthz".to_owned()));
    all.push((Method::GET, "/readyz".to_owned()));
    for (method, path) in all {
        let answer = exchange(gateway.public(), &request(method.as_str(), &path, value))?;
        assert!(
            answer.starts_with("HTTP/1.1 404 Not Found\r\n"),
            "{method} {path}: {answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{method} {path}: {answer}");
    }
    let callback = admin
        .get(&format!("/v1/tenants/acme/modules/{MODULE}/callback"))
        .await?;
    let callback = callback["path"].as_str().context("a path")?;
    for path in [&format!("/m/acme/{MODULE}"), callback] {
        for method in ["GET", "POST"] {
            let answer = exchange(admin.base(), &request(method, path, value))?;
            assert!(
                answer.starts_with("HTTP/1.1 404 Not Found\r\n"),
                "{method} {path}: {answer}"
            );
            assert!(answer.contains("route-not-found"), "{method} {path}: {answer}");
        }
    }
    let calls = admin.get("/v1/tenants/acme/calls").await?;
    assert_eq!(calls["items"], json!([]), "no module was called");
    Ok(())
}
