//! Every route: what it answers, and to whom.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::world::{ADMIN, ALL, World, grant, in_an_hour};
use crate::domain::tenant::Scope;
use crate::storage::memory::Memory;
use crate::storage::{Change, Documents, Durability, Revision, StorageError, Stored, Stores};

/// Who a route is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum For {
    Admin,
    Scope(Scope),
}

pub(super) struct Row {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) who: For,
    pub(super) body: Sent,
    pub(super) status: u16,
}

pub(super) enum Sent {
    Nothing,
    Json(Value),
    Wasm(&'static str),
}

fn row(method: &'static str, path: &'static str, who: For, body: Sent, status: u16) -> Row {
    Row {
        method,
        path,
        who,
        body,
        status,
    }
}

/// Every route with a request that goes well.
#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    use For::Admin;
    use Sent::{Json, Nothing, Wasm};
    const READ: For = For::Scope(Scope::Read);
    const CALLS: For = For::Scope(Scope::Calls);
    const DEPLOY: For = For::Scope(Scope::Deploy);
    const GRANTS: For = For::Scope(Scope::Grants);
    const OPERATE: For = For::Scope(Scope::Operate);
    const ACCESS: For = For::Scope(Scope::Access);
    vec![
        row("GET", "/v1/trail", Admin, Nothing, 200),
        row("GET", "/v1/trail/verification", Admin, Nothing, 200),
        row("GET", "/v1/tenants/acme/trail", ACCESS, Nothing, 200),
        row("GET", "/v1/tenants/acme/trail/verification", Admin, Nothing, 200),
        row("GET", "/v1/networks", Admin, Nothing, 200),
        row("GET", "/v1/networks/lab", Admin, Nothing, 200),
        row("PUT", "/v1/networks/vpn", Admin, Json(json!({"blocks": ["fd12::/48"]})), 201),
        row("DELETE", "/v1/networks/unused", Admin, Nothing, 204),
        row("GET", "/v1/tenants", Admin, Nothing, 200),
        row("GET", "/v1/tenants/acme", READ, Nothing, 200),
        row("PUT", "/v1/tenants/acme", Admin, Json(json!({"title": "Acme"})), 200),
        row("DELETE", "/v1/tenants/acme", Admin, Nothing, 204),
        row("GET", "/v1/tenants/acme/quota", READ, Nothing, 200),
        row("PUT", "/v1/tenants/acme/quota", Admin, Json(json!({"waiting": 8, "ceiling": {"cpu_ms": 500}})), 200),
        row("GET", "/v1/tenants/acme/telecloud-keys", ACCESS, Nothing, 200),
        row("POST", "/v1/tenants/acme/telecloud-keys", ACCESS, Json(json!({"key": "canary-another", "label": "x"})), 201),
        row("DELETE", "/v1/tenants/acme/telecloud-keys/{key}", ACCESS, Nothing, 204),
        row("GET", "/v1/tenants/acme/telecloud", ACCESS, Nothing, 200),
        row("PUT", "/v1/tenants/acme/telecloud", ACCESS, Json(json!({"api_id_key": "8", "api_key": "canary-other"})), 200),
        row("DELETE", "/v1/tenants/acme/telecloud", ACCESS, Nothing, 204),
        row("GET", "/v1/tenants/acme/tokens", ACCESS, Nothing, 200),
        row("POST", "/v1/tenants/acme/tokens", ACCESS, Json(json!({"scopes": ["access"], "expires": in_an_hour()})), 201),
        row("DELETE", "/v1/tenants/acme/tokens/{token}", ACCESS, Nothing, 204),
        row("GET", "/v1/tenants/acme/modules", READ, Nothing, 200),
        row("GET", "/v1/tenants/acme/modules/sim", READ, Nothing, 200),
        row("PUT", "/v1/tenants/acme/modules/new", DEPLOY, Json(json!({"limits": {"cpu_ms": 50}})), 201),
        row("DELETE", "/v1/tenants/acme/modules/sim", DEPLOY, Nothing, 204),
        row("GET", "/v1/tenants/acme/modules/sim/config", READ, Nothing, 200),
        row("PUT", "/v1/tenants/acme/modules/sim/config", DEPLOY, Json(json!({"region": "east"})), 200),
        row("GET", "/v1/tenants/acme/modules/sim/grants", READ, Nothing, 200),
        row("PUT", "/v1/tenants/acme/modules/sim/grants", GRANTS, Json(json!([grant("carrier"), grant("second")])), 200),
        row("GET", "/v1/tenants/acme/modules/sim/schedules", READ, Nothing, 200),
        row("PUT", "/v1/tenants/acme/modules/sim/schedules", DEPLOY, Json(json!({"schedules": {"usage": {"cron": "30 4 * * *"}}})), 200),
        row("GET", "/v1/tenants/acme/modules/sim/runs?kind=usage", CALLS, Nothing, 200),
        row("POST", "/v1/tenants/acme/modules/sim/runs", OPERATE, Json(json!({"kind": "usage", "dry_run": true})), 202),
        row("GET", "/v1/tenants/acme/modules/sim/runs/{usage}", CALLS, Nothing, 200),
        row("GET", "/v1/tenants/acme/modules/sim/runs/{usage}/results", CALLS, Nothing, 200),
        row("GET", "/v1/tenants/acme/modules/sim/runs/{audit}/report", CALLS, Nothing, 200),
        row("POST", "/v1/tenants/acme/modules/sim/runs/{audit}/repairs", OPERATE, Json(json!({})), 200),
        row("POST", "/v1/tenants/acme/modules/sim/settlements", OPERATE, Json(json!({"order_number": "4711", "component_id": "7", "total": "0"})), 204),
        row("GET", "/v1/tenants/acme/modules/sim/secrets", READ, Nothing, 200),
        row("PUT", "/v1/tenants/acme/modules/sim/secrets/new", DEPLOY, Json(json!({"value": "canary-new"})), 201),
        row("DELETE", "/v1/tenants/acme/modules/sim/secrets/carrier-token", DEPLOY, Nothing, 204),
        row("GET", "/v1/tenants/acme/modules/sim/versions", READ, Nothing, 200),
        row("POST", "/v1/tenants/acme/modules/sim/versions", DEPLOY, Wasm("good three"), 201),
        row("DELETE", "/v1/tenants/acme/modules/sim/versions/2", DEPLOY, Nothing, 204),
        row("PUT", "/v1/tenants/acme/modules/sim/active", DEPLOY, Json(json!({"version": 2})), 200),
        row("POST", "/v1/tenants/acme/modules/sim/telecloud-registration", ACCESS, Json(json!({"url": "https://x.example/m/acme/sim"})), 200),
        row("GET", "/v1/tenants/acme/calls", CALLS, Nothing, 200),
        row("GET", "/v1/tenants/acme/calls/{call}", CALLS, Nothing, 200),
        row("GET", "/v1/tenants/acme/orders", CALLS, Nothing, 200),
        row("GET", "/v1/tenants/acme/orders/{order}", CALLS, Nothing, 200),
        row("POST", "/v1/tenants/acme/orders/{order}/password", OPERATE, Json(json!({"password": "canary-new"})), 200),
        row("GET", "/v1/tenants/acme/modules/sim/callback", DEPLOY, Nothing, 200),
        row("POST", "/v1/tenants/acme/modules/sim/callback-rotation", DEPLOY, Nothing, 200),
        row("GET", "/v1/tenants/acme/jobs", CALLS, Nothing, 200),
        row("GET", "/v1/tenants/acme/jobs/{job}", CALLS, Nothing, 200),
        row("POST", "/v1/tenants/acme/jobs/{job}/actions", OPERATE, Json(json!({"action": "check-again"})), 200),
    ]
}

