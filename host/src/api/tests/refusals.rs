//! Bad input: each refusal says what was wrong, and leaves what was there.

use std::task::Poll;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::world::{ADMIN, UPLOAD_BYTES, World, grant};
use crate::domain::name::TenantName;
use crate::domain::tenant::Scope;
use crate::registry::line::PLACES_PER_TENANT;

const SIM: &str = "/v1/tenants/acme/modules/sim";

#[tokio::test]
async fn bad_json_is_refused_by_the_name_of_the_field() {
    let world = World::new().await;
    let long = "x".repeat(201);
    let no_host = {
        let mut grant = grant("carrier");
        grant["host"] = json!("");
        grant
    };
    let rows: [(&str, &str, Value, u16, &str, &str); 29] = [
        (
            "PUT",
            "",
            json!({"limits": {"cpu_ms": "much"}}),
            422,
            "invalid-field",
            "limits.cpu_ms",
        ),
        (
            "PUT",
            "",
            json!({"limits": {"cpu_ms": 0}}),
            422,
            "invalid-field",
            "limits.cpu_ms must be 10 to 30000",
        ),
        ("PUT", "", json!({"limit": {}}), 422, "invalid-field", "limit"),
        ("PUT", "", json!({"status": "asleep"}), 422, "invalid-field", "status"),
        (
            "PUT",
            "",
            json!({"title": long}),
            422,
            "invalid-field",
            "title must be at most 200",
        ),
        ("PUT", "", json!("sim"), 422, "invalid-field", "expected an object"),
        ("PUT", "", json!([]), 422, "invalid-field", "expected an object"),
        (
            "PUT",
            "",
            json!({"limits": []}),
            422,
            "invalid-field",
            "limits: invalid type: sequence, expected an object",
        ),
        (
            "PUT",
            "/schedules",
            json!({"schedules": {"usage": {"cron": "30 4 * *"}}}),
            422,
            "invalid-field",
            "schedules.usage.cron: a cron expression has five fields",
        ),
        (
            "PUT",
            "/schedules",
            json!({"schedules": {"usage": {"cron": "30 4 * * *", "time_zone": "Mars"}}}),
            422,
            "invalid-field",
            "\"Mars\" is no time zone",
        ),
        (
            "PUT",
            "/schedules",
            json!({"usage": {"components": {"7": {"unit_divisor": 0}}}}),
            422,
            "invalid-field",
            "usage.components.7.unit_divisor must be 1 to",
        ),
        (
            "PUT",
            "/schedules",
            json!({"schedules": []}),
            422,
            "invalid-field",
            "schedules: invalid type: sequence, expected an object",
        ),
        (
            "PUT",
            "/grants",
            json!([["x", "https", "x.example"]]),
            422,
            "invalid-field",
            "[0]: invalid type: sequence",
        ),
        ("PUT", "/active", json!([2]), 422, "invalid-field", "expected an object"),
        (
            "PUT",
            "/config",
            json!({"a b": "x"}),
            422,
            "invalid-field",
            "[A-Za-z0-9._-]{1,64}",
        ),
        (
            "PUT",
            "/config",
            json!({"a": 1}),
            422,
            "invalid-field",
            "a: invalid type",
        ),
        (
            "PUT",
            "/config",
            json!({"a": "x".repeat(8193)}),
            422,
            "invalid-field",
            "a must be at most 8192 bytes",
        ),
        ("PUT", "/grants", json!([no_host]), 422, "invalid-grant", "carrier"),
        (
            "PUT",
            "/grants",
            json!([{"name": "x"}]),
            422,
            "invalid-field",
            "[0]: missing field `host`",
        ),
        ("PUT", "/grants", json!({}), 422, "invalid-field", "expected a sequence"),
        (
            "PUT",
            "/secrets/a%20b",
            json!({"value": "x"}),
            400,
            "invalid-name",
            "[A-Za-z0-9._-]{1,64}",
        ),
        (
            "PUT",
            "/secrets/a",
            json!({"value": ""}),
            422,
            "invalid-field",
            "value must be at most 8192 bytes",
        ),
        ("PUT", "/secrets/a", json!({"val": "x"}), 422, "invalid-field", "val"),
        ("PUT", "/active", json!({}), 422, "invalid-field", "version or digest"),
        (
            "PUT",
            "/active",
            json!({"version": 1, "digest": "00".repeat(32)}),
            422,
            "invalid-field",
            "version or digest",
        ),
        (
            "PUT",
            "/active",
            json!({"digest": "zz"}),
            422,
            "invalid-field",
            "digest",
        ),
        (
            "PUT",
            "/active",
            json!({"version": 9}),
            404,
            "version-not-found",
            "no version 9",
        ),
        (
            "DELETE",
            "/secrets/none",
            Value::Null,
            404,
            "secret-not-found",
            "no secret none",
        ),
        ("GET", "x", Value::Null, 404, "module-not-found", "has no module simx"),
    ];
    for (method, path, body, status, code, detail) in rows {
        let body = (!body.is_null()).then_some(&body);
        let answer = world.send(method, &format!("{SIM}{path}"), ADMIN, body).await;
        let said = answer.body["detail"].as_str().expect("a detail");
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (status, &json!(code)),
            "{path}: {said}"
        );
        assert!(said.contains(detail), "{method} {path}: {said}");
    }
    let config = world.send("GET", &format!("{SIM}/config"), ADMIN, None).await;
    assert_eq!(config.body, json!({"region": "west"}));
    let grants = world.send("GET", &format!("{SIM}/grants"), ADMIN, None).await;
    assert_eq!(grants.body[0]["name"], "carrier");
}

