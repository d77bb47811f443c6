//! The public listener: module URLs and nothing else.
//!
//! Whatever happens below a module URL, the answer is HTTP 200 with a MODULE document: a sender that discards the bodies of
//! other statuses would lose the message.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use crate::domain::answer::Reply;
use crate::gateway::{Gateway, Post, UNKNOWN_MODULE, Unreadable};
use crate::telecloud::encode;

/// Bounds on what TeleCloud posts.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest body. TeleCloud's own is about 9 KiB.
    pub body_bytes: usize,
    /// From the request's head to its body's end.
    pub body_read: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            body_read: Duration::from_secs(10),
        }
    }
}

struct Front {
    gateway: Arc<Gateway>,
    limits: Limits,
}

/// Every public route.
pub fn router(gateway: Arc<Gateway>, limits: Limits) -> Router {
    Router::new()
        .route("/m/{tenant}/{module}", any(module))
        .fallback(elsewhere)
        .with_state(Arc::new(Front { gateway, limits }))
}

async fn module(
    State(front): State<Arc<Front>>,
    path: Result<Path<(String, String)>, PathRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(Path((tenant, module))) = path else {
        return xml(&Reply::failure(UNKNOWN_MODULE));
    };
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = read(body, &front.limits).await;
    let post = Post {
        method,
        query: uri.query().map(str::to_owned),
        content_type,
        body,
    };
    xml(&front.gateway.answer(&tenant, &module, post).await)
}

/// A mistaken module URL is told so in TeleCloud's terms; anything else has no business here.
async fn elsewhere(uri: Uri) -> Response {
    if uri.path().starts_with("/m/") {
        xml(&Reply::failure(UNKNOWN_MODULE))
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// The whole body or nothing: a module never sees part of an order.
async fn read(body: Body, limits: &Limits) -> Result<Bytes, Unreadable> {
    match tokio::time::timeout(limits.body_read, to_bytes(body, limits.body_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_over_limit(&error) => Err(Unreadable::TooLarge(limits.body_bytes)),
        Ok(Err(error)) => Err(Unreadable::CutOff(error.to_string())),
        Err(_) => Err(Unreadable::TooSlow(limits.body_read)),
    }
}

fn is_over_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn xml(reply: &Reply) -> Response {
    ([(CONTENT_TYPE, encode::CONTENT_TYPE)], encode::encode(reply)).into_response()
}
