//! What is written of a call: masked, cut, and in order.

use std::sync::Arc;

use jiff::Timestamp;

use super::entry::{Answered, Entry, Received, SHORT_BYTES, Started};
use super::lines::{CUT, Lines, escaped};
use super::mask::Masker;
use super::{JournalError, NewCall};
use crate::domain::answer::Reply;
use crate::domain::call::{CallId, Exchange, ExchangeEnd, Outcome, RecordedRequest, RecordedResponse, Told, Usage};
use crate::domain::event::{Document, Vars};
use crate::domain::limits::LimitName;
use crate::domain::name::ModuleName;
use crate::storage::Change;

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

/// A call's record in the making: everything in it is masked and within bounds.
pub(super) struct State {
    module: ModuleName,
    version: Option<u32>,
    about: Option<CallId>,
    pub(super) received: Timestamp,
    pub(super) masker: Masker,
    /// All entries so far.
    pub(super) lines: Vec<u8>,
    /// How many bytes of them are durable.
    pub(super) durable: usize,
    /// It was said what the call is about, and the posted request may follow.
    pub(super) identified: bool,
    /// Without headers and bodies.
    pub(super) exchanges: Vec<Exchange>,
    exchanges_bytes_left: usize,
    pub(super) log: Lines,
    pub(super) finished: bool,
    /// Makes the changes that go along with the first request that is about to leave, if one is.
    pub(super) opening: Option<Opening>,
    /// Changes to documents that go along with the next write.
    pub(super) along: Along,
}

/// Makes changes to documents when they are needed, or says why it cannot.
pub(super) type Opening = Box<dyn Fn() -> Result<Vec<Change>, String> + Send>;

/// Changes to documents that wait for the next write. Others may be given while one is under way.
#[derive(Clone, Default)]
pub(super) struct Along {
    pub(super) changes: Vec<Change>,
    /// How often they were replaced.
    pub(super) number: u64,
}

impl Along {
    pub(super) fn replace(&mut self, changes: Vec<Change>) {
        self.changes = changes;
        self.number += 1;
    }
}

impl State {
    pub(super) fn new(call: &NewCall<'_>) -> Self {
        Self {
            module: call.module.clone(),
            version: call.version,
            about: call.about,
            received: call.received,
            masker: Masker::new(Arc::clone(call.secrets)),
            lines: Vec::new(),
            durable: 0,
            identified: false,
            exchanges: Vec::new(),
            exchanges_bytes_left: EXCHANGES_BYTES_KEPT,
            log: Lines::new(call.log_bytes),
            finished: false,
            opening: None,
            along: Along::default(),
        }
    }

    pub(super) fn identify(&mut self, service: &str, request: &Document) {
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

    /// Of the entries so far the first stays, unless they are in a record already.
    pub(super) fn without_request(&mut self) {
        let first = self.lines.iter().position(|byte| *byte == b'\n');
        if self.durable == 0
            && let Some(end) = first
        {
            self.lines.truncate(end + 1);
        }
    }

    pub(super) fn received(&self, service: String) -> Received {
        Received {
            module: self.module.clone(),
            version: self.version,
            about: self.about,
            received: self.received,
            service,
            account_number: None,
            order_number: None,
        }
    }

    pub(super) fn add(&mut self, entry: &Entry) {
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

    pub(super) fn start(
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
                method: self.quoted(&request.method),
                url: self.quoted(&request.url),
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

    pub(super) fn end(&mut self, exchange: usize, micros: u64, end: &ExchangeEnd) {
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
                reason: self.quoted(reason),
            },
            ExchangeEnd::NotSent { reason } => ExchangeEnd::NotSent {
                reason: self.quoted(reason),
            },
            ExchangeEnd::NoAnswer { reason } => ExchangeEnd::NoAnswer {
                reason: self.quoted(reason),
            },
        };
        if let Entry::Ended { exchange, micros, end } = self.add_bounded(Entry::Ended { exchange, micros, end }) {
            self.exchanges[exchange].micros = micros;
            self.exchanges[exchange].end = Some(end);
        }
    }

    pub(super) fn told(&mut self, micros: u64, reply: &Reply) {
        if !self.finished {
            let reply = self.reply(reply);
            self.add(&Entry::Told(Told { micros, reply }));
        }
    }

    pub(super) fn finish(
        &mut self,
        micros: u64,
        reply: Option<&Reply>,
        outcome: Outcome,
        detail: Option<&str>,
        usage: &Usage,
    ) {
        if self.finished {
            return;
        }
        // The VARs first, because what is secret in them is secret in the detail as well.
        let reply = reply.map(|reply| self.reply(reply));
        let answered = Answered {
            outcome,
            micros,
            detail: detail.map(|detail| self.text(detail)),
            reply,
            usage: self.counted(usage.clone()),
        };
        self.add(&Entry::Answered(answered));
        self.finished = true;
    }

    /// With what is counted here.
    fn counted(&self, mut usage: Usage) -> Usage {
        usage.log_bytes = self.log.bytes();
        usage.log_lines_dropped = self.log.dropped();
        usage.requests = u32::try_from(self.exchanges.len()).unwrap_or(u32::MAX);
        if usage.log_lines_dropped > 0 {
            usage.hit.insert(LimitName::LogBytes);
        }
        usage
    }

    fn reply(&mut self, reply: &Reply) -> Reply {
        match reply {
            Reply::Success { pending, vars } => Reply::Success {
                pending: *pending,
                vars: masked_vars(&mut self.masker, vars),
            },
            Reply::Failure { error } => Reply::Failure {
                error: self.text(error),
            },
        }
    }

    /// A text of an exchange. Where there is no room for all of it, no work is done for what is not kept.
    fn quoted(&mut self, text: &str) -> String {
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

/// Masks VARs as those of an answer.
pub(super) fn masked_vars(masker: &mut Masker, vars: &Vars) -> Vars {
    let mut masked = Vars::default();
    for (index, value) in vars.iter() {
        let kept = masker.var(index, value, VAR_BYTES_KEPT).into_owned();
        // The indices are those of VARs.
        let _ = masked.set(index, marked(kept, value, VAR_BYTES_KEPT));
    }
    masked
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