impl World {
    pub(super) async fn run(&self, row: &Row, token: &str) -> super::world::Answer {
        match &row.body {
            Sent::Nothing => self.send(row.method, row.path, token, None).await,
            Sent::Json(body) => self.send(row.method, row.path, token, Some(body)).await,
            Sent::Wasm(component) => {
                let body = ("application/wasm", component.as_bytes().to_vec());
                self.send_bytes(row.method, row.path, token, Some(body)).await
            }
        }
    }
}

#[tokio::test]
async fn the_platform_admin_may_do_everything() {
    for row in rows() {
        let answer = World::new().await.run(&row, ADMIN).await;
        assert_eq!(
            answer.status.as_u16(),
            row.status,
            "{} {}: {}",
            row.method,
            row.path,
            answer.body
        );
    }
}

#[tokio::test]
async fn a_tenants_token_may_do_what_its_scopes_say_and_nothing_else() {
    for row in rows() {
        let world = World::new().await;
        let name = format!("{} {}", row.method, row.path);
        let For::Scope(scope) = row.who else {
            let all = world.token("acme", &ALL).await;
            let answer = world.run(&row, &all).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
            continue;
        };
        let others: Vec<Scope> = ALL.into_iter().filter(|other| *other != scope).collect();
        let without = world.token("acme", &others).await;
        let answer = world.run(&row, &without).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
        let detail = answer.body["detail"].as_str().expect("a detail").to_owned();
        assert!(detail.contains(&format!("the scope {scope}")), "{name}: {detail}");

        let with = world.token("acme", &[scope]).await;
        let answer = world.run(&row, &with).await;
        assert_eq!(answer.status.as_u16(), row.status, "{name}: {}", answer.body);
    }
}

