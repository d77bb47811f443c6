//! The course of a job: from where it stands and what was learned, to where it stands then. Pure.
//!
//! Three rules hold throughout. Nothing is told as failed without a definite rejection. Nothing is run again unless the
//! first run definitely changed nothing. Nothing is given up: what cannot go on is raised for a person.

mod learned;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::backoff;
use super::case::{Case, Matter};
use crate::domain::answer::{Answer, Pending, Reply};
use crate::domain::call::{CallId, Outcome};
use crate::domain::event::{ActionKind, Event, Vars};
use crate::domain::handling::Handling;
use crate::domain::job::{Identity, Job, Reason, Stage, Told};
use crate::domain::name::ModuleName;
use crate::domain::update::Update;

/// How a run of the event ended, once the module's word was weighed against what was seen to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Carried out.
    Done(Vars),
    /// Taken by the carrier, to be finished later.
    Pending(Pending),
    /// Definitely refused by the carrier or the module.
    Rejected {
        /// For TeleCloud's caller.
        text: String,
        /// The carrier was heard, so it may be its refusal, and not only the module's own.
        by_carrier: bool,
    },
    /// Nothing was changed, for want of a carrier or of the module's health.
    NothingChanged,
    /// It may have happened.
    Unknown,
}

/// Whether a job goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// It stands somewhere, until it is due.
    GoesOn,
    /// It is over. The answer, if there is one, is for the same event posted again within the module's window.
    Ends(Option<Reply>),
}

/// What was learned, in a sentence for the call's record, and how the call counts since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) next: Next,
    pub(super) what: String,
    /// What TeleCloud took, if it was told.
    pub(super) took: Option<Update>,
}

pub(super) fn turn(next: Next, what: impl Into<String>) -> Turn {
    Turn {
        next,
        what: what.into(),
        took: None,
    }
}

/// A job that begins, as its module does.
pub(super) struct Begin {
    pub(super) call: CallId,
    pub(super) module: ModuleName,
    pub(super) identity: Identity,
    pub(super) received: Timestamp,
}

impl Case {
    /// The job of an event that is about to be run.
    pub(super) fn begin(begin: Begin, event: &Arc<Event>) -> Self {
        Self {
            job: Job {
                call: begin.call,
                run: begin.call,
                module: begin.module,
                identity: begin.identity,
                service: event.service.clone(),
                action: event.action.kind(),
                account_number: event.account_number.clone(),
                order_number: event.order_number.clone(),
                received: begin.received,
                told: Told::Nothing,
                stage: Stage::Running,
                since: begin.received,
                fallout: None,
                attempts: 0,
                due: begin.received,
                written: begin.received,
                note: None,
                unsent: None,
                outcome: Outcome::Running,
                micros: 0,
                requests: 0,
                steps: 0,
            },
            matter: Matter {
                event: Arc::clone(event),
                state: String::new(),
                reply: None,
                news: Update::default(),
                known: Vars::default(),
            },
        }
    }

    /// The event is run again, in this call.
    pub(super) fn rerun(&mut self, run: CallId) {
        self.job.run = run;
        self.job.stage = Stage::Running;
    }

    /// TeleCloud is answered at the deadline, and the module goes on.
    pub(super) fn overdue(&mut self, reply: &Reply) {
        self.job.told = told_by(self.job.action);
        self.answered(reply);
    }

    fn answered(&mut self, reply: &Reply) {
        if let Reply::Success { vars, .. } = reply {
            self.matter.known.merge(vars.clone());
        }
        self.matter.reply = Some(reply.clone());
    }

