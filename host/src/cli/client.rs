//! The admin API's other end.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::{Body, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::Failure;
use crate::api::Problem;

/// A gateway that is there accepts at once, even across an ocean.
const CONNECT: Duration = Duration::from_secs(10);
/// Compiling a Python or JavaScript component takes up to a minute, and some more on a busy machine, and one may have to wait
/// for others'.
const ANSWER: Duration = Duration::from_secs(600);

/// Speaks to one gateway with one token.
pub(super) struct Client {
    base: Url,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(url: &str, token: &str) -> Result<Self, Failure> {
        let base = Url::parse(url).map_err(|error| Failure::Usage(format!("--url {url}: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(Failure::Usage(format!(
                "--url {url}: it must begin with http:// or https://"
            )));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| Failure::Usage("the token has characters that no token has".to_owned()))?;
        bearer.set_sensitive(true);
        // Someone else in the process may have chosen a provider before, which is as good.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .build()
            .map_err(|error| Failure::Unreachable(with_causes(&error)))?;
        Ok(Self { base, http })
    }

    pub(super) async fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.send(Method::GET, self.url(path), None).await
    }

    /// `query` is an object of texts and numbers.
    pub(super) async fn query(&self, path: &[&str], query: &impl Serialize) -> Result<Value, Failure> {
        let mut url = self.url(path);
        if let Value::Object(fields) = json(query)? {
            for (name, value) in fields {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                url.query_pairs_mut().append_pair(&name, &text);
            }
        }
        self.send(Method::GET, url, None).await
    }

    /// What is at the path, or `None` where the gateway says that there is nothing.
    pub(super) async fn find(&self, path: &[&str]) -> Result<Option<Value>, Failure> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Refused(problem)) if problem.status == StatusCode::NOT_FOUND => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    pub(super) async fn put(&self, path: &[&str], body: &impl Serialize) -> Result<Value, Failure> {
        let body = json(body)?.to_string();
        let body = Some(("application/json", body.into()));
        self.send(Method::PUT, self.url(path), body).await
    }

    pub(super) async fn post(&self, path: &[&str], body: &impl Serialize) -> Result<Value, Failure> {
        let body = json(body)?.to_string();
        let body = Some(("application/json", body.into()));
        self.send(Method::POST, self.url(path), body).await
    }

    pub(super) async fn post_component(&self, path: &[&str], component: Bytes) -> Result<Value, Failure> {
        let body = Some(("application/wasm", component.into()));
        self.send(Method::POST, self.url(path), body).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.send(Method::DELETE, self.url(path), None).await.map(drop)
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Only URLs like `mailto:` have no segments, and the scheme was checked.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        url
    }

    /// Sends, and takes what came back for JSON; an empty body is null.
    async fn send(&self, method: Method, url: Url, body: Option<(&'static str, Body)>) -> Result<Value, Failure> {
        let unreachable = |error: reqwest::Error| {
            let cause = with_causes(&error.without_url());
            Failure::Unreachable(format!("cannot reach the gateway at {}: {cause}", self.base))
        };
        let mut request = self.http.request(method, url);
        if let Some((media_type, body)) = body {
            request = request.header(CONTENT_TYPE, media_type).body(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let again = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let again = again.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let bytes = response.bytes().await.map_err(unreachable)?;
        let not_ours = || {
            let text = format!("{} is no Patchbay admin listener: it answered {status}", self.base);
            Failure::Unreachable(text)
        };
        if !status.is_success() {
            let problem: Problem = serde_json::from_slice(&bytes).map_err(|_| not_ours())?;
            return Err(match again {
                Some(after) if status == StatusCode::TOO_MANY_REQUESTS => Failure::Busy { problem, after },
                _ => Failure::Refused(problem),
            });
        }
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| not_ours())
    }
}

/// Reads what the gateway sent as what it should be.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value)
        .map_err(|error| Failure::Unreachable(format!("the gateway is of another version than this command: {error}")))
}

fn json(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::Usage(error.to_string()))
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
