//! Who may do what, and until when.

use anyhow::{Context, Result};
use patchbay_tests::gateway::{Answer, Deployment, guest};
use reqwest::Method;
use serde_json::json;

use super::super::hostile::{MODULE, call};
use super::{AT, gateway_with, problem};

#[tokio::test]
async fn a_token_does_what_its_scopes_say_and_nothing_else() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let admin = gateway.admin();
    call(&gateway, "acme").await?;
    let calls = "/v1/tenants/acme/calls";
    let tokens = "/v1/tenants/acme/tokens";
    let (config, grants) = (format!("{AT}/config"), format!("{AT}/grants"));
    let grant = json!({"name": "a", "host": "api.carrier.example", "methods": ["GET"], "paths": ["/v1"]});
    let (get, put) = (Method::GET, Method::PUT);
    let asks = [
        ("read", &get, config.as_str(), None),
        ("read", &get, grants.as_str(), None),
        ("calls", &get, calls, None),
        ("deploy", &put, config.as_str(), Some(json!({"mode": "echo"}))),
        ("deploy", &put, AT, Some(json!({}))),
        ("grants", &put, grants.as_str(), Some(json!([grant]))),
        ("access", &get, tokens, None),
        ("access", &get, "/v1/tenants/acme/telecloud-keys", None),
    ];
    let scopes = ["read", "calls", "deploy", "grants", "operate", "access"];
    for (needed, method, path, body) in &asks {
        let with_token = async |scopes: Vec<&str>| -> Result<Answer> {
            let made = admin.post(tokens, json!({"scopes": scopes})).await?;
            let token = made["value"].as_str().context("a token")?;
            admin
                .with_token(token)
                .send((*method).clone(), path, body.as_ref())
                .await
        };
        let enough = with_token(vec![needed]).await?;
        assert!(enough.status.is_success(), "{method} {path}: {}", enough.body);
        let others = scopes.into_iter().filter(|scope| scope != needed).collect();
        let detail = problem(&with_token(others).await?, 403, "forbidden");
        assert!(detail.contains(&format!("scope {needed}")), "{method} {path}: {detail}");
    }

    // A token gives away no more than it has, and no network.
    let made = admin.post(tokens, json!({"scopes": ["access", "grants"]})).await?;
    let own = admin.with_token(made["value"].as_str().context("a token")?);
    let answer = own
        .send(Method::POST, tokens, Some(&json!({"scopes": ["deploy"]})))
        .await?;
    problem(&answer, 403, "forbidden");
    let mut private = grant;
    private["network"] = json!("loopback");
    let answer = own.send(put, &grants, Some(&json!([private]))).await?;
    assert!(problem(&answer, 403, "forbidden").contains("network can only be set by a platform admin"));

    // Once it is revoked it is nobody's.
    let id = made["token"]["id"].as_str().context("an id")?;
    admin.delete(&format!("{tokens}/{id}")).await?;
    problem(&own.send(get.clone(), tokens, None).await?, 401, "unauthorized");
    let past = json!({"scopes": ["access"], "expires": "2020-01-01T00:00:00Z"});
    let answer = admin.send(Method::POST, tokens, Some(&past)).await?;
    assert!(problem(&answer, 422, "invalid-field").contains("expires must be in the future"));
    Ok(())
}

#[tokio::test]
async fn a_tenant_that_is_removed_is_gone_with_everything_and_its_name_starts_anew() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let admin = gateway.admin();
    call(&gateway, "acme").await?;
    let made = admin
        .post("/v1/tenants/acme/tokens", json!({"scopes": ["read"]}))
        .await?;
    let own = admin.with_token(made["value"].as_str().context("a token")?);
    admin.delete("/v1/tenants/acme").await?;
    assert!(
        call(&gateway, "acme")
            .await?
            .error()
            .contains("there is no module at this URL")
    );
    problem(
        &own.send(Method::GET, "/v1/tenants/acme", None).await?,
        401,
        "unauthorized",
    );

    admin.deploy("acme", MODULE, Deployment::of(guest("hostile")?)).await?;
    assert_eq!(admin.get("/v1/tenants/acme/calls").await?["items"], json!([]));
    assert_eq!(admin.get(&format!("{AT}/config")).await?, json!({}));
    let tokens = admin.get("/v1/tenants/acme/tokens").await?;
    assert_eq!(tokens["items"], json!([]));
    problem(
        &own.send(Method::GET, "/v1/tenants/acme", None).await?,
        401,
        "unauthorized",
    );
    Ok(())
}
