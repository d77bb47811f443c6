//! The trail: whatever is changed by any route is on it, once, and nothing is changed that is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use axum::http::{HeaderValue, StatusCode, header};
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::access::CHANGES;
use super::routes::{For, Row, Sent, rows};
use super::world::{ADMIN, ALL, World, tenant};
use crate::domain::name::TenantName;
use crate::domain::tenant::Scope;
use crate::storage::memory::Memory;
use crate::storage::{Change, Documents, Durability, Ends, Log, Position, Revision, StorageError, Stored, Stores};
use crate::trail::{Book, Filter, Kept, Page};

/// What a row has to leave on the trail: once what it did, unless it only looks.
fn expected(row: &Row) -> usize {
    match (row.method, &row.body) {
        // What is secret is shown.
        ("GET", _) => usize::from(row.path.ends_with("/callback")),
        // A dry run, unless stated otherwise.
        (_, Sent::Json(_)) if row.path.ends_with("/telecloud-registration") => 0,
        _ => 1,
    }
}

impl World {
    async fn entries(&self) -> Vec<Kept> {
        let mut all = Vec::new();
        for book in [Book::Platform, Book::Tenant(tenant("acme"))] {
            let page = Page {
                before: None,
                limit: 200,
            };
            let listing = self.registry.trail().list(&book, &Filter::default(), page).await;
            all.extend(listing.expect("listed").entries);
        }
        all
    }

    async fn new_entries(&self, before: &[Kept]) -> Vec<Kept> {
        let mut entries = self.entries().await;
        entries.retain(|kept| !before.contains(kept));
        entries
    }
}

#[tokio::test]
async fn every_route_that_changes_something_leaves_one_entry_that_says_who_did() {
    for row in rows() {
        let name = format!("{} {}", row.method, row.path);
        let world = World::new().await;
        let (token, kind) = match row.who {
            For::Admin => (ADMIN.to_owned(), "platform-admin"),
            For::Scope(scope) => (world.token("acme", &[scope]).await, "token"),
        };
        let before = world.entries().await;
        let answer = world.run(&row, &token).await;
        assert_eq!(answer.status.as_u16(), row.status, "{name}: {}", answer.body);
        let entries = world.new_entries(&before).await;
        assert_eq!(entries.len(), expected(&row), "{name}: {entries:?}");
        for kept in entries {
            let entry = json!(kept.entry);
            let object = entry["object"].as_str().expect("a text");
            let route = row.path.trim_start_matches("/v1/").replace("{key}", &world.key);
            let route = route
                .replace("{token}", &world.token)
                .replace("{audit}", &world.audit)
                .replace("{order}", &world.order)
                .replace("{job}", &world.job);
            assert!(object.starts_with(&route), "{name}: {object}");
            assert_eq!(entry["by"]["kind"], kind, "{name}");
            assert!(!entry.to_string().contains("canary"), "{name}: {entry}");
        }
        // And nothing that was refused is said to have been done.
        let before = world.entries().await;
        world.run(&row, "pb_0000").await;
        assert_eq!(world.new_entries(&before).await, [], "{name}");
    }
}

#[tokio::test]
async fn a_tenant_cannot_fill_the_trail_by_any_route_and_keeps_nobody_else_from_it() {
    let world = World::new().await;
    let (own, other) = (world.token("acme", &ALL).await, world.token("other", &ALL).await);
    let path = "/v1/tenants/acme/modules/sim/config";
    let config = json!({"region": "east"});
    let change = || world.send("PUT", path, &own, Some(&config));
    let (before, begun) = (world.entries().await, Instant::now());
    let mut refused = change().await;
    let mut taken = 0;
    while refused.status == StatusCode::OK {
        taken += 1;
        refused = change().await;
    }
    let most = |begun: Instant| u64::from(CHANGES.burst) + begun.elapsed().as_secs() / CHANGES.each.as_secs() + 1;
    assert!((u64::from(CHANGES.burst)..=most(begun)).contains(&taken), "{taken}");
    assert_eq!(
        (
            refused.status,
            &refused.body["code"],
            &refused.headers[header::RETRY_AFTER]
        ),
        (
            StatusCode::TOO_MANY_REQUESTS,
            &json!("busy"),
            &HeaderValue::from_static("10")
        )
    );
    // Nor by any other route, and what is refused is not written down.
    let (mut told, mut tried) = (0, 0);
    for row in rows() {
        let For::Scope(_) = row.who else { continue };
        if expected(&row) == 0 {
            continue;
        }
        tried += 1;
        told += usize::from(world.run(&row, &own).await.status == StatusCode::TOO_MANY_REQUESTS);
    }
    let allowed = usize::try_from(begun.elapsed().as_secs() + 1).expect("soon");
    assert!(tried > 15 && told + allowed >= tried, "{told} of {tried} were refused");
    let entries = world
        .registry
        .trail()
        .verify(&Book::Tenant(tenant("acme")))
        .await
        .expect("read");
    let was = before
        .iter()
        .filter(|kept| kept.entry.object.starts_with("tenants/acme/"))
        .count() as u64;
    assert!(entries.entries <= was + most(begun), "{} after {was}", entries.entries);

    // Everybody else, and looking, is as ever.
    assert_eq!(
        world.send("GET", "/v1/tenants/acme", &own, None).await.status,
        StatusCode::OK
    );
    let body = json!({"limits": {"cpu_ms": 50}});
    let others = world
        .send("PUT", "/v1/tenants/other/modules/new", &other, Some(&body))
        .await;
    assert_eq!(others.status, StatusCode::CREATED);
    for number in 0..CHANGES.burst + 10 {
        let path = format!("/v1/tenants/acme/modules/admins-{}", number % 3);
        let admins = world.send("PUT", &path, ADMIN, Some(&body)).await;
        assert!(admins.status.is_success(), "{}", admins.body);
    }
}

