//! The admin API over sockets: what is refused leaves everything as it was, and says why.

mod access;
mod answers;
mod settings;
mod versions;

use std::sync::Arc;

use anyhow::Result;
use patchbay_tests::gateway::{Answer, Gateway};
use serde_json::json;

use super::hostile::{MODULE, call, with};

const AT: &str = "/v1/tenants/acme/modules/hostile";

/// A gateway with the guest in echo mode, its first version active.
async fn gateway_with(arguments: &[&str]) -> Result<Gateway> {
    let gateway = Gateway::start_in(Arc::new(tempfile::tempdir()?), arguments)?;
    gateway
        .admin()
        .deploy("acme", MODULE, with(json!({"mode": "echo"}))?)
        .await?;
    Ok(gateway)
}

async fn assert_serves(gateway: &Gateway, context: &str) -> Result<()> {
    let told = call(gateway, "acme").await?;
    assert_eq!(
        told.element("VAR7").as_deref(),
        Some("mode=echo"),
        "{context}: {told:?}"
    );
    Ok(())
}

/// Asserts that this is a whole problem document of that kind, and gives its detail.
#[track_caller]
fn problem(answer: &Answer, status: u16, code: &str) -> String {
    let body = &answer.body;
    assert_eq!(
        (answer.status.as_u16(), &body["status"]),
        (status, &json!(status)),
        "{body}"
    );
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["type"], format!("urn:patchbay:problem:{code}"), "{body}");
    assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{body}");
    let detail = body["detail"].as_str().unwrap_or_default();
    assert!(!detail.is_empty(), "{body}");
    detail.to_owned()
}
