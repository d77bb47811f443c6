//! A change that an operator asked for: it has ended, and TeleCloud is told what is new of the order.
//!
//! Such a change is no event of TeleCloud's. Nobody posts it again, so there is no answer to keep, and nothing runs again by
//! itself: all that may outlive its call is telling TeleCloud.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::case::Case;
use super::course::{Begin, Next};
use super::index::JobKey;
use super::{JobError, Jobs};
use crate::domain::answer::Reply;
use crate::domain::call::{CallId, Outcome, Usage};
use crate::domain::event::Event;
use crate::domain::job::Identity;
use crate::domain::name::ModulePath;
use crate::domain::update::Update;
use crate::journal::CallLog;
use crate::storage::Expect;

/// An operator's change, and how it ended.
pub struct Change<'a> {
    /// Which module ran for it.
    pub path: &'a ModulePath,
    /// What it was asked. The order has to have a number.
    pub event: &'a Arc<Event>,
    /// How the call counts.
    pub outcome: Outcome,
    /// What the module said, if that can be relied on.
    pub reply: Option<&'a Reply>,
    /// For operators: who asked, and what went wrong.
    pub detail: &'a str,
    /// What the instance used.
    pub usage: &'a Usage,
}

impl Jobs {
    /// An operator's change has ended: its call ends, the record of the order says so, and the VARs that the module answered
    /// with are told to TeleCloud, as a job that follows this call. Durable before it returns.
    ///
    /// # Errors
    /// When it could not be kept. What was done at the carrier is done all the same.
    pub async fn changed(&self, log: &CallLog, change: Change<'_>) -> Result<(), JobError> {
        let Change {
            path,
            event,
            outcome,
            reply,
            detail,
            usage,
        } = change;
        let (key, now, micros) = (
            JobKey {
                tenant: path.tenant.clone(),
                call: log.id(),
            },
            Timestamp::now(),
            log.micros(),
        );
        let took = SignedDuration::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
        let begin = Begin {
            call: key.call,
            module: path.module.clone(),
            identity: self.own_identity(key.call),
            received: now.saturating_sub(took).unwrap_or(now),
        };
        let mut case = Case::begin(begin, event);
        case.job.micros = micros;
        case.job.requests = u32::try_from(log.exchanges().len()).unwrap_or(u32::MAX);
        case.job.outcome = outcome;
        case.matter.known = event.vars.clone();
        case.matter.reply = reply.cloned();
        let mut order = self.observe(&key, &case, now).await;
        let mut changes: Vec<_> = order
            .iter_mut()
            .flat_map(|order| std::mem::take(&mut order.changes))
            .collect();
        if let Some(Reply::Success { vars, .. }) = case.matter.reply.take() {
            case.tell(Update::vars(vars), now);
        }
        let goes_on = case.job.unsent.is_some();
        if goes_on {
            case.telling(outcome, now);
            changes.extend(self.changes(&key, &mut case, &Next::GoesOn, Expect::Anything, now, None)?);
        }
        log.along(changes);
        let kept = log.finish(reply, outcome, Some(detail), usage).await;
        kept?;
        if goes_on {
            self.settle(&key, &case, &Next::GoesOn);
        }
        Ok(())
    }

    /// The identity of what is never the same as anything else.
    fn own_identity(&self, call: CallId) -> Identity {
        Identity(
            self.vault
                .hash_for("identity of an operator's change", call.to_string().as_bytes()),
        )
    }
}
