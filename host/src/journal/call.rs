//! One call's record while the call runs: shared by all that have something to say about it.
//!
//! What a crash can lose: whatever came after the latest durable write, which is an exchange's start or end, or the end of
//! the call. So a request that may have left is always there, while its response, and log lines since, may be missing.
//! Such an exchange has no end, and whoever reads that must take it as "it may have happened".

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;

use super::entry::{Entry, fold};
use super::writing::State;
use super::{JournalError, NewCall};
use crate::domain::answer::Reply;
use crate::domain::call::{CallId, CallRecord, Exchange, ExchangeEnd, LogLine, Outcome, RecordedRequest, Usage};
use crate::domain::event::Document;
use crate::domain::name::TenantName;
use crate::domain::secret::Secret;
use crate::storage::{Change, Durability, Log, Position};

/// Writes one call's record. Clones write the same one.
///
/// Everything is given as it is and masked here, before it is kept anywhere.
#[derive(Clone)]
pub struct CallLog(Arc<Shared>);

struct Shared {
    log: Arc<dyn Log>,
    tenant: TenantName,
    id: CallId,
    durability: Durability,
    begun: Instant,
    state: Mutex<State>,
    /// The number of the next record. Held while one is written, so that records are whole and in order. It counts on
    /// only after a write: one that failed, or that nobody waited for, is written again with what came since.
    part: tokio::sync::Mutex<u32>,
}

impl CallLog {
    pub(super) fn new(log: Arc<dyn Log>, call: NewCall<'_>) -> Self {
        Self(Arc::new(Shared {
            log,
            tenant: call.tenant.clone(),
            id: call.id,
            durability: call.durability,
            begun: Instant::now(),
            state: Mutex::new(State::new(&call)),
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

    /// Keeps what the call is about, and nothing else of the posted request. Too late once something was written.
    pub fn without_request(&self) {
        self.state().without_request();
    }

    /// Masks these values from now on, each as it is: the secrets that were placed into a request, in every form in which
    /// they were, such as the base64 form of a user and a password.
    pub fn learn(&self, placed: &[Secret]) {
        self.state().masker.placed(placed);
    }

    /// Has changes to documents written along with the record of the first request that is about to leave, all or none. They
    /// are made only then: most of what is opened for a call is not needed by one that asks nobody.
    pub fn before_first(&self, opening: impl Fn() -> Result<Vec<Change>, String> + Send + 'static) {
        self.state().opening = Some(Box::new(opening));
    }

    /// Has these changes to documents written along with the next record, all or none, in the place of those that were given
    /// before and not written yet.
    pub fn along(&self, changes: Vec<Change>) {
        self.state().along.replace(changes);
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
        if grant.is_some() {
            // Whoever does not wait for it any more has not sent it either.
            let mut held = HeldBack {
                log: self,
                number: Some(number),
            };
            self.open().await?;
            held.number = None;
        }
        Ok(number)
    }

    /// Notes how an exchange ended, `micros` after it started. It is kept along with what is next made durable; see
    /// [`Self::keep`].
    ///
    /// The response's body may be whole; of a larger one the first [`BODY_BYTES_KEPT`](super::BODY_BYTES_KEPT) bytes and as many again are enough,
    /// with its true size in `body_bytes`.
    pub fn exchange_ended(&self, number: usize, micros: u64, end: &ExchangeEnd) {
        self.state().end(number, micros, end);
    }

    /// Makes durable what was noted so far.
    ///
    /// # Errors
    /// When it could not be kept.
    pub async fn keep(&self) -> Result<(), JournalError> {
        self.write().await
    }

    /// Notes what TeleCloud is told at the deadline, while the module goes on, with these changes to documents. Durable
    /// before it returns.
    ///
    /// # Errors
    /// When it could not be kept.
    pub async fn told(&self, reply: &Reply, changes: Vec<Change>) -> Result<(), JournalError> {
        {
            let mut state = self.state();
            state.told(self.micros(), reply);
            state.along.replace(changes);
        }
        self.write().await
    }

    /// Microseconds since the call began.
    #[must_use]
    pub fn micros(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
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

    /// Ends the call, with what it came to for TeleCloud, if it was an event, and what it used; log lines and requests are
    /// counted here. Durable before it returns; after an error it may
    /// be tried again, and says the same again.
    ///
    /// # Errors
    /// When it could not be kept.
    pub async fn finish(
        &self,
        reply: Option<&Reply>,
        outcome: Outcome,
        detail: Option<&str>,
        usage: &Usage,
    ) -> Result<(), JournalError> {
        let micros = self.micros();
        self.state().finish(micros, reply, outcome, detail, usage);
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

    /// Makes durable what is not, before a request leaves.
    async fn open(&self) -> Result<(), JournalError> {
        {
            let mut state = self.state();
            if let Some(opening) = state.opening.take() {
                match opening() {
                    Ok(changes) => state.along.replace(changes),
                    Err(why) => {
                        // No other request may leave without it either.
                        state.opening = Some(opening);
                        return Err(JournalError::Unwritable(why));
                    }
                }
            }
        }
        self.write().await
    }

    /// Makes durable what is not, in one record.
    async fn write(&self) -> Result<(), JournalError> {
        let mut part = self.0.part.lock().await;
        let (record, end, along) = {
            let state = self.state();
            let record = Bytes::copy_from_slice(&state.lines[state.durable..]);
            (record, state.lines.len(), state.along.clone())
        };
        if record.is_empty() && along.changes.is_empty() {
            return Ok(());
        }
        let position = Position {
            call: self.0.id.0.0,
            part: *part,
        };
        let records = if record.is_empty() {
            Vec::new()
        } else {
            vec![(position, record)]
        };
        let wrote = u32::from(!records.is_empty());
        let (tenant, durability) = (&self.0.tenant, self.0.durability);
        self.0.log.append(tenant, records, along.changes, durability).await?;
        let mut state = self.state();
        state.durable = end;
        if state.along.number == along.number {
            state.along.changes.clear();
        }
        *part += wrote;
        Ok(())
    }
}

/// A request that is not on record yet. Dropped, it has not left.
struct HeldBack<'a> {
    log: &'a CallLog,
    /// Which exchange it is; none once it is on record.
    number: Option<usize>,
}

impl Drop for HeldBack<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let reason = "the request was held back, because it was not on record".to_owned();
            self.log.state().end(number, 0, &ExchangeEnd::NotSent { reason });
        }
    }
}
