//! Access to TeleCloud's API, and registration there: bad input is refused by name, and nothing of it is repeated.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::world::{ADMIN, World};
use crate::domain::tenant::Scope;

#[tokio::test]
async fn access_that_cannot_be_used_is_refused_by_the_name_of_the_field() {
    let world = World::new().await;
    let rows: [(&str, &str, Value, u16, &str); 5] = [
        (
            "PUT",
            "acme",
            json!({"api_id_key": "7", "key": "canary"}),
            422,
            "The body must be {\"url\": ",
        ),
        (
            "PUT",
            "acme",
            json!({"api_id_key": "7", "api_key": "x", "url": "https://x.example/{Service}/"}),
            422,
            "url must have {Action} in it",
        ),
        (
            "PUT",
            "acme",
            json!({"api_id_key": "7", "api_key": "x", "url": "http://x.example/{Service}/{Action}"}),
            422,
            "url must begin with https://, unless a network is named",
        ),
        (
            "PUT",
            "acme",
            json!({"api_id_key": " ", "api_key": "x"}),
            422,
            "api_id_key must be 1 to 256 characters",
        ),
        (
            "GET",
            "other",
            Value::Null,
            404,
            "Set it with PUT on /v1/tenants/other/telecloud",
        ),
    ];
    for (method, tenant, body, status, detail) in rows {
        let body = (!body.is_null()).then_some(&body);
        let path = format!("/v1/tenants/{tenant}/telecloud");
        let answer = world.send(method, &path, ADMIN, body).await;
        let said = answer.body["detail"].as_str().expect("a detail");
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {said}");
        assert!(
            said.contains(detail) && !said.contains("canary"),
            "{method} {path}: {said}"
        );
    }
    let kept = world.send("GET", "/v1/tenants/acme/telecloud", ADMIN, None).await;
    assert_eq!(kept.body["api_id_key"], "7");
}

#[tokio::test]
async fn a_tenant_cannot_lead_its_calls_into_a_network() {
    let world = World::new().await;
    let token = world.token("acme", &[Scope::Access]).await;
    let body = json!({"api_id_key": "7", "api_key": "x", "network": "lab"});
    let answer = world
        .send("PUT", "/v1/tenants/acme/telecloud", &token, Some(&body))
        .await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (StatusCode::FORBIDDEN, &json!("forbidden"))
    );
}

#[tokio::test]
async fn a_registration_that_cannot_be_right_is_refused_and_one_that_lacks_access_says_how_to_get_it() {
    let world = World::new().await;
    let url = "https://x.example/m/acme/sim";
    let link = |events: Value| json!({"url": url, "product_group": {"id": "75", "status": "locked", "events": events}});
    for (body, status, detail) in [
        (json!({}), 422, "missing field `url`"),
        (json!({"url": "x"}), 422, "url must be a whole URL"),
        (
            json!({"url": url, "module_id": "a b"}),
            422,
            "an id at TeleCloud must match",
        ),
        (json!({"url": url, "dry-run": false}), 422, "unknown field `dry-run`"),
        (link(json!(["create"])), 422, "unknown variant `create`"),
        (link(json!([])), 422, "product_group.events must name at least one"),
    ] {
        let path = "/v1/tenants/acme/modules/sim/telecloud-registration";
        let answer = world.send("POST", path, ADMIN, Some(&body)).await;
        let said = answer.body["detail"].as_str().expect("a detail");
        assert_eq!(answer.status.as_u16(), status, "{said}");
        assert!(said.contains(detail), "{said}");
    }
    let body = json!({ "url": url });
    let path = "/v1/tenants/acme/modules/none/telecloud-registration";
    let absent = world.send("POST", path, ADMIN, Some(&body)).await;
    assert_eq!(
        (absent.status, &absent.body["code"]),
        (StatusCode::NOT_FOUND, &json!("module-not-found"))
    );
    let unset = world.send("DELETE", "/v1/tenants/acme/telecloud", ADMIN, None).await;
    assert_eq!(unset.status, StatusCode::NO_CONTENT);
    let path = "/v1/tenants/acme/modules/sim/telecloud-registration";
    let refused = world.send("POST", path, ADMIN, Some(&body)).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (StatusCode::NOT_FOUND, &json!("telecloud-not-found"))
    );
    assert!(
        refused.body["detail"]
            .as_str()
            .is_some_and(|said| said.contains("patchbay telecloud set acme"))
    );
}
