//! How a call is written down: entries, one JSON text a line, folded into a [`CallRecord`] when it is read.
//!
//! The first line of a call's first record says what was asked in short, and the last line of its last record how it
//! ended, so that a listing reads two lines of each call, however large the rest is. Entries refer to exchanges by their
//! number, so their order among each other is the order in which things happened.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lines::{CUT, escaped};
use crate::domain::answer::Reply;
use crate::domain::call::{
    CallId, CallRecord, Exchange, ExchangeEnd, LogLine, Outcome, RecordedEvent, RecordedRequest, Told, Usage,
};
use crate::domain::job::After;
use crate::domain::name::ModuleName;

/// Bytes of a URL or a reason in a shortened entry.
pub(super) const SHORT_BYTES: usize = 200;

/// Something that happened in a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Entry {
    /// The event arrived. Always the first.
    Received(Received),
    /// The posted request, masked. Missing when it was not read, or its sender is not known.
    Request(Value),
    /// A request was handed to the door.
    Started(Started),
    /// An exchange ended.
    Ended {
        /// Which one, counting from 0.
        exchange: usize,
        micros: u64,
        end: ExchangeEnd,
    },
    /// The module logged something.
    Logged(LogLine),
    /// TeleCloud was answered at the deadline, and the module goes on.
    Told(Told),
    /// The module has ended, and TeleCloud is answered if it was not. The last of the call itself.
    Answered(Answered),
    /// What happened later, one record each.
    After(Later),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Received {
    pub(super) module: ModuleName,
    pub(super) version: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) about: Option<CallId>,
    pub(super) received: Timestamp,
    pub(super) service: String,
    pub(super) account_number: Option<String>,
    pub(super) order_number: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) grant: Option<String>,
    pub(super) read_only: bool,
    pub(super) request: RecordedRequest,
    pub(super) started: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) outcome: Outcome,
    pub(super) micros: u64,
    pub(super) detail: Option<String>,
    pub(super) reply: Option<Reply>,
    pub(super) usage: Usage,
}

/// What happened after a call, with what a listing says of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Later {
    #[serde(flatten)]
    pub(super) after: After,
    pub(super) micros: u64,
    pub(super) requests: u32,
}

/// How a call ended, in short.
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) micros: u64,
    pub(super) requests: u32,
}

/// The beginning of a masked text, at most [`SHORT_BYTES`] of it and as many more as quotes in it take to be written.
fn short(text: &str) -> String {
    let mut short = escaped(&text[..text.floor_char_boundary(SHORT_BYTES)]).into_owned();
    if text.len() > SHORT_BYTES || short.len() > SHORT_BYTES {
        short.truncate(short.floor_char_boundary(SHORT_BYTES));
        short.push_str(CUT);
    }
    short
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("a line of it is no entry: {0}")]
    Line(#[from] serde_json::Error),
    #[error("it does not begin with an event")]
    NoEvent,
    #[error("exchange {0} ends that never began")]
    NoExchange(usize),
}

impl Entry {
    /// What is left of an exchange's entry when there is no room for all of it: what was asked of whom, and how it ended.
    pub(super) fn shortened(mut self) -> Self {
        match &mut self {
            Self::Started(Started { request, .. }) => {
                let RecordedRequest { method, url, .. } = &*request;
                *request = RecordedRequest {
                    method: short(method),
                    url: short(url),
                    headers: Vec::new(),
                    body: String::new(),
                    body_bytes: request.body_bytes,
                };
            }
            Self::Ended { end, .. } => match end {
                ExchangeEnd::Answered { response } => {
                    response.headers = Vec::new();
                    response.body = String::new();
                }
                ExchangeEnd::Denied { reason } | ExchangeEnd::NotSent { reason } | ExchangeEnd::NoAnswer { reason } => {
                    *reason = short(reason)
                }
            },
            Self::Received(_)
            | Self::Request(_)
            | Self::Logged(_)
            | Self::Told(_)
            | Self::Answered(_)
            | Self::After(_) => {}
        }
        self
    }

    /// Adds the entry to the lines.
    pub(super) fn write(&self, lines: &mut Vec<u8>) {
        // JSON has no line breaks of its own, and what is serialised here has text keys only.
        serde_json::to_writer(&mut *lines, self)
            .unwrap_or_else(|error| unreachable!("an entry is plain data: {error}"));
        lines.push(b'\n');
    }
}

/// What the first record of a call says of its event.
pub(super) fn first(record: &[u8]) -> Result<Received, Unreadable> {
    match lines(record).next().map(serde_json::from_slice).transpose()? {
        Some(Entry::Received(received)) => Ok(received),
        _ => Err(Unreadable::NoEvent),
    }
}

/// How the call ended, as the last record says; `None` if it does not say.
pub(super) fn last(record: &[u8]) -> Result<Option<End>, Unreadable> {
    match lines(record).next_back().map(serde_json::from_slice).transpose()? {
        Some(Entry::Answered(answered)) => Ok(Some(End {
            outcome: answered.outcome,
            micros: answered.micros,
            requests: answered.usage.requests,
        })),
        Some(Entry::After(later)) => Ok(Some(End {
            outcome: later.after.outcome,
            micros: later.micros,
            requests: later.requests,
        })),
        _ => Ok(None),
    }
}

/// Puts a call together from its records, in order.
pub(super) fn fold<'a>(id: CallId, records: impl IntoIterator<Item = &'a [u8]>) -> Result<CallRecord, Unreadable> {
    let mut entries = records.into_iter().flat_map(lines).map(serde_json::from_slice);
    let Some(Entry::Received(received)) = entries.next().transpose()? else {
        return Err(Unreadable::NoEvent);
    };
    let mut call = begun(id, received);
    for entry in entries {
        match entry? {
            Entry::Received(_) => return Err(Unreadable::NoEvent),
            Entry::Request(request) => call.event.request = request,
            Entry::Started(started) => call.exchanges.push(started.into()),
            Entry::Ended { exchange, micros, end } => {
                let ended = call
                    .exchanges
                    .get_mut(exchange)
                    .ok_or(Unreadable::NoExchange(exchange))?;
                ended.micros = micros;
                ended.end = Some(end);
            }
            Entry::Logged(line) => call.log.push(line),
            Entry::Told(told) => call.told = Some(told),
            Entry::After(later) => {
                call.outcome = later.after.outcome;
                call.after.push(later.after);
            }
            Entry::Answered(answered) => {
                call.outcome = answered.outcome;
                call.micros = answered.micros;
                call.detail = answered.detail;
                call.reply = answered.reply;
                call.usage = answered.usage;
            }
        }
    }
    Ok(call)
}

impl From<Started> for Exchange {
    fn from(started: Started) -> Self {
        Self {
            grant: started.grant,
            read_only: started.read_only,
            request: started.request,
            started: started.started,
            micros: 0,
            end: None,
        }
    }
}

fn begun(id: CallId, received: Received) -> CallRecord {
    CallRecord {
        id,
        module: received.module,
        version: received.version,
        about: received.about,
        received: received.received,
        micros: 0,
        event: RecordedEvent {
            service: received.service,
            account_number: received.account_number,
            order_number: received.order_number,
            request: Value::Null,
        },
        exchanges: Vec::new(),
        log: Vec::new(),
        outcome: Outcome::Running,
        detail: None,
        told: None,
        reply: None,
        usage: Usage::default(),
        after: Vec::new(),
    }
}

fn lines(record: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    record.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}
