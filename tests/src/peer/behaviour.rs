//! What may be done to a request. Nothing here performs it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tokio::sync::watch;

/// How one request is treated: whether it has its effect, what is waited for, and how the answer gets out.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Answers this, and the request has no effect. `None`: the request has its effect and the answer tells of it.
    pub(super) instead: Option<Reply>,
    pub(super) wait: Wait,
    pub(super) delivery: Delivery,
}

/// What lies between the effect and the answer.
#[derive(Debug, Clone)]
pub(super) enum Wait {
    Nothing,
    Time(Duration),
    Gate(Gate),
}

/// How an answer gets out.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// As it should.
    Whole,
    /// Never. The connection stays open until the client gives up or the party stops.
    Never,
    /// The connection is closed without a byte.
    Closed,
    /// The connection is reset (RST) without a byte.
    Reset,
    /// Another answer takes its place, so that the client is not told of the effect.
    Replaced(Reply),
    /// Whole, but with this Content-Length, true or not. Then the connection is closed.
    Declared(u64),
    /// The head, and then this many bytes of white space, or as many as the client takes.
    Flood(u64),
    /// One byte at a time, this far apart.
    Drip(Duration),
}

impl Behaviour {
    /// Does as it is asked, and says so.
    #[must_use]
    pub fn normal() -> Self {
        Self {
            instead: None,
            wait: Wait::Nothing,
            delivery: Delivery::Whole,
        }
    }

    /// Has no effect, and answers this.
    #[must_use]
    pub fn answer(reply: Reply) -> Self {
        Self {
            instead: Some(reply),
            ..Self::normal()
        }
    }

    /// Answers only after this time. The effect does not wait.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self {
            wait: Wait::Time(time),
            ..self
        }
    }

    /// Answers only when the gate is opened. The effect does not wait.
    #[must_use]
    pub fn when(self, gate: &Gate) -> Self {
        Self {
            wait: Wait::Gate(gate.clone()),
            ..self
        }
    }

    /// Lets the answer out in this way.
    #[must_use]
    pub fn delivered(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }
}

/// Holds answers back until it is opened. Clones are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// Lets out what is held back, and whatever comes later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn passed(&self) {
        // The sender is `self`, so this ends only when the gate is open.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// An answer of any kind. An empty `content_type` is left out.
    ///
    /// # Panics
    /// When `content_type` is not a header's value.
    #[must_use]
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    /// A redirection that asks for the same method at another place.
    #[must_use]
    pub fn redirect(to: HeaderValue) -> Self {
        let mut reply = Self::new(StatusCode::TEMPORARY_REDIRECT, "", "");
        reply.headers.insert(LOCATION, to);
        reply
    }
}

impl From<Reply> for Response<axum::body::Body> {
    fn from(reply: Reply) -> Self {
        let mut response = Self::new(reply.body.into());
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        response
    }
}
