//! One call's record while the call runs: shared by all that have something to say about it.
//!
//! What a crash can lose: whatever came after the latest durable write, which is an exchange's start or the end of the
//! call. So a request that may have left is always there, while its response, and log lines since, may be missing. Such
//! an exchange has no end, and whoever reads that must take it as "it may have happened".

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::entry::{Answered, Entry, Received, Started, fold};
use super::lines::{Lines, escaped};
use super::mask::Masker;
use super::{JournalError, NewCall};
use crate::domain::answer::Reply;
use crate::domain::call::{
    CallId, CallRecord, ExchangeEnd, LogLine, Outcome, RecordedRequest, RecordedResponse, Usage,
};
use crate::domain::event::{Document, Vars};
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::secret::Secret;
use crate::storage::{Log, Position};

/// Bytes that are kept of one body. Carriers' bodies have a few KiB.
pub const BODY_BYTES_KEPT: usize = 64 << 10;

/// Bytes that are kept of all bodies of one call together.
pub const BODIES_BYTES_KEPT: usize = 4 << 20;

/// Bytes that are kept of a URL, a header's value, a reason or a detail.
const TEXT_BYTES_KEPT: usize = 8 << 10;

/// Writes one call's record. Clones write the same one.
///
/// Everything is given as it is and masked here, before it is kept anywhere.
#[derive(Clone)]
pub struct CallLog(Arc<Shared>);

struct Shared {
    log: Arc<dyn Log>,
    tenant: TenantName,
    id: CallId,
    begun: Instant,
    state: Mutex<State>,
    /// The number of the next record. Held while one is written, so that records are whole and in order. It counts on
    /// only after a write: one that failed, or that nobody waited for, is written again with what came since.
    part: tokio::sync::Mutex<u32>,
}

struct State {
    module: ModuleName,
    version: Option<u32>,
    received: Timestamp,
    masker: Masker,
    /// All entries so far.
    lines: Vec<u8>,
    /// How many bytes of them are durable.
    durable: usize,
    /// How many there were.
    exchanges: usize,
    bodies_left: usize,
    log: Lines,
    finished: bool,
}

impl CallLog {
    pub(super) fn new(log: Arc<dyn Log>, call: NewCall<'_>) -> Self {
        Self(Arc::new(Shared {
            log,
            tenant: call.tenant.clone(),
            id: call.id,
            begun: Instant::now(),
            state: Mutex::new(State {
                module: call.module.clone(),
                version: call.version,
                received: call.received,
                masker: Masker::new(call.secrets),
                lines: Vec::new(),
                durable: 0,
                exchanges: 0,
                bodies_left: BODIES_BYTES_KEPT,
                log: Lines::new(call.log_bytes),
                finished: false,
            }),
            part: tokio::sync::Mutex::new(0),
        }))
    }

    /// Names the call.
    #[must_use]
    pub fn id(&self) -> CallId {
        self.0.id
    }

    /// Says what was asked: before anything else, and once. What comes later than other entries is left out, and a call
    /// without it was not readable.
    pub fn event(&self, service: &str, request: &Document) {
        let mut state = self.state();
        if state.lines.is_empty() {
            state.begin(service, request);
        }
    }

    /// Notes a request and gives its number for [`Self::exchange_ended`]. The body may be whole.
    ///
    /// One that a grant lets out is durable before this returns, together with everything that came before. One without a
    /// grant is not about to leave, and is kept along with what is next made durable.
    ///
    /// # Errors
    /// When it could not be kept, or the call has ended: then the request must not leave.
    pub async fn exchange_started(
        &self,
        grant: Option<&str>,
        read_only: bool,
        request: &RecordedRequest,
        started: Timestamp,
    ) -> Result<usize, JournalError> {
        let number = self.state().start(grant, read_only, request, started)?;
        if grant.is_some()
            && let Err(error) = self.write().await
        {
            let reason = "the request was held back, because it could not be recorded".to_owned();
            self.state().end(number, 0, &ExchangeEnd::NotSent { reason });
            return Err(error);
        }
        Ok(number)
    }

    /// Notes how an exchange ended, `micros` after it started. It is kept along with what is next made durable.
    ///
    /// The response's body may be whole; of a larger one the first [`BODY_BYTES_KEPT`] bytes and as many again are enough,
    /// with its true size in `body_bytes`.
    pub fn exchange_ended(&self, number: usize, micros: u64, end: &ExchangeEnd) {
        self.state().end(number, micros, end);
    }

    /// Masks these from now on as well: what the module's secrets were turned into on their way out, which a carrier may
    /// echo.
    pub fn hide(&self, values: &[Secret]) {
        let mut state = self.state();
        values.iter().for_each(|value| state.masker.learn(value.expose()));
    }

    /// Adds a line that the module logged, `level` being one of [`LogLine::level`]. Past the call's limit lines are
    /// counted and dropped.
    pub fn log(&self, level: &str, message: &str) {
        let mut state = self.state();
        if state.finished {
            return;
        }
        let State { log, masker, .. } = &mut *state;
        if let Some(message) = log.take(masker, message) {
            state.add(&Entry::Logged(LogLine {
                level: level.to_owned(),
                message,
            }));
        }
    }

