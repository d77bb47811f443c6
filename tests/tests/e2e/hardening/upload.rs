//! A. What may be uploaded, and what compiling it may cost.

mod compiling;
mod line;
mod shapes;
mod wasi;

use std::sync::Arc;

use anyhow::{Context, Result};
use patchbay_tests::gateway::Gateway;
use serde_json::json;

use super::super::hostile::{MODULE, Told, call, with};

/// A gateway with the guest in echo mode, its first version active.
async fn gateway_with(arguments: &[&str]) -> Result<Gateway> {
    let gateway = Gateway::start_in(Arc::new(tempfile::tempdir()?), arguments)?;
    let admin = gateway.admin();
    admin.deploy("acme", MODULE, with(json!({"mode": "echo"}))?).await?;
    Ok(gateway)
}

async fn assert_serves(gateway: &Gateway, context: &str) -> Result<()> {
    let told: Told = call(gateway, "acme").await?;
    assert_eq!(
        told.element("VAR7").as_deref(),
        Some("mode=echo"),
        "{context}: {told:?}"
    );
    Ok(())
}

/// Uploads a component that has to be refused as no module, and gives the sentence. The old version serves on.
async fn refusal(gateway: &Gateway, name: &str, component: impl Into<Vec<u8>>) -> Result<String> {
    let answer = gateway
        .admin()
        .upload("acme", MODULE, component.into())
        .await
        .context(name.to_owned())?;
    let found = (answer.status.as_u16(), answer.body["code"].as_str());
    assert_eq!(found, (422, Some("upload-refused")), "{name}: {}", answer.body);
    assert_serves(gateway, name).await?;
    let versions = gateway.admin().get("/v1/tenants/acme/modules/hostile/versions").await?;
    assert_eq!(
        versions["items"].as_array().map(Vec::len),
        Some(1),
        "{name}: {versions}"
    );
    Ok(answer.body["detail"].as_str().context("a detail")?.to_owned())
}

/// A section of a binary: its kind, its length, its content.
fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], &number(content.len())[..], content].concat()
}

/// A number as binaries have it: seven bits to a byte.
fn number(mut left: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while left > 0x7f {
        bytes.push(u8::try_from(left & 0x7f).expect("seven bits") | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left).expect("seven bits"));
    bytes
}
