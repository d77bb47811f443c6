//! How the API answers: refusals in one form, and a description of itself.

use anyhow::{Context, Result};
use patchbay_tests::gateway::{ADMIN_TOKEN, Answer, Gateway};
use patchbay_tests::telecloud::client;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{AT, gateway_with, problem};

#[tokio::test]
async fn every_refusal_is_a_problem_document() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let base = gateway.admin().base();
    let client = client()?;
    let at = |method: Method, path: &str| client.request(method, format!("{base}{path}"));
    let admin = |method: Method, path: &str| at(method, path).bearer_auth(ADMIN_TOKEN);
    let json =
        |request: RequestBuilder, body: &'static str| request.header("content-type", "application/json").body(body);
    let keys = "/v1/tenants/acme/telecloud-keys";
    for (request, status, code) in [
        (at(Method::GET, "/v1/tenants"), 401, "unauthorized"),
        (at(Method::GET, "/v1/tenants").bearer_auth("wrong"), 401, "unauthorized"),
        (
            at(Method::GET, "/v1/tenants").basic_auth("admin", Some(ADMIN_TOKEN)),
            401,
            "unauthorized",
        ),
        (at(Method::PUT, "/v1/tenants/other"), 401, "unauthorized"),
        (admin(Method::GET, "/v1/nothing"), 404, "route-not-found"),
        (admin(Method::GET, "/v1/tenants/nobody"), 404, "tenant-not-found"),
        (
            admin(Method::GET, "/v1/tenants/acme/modules/none"),
            404,
            "module-not-found",
        ),
        (admin(Method::GET, "/v1/tenants/acme/calls/none"), 404, "call-not-found"),
        (
            admin(Method::DELETE, &format!("{AT}/secrets/none")),
            404,
            "secret-not-found",
        ),
        (admin(Method::DELETE, &format!("{keys}/none")), 404, "key-not-found"),
        (
            admin(Method::DELETE, "/v1/tenants/acme/tokens/none"),
            404,
            "token-not-found",
        ),
        (admin(Method::PATCH, "/v1/tenants/acme"), 405, "method-not-allowed"),
        (json(admin(Method::PUT, "/v1/tenants/ACME"), "{}"), 400, "invalid-name"),
        (json(admin(Method::PUT, "/v1/tenants/a_b"), "{}"), 400, "invalid-name"),
        (
            json(admin(Method::PUT, &format!("/v1/tenants/{}", "a".repeat(64))), "{}"),
            400,
            "invalid-name",
        ),
        (
            admin(Method::GET, "/v1/tenants/acme/calls?limit=0"),
            400,
            "invalid-query",
        ),
        (
            admin(Method::GET, "/v1/tenants/acme/calls?colour=red"),
            400,
            "invalid-query",
        ),
        (
            json(admin(Method::PUT, "/v1/tenants/other"), "{"),
            400,
            "unreadable-body",
        ),
        (
            admin(Method::PUT, "/v1/tenants/other").body("{}"),
            415,
            "unsupported-media-type",
        ),
        (
            json(admin(Method::POST, &format!("{AT}/versions")), "{}"),
            415,
            "unsupported-media-type",
        ),
        (
            json(admin(Method::POST, keys), r#"{"key": "key_good"}"#),
            409,
            "conflict",
        ),
        (
            json(admin(Method::PUT, "/v1/tenants/other"), r#"{"title": 1}"#),
            422,
            "invalid-field",
        ),
    ] {
        let response = request.send().await?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("content-type"), Some("application/problem+json"), "{response:?}");
        assert_eq!(
            header("www-authenticate"),
            (status == 401).then_some("Bearer"),
            "{response:?}"
        );
        let answer = Answer {
            status: response.status(),
            body: response.json().await?,
        };
        problem(&answer, status, code);
    }
    let tenants = gateway.admin().get("/v1/tenants").await?;
    assert_eq!(
        tenants["items"].as_array().map(Vec::len),
        Some(1),
        "nothing was made: {tenants}"
    );
    Ok(())
}

#[tokio::test]
async fn the_description_is_served_to_anyone_and_lists_every_route() -> Result<()> {
    let gateway = Gateway::start()?;
    let url = format!("{}/v1/openapi.json", gateway.admin().base());
    let response = client()?.get(url).send().await?;
    assert_eq!(response.status().as_u16(), 200);
    let description: Value = response.json().await?;
    assert!(
        description["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    let mut listed: Vec<String> = Vec::new();
    for (path, item) in description["paths"].as_object().context("paths")? {
        for method in ["get", "put", "post", "delete"] {
            if item.get(method).is_some() {
                listed.push(format!("{method} {}", path.trim_start_matches("/v1/tenants")));
            }
        }
    }
    listed.sort();
    let module = "/{tenant}/modules/{module}";
    let mut expected: Vec<String> = [
        "get /v1/networks",
        "get /v1/networks/{network}",
        "put /v1/networks/{network}",
        "delete /v1/networks/{network}",
        "get /v1/trail",
        "get /v1/trail/verification",
        "get /{tenant}/trail",
        "get /{tenant}/trail/verification",
        "get ",
        "get /{tenant}",
        "put /{tenant}",
        "delete /{tenant}",
        "get /{tenant}/quota",
        "put /{tenant}/quota",
        "get /{tenant}/telecloud-keys",
        "post /{tenant}/telecloud-keys",
        "delete /{tenant}/telecloud-keys/{id}",
        "get /{tenant}/telecloud",
        "put /{tenant}/telecloud",
        "delete /{tenant}/telecloud",
        "get /{tenant}/tokens",
        "post /{tenant}/tokens",
        "delete /{tenant}/tokens/{id}",
        "get /{tenant}/modules",
        "get /{tenant}/calls",
        "get /{tenant}/calls/{id}",
        "get /{tenant}/jobs",
        "get /{tenant}/jobs/{call}",
        "post /{tenant}/jobs/{call}/actions",
        "get /{tenant}/orders",
        "get /{tenant}/orders/{id}",
        "post /{tenant}/orders/{id}/password",
    ]
    .map(str::to_owned)
    .into();
    for (method, below) in [
        ("get", ""),
        ("put", ""),
        ("delete", ""),
        ("get", "/config"),
        ("put", "/config"),
        ("get", "/grants"),
        ("put", "/grants"),
        ("get", "/schedules"),
        ("put", "/schedules"),
        ("get", "/runs"),
        ("post", "/runs"),
        ("get", "/runs/{id}"),
        ("get", "/runs/{id}/results"),
        ("get", "/runs/{id}/report"),
        ("post", "/runs/{id}/repairs"),
        ("post", "/settlements"),
        ("get", "/secrets"),
        ("put", "/secrets/{name}"),
        ("delete", "/secrets/{name}"),
        ("get", "/versions"),
        ("post", "/versions"),
        ("delete", "/versions/{number}"),
        ("put", "/active"),
        ("post", "/telecloud-registration"),
        ("get", "/callback"),
        ("post", "/callback-rotation"),
    ] {
        expected.push(format!("{method} {module}{below}"));
    }
    expected.sort();
    assert_eq!(listed, expected);
    Ok(())
}