    /// Ends the call. Durable before it returns; after an error it may be tried again, and says the same again.
    ///
    /// # Errors
    /// When it could not be kept.
    pub async fn finish(
        &self,
        reply: &Reply,
        outcome: Outcome,
        detail: Option<&str>,
        memory_bytes: u64,
    ) -> Result<(), JournalError> {
        let micros = u64::try_from(self.0.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.state().finish(micros, reply, outcome, detail, memory_bytes);
        self.write().await
    }

    /// The record as it is now.
    #[must_use]
    pub fn record(&self) -> CallRecord {
        let state = self.state();
        let mut unread = Vec::new();
        if state.lines.is_empty() {
            Entry::Received(state.received(String::new())).write(&mut unread);
        }
        let folded = fold(self.0.id, [&unread[..], &state.lines]);
        folded.unwrap_or_else(|error| unreachable!("what was just written can be read: {error}"))
    }

    /// A panic elsewhere leaves whole entries behind.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes durable what is not, in one record.
    async fn write(&self) -> Result<(), JournalError> {
        let mut part = self.0.part.lock().await;
        let (record, end) = {
            let state = self.state();
            (Bytes::copy_from_slice(&state.lines[state.durable..]), state.lines.len())
        };
        if record.is_empty() {
            return Ok(());
        }
        let position = Position {
            call: self.0.id.0.0,
            part: *part,
        };
        self.0.log.append(&self.0.tenant, vec![(position, record)]).await?;
        self.state().durable = end;
        *part += 1;
        Ok(())
    }
}

impl State {
    fn begin(&mut self, service: &str, request: &Document) {
        // First, because what is secret in it is secret in the rest as well.
        let masked = self.masker.request(request.tree());
        let identity = |text: &str| cut(&self.masker.identity(text));
        let received = Received {
            account_number: request.text("Customer.account_number").map(identity),
            order_number: request.text("order_number").map(identity),
            ..self.received(identity(service))
        };
        Entry::Received(received).write(&mut self.lines);
        Entry::Request(masked).write(&mut self.lines);
    }

    fn received(&self, service: String) -> Received {
        Received {
            module: self.module.clone(),
            version: self.version,
            received: self.received,
            service,
            account_number: None,
            order_number: None,
        }
    }

    fn add(&mut self, entry: &Entry) {
        if self.lines.is_empty() {
            self.begin("", &Document::new(Value::Null));
        }
        entry.write(&mut self.lines);
    }

    fn start(
        &mut self,
        grant: Option<&str>,
        read_only: bool,
        request: &RecordedRequest,
        started: Timestamp,
    ) -> Result<usize, JournalError> {
        if self.finished {
            return Err(JournalError::Ended);
        }
        let started = Started {
            grant: grant.map(str::to_owned),
            read_only,
            request: RecordedRequest {
                method: self.text(&request.method),
                url: self.text(&request.url),
                headers: self.headers(&request.headers),
                body: self.body(&request.body),
                body_bytes: request.body_bytes,
            },
            started,
        };
        self.add(&Entry::Started(started));
        self.exchanges += 1;
        Ok(self.exchanges - 1)
    }

    fn end(&mut self, exchange: usize, micros: u64, end: &ExchangeEnd) {
        if self.finished || exchange >= self.exchanges {
            return;
        }
        let end = match end {
            ExchangeEnd::Answered { response } => ExchangeEnd::Answered {
                response: RecordedResponse {
                    status: response.status,
                    headers: self.headers(&response.headers),
                    body: self.body(&response.body),
                    body_bytes: response.body_bytes,
                },
            },
            ExchangeEnd::Denied { reason } => ExchangeEnd::Denied {
                reason: self.text(reason),
            },
            ExchangeEnd::NotSent { reason } => ExchangeEnd::NotSent {
                reason: self.text(reason),
            },
            ExchangeEnd::NoAnswer { reason } => ExchangeEnd::NoAnswer {
                reason: self.text(reason),
            },
        };
        self.add(&Entry::Ended { exchange, micros, end });
    }

    fn finish(&mut self, micros: u64, reply: &Reply, outcome: Outcome, detail: Option<&str>, memory_bytes: u64) {
        if self.finished {
            return;
        }
        // The VARs first, because what is secret in them is secret in the detail as well.
        let reply = self.reply(reply);
        let answered = Answered {
            outcome,
            micros,
            detail: detail.map(|detail| self.text(detail)),
            reply,
            usage: Usage {
                memory_bytes,
                log_bytes: self.log.bytes(),
                log_lines_dropped: self.log.dropped(),
                requests: u32::try_from(self.exchanges).unwrap_or(u32::MAX),
            },
        };
        self.add(&Entry::Answered(answered));
        self.finished = true;
    }

    fn reply(&mut self, reply: &Reply) -> Reply {
        match reply {
            Reply::Success { pending, vars } => {
                let mut masked = Vars::default();
                for (index, value) in vars.iter() {
                    // The indices are those of VARs.
                    let _ = masked.set(index, self.masker.var(index, value));
                }
                Reply::Success {
                    pending: *pending,
                    vars: masked,
                }
            }
            Reply::Failure { error } => Reply::Failure {
                error: self.text(error),
            },
        }
    }

    fn text(&mut self, text: &str) -> String {
        self.masker.cut(text, TEXT_BYTES_KEPT).into_owned()
    }

    fn headers(&mut self, headers: &[(String, String)]) -> Vec<(String, String)> {
        let mask =
            |(name, value): &(String, String)| (self.masker.text(name).into_owned(), self.masker.header(name, value));
        headers.iter().map(mask).collect()
    }

    fn body(&mut self, body: &str) -> String {
        let masked = self.masker.cut(body, BODY_BYTES_KEPT.min(self.bodies_left));
        self.bodies_left -= masked.len().min(self.bodies_left);
        masked.into_owned()
    }
}

fn cut(text: &str) -> String {
    escaped(&text[..text.floor_char_boundary(TEXT_BYTES_KEPT)]).into_owned()
}