#[tokio::test]
async fn another_tenants_token_sees_what_it_would_see_if_there_were_no_such_tenant() {
    let world = World::new().await;
    let other = world.token("other", &ALL).await;
    for row in rows().into_iter().filter(|row| row.path.starts_with("/v1/tenants/")) {
        let name = format!("{} {}", row.method, row.path);
        let refused = world.run(&row, &other).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{name}");
        let absent = Row {
            path: Box::leak(row.path.replace("acme", "none").into_boxed_str()),
            ..row
        };
        let absent = world.run(&absent, &other).await;
        assert_eq!(absent.status, refused.status, "{name}");
        let expected = refused.body.to_string().replace("acme", "none");
        assert_eq!(absent.body.to_string(), expected, "{name}");
    }
    // And nothing of acme has changed.
    assert!(world.table.serving("acme", "sim").expect("serving").version.is_ok());
}

#[tokio::test]
async fn without_a_valid_token_every_route_asks_for_one() {
    let world = World::new().await;
    for row in rows() {
        for token in ["", "pb_0000", "Bearer"] {
            let answer = world.run(&row, token).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} {}", row.method, row.path);
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        }
    }
}

#[tokio::test]
async fn nothing_that_is_shown_has_a_secret_in_it() {
    let world = World::new().await;
    for row in rows().into_iter().filter(|row| row.method == "GET") {
        let shown = world.run(&row, ADMIN).await.body.to_string();
        assert!(!shown.contains("canary"), "{}: {shown}", row.path);
        assert!(!shown.contains("\"hash\""), "{}: {shown}", row.path);
    }
}

