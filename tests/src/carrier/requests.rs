//! Requests as they arrive: who asks, whether it was asked before, and what the API makes of it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::api;
use super::book::Book;
use super::operation::{Operation, Settled};
use crate::peer::{Behaviour, Party, Reply, lock};

/// A request as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// In upper case.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, in no particular order; values that are not text are replaced.
    pub headers: Vec<(String, String)>,
    /// The body as JSON; null when there was none, or something else.
    pub json: Value,
    /// The body, whatever it was.
    pub body: Bytes,
    /// It came with the right token.
    pub authorized: bool,
}

impl Received {
    /// The first value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(other, _)| other == name)?;
        Some(value)
    }

    /// The key under which it wants to have one effect, and what that would be.
    fn operation(&self) -> Option<(&str, Operation)> {
        let key = self.header("idempotency-key")?;
        Some((key, Operation::of(&self.method, &self.path)?))
    }
}

/// The carrier itself.
#[derive(Debug)]
pub(super) struct Carrier {
    authorization: String,
    api: Router,
    /// One request at a time has its effect, so that equal ones that arrive together have one.
    pub(super) turn: tokio::sync::Mutex<()>,
    pub(super) book: Arc<Mutex<Book>>,
}

impl Carrier {
    pub(super) fn new(token: &str) -> Self {
        let book = Arc::<Mutex<Book>>::default();
        Self {
            authorization: format!("Bearer {token}"),
            api: api::router(Arc::clone(&book)),
            turn: tokio::sync::Mutex::default(),
            book,
        }
    }

    /// What was answered under this key, or that it belongs to another request.
    fn settled(&self, key: &str, request: &Received) -> Option<Reply> {
        let book = lock(&self.book);
        let earlier = book.settled.get(key).filter(|_| !book.acts_on_repeats)?;
        if earlier.answers(&request.method, &request.path, &request.body) {
            return Some(earlier.reply.clone());
        }
        Some(Reply::error(
            StatusCode::UNPROCESSABLE_ENTITY,
            "IDEMPOTENCY_KEY_REUSED",
            "another request had this Idempotency-Key",
        ))
    }

    fn settle(&self, request: &Received, reply: &Reply) {
        let Some((key, operation)) = request.operation() else {
            return;
        };
        let settled = Settled {
            operation,
            method: request.method.clone(),
            path: request.path.clone(),
            body: request.body.clone(),
            reply: reply.clone(),
        };
        lock(&self.book).settle(key, settled);
    }
}

impl Party for Carrier {
    type Received = Received;

    fn read(&self, parts: &Parts, body: &Bytes) -> Received {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter();
        Received {
            method: parts.method.to_string(),
            path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
            json: serde_json::from_slice(body).unwrap_or_default(),
            body: body.clone(),
            authorized: parts
                .headers
                .get(AUTHORIZATION)
                .is_some_and(|given| *given == self.authorization),
        }
    }

    fn place(received: &Received) -> &str {
        &received.path
    }

    /// Does what the API says, once per idempotency key.
    async fn act(&self, request: &mut Received, parts: Parts, body: Bytes) -> Reply {
        if !request.authorized {
            return Reply::error(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "the token is missing or wrong",
            );
        }
        let _turn = self.turn.lock().await;
        let operation = request.operation();
        if let Some(earlier) = operation.and_then(|(key, _)| self.settled(key, request)) {
            return earlier;
        }
        let Ok(response) = self
            .api
            .clone()
            .oneshot(Request::from_parts(parts, Body::from(body)))
            .await;
        let reply = whole(response).await;
        self.settle(request, &reply);
        reply
    }

    /// A refusal is remembered under its key, as it would be had the API refused. What was not looked at is not: no
    /// authorization, too many requests. Nor is a failure.
    fn answered_instead(&self, request: &Received, reply: &Reply) {
        let looked_at = !matches!(
            reply.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        );
        if reply.status.is_client_error() && looked_at {
            self.settle(request, reply);
        }
    }
}

impl Behaviour {
    /// Has no effect, and answers with an error in the carrier's own form.
    #[must_use]
    pub fn reject(status: StatusCode, code: &str, message: &str) -> Self {
        Self::answer(Reply::error(status, code, message))
    }
}

impl Reply {
    /// An error in the carrier's own form.
    #[must_use]
    pub fn error(status: StatusCode, code: &str, message: &str) -> Self {
        let body = json!({"error": {"code": code, "message": message}});
        Self::new(status, "application/json", body.to_string())
    }
}

/// What the API answered, apart from its length, which depends on how it is delivered.
async fn whole(response: Response<Body>) -> Reply {
    let (parts, body) = response.into_parts();
    let mut headers = parts.headers;
    headers.remove(CONTENT_LENGTH);
    Reply {
        status: parts.status,
        headers,
        // The API's bodies are in memory, so they cannot break off.
        body: to_bytes(body, usize::MAX).await.unwrap_or_default(),
    }
}