#[tokio::test]
async fn keys_tokens_tenants_and_calls_are_checked_too() {
    let world = World::new().await;
    let rows: [(&str, &str, Value, u16, &str); 19] = [
        (
            "POST",
            "acme/telecloud-keys",
            json!({"key": ""}),
            422,
            "key must be 1 to 256",
        ),
        ("POST", "acme/telecloud-keys", json!({"key": " x"}), 422, "white space"),
        (
            "POST",
            "acme/telecloud-keys",
            json!({"key": "canary-key"}),
            409,
            "accepts this key already",
        ),
        (
            "DELETE",
            "acme/telecloud-keys/none",
            Value::Null,
            404,
            "no such TeleCloud key",
        ),
        (
            "POST",
            "acme/tokens",
            json!({"scopes": []}),
            422,
            "scopes must name at least one",
        ),
        ("POST", "acme/tokens", json!({"scopes": ["root"]}), 422, "scopes"),
        (
            "POST",
            "acme/tokens",
            json!({"scopes": ["read"], "expires": "2020-01-01T00:00:00Z"}),
            422,
            "expires must be",
        ),
        ("DELETE", "acme/tokens/none", Value::Null, 404, "no such token"),
        ("PUT", "acme", json!([]), 422, "expected an object"),
        ("POST", "acme/tokens", json!(["x", ["read"]]), 422, "expected an object"),
        (
            "POST",
            "acme/telecloud-keys",
            json!(["x", "y"]),
            422,
            "The body must be {\"label\": ",
        ),
        ("PUT", "Acme", json!({}), 400, "[a-z0-9-]{1,63}"),
        ("PUT", "..%2Fx", json!({}), 400, "[a-z0-9-]{1,63}"),
        ("PUT", "acme/modules/a.b", json!({}), 400, "[a-z0-9-]{1,63}"),
        ("GET", "acme/modules/%ff", Value::Null, 400, "UTF-8"),
        ("GET", "acme/calls?limit=0", Value::Null, 400, "limit must be 1 to 200"),
        ("GET", "acme/calls?outcome=great", Value::Null, 400, "outcome"),
        ("GET", "acme/calls?modul=sim", Value::Null, 400, "modul"),
        ("GET", "acme/calls/none", Value::Null, 404, "no call \"none\""),
    ];
    for (method, path, body, status, detail) in rows {
        let body = (!body.is_null()).then_some(&body);
        let answer = world.send(method, &format!("/v1/tenants/{path}"), ADMIN, body).await;
        let said = answer.body["detail"].as_str().expect("a detail");
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {said}");
        assert!(said.contains(detail), "{method} {path}: {said}");
    }
}

#[tokio::test]
async fn a_refused_upload_says_why_and_the_old_version_serves() {
    let world = World::new().await;
    let large = vec![b'x'; UPLOAD_BYTES + 1];
    let rows: [(&str, Vec<u8>, u16, &str, &str); 5] = [
        (
            "application/wasm",
            b"\0asm core".to_vec(),
            422,
            "upload-refused",
            "expected a component, found a core module",
        ),
        (
            "application/wasm",
            Vec::new(),
            422,
            "upload-refused",
            "expected a component",
        ),
        ("application/wasm", large, 413, "too-large", "larger"),
        (
            "text/plain",
            b"good".to_vec(),
            415,
            "unsupported-media-type",
            "application/wasm",
        ),
        ("application/wasm", b"broken".to_vec(), 500, "internal", "log"),
    ];
    for (media_type, bytes, status, code, detail) in rows {
        let answer = world
            .send_bytes("POST", &format!("{SIM}/versions"), ADMIN, Some((media_type, bytes)))
            .await;
        let said = answer.body["detail"].as_str().expect("a detail");
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (status, &json!(code)),
            "{said}"
        );
        assert!(said.contains(detail), "{said}");
        assert!(!said.contains("compiler was killed"), "{said}");
    }
    let body = ("application/wasm", b"unpreparable".to_vec());
    let kept = world
        .send_bytes("POST", &format!("{SIM}/versions"), ADMIN, Some(body))
        .await;
    let activation = json!({"version": kept.body["number"]});
    let answer = world
        .send("PUT", &format!("{SIM}/active"), ADMIN, Some(&activation))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.body["code"], "not-prepared");
    let serving = world.table.serving("acme", "sim").expect("serving");
    assert_eq!(serving.version.as_ref().ok().map(|version| version.number), Some(1));
}

