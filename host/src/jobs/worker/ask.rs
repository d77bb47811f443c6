//! What a job's module is asked: whether the event happened, how the order stands, or to run the event again.

use std::sync::Arc;
use std::time::Duration;

use super::super::JobError;
use super::super::case::Case;
use super::super::course::{Next, turn};
use super::super::index::JobKey;
use super::super::verdict::{Verdict, verdict};
use super::Worker;
use crate::domain::call::{CallId, Exchange, Outcome};
use crate::domain::job::{By, Reason, Stage};
use crate::domain::module::ModuleStatus;
use crate::domain::order::OrderState;
use crate::domain::progress::{Finding, Progress};
use crate::fair::Kind;
use crate::journal::CallLog;
use crate::registry::{Serving, ServingVersion};
use crate::runner::{Time, hidden};
use crate::sandbox::{Ask, Check, Export, Fault, Find, Handle, Prepared, Ran};

/// How long until an answer is looked at again that waits to be fetched: for its age only, which is counted in hours.
const FOUND: Duration = Duration::from_secs(60);

/// How long a question waits, each time, whose tenant has had too much written down.
const WRITTEN_TOO_MUCH: Duration = Duration::from_secs(10);

impl Worker {
    /// Asks what the job's stage asks for.
    pub(super) async fn ask(&self, key: &JobKey, serving: &Serving<Prepared>, case: Case) -> Result<(), JobError> {
        let standing = case.job.standing();
        if standing == Stage::Found {
            return self.look_at_found(key, serving).await;
        }
        let Some(version) = serving
            .version
            .as_ref()
            .ok()
            .filter(|_| serving.settings.status == ModuleStatus::Active)
        else {
            return self.put_off(key, serving, standing).await;
        };
        if serving.settings.written.is_used_up() {
            return self.look_after(key, WRITTEN_TOO_MUCH).await;
        }
        match standing {
            Stage::Unknown => self.find(key, serving, version, case).await,
            Stage::Pending => self.check(key, serving, version, case).await,
            Stage::Again if self.is_cancelled(key, &case).await? => self.close_cancelled(key).await,
            Stage::Again => self.run_again(key, serving, version).await,
            // Of these only the news is looked after.
            Stage::Running | Stage::Found | Stage::Telling | Stage::Fallout => self.look_later(key).await,
        }
    }

    /// An answer that waits for the event's next post is a person's business once it has waited too long.
    async fn look_at_found(&self, key: &JobKey, serving: &Serving<Prepared>) -> Result<(), JobError> {
        let most = serving.settings.handling.found_s;
        let raised = self.jobs.advance(key, By::Gateway, None, |case, now| {
            (case.job.stage == Stage::Found && case.age(now) >= most).then(|| case.waited(now))
        });
        if raised.await?.is_some() {
            return Ok(());
        }
        self.look_after(key, FOUND).await
    }

    /// The module takes no calls at the moment.
    async fn put_off(&self, key: &JobKey, serving: &Serving<Prepared>, standing: Stage) -> Result<(), JobError> {
        let reason = reason(standing);
        let handling = &serving.settings.handling;
        self.jobs
            .advance(key, By::Gateway, None, |case, now| {
                (case.job.standing() == standing).then(|| case.put_off(handling, reason, now))
            })
            .await?;
        Ok(())
    }

    async fn find(
        &self,
        key: &JobKey,
        serving: &Serving<Prepared>,
        version: &ServingVersion<Prepared>,
        case: Case,
    ) -> Result<(), JobError> {
        if !version.prepared.exports(Export::Reconcile) {
            return self.cannot_ask(key, Stage::Unknown, Reason::NoReconcile).await;
        }
        let log = self.begin(serving, &case, "reconcile.find");
        let ask = Find {
            event: case.matter.event,
            call: case.job.call,
        };
        let needs_carrier = |finding: &Finding| *finding == Finding::DidNotHappen;
        let found = self.put_question(needs_carrier, serving, version, &log, ask).await;
        let handling = &serving.settings.handling;
        self.jobs
            .advance(key, By::Gateway, Some(log.id()), |case, now| {
                (case.job.standing() == Stage::Unknown).then(|| case.finding(found.clone(), handling, now))
            })
            .await?;
        Ok(())
    }

    async fn check(
        &self,
        key: &JobKey,
        serving: &Serving<Prepared>,
        version: &ServingVersion<Prepared>,
        case: Case,
    ) -> Result<(), JobError> {
        if !version.prepared.exports(Export::Completion) {
            return self.cannot_ask(key, Stage::Pending, Reason::NoCompletion).await;
        }
        let log = self.begin(serving, &case, "completion.check");
        let ask = Check {
            event: case.matter.event,
            call: case.job.call,
            state: case.matter.state,
        };
        let needs_carrier = |progress: &Progress| matches!(progress, Progress::Rejected { .. });
        let progress = self.put_question(needs_carrier, serving, version, &log, ask).await;
        let progress = progress.map(|progress| super::callback::without_secrets(progress, &serving.settings.secrets));
        let handling = &serving.settings.handling;
        self.jobs
            .advance(key, By::Gateway, Some(log.id()), |case, now| {
                // The carrier may have called back meanwhile.
                (case.job.standing() == Stage::Pending).then(|| case.progress(progress.clone(), handling, now))
            })
            .await?;
        Ok(())
    }

