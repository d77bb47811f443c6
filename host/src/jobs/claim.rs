//! One of equal events runs; the others wait for it, or are answered from what is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::answered::Answered;
use super::case::Case;
use super::course::{Begin, Came, Next};
use super::index::JobKey;
use super::{JobError, Jobs};
use crate::domain::answer::Reply;
use crate::domain::call::{CallId, Exchange, Outcome, Usage};
use crate::domain::event::Event;
use crate::domain::handling::Handling;
use crate::domain::job::{Identity, Told};
use crate::domain::name::ModulePath;
use crate::journal::CallLog;
use crate::storage::Expect;

/// What is to be done with an event.
pub enum Claim {
    /// Nobody has it: it is run.
    Run(Arc<Running>),
    /// A call of this gateway runs it, and its reply is waited for. The channel closes without one when the claim was given
    /// back; then the event is to be claimed anew.
    Join(CallId, watch::Receiver<Option<Reply>>),
    /// It was answered a while ago.
    Again(CallId, Reply),
    /// A job is open for it.
    Open(JobKey),
}

/// Which events are being run, by identity.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims(Arc<Mutex<HashMap<Identity, Held>>>);

#[derive(Debug)]
struct Held {
    call: CallId,
    ended: watch::Sender<Option<Reply>>,
}

impl Claims {
    fn held(&self) -> MutexGuard<'_, HashMap<Identity, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody runs this event.
    pub(super) fn holds(&self, identity: Identity) -> bool {
        self.held().contains_key(&identity)
    }

    fn take(&self, identity: Identity, call: CallId) -> Result<Turnstile, (CallId, watch::Receiver<Option<Reply>>)> {
        let mut held = self.held();
        if let Some(other) = held.get(&identity) {
            return Err((other.call, other.ended.subscribe()));
        }
        let ended = watch::Sender::new(None);
        held.insert(identity, Held { call, ended });
        Ok(Turnstile {
            claims: self.clone(),
            identity,
        })
    }
}

/// The right to run an event. Dropped, it lets the next one in.
#[derive(Debug)]
struct Turnstile {
    claims: Claims,
    identity: Identity,
}

impl Turnstile {
    /// Whoever waits gets this reply, and so does who comes until the right is given back.
    fn answer(&self, reply: &Reply) {
        if let Some(held) = self.claims.held().get(&self.identity) {
            held.ended.send_replace(Some(reply.clone()));
        }
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        self.claims.held().remove(&self.identity);
    }
}

/// An event that is posted.
pub struct Posted<'a> {
    /// To which module.
    pub path: &'a ModulePath,
    /// How that handles its events.
    pub handling: &'a Handling,
    /// In which call.
    pub call: CallId,
    /// What is asked for.
    pub event: &'a Arc<Event>,
}

impl Jobs {
    /// Claims an event.
    ///
    /// # Errors
    /// When the store refuses: then nobody knows whether it was answered already, and it must not run.
    pub async fn claim(self: &Arc<Self>, posted: Posted<'_>) -> Result<Claim, JobError> {
        let Posted {
            path,
            handling,
            call,
            event,
        } = posted;
        let identity = self.identity(path, event);
        let turnstile = match self.claims.take(identity, call) {
            Ok(turnstile) => turnstile,
            Err((other, ended)) => return Ok(Claim::Join(other, ended)),
        };
        // Looked at only now: who has just ended has left a job or an answer before it let go.
        if let Some(key) = self.index().of_event(identity) {
            return Ok(Claim::Open(key));
        }
        let (documents, now) = (&*self.stores.documents, Timestamp::now());
        let answered = Answered::find(documents, &path.tenant, &self.vault, identity, now).await?;
        if let Some(answered) = answered
            && !self.is_undone(path, event, answered.call).await?
        {
            return Ok(Claim::Again(answered.call, answered.reply));
        }
        let begin = Begin {
            call,
            module: path.module.clone(),
            identity,
            received: now,
        };
        let key = JobKey {
            tenant: path.tenant.clone(),
            call,
        };
        Ok(Claim::Run(Arc::new(Running {
            jobs: Arc::clone(self),
            key,
            window: Duration::from_secs(handling.repeat_s(event.action.kind())),
            state: tokio::sync::Mutex::new(State {
                case: Case::begin(begin, event),
                turnstile: Some(turnstile),
            }),
        })))
    }
}

/// An event that is being run.
pub struct Running {
    jobs: Arc<Jobs>,
    key: JobKey,
    window: Duration,
    /// Held while something is written: TeleCloud is told one thing at the deadline or another at the end, never both.
    state: tokio::sync::Mutex<State>,
}

struct State {
    case: Case,
    /// None once the event has ended.
    turnstile: Option<Turnstile>,
}

