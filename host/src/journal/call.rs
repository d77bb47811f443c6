//! One call's record while the call runs: shared by all that have something to say about it.
//!
//! What a crash can lose: whatever came after the latest durable write, which is an exchange's start or the end of the
//! call. So a request that may have left is always there, while its response, and log lines since, may be missing. Such
//! an exchange has no end, and whoever reads that must take it as "it may have happened".

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;

use super::entry::{Answered, Entry, Received, SHORT_BYTES, Started, fold};
use super::lines::{CUT, Lines, escaped};
use super::mask::Masker;
use super::{JournalError, NewCall};
use crate::domain::answer::Reply;
use crate::domain::call::{
    CallId, CallRecord, Exchange, ExchangeEnd, LogLine, Outcome, RecordedRequest, RecordedResponse, Usage,
};
use crate::domain::event::{Document, Vars};
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::secret::Secret;
use crate::storage::{Log, Position};

/// Bytes that are kept of one body. Carriers' bodies have a few KiB.
pub const BODY_BYTES_KEPT: usize = 64 << 10;

/// Bytes that are written of all exchanges of one call together: URLs, headers, bodies, reasons. The first exchange over
/// and those after it are recorded without headers and bodies, in less than 2 KiB each.
pub const EXCHANGES_BYTES_KEPT: usize = 3 << 20;

/// Most bytes that are written of one call in all, whatever was posted, sent, answered and logged, at the highest limits
/// that a module can have. An ordinary call's record has some KiB.
pub const RECORD_BYTES_MAX: usize = 8 << 20;

/// Bytes that are kept of a URL, a header's name or value, a reason, a detail or a failure's text.
const TEXT_BYTES_KEPT: usize = 8 << 10;

/// Bytes that are kept of a VAR in an answer. They are numbers, names and addresses.
const VAR_BYTES_KEPT: usize = 2 << 10;