    /// Asks, and ends the record with what was answered. An error is only in the record: it quotes the carrier.
    async fn put_question<A, Word>(
        &self,
        needs_carrier: fn(&Word) -> bool,
        serving: &Serving<Prepared>,
        version: &ServingVersion<Prepared>,
        log: &CallLog,
        ask: A,
    ) -> Result<Word, ()>
    where
        A: Ask<Word = Result<Word, String>>,
    {
        let settings = &serving.settings;
        let time = Time::from_now(Duration::from_millis(settings.limits.deadline_ms));
        let Ran { result, usage } = self
            .runner
            .run(Kind::FollowUp, settings, &version.prepared, log, ask, time)
            .await;
        let heard = log.exchanges().last().is_some_and(Exchange::is_answered);
        let (word, outcome, detail) = match result {
            // Money is refunded, or an order run again, on such a word: the carrier itself has to have been heard.
            Ok(Ok(word)) if !heard && needs_carrier(&word) => {
                let why =
                    "the module's word is not taken: the carrier has not answered its last request, or was not asked";
                (Err(()), Outcome::Unreachable, Some(why.to_owned()))
            }
            Ok(Ok(word)) => (Ok(word), Outcome::Done, None),
            Ok(Err(why)) => (Err(()), Outcome::Unreachable, Some(why)),
            Err(Fault::Busy(busy)) => (Err(()), Outcome::Refused, Some(busy.to_string())),
            Err(fault) => (Err(()), Outcome::Faulted, Some(format!("the module {fault}"))),
        };
        self.end(log, outcome, detail.as_deref(), &usage).await;
        word
    }

    async fn cannot_ask(&self, key: &JobKey, standing: Stage, reason: Reason) -> Result<(), JobError> {
        let raised = self.jobs.advance(key, By::Gateway, None, |case, now| {
            (case.job.stage == standing).then(|| case.fall_out(reason, now))
        });
        match raised.await? {
            Some(_) => Ok(()),
            // A person knows already. Another version may be able to ask, some day.
            None => self.look_later(key).await,
        }
    }

    /// Whether the order was cancelled since its event was posted.
    async fn is_cancelled(&self, key: &JobKey, case: &Case) -> Result<bool, JobError> {
        let newer = self.newer_state(key, case).await?;
        Ok(newer.is_some_and(|(state, _)| state == OrderState::Cancelled))
    }

    /// The state of the order, and the call that says so, if that is a newer one than the event's.
    pub(super) async fn newer_state(
        &self,
        key: &JobKey,
        case: &Case,
    ) -> Result<Option<(OrderState, CallId)>, JobError> {
        let Some(order_number) = &case.job.order_number else {
            return Ok(None);
        };
        let id = self.jobs.orders.id(&key.tenant, &case.job.module, order_number);
        let order = self.jobs.orders.get(&key.tenant, id).await?;
        let newer = order
            .map(|order| (order.record.state, order.record.state_by))
            .filter(|(_, state_by)| *state_by > key.call);
        Ok(newer)
    }

    /// Nothing is at the carrier, and nobody waits for it any more.
    async fn close_cancelled(&self, key: &JobKey) -> Result<(), JobError> {
        self.jobs
            .advance(key, By::Gateway, None, |case, _| {
                (case.job.standing() == Stage::Again).then(|| {
                    turn(
                        Next::Ends(None),
                        "the order was cancelled meanwhile; it is not run again",
                    )
                })
            })
            .await?;
        Ok(())
    }

    /// Runs the event again: it did not happen, and TeleCloud waits for it. The carrier sees the same id as the first time,
    /// so one that keeps such ids will not do it twice in any case.
    async fn run_again(
        &self,
        key: &JobKey,
        serving: &Serving<Prepared>,
        version: &ServingVersion<Prepared>,
    ) -> Result<(), JobError> {
        let Some((case, revision)) = self.jobs.read(key).await? else {
            return Ok(());
        };
        if case.job.stage != Stage::Again {
            // A person was quicker, or has to look first.
            return self.look_later(key).await;
        }
        let settings = &serving.settings;
        let log = self
            .runner
            .begin(serving, CallId(ulid::Ulid::generate()), Some(key.call));
        log.event(&case.job.service, &case.matter.event.document);
        let (event, action) = (Arc::clone(&case.matter.event), case.job.action);
        let (jobs, at, run) = (Arc::clone(&self.jobs), key.clone(), log.id());
        log.before_first(move || {
            let changes = jobs.rerunning(&at, &mut case.clone(), revision, run);
            changes.map_err(|error| error.to_string())
        });
        let ask = Handle { event, call: key.call };
        let time = Time::from_now(Duration::from_millis(
            settings.limits.deadline_ms + settings.handling.overtime_ms,
        ));
        let Ran { result, usage } = self
            .runner
            .run(Kind::FollowUp, settings, &version.prepared, &log, ask, time)
            .await;
        let result = result.map(|word| word.map_err(|failure| hidden(failure, &settings.secrets)));
        let Verdict {
            reply,
            outcome,
            detail,
            came,
        } = verdict(action, result, &log.exchanges());
        // What was refused with the first request is not to be tried with the end.
        log.along(Vec::new());
        self.end(&log, outcome, detail.as_deref(), &usage).await;
        let most = settings.handling.unknown_s;
        self.jobs
            .advance(key, By::Gateway, Some(log.id()), |case, now| {
                // A person may have decided otherwise before the first request left. Then none has left.
                let is_this_run = case.job.stage == Stage::Running && case.job.run == log.id();
                if case.job.stage != Stage::Again && !is_this_run {
                    return None;
                }
                let turn = case.ended(came.clone(), &reply, now);
                if case.job.stage == Stage::Again && case.age(now) >= most {
                    return Some(case.fall_out(Reason::NotRunAgain, now));
                }
                Some(turn)
            })
            .await?;
        Ok(())
    }
}

fn reason(standing: Stage) -> Reason {
    match standing {
        Stage::Pending => Reason::StillPending,
        Stage::Again => Reason::NotRunAgain,
        _ => Reason::StillUnknown,
    }
}
