//! Who writes exchanges down, and the guard that lets none end unnoticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};

use super::error::DoorError;
use crate::domain::secret::Secret;

/// An exchange that is about to begin, as the module asked for it: with placeholders, not with secrets.
#[derive(Debug)]
pub struct Started<'a> {
    /// As given.
    pub method: &'a Method,
    /// As given, but for a user name in it, which is masked.
    pub url: &'a str,
    /// As given. What the door adds is not among them.
    pub headers: &'a HeaderMap,
    /// As given.
    pub body: &'a Bytes,
    /// Which grant lets it out. `None` for a request that is about to be denied: nothing will be sent, so its record does
    /// not have to be durable yet.
    pub grant: Option<&'a str>,
    /// The carrier changes nothing on it, by its method or by its grant.
    pub read_only: bool,
    /// What must be masked from now on, in whatever this carrier or another says: the secrets that are about to go out, in
    /// every form in which they do.
    pub placed: &'a [Secret],
}

/// The recorder's own name for an exchange within its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeNumber(pub usize);

/// How an exchange ended.
#[derive(Debug)]
pub enum Ended<'a> {
    /// The carrier answered, whatever it said.
    Answered {
        /// What it said, whole.
        response: &'a Response<Bytes>,
    },
    /// It was not let out.
    Denied {
        /// One sentence that says what is missing.
        reason: &'a str,
    },
    /// Certainly not one byte of the request has left.
    NotSent {
        /// What went wrong.
        reason: &'a str,
    },
    /// The request, or a part of it, was sent and no whole answer came.
    NoAnswer {
        /// What went wrong.
        reason: &'a str,
    },
}

/// The start of an exchange could not be written down.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RecordFailed(pub String);

/// Writes one call's exchanges down.
///
/// Each exchange that started also ends, exactly once: by [`Recorder::ended`], or by [`Recorder::cut`] when nobody waits for
/// it any more.
#[async_trait]
pub trait Recorder: Send + Sync {
    /// Called before anything is looked up or dialled, and waited for, so that what is sent has been recorded.
    ///
    /// # Errors
    /// When it cannot be recorded. Nothing is sent then.
    async fn started(&self, exchange: Started<'_>) -> Result<ExchangeNumber, RecordFailed>;

    /// Called when the exchange is over, and waited for before the module learns of it.
    async fn ended(&self, number: ExchangeNumber, end: Ended<'_>, took: Duration);

    /// Called when the exchange was given up: the call's time is over, or the module dropped it. It comes from a destructor
    /// and must not block. It may come after `ended` was called and before that returned; the first word counts then.
    fn cut(&self, number: ExchangeNumber, end: Ended<'_>, took: Duration);
}

/// Whether any byte of a request has been given to the network. Shared between the connection, which sets it, and those who
/// must know.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// An exchange on record that has not ended. Dropping it says so to the recorder.
pub(super) struct Entry<'a> {
    recorder: &'a dyn Recorder,
    number: ExchangeNumber,
    since: Instant,
    sent: Sent,
    open: bool,
}

impl<'a> Entry<'a> {
    /// Has the start of an exchange recorded.
    pub(super) async fn open(recorder: &'a dyn Recorder, exchange: Started<'_>) -> Result<Self, DoorError> {
        let since = Instant::now();
        let number = recorder.started(exchange).await;
        Ok(Self {
            number: number.map_err(|failed| DoorError::NotRecorded(failed.to_string()))?,
            recorder,
            since,
            sent: Sent::default(),
            open: true,
        })
    }

    /// What the connection sets once a byte has left.
    pub(super) fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Has the end of the exchange recorded.
    pub(super) async fn close(mut self, end: Ended<'_>) {
        self.recorder.ended(self.number, end, self.since.elapsed()).await;
        self.open = false;
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let end = if self.sent.get() {
            Ended::NoAnswer {
                reason: "the request was sent, and the call ended before the answer was there",
            }
        } else {
            Ended::NotSent {
                reason: "the call ended before the request was sent",
            }
        };
        self.recorder.cut(self.number, end, self.since.elapsed());
    }
}