/// How a run ended, for the record.
pub struct Ending<'a> {
    /// For the course of its job.
    pub came: Came,
    /// What TeleCloud is told, unless it was told something at the deadline.
    pub reply: &'a Reply,
    /// How the call counts.
    pub outcome: Outcome,
    /// Why, for operators.
    pub detail: Option<&'a str>,
    /// What the instance used.
    pub usage: &'a Usage,
}

impl Running {
    /// Has the job's document written with the record of the first request, before that leaves. Until then there is nothing
    /// that a crash could leave half done.
    pub async fn open_with(self: &Arc<Self>, log: &CallLog) {
        let (jobs, key, case) = {
            let state = self.state.lock().await;
            (Arc::clone(&self.jobs), self.key.clone(), state.case.clone())
        };
        log.before_first(move || {
            let (mut case, now) = (case.clone(), case.job.received);
            let changes = jobs.changes(&key, &mut case, &Next::GoesOn, Expect::Anything, now, None);
            changes.map_err(|error| error.to_string())
        });
    }

    /// TeleCloud is told `reply` at the deadline, and the module goes on. False when the event has ended meanwhile. Durable
    /// before it returns.
    ///
    /// # Errors
    /// When it could not be kept; then TeleCloud must not be told so.
    pub async fn overdue(&self, log: &CallLog, reply: &Reply) -> Result<bool, JobError> {
        let mut state = self.state.lock().await;
        let Some(turnstile) = &state.turnstile else {
            return Ok(false);
        };
        let mut case = state.case.clone();
        case.overdue(reply);
        let now = Timestamp::now();
        case.job.outcome = match case.job.told {
            Told::Pending => Outcome::Pending,
            Told::Nothing | Told::Unknown => Outcome::Unknown,
        };
        let mut changes = self
            .jobs
            .changes(&self.key, &mut case, &Next::GoesOn, Expect::Anything, now, None)?;
        let mut order = self.jobs.observe(&self.key, &case, now).await;
        changes.extend(order.iter_mut().flat_map(|order| std::mem::take(&mut order.changes)));
        log.told(reply, changes).await?;
        // Whoever waits for an order hears the same as the first. For anything else there is time until a deadline of their
        // own, and by then it may be over.
        if case.job.told == Told::Pending {
            turnstile.answer(reply);
        }
        state.case = case;
        Ok(true)
    }

    /// The event did not get to run, and nothing is kept of it. Whoever waits for it is told the same.
    pub async fn refused(&self, reply: &Reply) {
        if let Some(turnstile) = self.state.lock().await.turnstile.take() {
            turnstile.answer(reply);
        }
    }

    /// The event has ended: its job is over, or goes on without the module. Durable before it returns; whoever waits for
    /// the event is answered.
    ///
    /// # Errors
    /// When it could not be kept. The job, if it was opened, stands as running, and the next start settles it.
    pub async fn end(&self, log: &CallLog, ending: Ending<'_>) -> Result<(), JobError> {
        let Ending {
            came,
            reply,
            outcome,
            detail,
            usage,
        } = ending;
        let mut state = self.state.lock().await;
        let now = Timestamp::now();
        let mut case = state.case.clone();
        case.job.micros = log.micros();
        case.job.requests = u32::try_from(log.exchanges().len()).unwrap_or(u32::MAX);
        case.job.outcome = outcome;
        let next = case.ended(came, reply, now).next;
        let window = Some(self.window);
        let mut changes = self
            .jobs
            .changes(&self.key, &mut case, &next, Expect::Anything, now, window)?;
        // What the event is answered with is known to the job only if that goes on.
        case.matter.reply.get_or_insert_with(|| reply.clone());
        let mut order = self.jobs.observe(&self.key, &case, now).await;
        changes.extend(order.iter_mut().flat_map(|order| std::mem::take(&mut order.changes)));
        log.along(changes);
        let kept = log.finish(Some(reply), case.job.outcome, detail, usage).await;
        match (&kept, &next) {
            (Ok(()), Next::GoesOn) => self.jobs.settle(&self.key, &case, &next),
            // It was never in the index.
            (Ok(()), Next::Ends(_)) => {}
            // A part of it may be kept. The rest is, as soon as that is possible.
            (Err(_), _) => {
                self.jobs.watch(&self.key, &state.case);
                if log.exchanges().iter().any(Exchange::got_out) {
                    let ended = (case.clone(), next.clone());
                    self.jobs.unkept().insert(self.key.clone(), ended);
                }
            }
        }
        if let Some(turnstile) = state.turnstile.take()
            && state.case.job.told == Told::Nothing
        {
            // After an answer at the deadline, whoever still waits claims the event anew, and finds what is kept.
            turnstile.answer(reply);
        }
        state.case = case;
        Ok(kept?)
    }
}

/// Whoever ran the event is gone without a word. A job may be on record as running: it must not be forgotten, and the event
/// must not run again before that is settled.
impl Drop for Running {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if state.turnstile.is_some() {
            self.jobs.watch(&self.key, &state.case);
        }
    }
}