    /// The event was run to its end, for the first time or again. For the first time and before the deadline, the reply is
    /// what TeleCloud is told now.
    pub(super) fn ended(&mut self, came: Came, reply: &Reply, now: Timestamp) -> Turn {
        match (self.job.told, came) {
            (Told::Nothing, Came::Done(_)) => turn(Next::Ends(Some(reply.clone())), "done"),
            (Told::Nothing, Came::Rejected { .. } | Came::NothingChanged) => {
                turn(Next::Ends(None), "nothing was changed")
            }
            (Told::Nothing, came) => {
                // TeleCloud hears of it in this very reply.
                self.answered(reply);
                self.job.told = match reply {
                    Reply::Success { pending: true, .. } => Told::Pending,
                    _ => Told::Unknown,
                };
                self.open(came, now)
            }
            (Told::Pending, Came::Done(vars)) => self.tell_success(vars, now),
            (Told::Pending, Came::Rejected { text, by_carrier: true }) => self.tell_failure(text, Vars::default(), now),
            (Told::Pending, Came::Rejected { by_carrier: false, .. }) => {
                // A setting or a secret may be missing. That is no reason to refund anything.
                self.job.stage = Stage::Again;
                self.fall_out(Reason::NotRefusedByCarrier, now)
            }
            (Told::Pending, Came::NothingChanged) => {
                if self.job.stage == Stage::Running && self.job.run == self.job.call {
                    self.stand(Stage::Again, Outcome::Unreachable, now);
                } else {
                    // It was run again already: its age and its attempts count from the first time.
                    self.job.stage = Stage::Again;
                }
                self.retry(now);
                turn(
                    Next::GoesOn,
                    "nothing was changed; TeleCloud waits for the order, so it is run again",
                )
            }
            (Told::Pending, came) => {
                if let Came::Pending(pending) = &came {
                    self.tell(Update::vars(pending.vars.clone()), now);
                }
                self.open(came, now)
            }
            (Told::Unknown, Came::Done(vars)) => self.found(Answer::Done(vars), now),
            (Told::Unknown, Came::Rejected { .. } | Came::NothingChanged) => {
                self.job.outcome = Outcome::Unreachable;
                turn(Next::Ends(None), "nothing was changed; it is safe to post it again")
            }
            (Told::Unknown, came) => self.open(came, now),
        }
    }

    /// It is not over: unknown or pending.
    fn open(&mut self, came: Came, now: Timestamp) -> Turn {
        if let Came::Pending(pending) = came {
            self.pending(pending.state, pending.check_after, now);
            return turn(Next::GoesOn, "the carrier has taken the order and will finish it");
        }
        self.stand(Stage::Unknown, Outcome::Unknown, now);
        turn(
            Next::GoesOn,
            "it may have happened at the carrier; the carrier will be asked",
        )
    }

    /// The gateway stopped while the module was at it. `may_have_changed` says whether a request was on its way that may
    /// have changed something.
    pub(super) fn interrupted(&mut self, may_have_changed: bool, now: Timestamp) -> Turn {
        if may_have_changed {
            let mut turn = self.ended_after_crash(Came::Unknown, now);
            turn.what = format!("the gateway stopped meanwhile; {}", turn.what);
            return turn;
        }
        self.ended_after_crash(Came::NothingChanged, now)
    }

    /// Whether an answer got through before the crash is not known, so TeleCloud may have been told nothing: it heard no more
    /// than that the connection broke, and may post the event again. That is as with an unknown outcome.
    fn ended_after_crash(&mut self, came: Came, now: Timestamp) -> Turn {
        if self.job.told == Told::Nothing {
            self.job.told = Told::Unknown;
        }
        let reply = Reply::success();
        self.ended(came, &reply, now)
    }

    /// Raises the job for a person.
    pub(super) fn fall_out(&mut self, reason: Reason, now: Timestamp) -> Turn {
        let was = self.job.standing();
        self.job.stage = Stage::Fallout;
        self.job.fallout = Some((reason, was));
        self.job.due = later(now, backoff::IN_FALLOUT_S);
        turn(Next::GoesOn, format!("a person has to look: {}", reason.sentence()))
    }

    /// Neither asked nor told now, for a reason that passes: a suspended module, no free slot.
    pub(super) fn put_off(&mut self, handling: &Handling, reason: Reason, now: Timestamp) -> Turn {
        self.not_yet("it could not go on for now", reason, handling, now)
    }

