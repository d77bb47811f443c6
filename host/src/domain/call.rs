//! The record of a call: one event and everything done for it. Secrets and personal data are masked before they get here.

mod usage;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ulid::Ulid;

pub use self::usage::{Share, Usage};
use super::answer::Reply;
use super::job::After;
use super::name::ModuleName;

/// Names a call. Sorts by the time that the event arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub Ulid);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A test request or a finished order.
    Done,
    /// Taken by the carrier, to be finished later.
    Pending,
    /// Definitely refused by the carrier or the module; nothing was changed.
    Rejected,
    /// The carrier was not reached; nothing was changed.
    Unreachable,
    /// It may have happened at the carrier: someone has to look.
    Unknown,
    /// The same event as an earlier call, answered as that one was.
    Repeated,
    /// Never reached a module: unreadable, unauthorised, suspended, no active version, busy.
    Refused,
    /// The module failed by itself, trapping or over a limit, and nothing was changed.
    Faulted,
    /// Not ended yet, or cut off by a crash.
    Running,
}

impl fmt::Display for Outcome {
    /// As in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Repeated => "repeated",
            Self::Refused => "refused",
            Self::Faulted => "faulted",
            Self::Running => "running",
        })
    }
}

/// The event as it is recorded, masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecordedEvent {
    /// SERVICE as sent; empty if it was not read.
    pub service: String,
    /// `Customer.account_number`.
    pub account_number: Option<String>,
    /// `order_number`.
    pub order_number: Option<String>,
    /// The posted request, masked. Null when it could not be read, or its sender was not let in.
    pub request: Value,
}

/// One request to a carrier as it is recorded, masked, secrets still as placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecordedRequest {
    /// In upper case.
    pub method: String,
    /// Whole URL.
    pub url: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body as text, cut to what a record keeps; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// Size of the body, in bytes, before cutting.
    pub body_bytes: u64,
}

/// One response from a carrier as it is recorded, masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecordedResponse {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body as text, cut to what a record keeps; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// Size of the body, in bytes, before cutting.
    pub body_bytes: u64,
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum ExchangeEnd {
    /// The carrier answered, whatever it said.
    Answered {
        /// What it said.
        response: RecordedResponse,
    },
    /// No grant allows it; nothing was sent.
    Denied {
        /// A sentence that names the grant that is missing.
        reason: String,
    },
    /// The carrier could not be reached; nothing was sent.
    NotSent {
        /// What went wrong.
        reason: String,
    },
    /// The request, or a part of it, was sent and no whole answer came.
    NoAnswer {
        /// What went wrong.
        reason: String,
    },
}

/// One request to a carrier and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Exchange {
    /// Which grant let it out, if one did.
    pub grant: Option<String>,
    /// The carrier changes nothing on it, by its method or by its grant.
    pub read_only: bool,
    /// What was sent.
    pub request: RecordedRequest,
    /// When it was handed to the door.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// Microseconds from then to its end.
    pub micros: u64,
    /// What became of it; `None` while under way, or when a crash cut it off.
    pub end: Option<ExchangeEnd>,
}

impl Exchange {
    /// Whether a byte of it may have reached the carrier. One that is still under way, or was cut off, may have.
    #[must_use]
    pub fn got_out(&self) -> bool {
        !matches!(self.end, Some(ExchangeEnd::Denied { .. } | ExchangeEnd::NotSent { .. }))
    }

    /// Whether the carrier answered, whatever it said.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        matches!(self.end, Some(ExchangeEnd::Answered { .. }))
    }

    /// Whether the carrier's answer can be its word on an order: it is one to a request that was to change something, and it
    /// is not about the request itself, such as missing credentials.
    #[must_use]
    pub fn may_refuse(&self) -> bool {
        let about_the_order = matches!(
            &self.end,
            Some(ExchangeEnd::Answered { response })
                if matches!(response.status, 200..=299 | 400 | 402 | 404..=406 | 409..=428 | 430..=499)
        );
        !self.read_only && about_the_order
    }

    /// Whether something may be different at the carrier because of it. An answer of 400 to 499 says that nothing is, but
    /// for 408, with which a server gives up on a request that it may have begun to act on.
    #[must_use]
    pub fn may_have_changed(&self) -> bool {
        let refused = matches!(
            &self.end,
            Some(ExchangeEnd::Answered { response }) if matches!(response.status, 400..=407 | 409..=499)
        );
        !self.read_only && self.got_out() && !refused
    }
}

/// A line that the module logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogLine {
    /// `debug`, `info`, `warn`, `error`; `stdout` and `stderr` for what was printed.
    pub level: String,
    /// Control characters escaped.
    pub message: String,
}

/// One event and everything done for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallRecord {
    /// Names the call.
    #[schema(value_type = String)]
    pub id: CallId,
    /// Which module was called.
    #[schema(value_type = String)]
    pub module: ModuleName,
    /// The version that ran, if one did.
    pub version: Option<u32>,
    /// The call that it follows up, if it does; its `service` then says what was done for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub about: Option<CallId>,
    /// When the event arrived.
    #[schema(value_type = String, format = DateTime)]
    pub received: Timestamp,
    /// Microseconds from then to the end of the module's work.
    pub micros: u64,
    /// What was asked.
    pub event: RecordedEvent,
    /// What was said to carriers and heard from them, in order.
    pub exchanges: Vec<Exchange>,
    /// What the module logged.
    pub log: Vec<LogLine>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, for operators: what TeleCloud was not told.
    pub detail: Option<String>,
    /// What TeleCloud was told at the deadline, when the module went on past it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// What it came to. TeleCloud was told so, unless it was told something else at the deadline; `None` if a crash came
    /// first.
    #[schema(value_type = Option<Object>)]
    pub reply: Option<Reply>,
    /// What it used.
    pub usage: Usage,
    /// What happened later: checks, the carrier's callbacks, what TeleCloud and people did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<After>,
}

/// An answer at the deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Told {
    /// Microseconds from the event to this answer.
    pub micros: u64,
    /// What was answered.
    #[schema(value_type = Object)]
    pub reply: Reply,
}
