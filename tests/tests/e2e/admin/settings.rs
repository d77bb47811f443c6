//! Status, limits, grants, settings and secrets: what is refused changes nothing.

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::hostile::call;
use super::{AT, assert_serves, gateway_with, problem};

#[tokio::test]
async fn a_suspended_module_says_so_until_it_is_resumed() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let admin = gateway.admin();
    admin.put(AT, json!({"status": "suspended"})).await?;
    assert_eq!(
        call(&gateway, "acme").await?.error(),
        "Module Error: this module is suspended. Ask its operator to resume it."
    );
    assert_eq!(admin.newest_call("acme").await?["outcome"], "refused");
    admin.put(AT, json!({"status": "active"})).await?;
    assert_serves(&gateway, "resumed").await
}

#[tokio::test]
async fn refused_settings_leave_the_old_ones() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let admin = gateway.admin();
    let (grants, config) = (format!("{AT}/grants"), format!("{AT}/config"));
    let secret = format!("{AT}/secrets/token");
    let grant = |change: Value| {
        let mut grant = json!({"name": "a", "host": "api.carrier.example", "methods": ["GET"], "paths": ["/v1"]});
        for (field, value) in change.as_object().expect("fields") {
            grant[field] = value.clone();
        }
        grant
    };
    admin.put(&grants, json!([grant(json!({}))])).await?;
    admin
        .put(AT, json!({"title": "Echo", "limits": {"cpu_ms": 1000}}))
        .await?;
    admin.put(&secret, json!({"value": "secret"})).await?;
    let all = async || -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for path in [AT.to_owned(), grants.clone(), config.clone(), format!("{AT}/secrets")] {
            all.push(admin.get(&path).await?);
        }
        Ok(all)
    };
    let before = all().await?;
    for (path, body, status, code, sentence) in [
        (
            AT,
            json!({"limits": {"cpu_ms": 0}}),
            422,
            "invalid-field",
            "limits.cpu_ms must be 10 to 30000, and 0 is not",
        ),
        (
            AT,
            json!({"limits": {"cpu_ms": "1"}}),
            422,
            "invalid-field",
            "limits.cpu_ms",
        ),
        (
            AT,
            json!({"limits": {"speed": 1}}),
            422,
            "invalid-field",
            "unknown field `speed`",
        ),
        (
            AT,
            json!({"colour": "red"}),
            422,
            "invalid-field",
            "unknown field `colour`",
        ),
        (AT, json!({"status": "asleep"}), 422, "invalid-field", "asleep"),
        (AT, json!({"title": "a\nb"}), 422, "invalid-field", "title"),
        (
            &grants,
            json!([grant(json!({"host": "*"}))]),
            422,
            "invalid-grant",
            "grant \"a\": host",
        ),
        (
            &grants,
            json!([grant(json!({"methods": ["get"]}))]),
            422,
            "invalid-grant",
            "write \"get\" in upper case",
        ),
        (
            &grants,
            json!([grant(json!({"paths": ["v1"]}))]),
            422,
            "invalid-grant",
            "grant \"a\": paths",
        ),
        (
            &grants,
            json!([grant(json!({"timeout_ms": 0}))]),
            422,
            "invalid-grant",
            "timeout_ms",
        ),
        (
            &grants,
            json!([grant(json!({})), grant(json!({}))]),
            422,
            "invalid-grant",
            "another grant has that name",
        ),
        (
            &grants,
            json!([grant(json!({"hosts": []}))]),
            422,
            "invalid-field",
            "unknown field `hosts`",
        ),
        (&grants, json!({}), 422, "invalid-field", "sequence"),
        (&config, json!({"a": 1}), 422, "invalid-field", "a: invalid type"),
        (&config, json!({"a b": "1"}), 422, "invalid-field", "a b"),
        (
            &config,
            json!({"a": "x".repeat(9000)}),
            422,
            "invalid-field",
            "8192 bytes",
        ),
        (&secret, json!({"value": ""}), 422, "invalid-field", "at least 1"),
        (&secret, json!({}), 422, "invalid-field", "value"),
    ] {
        let answer = admin.send(Method::PUT, path, Some(&body)).await?;
        let detail = problem(&answer, status, code);
        assert!(detail.contains(sentence), "{path} {body}: {detail}");
    }
    assert_eq!(all().await?, before);
    assert_serves(&gateway, "after refused settings").await
}