/// Characters that are kept of what a call is found by: SERVICE, account and order number.
const IDENTITY_CHARACTERS_KEPT: usize = 200;

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
    /// It was said what the call is about, and the posted request may follow.
    identified: bool,
    /// Without headers and bodies.
    exchanges: Vec<Exchange>,
    exchanges_bytes_left: usize,
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
                masker: Masker::new(Arc::clone(call.secrets)),
                lines: Vec::new(),
                durable: 0,
                identified: false,
                exchanges: Vec::new(),
                exchanges_bytes_left: EXCHANGES_BYTES_KEPT,
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

    /// Says what the call is about, before it is known whether the sender may say so: SERVICE, account and order number are
    /// kept, and nothing else of the posted request. Before anything else, and once; what comes later is left out.
    pub fn identity(&self, service: &str, request: &Document) {
        self.state().identify(service, request);
    }

    /// Says what was asked, by a sender who may: the posted request is kept, masked. After [`Self::identity`] or in its
    /// place, and once. What comes later than entries that neither was before is left out; a call without it was not
    /// readable or not accepted.
    pub fn event(&self, service: &str, request: &Document) {
        let mut state = self.state();
        state.identify(service, request);
        if state.identified {
            state.identified = false;
            let masked = state.masker.request(request.tree());
            state.add(&Entry::Request(masked));
        }
    }

    /// Masks these values from now on, each as it is: the secrets that were placed into a request, in every form in which
    /// they were, such as the base64 form of a user and a password.
    pub fn learn(&self, placed: &[Secret]) {
        self.state().masker.placed(placed);
    }

    /// What was said to carriers so far and how it ended, without headers and bodies, and with the beginning of long URLs
    /// and reasons. Quicker than [`Self::record`].
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.state().exchanges.clone()
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
    fn identify(&mut self, service: &str, request: &Document) {
        if !self.lines.is_empty() {
            return;
        }
        // First, because what is secret in it is secret in the rest as well.
        self.masker.learn_request(request.tree());
        let identity = |text: &str| beginning(self.masker.identity(text));
        let received = Received {
            account_number: request.text("Customer.account_number").map(identity),
            order_number: request.text("order_number").map(identity),
            ..self.received(identity(service))
        };
        Entry::Received(received).write(&mut self.lines);
        self.identified = true;
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
            Entry::Received(self.received(String::new())).write(&mut self.lines);
        }
        entry.write(&mut self.lines);
    }

    /// Adds an exchange's entry while there is room, and gives it back shortened. Past the first one for which there is
    /// none, all are kept shortened.
    fn add_bounded(&mut self, entry: Entry) -> Entry {
        let before = self.lines.len();
        self.add(&entry);
        let written = self.lines.len() - before;
        let fits = written <= self.exchanges_bytes_left;
        self.exchanges_bytes_left = if fits { self.exchanges_bytes_left - written } else { 0 };
        let short = entry.shortened();
        if !fits {
            self.lines.truncate(before);
            self.add(&short);
        }
        short
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
        let entry = Entry::Started(Started {
            grant: grant.map(str::to_owned),
            read_only,
            request: RecordedRequest {
                method: self.told(&request.method),
                url: self.told(&request.url),
                headers: self.headers(&request.headers),
                body: self.body(&request.body),
                body_bytes: request.body_bytes,
            },
            started,
        });
        if let Entry::Started(short) = self.add_bounded(entry) {
            self.exchanges.push(short.into());
        }
        Ok(self.exchanges.len() - 1)
    }

    fn end(&mut self, exchange: usize, micros: u64, end: &ExchangeEnd) {
        if self.finished || exchange >= self.exchanges.len() {
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
                reason: self.told(reason),
            },
            ExchangeEnd::NotSent { reason } => ExchangeEnd::NotSent {
                reason: self.told(reason),
            },
            ExchangeEnd::NoAnswer { reason } => ExchangeEnd::NoAnswer {
                reason: self.told(reason),
            },
        };
        if let Entry::Ended { exchange, micros, end } = self.add_bounded(Entry::Ended { exchange, micros, end }) {
            self.exchanges[exchange].micros = micros;
            self.exchanges[exchange].end = Some(end);
        }
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
                requests: u32::try_from(self.exchanges.len()).unwrap_or(u32::MAX),
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
                    let kept = self.masker.var(index, value, VAR_BYTES_KEPT).into_owned();
                    // The indices are those of VARs.
                    let _ = masked.set(index, marked(kept, value, VAR_BYTES_KEPT));
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

    /// A text of an exchange. Where there is no room for all of it, no work is done for what is not kept.
    fn told(&mut self, text: &str) -> String {
        match self.exchanges_bytes_left {
            0 => self.masker.cut(text, 2 * SHORT_BYTES).into_owned(),
            _ => self.text(text),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let kept = self.masker.cut(text, TEXT_BYTES_KEPT).into_owned();
        marked(kept, text, TEXT_BYTES_KEPT)
    }

    /// As many as there is room for.
    fn headers(&mut self, headers: &[(String, String)]) -> Vec<(String, String)> {
        let mut left = self.exchanges_bytes_left;
        let mut kept = Vec::new();
        for (name, value) in headers {
            if left == 0 {
                break;
            }
            let masked = self.masker.header(name, value, TEXT_BYTES_KEPT).into_owned();
            kept.push((self.text(name), marked(masked, value, TEXT_BYTES_KEPT)));
            left = left.saturating_sub(name.len() + value.len());
        }
        kept
    }

    /// Empty where there is no room for it.
    fn body(&mut self, body: &str) -> String {
        match self.exchanges_bytes_left {
            0 => String::new(),
            _ => self.masker.cut(body, BODY_BYTES_KEPT).into_owned(),
        }
    }
}

/// Marks what is kept of a text as cut, if it was.
fn marked(mut kept: String, text: &str, bytes: usize) -> String {
    if text.len() > bytes {
        kept.push_str(CUT);
    }
    kept
}

fn beginning(text: &str) -> String {
    let end = text.char_indices().nth(IDENTITY_CHARACTERS_KEPT);
    escaped(&text[..end.map_or(text.len(), |(end, _)| end)]).into_owned()
}