/// Stores that take nothing that comes with an entry of the trail, from some time on.
struct Deaf {
    stores: Stores,
    deaf: AtomicBool,
}

impl Deaf {
    fn hear(&self, changes: &[Change]) -> Result<(), StorageError> {
        let of_trail = changes.iter().any(|change| change.key().starts_with("trail/"));
        if of_trail && self.deaf.load(Ordering::SeqCst) {
            return Err(StorageError::Unavailable {
                doing: "writing".to_owned(),
                source: "no entry is taken".into(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Documents for Deaf {
    async fn get(&self, key: &str) -> Result<Option<Stored>, StorageError> {
        self.stores.documents.get(key).await
    }

    async fn write(&self, changes: Vec<Change>, durability: Durability) -> Result<Option<Revision>, StorageError> {
        self.hear(&changes)?;
        self.stores.documents.write(changes, durability).await
    }

    async fn delete(&self, prefix: &str) -> Result<usize, StorageError> {
        self.stores.documents.delete(prefix).await
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StorageError> {
        self.stores.documents.page(prefix, after, limit).await
    }
}

#[async_trait]
impl Log for Deaf {
    async fn append(
        &self,
        tenant: &TenantName,
        records: Vec<(Position, Bytes)>,
        changes: Vec<Change>,
        durability: Durability,
    ) -> Result<Option<Revision>, StorageError> {
        self.hear(&changes)?;
        self.stores.log.append(tenant, records, changes, durability).await
    }

    async fn newest(&self, tenant: &TenantName, before: Option<u128>, calls: usize) -> Result<Vec<Ends>, StorageError> {
        self.stores.log.newest(tenant, before, calls).await
    }

    async fn call(&self, tenant: &TenantName, call: u128) -> Result<Vec<(Position, Bytes)>, StorageError> {
        self.stores.log.call(tenant, call).await
    }

    async fn delete(&self, tenant: &TenantName) -> Result<(), StorageError> {
        self.stores.log.delete(tenant).await
    }
}

#[tokio::test]
async fn what_cannot_be_put_on_the_trail_does_not_happen() {
    for row in rows().into_iter().filter(|row| expected(row) > 0) {
        let name = format!("{} {}", row.method, row.path);
        let stores = Memory::stores();
        let deaf = Arc::new(Deaf {
            stores: stores.clone(),
            deaf: AtomicBool::new(false),
        });
        let world = World::on(Stores {
            documents: deaf.clone(),
            log: deaf.clone(),
            ..stores.clone()
        })
        .await;
        deaf.deaf.store(true, Ordering::SeqCst);
        let before = stores.documents.list("").await.expect("documents");
        let answer = world.run(&row, ADMIN).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{name}: {}",
            answer.body
        );
        assert!(
            stores.documents.list("").await.expect("documents") == before,
            "{name} changed something"
        );
        assert!(world.passwords.is_untouched(), "{name}");
        let version = world.table.serving("acme", "sim").expect("serving");
        assert_eq!(
            version.version.as_ref().ok().map(|version| version.number),
            Some(1),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_entry_says_what_it_was_and_what_it_is() {
    let world = World::new().await;
    let token = world.token("acme", &[Scope::Deploy]).await;
    let path = "/v1/tenants/acme/modules/sim/config";
    world.send("PUT", path, &token, Some(&json!({"region": "east"}))).await;
    let listing = world
        .send("GET", "/v1/tenants/acme/trail?limit=1", ADMIN, None)
        .await
        .body;
    let entry = &listing["items"][0];
    assert_eq!(entry["verb"], "change");
    assert_eq!(entry["object"], "tenants/acme/modules/sim/config");
    assert_eq!(
        (&entry["before"], &entry["after"]),
        (&json!({"region": "west"}), &json!({"region": "east"}))
    );
    let tokens = world.send("GET", "/v1/tenants/acme/tokens", ADMIN, None).await.body;
    let id = &tokens["items"][1]["id"];
    assert_eq!(
        entry["by"],
        json!({"kind": "token", "tenant": "acme", "id": id, "label": ""})
    );
    assert!(!listing.to_string().contains(&token));

    let query = format!(
        "/v1/tenants/acme/trail?by={}&object=config",
        id.as_str().expect("an id")
    );
    let found = world.send("GET", &query, ADMIN, None).await.body;
    assert_eq!(
        (found["items"].as_array().map(Vec::len), &found["next"]),
        (Some(1), &Value::Null)
    );
    for bad in ["limit=0", "limit=201", "before=x", "verb=make"] {
        let refused = world.send("GET", &format!("/v1/trail?{bad}"), ADMIN, None).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (StatusCode::BAD_REQUEST, &"invalid-query".into())
        );
    }
}

#[tokio::test]
async fn the_trail_of_a_removed_tenant_stays_and_is_none_of_the_next_ones_business() {
    let world = World::new().await;
    let kept = world.entries().await.len();
    world.send("DELETE", "/v1/tenants/acme", ADMIN, None).await;
    let trail = || world.send("GET", "/v1/tenants/acme/trail?limit=200", ADMIN, None);
    let (status, left) = {
        let answer = trail().await;
        (answer.status, answer.body)
    };
    assert_eq!(status, StatusCode::OK);
    assert!(left["items"].as_array().expect("entries").len() > 10);
    assert_eq!(
        world.entries().await.len(),
        kept + 1,
        "and the platform's says who removed it"
    );
    let never = world.send("GET", "/v1/tenants/never/trail", ADMIN, None).await;
    assert_eq!(never.body["code"], "tenant-not-found");
    let never = world
        .send("GET", "/v1/tenants/never/trail/verification", ADMIN, None)
        .await;
    assert_eq!(never.body["code"], "tenant-not-found");

    world.send("PUT", "/v1/tenants/acme", ADMIN, Some(&json!({}))).await;
    let token = world.token("acme", &ALL).await;
    let seen = world
        .send("GET", "/v1/tenants/acme/trail?limit=200", &token, None)
        .await
        .body;
    let objects: Vec<_> = seen["items"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| &entry["verb"])
        .collect();
    assert_eq!(objects, ["make"], "the token itself");
    assert!(
        trail().await.body["items"].as_array().expect("entries").len() > 10,
        "the admin sees all of it"
    );
}

#[tokio::test]
async fn what_a_token_tries_and_may_not_is_on_the_trail_the_first_time_the_tenth_and_so_on() {
    let world = World::new().await;
    // Guessing is not counted here.
    world.send("GET", "/v1/tenants/acme", "pb_wrong", None).await;
    world.send("GET", "/v1/tenants/acme", "", None).await;
    let (reader, other) = (
        world.token("acme", &[Scope::Read]).await,
        world.token("other", &ALL).await,
    );
    // With other tokens of the tenant, too: it makes as many as it likes.
    let second = world.token("acme", &[Scope::Read]).await;
    for number in 0..99 {
        let token = if number < 5 { &reader } else { &second };
        world.send("DELETE", "/v1/tenants/acme/modules/sim", token, None).await;
    }
    world.send("GET", "/v1/tenants/acme/calls", &other, None).await;
    world.send("GET", "/v1/tenants/none/calls", &other, None).await;
    world.send("GET", "/v1/tenants/other/modules/none", &other, None).await;

    let tries = |body: Value| {
        let items = body["items"].as_array().expect("entries").clone();
        let refused = items.into_iter().filter(|entry| entry["verb"] == "refuse");
        refused
            .map(|entry| {
                (
                    entry["by"]["kind"].clone(),
                    entry["object"].clone(),
                    entry["after"].clone(),
                )
            })
            .collect::<Vec<_>>()
    };
    let told = |object: &str, tried: &str, tries: u64| {
        (json!("token"), json!(object), json!({"tried": tried, "tries": tries}))
    };
    let platform = world.send("GET", "/v1/trail?limit=200", ADMIN, None).await.body;
    assert!(!platform.to_string().contains("pb_"));
    assert_eq!(
        tries(platform),
        [told("tenants/acme/calls", "GET /v1/tenants/{tenant}/calls", 1)]
    );
    let acme = world.send("GET", "/v1/tenants/acme/trail", ADMIN, None).await.body;
    let route = "DELETE /v1/tenants/{tenant}/modules/{module}";
    let object = "tenants/acme/modules/sim";
    assert_eq!(tries(acme), [told(object, route, 10), told(object, route, 1)]);
}
