//! What is learned from the carrier after the call: whether it happened, how it gets on. Pure.

use jiff::Timestamp;

use super::{Came, Next, Turn, later, turn};
use crate::domain::answer::Answer;
use crate::domain::call::Outcome;
use crate::domain::handling::Handling;
use crate::domain::job::{Reason, Stage, Told};
use crate::domain::progress::{Finding, Progress};
use crate::domain::update::Update;
use crate::jobs::backoff;
use crate::jobs::case::Case;

impl Case {
    /// What `reconcile` found.
    pub(in crate::jobs) fn finding(
        &mut self,
        finding: Result<Finding, ()>,
        handling: &Handling,
        now: Timestamp,
    ) -> Turn {
        match finding {
            Ok(Finding::Happened(answer)) => match (self.job.told, answer) {
                (Told::Pending, Answer::Done(vars)) => self.tell_success(vars, now),
                (Told::Pending, Answer::Pending(pending)) => {
                    self.tell(Update::vars(pending.vars.clone()), now);
                    self.open(Came::Pending(pending), now)
                }
                (Told::Nothing | Told::Unknown, answer) => self.found(answer, now),
            },
            Ok(Finding::DidNotHappen) if self.age(now) < handling.settle_s => {
                self.retry(now);
                self.job.due = self.job.due.max(later(self.job.since, handling.settle_s));
                turn(
                    Next::GoesOn,
                    "the carrier says that it did not happen; the request may still arrive, so it is asked again",
                )
            }
            Ok(Finding::DidNotHappen) => self.did_not_happen(now),
            Ok(Finding::Undecided) => self.not_yet(
                "the carrier cannot say yet whether it happened",
                Reason::StillUnknown,
                handling,
                now,
            ),
            Err(()) => self.not_yet(
                "the carrier could not be asked whether it happened",
                Reason::StillUnknown,
                handling,
                now,
            ),
        }
    }

    /// The carrier, or a person who has looked there, says that it did not happen.
    pub(in crate::jobs) fn did_not_happen(&mut self, now: Timestamp) -> Turn {
        if self.job.told == Told::Pending {
            self.stand(Stage::Again, Outcome::Unreachable, now);
            self.job.due = now;
            return turn(
                Next::GoesOn,
                "it did not happen; TeleCloud waits for the order, so it is run again",
            );
        }
        self.job.outcome = Outcome::Unreachable;
        turn(Next::Ends(None), "it did not happen; it is safe to post it again")
    }

    /// What `completion` said, when it was asked or when the carrier called back.
    pub(in crate::jobs) fn progress(
        &mut self,
        progress: Result<Progress, ()>,
        handling: &Handling,
        now: Timestamp,
    ) -> Turn {
        match progress {
            Ok(Progress::Completed(vars)) => self.tell_success(vars, now),
            Ok(Progress::Rejected { text, vars }) => self.tell_failure(text, vars, now),
            Ok(Progress::Waiting {
                vars,
                state,
                check_after,
            }) => {
                self.tell(Update::vars(vars), now);
                self.matter.state = state;
                let turn = self.not_yet(
                    "the carrier has not finished the order yet",
                    Reason::StillPending,
                    handling,
                    now,
                );
                if let Some(seconds) = check_after
                    && self.job.stage == Stage::Pending
                {
                    self.job.due = later(now, backoff::asked_for(seconds));
                }
                turn
            }
            Err(()) => self.not_yet(
                "the carrier could not be asked how the order stands",
                Reason::StillPending,
                handling,
                now,
            ),
        }
    }

    /// The module was asked in vain: it is asked again later, and a person as well once that has lasted too long.
    pub(super) fn not_yet(&mut self, what: &str, reason: Reason, handling: &Handling, now: Timestamp) -> Turn {
        if self.job.stage == Stage::Fallout {
            // A person has been told already. It is asked all the same: it may come right by itself.
            self.job.due = later(now, backoff::IN_FALLOUT_S);
            return turn(Next::GoesOn, what);
        }
        let most = match self.job.stage {
            Stage::Pending => handling.pending_s,
            _ => handling.unknown_s,
        };
        if self.age(now) >= most {
            return self.fall_out(reason, now);
        }
        self.retry(now);
        turn(Next::GoesOn, what)
    }
}
