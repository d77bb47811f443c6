//! What the connections and the test share: instructions on one side, observations on the other, and the API between.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use super::behaviour::{Behaviour, Reply};
use super::book::Book;
use super::{api, lock};

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
}

/// What was answered under an idempotency key, and to what.
#[derive(Debug)]
pub(super) struct Settled {
    method: String,
    path: String,
    body: Bytes,
    reply: Reply,
}

/// What the test told the carrier to do.
#[derive(Debug, Default)]
pub(super) struct Instructions {
    pub(super) next: VecDeque<Behaviour>,
    pub(super) always: Vec<(String, Behaviour)>,
    pub(super) hang_ups: usize,
}

impl Instructions {
    /// How a request for `path` is to be treated.
    pub(super) fn behaviour(&mut self, path: &str) -> Behaviour {
        if let Some(behaviour) = self.next.pop_front() {
            return behaviour;
        }
        let rule = self.always.iter().rev().find(|(prefix, _)| path.starts_with(prefix));
        rule.map_or_else(Behaviour::normal, |(_, behaviour)| behaviour.clone())
    }

    /// Whether the connection just accepted is to be closed.
    pub(super) fn hangs_up(&mut self) -> bool {
        let hangs_up = self.hang_ups > 0;
        self.hang_ups = self.hang_ups.saturating_sub(1);
        hangs_up
    }
}

/// What the connections and the test share.
#[derive(Debug)]
pub(super) struct Shared {
    authorization: String,
    api: Router,
    /// One request at a time has its effect, so that equal ones that arrive together have one.
    pub(super) turn: tokio::sync::Mutex<()>,
    pub(super) book: Arc<Mutex<Book>>,
    pub(super) orders: Mutex<Instructions>,
    pub(super) received: Mutex<Vec<Received>>,
    pub(super) seen: watch::Sender<usize>,
    pub(super) connections: Mutex<usize>,
}

impl Shared {
    pub(super) fn new(token: &str) -> Self {
        let book = Arc::<Mutex<Book>>::default();
        Self {
            authorization: format!("Bearer {token}"),
            api: api::router(Arc::clone(&book)),
            turn: tokio::sync::Mutex::default(),
            book,
            orders: Mutex::default(),
            received: Mutex::default(),
            seen: watch::Sender::default(),
            connections: Mutex::default(),
        }
    }

    pub(super) fn reset(&self) {
        *lock(&self.book) = Book::default();
        *lock(&self.orders) = Instructions::default();
        lock(&self.received).clear();
        self.seen.send_replace(0);
        *lock(&self.connections) = 0;
    }

    /// Does what the API says, once per idempotency key.
    pub(super) async fn act(&self, request: &Received, original: http::request::Parts) -> Reply {
        if !request.authorized {
            return Reply::error(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "the token is missing or wrong",
            );
        }
        let _turn = self.turn.lock().await;
        let key = request
            .header("idempotency-key")
            .filter(|_| original.method != Method::GET);
        if let Some(earlier) = key.and_then(|key| self.settled(key, request)) {
            return earlier;
        }
        let asked = Request::from_parts(original, Body::from(request.body.clone()));
        let Ok(response) = self.api.clone().oneshot(asked).await;
        let reply = whole(response).await;
        if let Some(key) = key {
            let settled = Settled {
                method: request.method.clone(),
                path: request.path.clone(),
                body: request.body.clone(),
                reply: reply.clone(),
            };
            lock(&self.book).settled.insert(key.to_owned(), settled);
        }
        reply
    }

    fn settled(&self, key: &str, request: &Received) -> Option<Reply> {
        let book = lock(&self.book);
        let earlier = book.settled.get(key)?;
        if (&earlier.method, &earlier.path, &earlier.body) == (&request.method, &request.path, &request.body) {
            return Some(earlier.reply.clone());
        }
        let message = "another request had this Idempotency-Key";
        Some(Reply::error(
            StatusCode::UNPROCESSABLE_ENTITY,
            "IDEMPOTENCY_KEY_REUSED",
            message,
        ))
    }

    /// Notes a request that has had its effect, and wakes whoever waits for it.
    pub(super) fn saw(&self, request: Received) {
        lock(&self.received).push(request);
        self.seen.send_modify(|seen| *seen += 1);
    }

    /// A request as the test will see it.
    pub(super) fn read(&self, parts: &http::request::Parts, body: Bytes) -> Received {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter();
        Received {
            method: parts.method.to_string(),
            path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
            json: serde_json::from_slice(&body).unwrap_or_default(),
            body,
            authorized: parts
                .headers
                .get(AUTHORIZATION)
                .is_some_and(|given| *given == self.authorization),
        }
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
