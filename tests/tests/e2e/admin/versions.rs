//! Uploads and activations: what cannot serve changes nothing.

use anyhow::{Context, Result};
use patchbay_tests::gateway::guest;
use reqwest::Method;
use serde_json::json;

use super::super::hostile::{MODULE, call_with, order};
use super::{AT, assert_serves, gateway_with, problem};

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the test's component is well-formed")
}

#[tokio::test]
async fn a_refused_upload_leaves_the_old_version_serving() -> Result<()> {
    let limit = 1 << 20;
    let gateway = gateway_with(&["--upload-bytes", &limit.to_string()]).await?;
    let admin = gateway.admin();
    let whole = guest("hostile")?;
    let handler = r#"(instance $i) (export "patchbay:module/handler@0.1.0" (instance $i))"#;
    for (name, upload, status, code, sentence) in [
        ("nothing", vec![], 422, "upload-refused", "found an empty file"),
        (
            "text",
            b"(component)".to_vec(),
            422,
            "upload-refused",
            "found its text format",
        ),
        (
            "core module",
            component("(module)"),
            422,
            "upload-refused",
            "found a core module",
        ),
        (
            "another world",
            component(r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#),
            422,
            "upload-refused",
            "expected an export patchbay:module/handler@0.1.0, found wasi:cli/run@0.2.0",
        ),
        (
            "foreign import",
            component(&format!(
                r#"(component (import "acme:db/store@1.0.0" (instance)) {handler})"#
            )),
            422,
            "upload-refused",
            "found acme:db/store@1.0.0, which this gateway does not offer",
        ),
        (
            // Its names are right, and what it exports under them is empty.
            "other types",
            component(&format!("(component {handler})")),
            422,
            "upload-refused",
            "does not fit the interface patchbay:module@0.1.0: patchbay:module/handler@0.1.0 has no function handle",
        ),
        (
            "truncated",
            whole[..whole.len() - 1].to_vec(),
            422,
            "upload-refused",
            "not a valid one",
        ),
        (
            "too large",
            vec![0; limit + 1],
            413,
            "too-large",
            "limit that the operator sets",
        ),
    ] {
        let answer = admin.upload("acme", MODULE, upload).await.context(name)?;
        let detail = problem(&answer, status, code);
        assert!(detail.contains(sentence), "{name}: {detail}");
        assert_serves(&gateway, name).await?;
    }
    let versions = admin.get(&format!("{AT}/versions")).await?;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(1), "{versions}");

    // The same bytes are the version that they were.
    let again = admin.upload("acme", MODULE, whole).await?;
    assert_eq!((again.status.as_u16(), &again.body["number"]), (200, &json!(1)));
    Ok(())
}

#[tokio::test]
async fn versions_are_activated_by_number_or_digest_and_back() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let admin = gateway.admin();
    let second = admin.upload("acme", MODULE, guest("hello")?).await?.ok()?;
    assert_eq!(second["number"], 2);
    assert_eq!(second["exports"], json!(["patchbay:module/handler@0.1.0"]));
    assert_serves(&gateway, "an upload activates nothing").await?;

    let versions = admin.get(&format!("{AT}/versions")).await?;
    let digest_of = |index: usize| versions["items"][index]["digest"].clone();
    let ways = [
        (json!({"version": 2}), 2),
        (json!({"version": 1}), 1),
        (json!({"digest": digest_of(1)}), 2),
        (json!({"digest": digest_of(0)}), 1),
    ];
    for (turn, (activation, number)) in ways.into_iter().enumerate() {
        let module = admin.put(&format!("{AT}/active"), activation.clone()).await?;
        assert_eq!(module["active"], number);
        let told = call_with(&gateway, "acme", &order(&turn.to_string())).await?;
        // The other component knows nothing of settings.
        let echoes = told.element("VAR7").as_deref() == Some("mode=echo");
        assert_eq!(echoes, number == 1, "{activation}: {told:?}");
        assert_eq!(admin.newest_call("acme").await?["version"], number);
    }
    for (activation, status, code) in [
        (json!({"version": 3}), 404, "version-not-found"),
        (json!({"digest": "0".repeat(64)}), 404, "version-not-found"),
        (json!({"digest": "0"}), 422, "invalid-field"),
        (json!({"version": 1, "digest": digest_of(0)}), 422, "invalid-field"),
        (json!({}), 422, "invalid-field"),
    ] {
        let answer = admin
            .send(Method::PUT, &format!("{AT}/active"), Some(&activation))
            .await?;
        problem(&answer, status, code);
        assert_serves(&gateway, &activation.to_string()).await?;
    }
    Ok(())
}