#[tokio::test]
async fn too_many_components_at_once_are_refused_before_they_are_read() {
    let world = World::new().await;
    let upload = async |body: Body| {
        let request = Request::post(format!("{SIM}/versions"))
            .header(header::AUTHORIZATION, format!("Bearer {ADMIN}"))
            .header(header::CONTENT_TYPE, "application/wasm");
        world.answer(request.body(body).expect("a request")).await
    };
    let endless = || Body::from_stream(futures_util::stream::pending::<std::io::Result<&[u8]>>());
    let acme = TenantName::parse("acme").expect("a name");
    let held = world
        .registry
        .turn_to_upload(&acme)
        .await
        .expect("nothing is worked on");
    let turn = || Box::pin(world.registry.turn_to_upload(&acme));
    let mut waiting: Vec<_> = (1..PLACES_PER_TENANT).map(|_| turn()).collect();
    for turn in &mut waiting {
        let begun = std::future::poll_fn(|context| Poll::Ready(turn.as_mut().poll(context))).await;
        assert!(begun.is_pending(), "it waits, and takes a place");
    }
    let activation = json!({"version": 2});
    let activated = world
        .send("PUT", &format!("{SIM}/active"), ADMIN, Some(&activation))
        .await;
    for answer in [upload(endless()).await, activated] {
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (429, &json!("busy")));
        assert!(answer.body["detail"].as_str().expect("a detail").contains("Retry"));
        assert_eq!(answer.headers[header::RETRY_AFTER], "10");
    }
    drop((held, waiting));
    assert_eq!(upload(Body::from("good three")).await.status, StatusCode::CREATED);
    let activated = world
        .send("PUT", &format!("{SIM}/active"), ADMIN, Some(&activation))
        .await;
    assert_eq!(activated.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let world = World::new().await;
    for (media_type, bytes, status, code) in [
        ("application/json", "{", 400, "unreadable-body"),
        ("application/json", "", 400, "unreadable-body"),
        ("text/plain", "{}", 415, "unsupported-media-type"),
        ("application/json", &" ".repeat((1 << 20) + 1), 413, "too-large"),
    ] {
        let body = (media_type, bytes.as_bytes().to_vec());
        let answer = world.send_bytes("PUT", SIM, ADMIN, Some(body)).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (status, &json!(code)));
    }
}

#[tokio::test]
async fn a_route_or_a_method_that_is_not_there_is_a_problem_too() {
    let world = World::new().await;
    let answer = world.send("GET", "/v1/nothing", ADMIN, None).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (StatusCode::NOT_FOUND, &json!("route-not-found"))
    );
    let answer = world.send("PATCH", SIM, ADMIN, None).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD,PUT,DELETE");
}

#[tokio::test]
async fn only_a_bearer_token_is_taken() {
    let world = World::new().await;
    for (value, status) in [
        (format!("bearer {ADMIN}"), 200),
        (format!("Bearer  {ADMIN}"), 200),
        (format!("Basic {ADMIN}"), 401),
        (ADMIN.to_owned(), 401),
        ("Bearer".to_owned(), 401),
    ] {
        let request = Request::get(SIM).header(header::AUTHORIZATION, &value);
        let answer = world.answer(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status.as_u16(), status, "{value}");
    }
}

#[tokio::test]
async fn a_tenant_cannot_give_itself_a_network_or_more_scopes() {
    let world = World::new().await;
    let token = world.token("acme", &[Scope::Grants, Scope::Access]).await;
    let mut private = grant("lab");
    private["network"] = json!("lab");
    let answer = world
        .send("PUT", &format!("{SIM}/grants"), &token, Some(&json!([private])))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let body = json!({"scopes": ["deploy"]});
    let answer = world.send("POST", "/v1/tenants/acme/tokens", &token, Some(&body)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body["detail"].as_str().expect("a detail").contains("deploy"));
}
