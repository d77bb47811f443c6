//! Writes what the door and the sandbox report into a record.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use crate::domain::call::{ExchangeEnd, RecordedRequest, RecordedResponse};
use crate::egress::{Ended, ExchangeNumber, RecordFailed, Recorder, Started};
use crate::journal::{BODY_BYTES_KEPT, CallLog};
use crate::sandbox::{LogLevel, LogSink};

/// Sees a call's exchanges and its log lines.
pub struct Witness(CallLog);

impl Witness {
    /// Writes into this record.
    #[must_use]
    pub fn new(log: CallLog) -> Self {
        Self(log)
    }

    fn end(&self, number: ExchangeNumber, end: &Ended<'_>, took: Duration) {
        let end = match *end {
            Ended::Answered { response } => ExchangeEnd::Answered {
                response: RecordedResponse {
                    status: response.status().as_u16(),
                    headers: headers(response.headers()),
                    body: text(response.body()),
                    body_bytes: response.body().len() as u64,
                },
            },
            Ended::Denied { reason } => ExchangeEnd::Denied {
                reason: reason.to_owned(),
            },
            Ended::NotSent { reason } => ExchangeEnd::NotSent {
                reason: reason.to_owned(),
            },
            Ended::NoAnswer { reason } => ExchangeEnd::NoAnswer {
                reason: reason.to_owned(),
            },
        };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.exchange_ended(number.0, micros, &end);
    }
}

#[async_trait]
impl Recorder for Witness {
    async fn started(&self, exchange: Started<'_>) -> Result<ExchangeNumber, RecordFailed> {
        // Also when this carrier never answers: another answer may quote it.
        self.0.learn(exchange.placed);
        let request = RecordedRequest {
            method: exchange.method.to_string(),
            url: exchange.url.to_owned(),
            headers: headers(exchange.headers),
            body: text(exchange.body),
            body_bytes: exchange.body.len() as u64,
        };
        let number = self
            .0
            .exchange_started(exchange.grant, exchange.read_only, &request, Timestamp::now())
            .await;
        number
            .map(ExchangeNumber)
            .map_err(|error| RecordFailed(error.to_string()))
    }

    async fn ended(&self, number: ExchangeNumber, end: Ended<'_>, took: Duration) {
        self.end(number, &end, took);
        if let Ended::Denied { .. } = end {
            // Nothing has happened that would have to outlive a crash.
            return;
        }
        // What was heard cannot be unheard, so the module learns of it all the same; the end of the call is tried again.
        if let Err(error) = self.0.keep().await {
            tracing::error!(%error, "the end of an exchange could not be recorded");
        }
    }

    fn cut(&self, number: ExchangeNumber, end: Ended<'_>, took: Duration) {
        self.end(number, &end, took);
    }
}

impl LogSink for Witness {
    fn line(&self, level: LogLevel, message: &str) {
        let level = match level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
            LogLevel::Stdout => "stdout",
            LogLevel::Stderr => "stderr",
        };
        self.0.log(level, message);
    }
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// As much of a body as is kept, and some more, so that a secret across the cut is still seen and masked.
fn text(body: &Bytes) -> String {
    let kept = body.len().min(2 * BODY_BYTES_KEPT);
    String::from_utf8_lossy(body.get(..kept).unwrap_or_default()).into_owned()
}
