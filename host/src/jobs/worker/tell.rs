//! Telling TeleCloud what is new of an order.

use super::super::JobError;
use super::super::case::Case;
use super::super::course::{Next, turn};
use super::super::index::JobKey;
use super::super::news::Heard;
use super::Worker;
use crate::domain::call::{CallId, Outcome, Usage};
use crate::domain::job::{By, Reason, Stage};
use crate::domain::update::NewStatus;
use crate::registry::Serving;
use crate::runner::NotTold;
use crate::sandbox::Prepared;
use crate::telecloud::client::Call;

impl Worker {
    /// The order was cancelled since. That the carrier has refused it is no news then; that it has finished it needs a person.
    async fn tell_no_more(&self, key: &JobKey) -> Result<(), JobError> {
        let raised = self.jobs.advance(key, By::Gateway, None, |case, now| {
            if case.matter.news.status == Some(NewStatus::Failed) {
                return Some(turn(
                    Next::Ends(None),
                    "the carrier has refused the order, which was cancelled meanwhile",
                ));
            }
            (case.job.stage != Stage::Fallout).then(|| case.fall_out(Reason::CancelledMeanwhile, now))
        });
        match raised.await? {
            Some(_) => Ok(()),
            None => self.look_later(key).await,
        }
    }

    /// Tells all that is new in one Order/Update.
    pub(super) async fn tell(&self, key: &JobKey, serving: &Serving<Prepared>, case: Case) -> Result<(), JobError> {
        let handling = &serving.settings.handling;
        if case.matter.news.status.is_some() && self.is_cancelled(key, &case).await? {
            return self.tell_no_more(key).await;
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
