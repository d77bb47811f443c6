//! Telling TeleCloud what is new of an order.

use jiff::Timestamp;

use super::super::JobError;
use super::super::case::Case;
use super::super::index::JobKey;
use super::super::news::Heard;
use super::Worker;
use crate::domain::call::{CallId, Outcome, Usage};
use crate::domain::event::ActionKind;
use crate::domain::job::By;
use crate::domain::order::OrderState;
use crate::journal::Journal;
use crate::registry::Serving;
use crate::runner::NotTold;
use crate::sandbox::Prepared;
use crate::telecloud::client::Call;
use crate::telecloud::decode::action;

impl Worker {
    /// Whether there is nothing to tell now, because newer calls of the order say what its state is.
    async fn is_outdated(&self, key: &JobKey, case: &Case) -> Result<bool, JobError> {
        let Some((state, state_by)) = self.newer_state(key, case).await? else {
            return Ok(false);
        };
        let is_cancelled = state == OrderState::Cancelled;
        let action = if is_cancelled {
            ActionKind::Cancel
        } else {
            ActionKind::SetStatus
        };
        let done = self.done(key, state_by, action).await?;
        let turned = self
            .jobs
            .advance(key, By::Gateway, None, |case, now| match is_cancelled {
                true => case.cancelled(done, now),
                false => case.state_changed(done),
            });
        let turned = turned.await?.is_some();
        if is_cancelled && !turned {
            self.look_later(key).await?;
        }
        Ok(is_cancelled || turned)
    }

    /// When the event came that was done in this call. None if the call was something else, such as a job that a person told
    /// TeleCloud something about, or nothing is on record of it any more.
    async fn done(&self, key: &JobKey, call: CallId, kind: ActionKind) -> Result<Option<Timestamp>, JobError> {
        let journal = Journal::new(self.jobs.stores.log.clone());
        let record = journal.show(&key.tenant, call).await?.filter(|record| {
            let action = action(&record.event.service, None);
            (action.kind(), record.outcome) == (kind, Outcome::Done)
        });
        Ok(record.map(|record| record.received))
    }

    /// Tells all that is new in one Order/Update.
    pub(super) async fn tell(&self, key: &JobKey, serving: &Serving<Prepared>, case: Case) -> Result<(), JobError> {
        let handling = &serving.settings.handling;
        if case.matter.news.status.is_some() && self.is_outdated(key, &case).await? {
            return Ok(());
        }
        let (Some(account_number), Some(order_number)) = (case.job.account_number, case.job.order_number) else {
            let raised = self
                .jobs
                .advance(key, By::Gateway, None, |case, now| case.not_linked(handling, now));
            return match raised.await? {
                Some(_) => Ok(()),
                None => self.look_later(key).await,
            };
        };
        let Some(telecloud) = &serving.settings.telecloud else {
            let raised = self.jobs.advance(key, By::Gateway, None, |case, now| {
                let told = case.job.fallout.is_some();
                (!told).then(|| case.heard(&case.matter.news.clone(), Heard::NoAccess, handling, now))
            });
            return match raised.await? {
                Some(_) => Ok(()),
                None => self.look_later(key).await,
            };
        };
        let sent = case.matter.news;
        let log = self
            .runner
            .begin(serving, CallId(ulid::Ulid::generate()), Some(key.call));
        let call = Call::UpdateOrder {
            account_number,
            order_number,
            update: sent.clone(),
        };
        let told = self.runner.tell(telecloud, &log, &call).await;
        let (outcome, heard) = match &told {
            Ok(_) => (Outcome::Done, Heard::Accepted),
            Err(NotTold::Refused(_)) => (Outcome::Rejected, Heard::Failed),
            Err(NotTold::Unclear(_)) => (Outcome::Unknown, Heard::Failed),
            Err(NotTold::NotSent(_)) => (Outcome::Unreachable, Heard::Failed),
        };
        let detail = told.err().map(|error| error.to_string());
        self.end(&log, outcome, detail.as_deref(), &Usage::default()).await;
        self.jobs
            .advance(key, By::Gateway, Some(log.id()), |case, now| {
                Some(case.heard(&sent, heard, handling, now))
            })
            .await?;
        Ok(())
    }
}
