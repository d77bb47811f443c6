//! TeleCloud, from both of its sides: it posts orders in every way the real one might, and it has an API.

mod api;
mod encoding;
mod scenario;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Body, Client, RequestBuilder};
use tokio_rustls::rustls::crypto::ring;

pub use api::{
    API_ID_KEY, API_KEY, Component, FakeTelecloud, Module, Notation, Order, Outcome, ProductGroup, ReceivedCall,
    Refund, ServiceStatus, Units,
};
pub use encoding::Encoding;
pub use http::StatusCode;
pub use scenario::{Scenario, Then, scenarios};

pub use crate::peer::{Behaviour, Delivery, Gate, Reply};

/// What a request has, under flat names with PHP's brackets: `Customer[first_name]`.
pub type Fields = BTreeMap<String, String>;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// HTTP status.
    pub status: u16,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// Byte for byte.
    pub body: String,
}

/// A client that goes straight to the URL and follows nothing.
///
/// # Errors
/// When the system has nothing to build one from.
pub fn client() -> anyhow::Result<Client> {
    // The client wants to know how to do TLS even if it never does. Whoever said so first is as good.
    let _ = ring::default_provider().install_default();
    // The gateway closes what was idle for five seconds: what is about to be closed must not be used again.
    let idle = Duration::from_secs(2);
    Ok(Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .pool_idle_timeout(idle)
        .build()?)
}

/// Posts an order.
///
/// # Errors
/// When there is no whole answer, or its body is not UTF-8.
pub async fn post(client: &Client, url: &str, encoding: Encoding, fields: &Fields) -> anyhow::Result<Posted> {
    let (content_type, body) = encoding.encode(fields);
    post_body(client, url, content_type, body).await
}

/// Posts the same order `times` times at once.
///
/// # Errors
/// As [`post`], of any of them.
pub async fn post_at_once(
    client: &Client,
    url: &str,
    encoding: Encoding,
    fields: &Fields,
    times: usize,
) -> anyhow::Result<Vec<Posted>> {
    let posts = (0..times).map(|_| post(client, url, encoding, fields));
    try_join_all(posts).await
}

/// Posts any bytes under any content type.
///
/// # Errors
/// When there is no whole answer, or its body is not UTF-8.
pub async fn post_body(
    client: &Client,
    url: &str,
    content_type: Option<&str>,
    body: impl Into<Body>,
) -> anyhow::Result<Posted> {
    let mut request = client.post(url).body(body);
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    send(request).await
}

/// Posts nothing: one way to ask whether a module is there.
///
/// # Errors
/// When there is no whole answer, or its body is not UTF-8.
pub async fn post_empty(client: &Client, url: &str) -> anyhow::Result<Posted> {
    send(client.post(url)).await
}

/// Asks whether a module is there.
///
/// # Errors
/// When there is no whole answer, or its body is not UTF-8.
pub async fn get(client: &Client, url: &str) -> anyhow::Result<Posted> {
    send(client.get(url)).await
}

/// Asks whether a module is there, without wanting to hear more.
///
/// # Errors
/// When there is no whole answer.
pub async fn head(client: &Client, url: &str) -> anyhow::Result<Posted> {
    send(client.head(url)).await
}

async fn send(request: RequestBuilder) -> anyhow::Result<Posted> {
    let response = request.send().await?;
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let body = String::from_utf8(response.bytes().await?.into()).context("the answer is not UTF-8")?;
    Ok(Posted {
        status,
        content_type,
        body,
    })
}

#[cfg(test)]
mod tests;
