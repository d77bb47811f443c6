//! The guest that misbehaves on demand: how it is set up, called, and understood.

use anyhow::{Context, Result, ensure};
use patchbay_tests::gateway::{Deployment, Gateway, guest};
use patchbay_tests::telecloud::{Encoding, Fields, client, post};
use serde_json::{Value, json};

/// Its name as a module in these tests.
pub(super) const MODULE: &str = "hostile";

/// The guest with these settings and no grants.
pub(super) fn with(config: Value) -> Result<Deployment> {
    Ok(Deployment {
        config,
        ..Deployment::of(guest("hostile")?)
    })
}

/// The guest that fetches `url` as these further settings say, and may do anything at its port.
pub(super) fn fetching(url: &str, mut config: Value) -> Result<Deployment> {
    config["mode"] = json!("fetch");
    config["url"] = json!(url);
    Ok(Deployment {
        grants: json!([grant(url)?]),
        ..with(config)?
    })
}

/// A grant for everything at the host and port of a URL, on this machine, with the secret `token`.
pub(super) fn grant(url: &str) -> Result<Value> {
    let url = reqwest::Url::parse(url)?;
    Ok(json!({
        "name": "carrier", "scheme": url.scheme(), "host": url.host_str(), "port": url.port(),
        "methods": ["GET", "POST"], "paths": ["/**"], "secrets": ["token"],
        "network": "loopback", "timeout_ms": 120_000,
    }))
}

/// An order with this number.
pub(super) fn order(number: &str) -> Fields {
    [
        ("SERVICE", "Order/Create"),
        ("order_number", number),
        ("Customer[account_number]", "9105012"),
        ("APIAuth[API_KEY]", "key_good"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// What TeleCloud was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told(String);

impl Told {
    /// Reads an answer, which is HTTP 200 with XML whatever happened.
    pub(super) fn read(status: u16, body: String) -> Result<Self> {
        ensure!(status == 200, "HTTP status {status}: {body}");
        let told = Self(body);
        told.element("SUCCESS").context("no SUCCESS")?;
        Ok(told)
    }

    /// The text of an element, such as `VAR1` or `ERROR`.
    pub(super) fn element(&self, name: &str) -> Option<String> {
        let document = roxmltree::Document::parse(&self.0).expect("the answer is XML");
        let element = document
            .root_element()
            .children()
            .find(|node| node.has_tag_name(name))?;
        Some(element.text().unwrap_or_default().to_owned())
    }

    /// The sentence of a failure.
    pub(super) fn error(&self) -> String {
        self.element("ERROR").unwrap_or_default()
    }

    /// Byte for byte.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Posts an order to a tenant's guest.
pub(super) async fn call(gateway: &Gateway, tenant: &str) -> Result<Told> {
    call_with(gateway, tenant, &order("4617ZU4617")).await
}

/// Posts these fields to a tenant's guest.
pub(super) async fn call_with(gateway: &Gateway, tenant: &str, fields: &Fields) -> Result<Told> {
    let posted = post(&client()?, &gateway.url(tenant, MODULE), Encoding::Form, fields).await?;
    Told::read(posted.status, posted.body)
}
