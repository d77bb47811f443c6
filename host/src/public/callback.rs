//! The callback URL of a module: what a carrier sends there, and what it is told.
//!
//! Carriers are told by HTTP statuses, not by MODULE documents.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::{Front, Peer, unwanted};
use crate::domain::progress::Callback;
use crate::gateway::{NoCallee, Received, Unreadable};

/// Where it is. What follows `callback/` is the secret and, after a slash, whatever the carrier appends.
pub(super) const ROUTE: &str = "/m/{tenant}/{module}/callback/{*rest}";

/// Most header fields that are handed on. The listener takes as many by default; carriers send about ten.
const HEADERS_MAX: usize = 64;

/// Seconds after which a carrier may call again.
const RETRY_AFTER: &str = "30";

/// What is between two neighbours only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

pub(super) async fn callback(
    State(front): State<Arc<Front>>,
    peer: Peer,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let source = front.source(peer, &headers);
    let callee = parts(uri.path()).ok_or(NoCallee::NotHere).and_then(|parts| {
        let callee = front.gateway.callee(source, parts.tenant, parts.module, parts.secret)?;
        Ok((callee, parts.below))
    });
    let (callee, below) = match callee {
        Ok(callee) => callee,
        Err(error) => {
            unwanted(body).await;
            return match error {
                NoCallee::NotHere => not_here(),
                NoCallee::TooMany(wait) => too_many(wait),
            };
        }
    };
    let (body, _place) = match front.read(callee.tenant().clone(), body).await {
        Ok(read) => read,
        Err(Unreadable::TooMany) => return later(),
        Err(error) => return unreadable(&error),
    };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let callback = Callback {
        method: method.as_str().to_owned(),
        path_with_query: format!("{below}{query}"),
        headers: handed_on(&headers),
        body: body.to_vec(),
    };
    match front.gateway.callback(callee, callback).await {
        Received::Taken => (StatusCode::OK, "ok\n").into_response(),
        Received::Bad => (StatusCode::BAD_REQUEST, "this is not what is expected here\n").into_response(),
        Received::Later => later(),
        Received::NotHere => not_here(),
    }
}

/// The same for a wrong secret, for a module that is not there, and for one that takes no callbacks.
fn not_here() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here\n").into_response()
}

fn later() -> Response {
    let wait = [(header::RETRY_AFTER, RETRY_AFTER)];
    (StatusCode::SERVICE_UNAVAILABLE, wait, "please call again\n").into_response()
}

fn too_many(wait: Duration) -> Response {
    // Whole seconds, and never too early.
    let wait = [(header::RETRY_AFTER, (wait.as_secs() + 1).to_string())];
    let text = "too many wrong addresses were tried from here; please call again later\n";
    (StatusCode::TOO_MANY_REQUESTS, wait, text).into_response()
}

fn unreadable(error: &Unreadable) -> Response {
    let status = match error {
        Unreadable::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Unreadable::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        Unreadable::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
        Unreadable::CutOff(_) => StatusCode::BAD_REQUEST,
    };
    (status, format!("{error}\n")).into_response()
}

#[derive(Debug, PartialEq, Eq)]
struct Parts<'p> {
    tenant: &'p str,
    module: &'p str,
    secret: &'p str,
    /// As sent: empty, or beginning with a slash.
    below: &'p str,
}

fn parts(path: &str) -> Option<Parts<'_>> {
    let (tenant, rest) = path.strip_prefix("/m/")?.split_once('/')?;
    let (module, rest) = rest.split_once('/')?;
    let rest = rest.strip_prefix("callback/")?;
    let (secret, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Some(Parts {
        tenant,
        module,
        secret,
        below,
    })
}

/// What is meant for the module. It is for the module to judge who calls, so it gets whatever it could do that by.
fn handed_on(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let for_the_module = |(name, _): &(&HeaderName, &HeaderValue)| {
        !HOP_BY_HOP.contains(name) && !named.iter().any(|named| named == name.as_str())
    };
    headers
        .iter()
        .filter(for_the_module)
        .take(HEADERS_MAX)
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_secret_is_for_the_module_as_it_was_sent() {
        let rows = [
            ("/m/acme/sim/callback/5ec", "5ec", ""),
            ("/m/acme/sim/callback/5ec/", "5ec", "/"),
            ("/m/acme/sim/callback/5ec/ports//A%2F1", "5ec", "/ports//A%2F1"),
            ("/m/acme/sim/callback//ports", "", "/ports"),
        ];
        for (path, secret, below) in rows {
            let expected = Parts {
                tenant: "acme",
                module: "sim",
                secret,
                below,
            };
            assert_eq!(parts(path), Some(expected), "{path}");
        }
        assert_eq!(parts("/m/acme/sim/elsewhere/5ec"), None);
    }

    #[test]
    fn headers_are_handed_on_but_those_of_the_connection() {
        let mut headers = HeaderMap::new();
        let sent = [
            ("x-signature", "abc"),
            ("x-signature", "def"),
            ("authorization", "Bearer x"),
            ("connection", "close, X-Private"),
            ("connection", "x-other"),
            ("x-private", "1"),
            ("x-other", "1"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "1"),
        ];
        for (name, value) in sent {
            headers.append(name, HeaderValue::from_static(value));
        }
        let mut handed = handed_on(&headers);
        handed.sort();
        let text = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let expected = [
            text("authorization", "Bearer x"),
            text("x-signature", "abc"),
            text("x-signature", "def"),
        ];
        assert_eq!(handed, expected);
    }

    #[test]
    fn no_more_headers_than_there_is_a_limit_for() {
        let mut headers = HeaderMap::new();
        for number in 0..=HEADERS_MAX {
            let name = HeaderName::try_from(format!("x-{number}")).expect("a name");
            headers.append(name, HeaderValue::from_static("1"));
        }
        assert_eq!(handed_on(&headers).len(), HEADERS_MAX);
    }
}