    /// It happened, and TeleCloud was told that nobody knows: the next post of the event gets the answer.
    fn found(&mut self, answer: Answer, now: Timestamp) -> Turn {
        let vars = match answer {
            Answer::Done(vars) => {
                self.matter.reply = Some(Reply::Success {
                    pending: false,
                    vars: vars.clone(),
                });
                vars
            }
            Answer::Pending(Pending {
                vars,
                state,
                check_after: _,
            }) => {
                self.matter.reply = Some(Reply::Success {
                    pending: true,
                    vars: vars.clone(),
                });
                self.matter.state = state;
                vars
            }
        };
        // An order that TeleCloud has already is told at once. One that was to be created it may not have.
        if self.job.action != ActionKind::Create {
            self.tell(Update::vars(vars), now);
        }
        self.let_documents_go();
        self.stand(Stage::Found, Outcome::Done, now);
        turn(
            Next::GoesOn,
            "it happened at the carrier; the answer is kept for the event's next post",
        )
    }

    /// The event of a found answer was posted again, and gets it.
    pub(super) fn taken(&mut self, now: Timestamp) -> Turn {
        match &self.matter.reply {
            Some(Reply::Success { pending: true, .. }) => {
                let state = std::mem::take(&mut self.matter.state);
                self.job.told = Told::Pending;
                self.pending(state, None, now);
                turn(Next::GoesOn, "posted again, and answered with pending")
            }
            reply => turn(Next::Ends(reply.clone()), "posted again, and answered"),
        }
    }

    /// Whether a found answer has waited for too long.
    pub(super) fn waited(&mut self, now: Timestamp) -> Turn {
        self.fall_out(Reason::NotPostedAgain, now)
    }

    fn tell_success(&mut self, vars: Vars, now: Timestamp) -> Turn {
        // The same event posted again is told all that there is to save on the order, and not what came last only.
        let mut all = match self.matter.reply.take() {
            Some(Reply::Success { vars, .. }) => vars,
            _ => Vars::default(),
        };
        all.merge(vars.clone());
        self.matter.reply = Some(Reply::Success {
            pending: false,
            vars: all,
        });
        self.tell(Update::active(vars), now);
        self.telling(Outcome::Done, now);
        turn(Next::GoesOn, "the carrier has finished the order")
    }

    fn tell_failure(&mut self, text: String, vars: Vars, now: Timestamp) -> Turn {
        self.matter.reply = Some(Reply::failure(text.clone()));
        self.tell(Update::failed(text, vars), now);
        self.telling(Outcome::Rejected, now);
        turn(Next::GoesOn, "the carrier has refused the order for good")
    }

    pub(super) fn telling(&mut self, outcome: Outcome, now: Timestamp) {
        self.let_documents_go();
        self.stand(Stage::Telling, outcome, now);
    }

    fn pending(&mut self, state: String, check_after: Option<u32>, now: Timestamp) {
        self.let_documents_go();
        self.matter.state = state;
        self.stand(Stage::Pending, Outcome::Pending, now);
        if let Some(seconds) = check_after {
            self.job.due = later(now, backoff::asked_for(seconds));
        }
    }

    fn stand(&mut self, stage: Stage, outcome: Outcome, now: Timestamp) {
        self.job.stage = stage;
        self.job.outcome = outcome;
        self.job.since = now;
        self.job.fallout = None;
        self.job.attempts = 0;
        self.job.due = later(now, backoff::seconds(stage, 0));
    }

    /// Puts the next attempt off, longer each time.
    pub(super) fn retry(&mut self, now: Timestamp) {
        self.job.due = later(now, backoff::seconds(self.job.stage, self.job.attempts));
        self.job.attempts = self.job.attempts.saturating_add(1);
    }

    /// Seconds for which it has stood where it stands.
    pub(super) fn age(&self, now: Timestamp) -> u64 {
        u64::try_from(now.duration_since(self.job.since).as_secs()).unwrap_or(0)
    }
}

/// What an event whose outcome is open is answered with: TeleCloud waits for an order that is pending and refunds one that
/// failed, so an order that may have been carried out is pending.
fn told_by(action: ActionKind) -> Told {
    match action {
        ActionKind::Create => Told::Pending,
        _ => Told::Unknown,
    }
}

/// So many seconds later.
pub(super) fn later(now: Timestamp, seconds: u64) -> Timestamp {
    let seconds = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    now.saturating_add(seconds).unwrap_or(Timestamp::MAX)
}