#[tokio::test]
async fn putting_something_again_replaces_it() {
    let world = World::new().await;
    let body = json!({"title": "Acme", "status": "suspended"});
    let answer = world
        .send("PUT", "/v1/tenants/acme/modules/sim", ADMIN, Some(&body))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["status"], "suspended");
    assert_eq!(answer.body["active"], 1);

    let answer = world.send("PUT", "/v1/tenants/fresh", ADMIN, Some(&json!({}))).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let path = "/v1/tenants/acme/modules/sim/secrets/carrier-token";
    let answer = world.send("PUT", path, ADMIN, Some(&json!({"value": "new"}))).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_upload_says_what_was_found_and_an_older_version_can_be_activated_again() {
    let world = World::new().await;
    let upload = || {
        let body = ("application/octet-stream", b"good three".to_vec());
        world.send_bytes("POST", "/v1/tenants/acme/modules/sim/versions", ADMIN, Some(body))
    };
    let answer = upload().await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.body["number"], 3);
    assert_eq!(answer.body["exports"], json!(["handler"]));
    assert_eq!(answer.body["imports"], json!(["config", "log"]));
    let digest = blake3::hash(b"good three").to_hex().to_string();
    assert_eq!(answer.body["digest"], digest);
    let again = upload().await;
    assert_eq!((again.status, again.body), (StatusCode::OK, answer.body));

    let path = "/v1/tenants/acme/modules/sim/active";
    for (body, number) in [(json!({"digest": digest}), 3), (json!({"version": 1}), 1)] {
        let answer = world.send("PUT", path, ADMIN, Some(&body)).await;
        assert_eq!(answer.body["active"], number);
        let serving = world.table.serving("acme", "sim").expect("serving");
        assert_eq!(
            serving.version.as_ref().ok().map(|version| version.number),
            Some(number)
        );
    }
}

#[tokio::test]
async fn a_token_that_was_made_works_until_it_is_revoked() {
    let world = World::new().await;
    let body = json!({"label": "pipeline", "scopes": ["read"]});
    let made = world.send("POST", "/v1/tenants/acme/tokens", ADMIN, Some(&body)).await;
    assert_eq!(made.headers[header::CACHE_CONTROL], "no-store");
    let value = made.body["value"].as_str().expect("a token").to_owned();
    let id = made.body["token"]["id"].as_str().expect("an id");
    let read = || world.send("GET", "/v1/tenants/acme", &value, None);
    assert_eq!(read().await.status, StatusCode::OK);
    let path = format!("/v1/tenants/acme/tokens/{id}");
    let revoked = world.send("DELETE", &path, ADMIN, None).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(read().await.status, StatusCode::UNAUTHORIZED);
}

/// Documents whose writes wait until they are let through.
struct Slow {
    inner: Arc<dyn Documents>,
    writes: Semaphore,
}

#[async_trait]
impl Documents for Slow {
    async fn get(&self, key: &str) -> Result<Option<Stored>, StorageError> {
        self.inner.get(key).await
    }

    async fn write(&self, changes: Vec<Change>, durability: Durability) -> Result<Option<Revision>, StorageError> {
        let written = self.inner.write(changes, durability).await;
        let _permit = self.writes.acquire().await;
        written
    }

    async fn delete(&self, prefix: &str) -> Result<usize, StorageError> {
        self.inner.delete(prefix).await
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StorageError> {
        self.inner.page(prefix, after, limit).await
    }
}

#[tokio::test]
async fn a_change_takes_effect_although_the_client_hangs_up() {
    let stores = Memory::stores();
    let slow = Arc::new(Slow {
        inner: Arc::clone(&stores.documents),
        writes: Semaphore::new(1),
    });
    let world = World::on(Stores {
        documents: slow.clone(),
        ..stores.clone()
    })
    .await;
    let permit = slow.writes.acquire().await.expect("the gate");
    let body = json!({"region": "east"});
    let mut request = Box::pin(world.send("PUT", "/v1/tenants/acme/modules/sim/config", ADMIN, Some(&body)));
    // Until the setting is durable, and only that.
    loop {
        let stored = stores.documents.get("tenants/acme/modules/sim/config").await;
        let stored = stored.expect("a store").expect("settings");
        if stored.value.windows(4).any(|window| window == b"east") {
            break;
        }
        tokio::select! {
            biased;
            _ = &mut request => panic!("the write was not let through"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(request);
    drop(permit);
    let serving = || world.table.serving("acme", "sim").expect("serving");
    while serving().settings.config["region"] != "east" {
        tokio::task::yield_now().await;
    }
}
