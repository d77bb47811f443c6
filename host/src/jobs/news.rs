//! News for TeleCloud: gathered until it is taken. Pure.

use jiff::Timestamp;

use super::backoff;
use super::case::Case;
use super::course::{Next, Turn, later, turn};
use crate::domain::answer::Reply;
use crate::domain::handling::Handling;
use crate::domain::job::{Reason, Stage, Unsent};
use crate::domain::update::{NewStatus, Update};

/// What came of telling TeleCloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It took the news.
    Accepted,
    /// It refused, in its own words or without any that can be read, or could not be reached.
    Failed,
    /// The tenant has no access to its API set.
    NoAccess,
}

impl Case {
    /// Adds to the news. What is not taken yet and what comes now are told in one. VARs alone are news only if they say
    /// something else than TeleCloud was told last: a module cannot know what that was.
    pub(super) fn tell(&mut self, mut update: Update, now: Timestamp) {
        if update.status.is_none() && self.job.unsent.is_none() {
            update.vars = update.vars.without(&self.matter.known);
        }
        if update.is_empty() {
            return;
        }
        self.matter.news.merge(update);
        let since = self.job.unsent.as_ref().map_or(now, |unsent| unsent.since);
        self.job.unsent = Some(Unsent {
            since,
            attempts: 0,
            due: now,
        });
    }

    /// TeleCloud was told `sent`, with this result.
    pub(super) fn heard(&mut self, sent: &Update, heard: Heard, handling: &Handling, now: Timestamp) -> Turn {
        let going_on = |what: &str| turn(Next::GoesOn, what);
        match heard {
            Heard::Accepted => {
                let mut turn = self.accepted(sent);
                turn.took = Some(sent.clone());
                turn
            }
            Heard::NoAccess => self.fall_out(Reason::NoTelecloud, now),
            Heard::Failed => {
                let Some(unsent) = &mut self.job.unsent else {
                    return going_on("TeleCloud could not be told what it knows by now");
                };
                let age = u64::try_from(now.duration_since(unsent.since).as_secs()).unwrap_or(0);
                unsent.due = later(now, backoff::seconds(Stage::Telling, unsent.attempts));
                unsent.attempts = unsent.attempts.saturating_add(1);
                if age >= handling.telling_s && self.job.stage != Stage::Fallout {
                    return self.fall_out(Reason::NotTold, now);
                }
                going_on("TeleCloud could not be told; it is tried again")
            }
        }
    }

    fn accepted(&mut self, sent: &Update) -> Turn {
        self.matter.known.merge(sent.vars.clone());
        if let Some((Reason::NotTold | Reason::NoTelecloud | Reason::NotLinked, was)) = self.job.fallout {
            self.job.stage = was;
            self.job.fallout = None;
        }
        if self.matter.news != *sent {
            // There is more by now. To say the same again with it does no harm.
            return turn(Next::GoesOn, "TeleCloud was told, and there is more to tell");
        }
        self.matter.news = Update::default();
        self.job.unsent = None;
        match self.job.standing() {
            Stage::Telling => turn(
                Next::Ends(self.matter.reply.clone().filter(is_success)),
                "TeleCloud was told",
            ),
            _ => turn(Next::GoesOn, "TeleCloud was told what is new"),
        }
    }

    /// The order was cancelled since its event was posted. `cancelled` is when the Order/Cancel came that was carried out, if it
    /// was one. None when a person was told already.
    ///
    /// That the carrier has refused the order is no news then. Neither is that it had finished it before: what was finished
    /// has been ended since. What may have been finished only after it was to be ended needs a person.
    pub(super) fn cancelled(&mut self, cancelled: Option<Timestamp>, now: Timestamp) -> Option<Turn> {
        if self.matter.news.status == Some(NewStatus::Failed) {
            return Some(turn(
                Next::Ends(None),
                "the carrier has refused the order, which was cancelled meanwhile",
            ));
        }
        if self.was_finished_before(cancelled) {
            return Some(turn(
                Next::Ends(self.matter.reply.clone().filter(is_success)),
                "the carrier had finished the order before it was cancelled; TeleCloud need not be told any more",
            ));
        }
        (self.job.stage != Stage::Fallout).then(|| self.fall_out(Reason::CancelledMeanwhile, now))
    }

    /// TeleCloud has had the order's state changed since its event was posted. `changed` is when the Order/Status came that was
    /// carried out, if it was one. None where the order's state is news all the same.
    pub(super) fn state_changed(&mut self, changed: Option<Timestamp>) -> Option<Turn> {
        if !self.was_finished_before(changed) {
            return None;
        }
        self.matter.news.status = None;
        if self.matter.news.is_empty() {
            self.job.unsent = None;
            return Some(turn(
                Next::Ends(self.matter.reply.clone().filter(is_success)),
                "TeleCloud has changed the order's state since, and need not be told any more",
            ));
        }
        Some(turn(
            Next::GoesOn,
            "TeleCloud has changed the order's state since, and is not told that any more",
        ))
    }

    /// Whether the carrier had finished the order when a later event came. TeleCloud knew it then: it has taken the news, and
    /// its answer got lost, or it was told by posting the order's own event again.
    fn was_finished_before(&self, later: Option<Timestamp>) -> bool {
        self.job.standing() == Stage::Telling
            && self.matter.news.status == Some(NewStatus::Active)
            && later.is_some_and(|later| later > self.job.since)
    }

    /// There is news, and nobody knows the number of the order that it is about.
    pub(super) fn not_linked(&mut self, handling: &Handling, now: Timestamp) -> Option<Turn> {
        let unsent = self.job.unsent.as_mut()?;
        let age = u64::try_from(now.duration_since(unsent.since).as_secs()).unwrap_or(0);
        unsent.due = later(now, backoff::seconds(Stage::Telling, u32::MAX));
        if age < handling.telling_s || self.job.stage == Stage::Fallout {
            return None;
        }
        Some(self.fall_out(Reason::NotLinked, now))
    }

    /// The number of the order became known.
    pub(super) fn link(&mut self, order_number: &str, now: Timestamp) -> Turn {
        self.job.order_number = Some(order_number.to_owned());
        if let Some(unsent) = &mut self.job.unsent {
            unsent.due = now;
        }
        if let Some((Reason::NotLinked, was)) = self.job.fallout {
            self.job.stage = was;
            self.job.fallout = None;
        }
        turn(Next::GoesOn, "the order's number is known now")
    }
}

fn is_success(reply: &Reply) -> bool {
    matches!(reply, Reply::Success { .. })
}
