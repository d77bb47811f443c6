//! One event, from the moment it may run to its answer: the same event has one effect, and TeleCloud never waits for long.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::on_record::Sender;
use super::{Gateway, RECORD};
use crate::domain::answer::Reply;
use crate::domain::call::{CallId, Exchange, Outcome};
use crate::domain::event::{ActionKind, Event};
use crate::domain::limits::LimitName;
use crate::fair::{Busy, Kind, Rate};
use crate::jobs::verdict::{NOT_CLAIMED, NOT_RECORDED, STOPPED, Verdict, open_reply, verdict};
use crate::jobs::{Claim, Ending, JobError, Posted, Running};
use crate::journal::CallLog;
use crate::registry::{Serving, Settings};
use crate::runner::{Time, hidden};
use crate::sandbox::{Fault, Handle, Over, Prepared, Ran};

/// An event that may run.
pub(super) struct Admitted {
    pub(super) serving: Arc<Serving<Prepared>>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) event: Arc<Event>,
    pub(super) log: CallLog,
    /// When TeleCloud is answered, whatever has become of the event.
    pub(super) deadline: Instant,
}

impl Gateway {
    /// Answers an event: runs it, or waits for the call that runs it, or answers from what is kept.
    pub(super) async fn event(self: &Arc<Self>, admitted: Admitted) -> Reply {
        let settings = &admitted.serving.settings;
        let (event, log) = (&admitted.event, &admitted.log);
        if let Err(error) = self.jobs.link(&settings.path, event).await {
            // The event itself does not need it, and the next one tries again.
            tracing::error!(%error, "a pending order could not be linked");
        }
        loop {
            let posted = Posted {
                path: &settings.path,
                handling: &settings.handling,
                call: log.id(),
                event,
            };
            let claim = match self.jobs.claim(posted).await {
                Ok(claim) => claim,
                Err(error) => return self.not_claimed(settings, log, &error).await,
            };
            match claim {
                // Only now: of an event that has run, or is running, nobody may be told that nothing was changed.
                Claim::Run(running) => match self.may_run(settings) {
                    Ok(()) => return self.run(admitted, running).await,
                    Err(busy) => return self.too_much(settings, log, event, &running, busy).await,
                },
                Claim::Again(call, reply) => return self.repeated(settings, log, call, reply).await,
                Claim::Join(call, ended) => match joined(event, admitted.deadline, ended).await {
                    Ok(Some(reply)) => return self.repeated(settings, log, call, reply).await,
                    // Its call ended without a claim on the event.
                    Ok(None) => {}
                    Err(_) => {
                        return self
                            .repeated(settings, log, call, open_reply(event.action.kind()))
                            .await;
                    }
                },
                Claim::Open(key) => {
                    let again = self.jobs.posted_again(&key, &settings.path, event, admitted.deadline);
                    match again.await {
                        Ok(Some(reply)) => return self.repeated(settings, log, key.call, reply).await,
                        Ok(None) => {}
                        Err(error) => return self.not_claimed(settings, log, &error).await,
                    }
                }
            }
        }
    }

    /// Runs the event. It goes on when the sender hangs up, and past the deadline if something may be happening at a carrier.
    async fn run(self: &Arc<Self>, admitted: Admitted, running: Arc<Running>) -> Reply {
        let Admitted {
            serving,
            prepared,
            event,
            log,
            deadline,
        } = admitted;
        running.open_with(&log).await;
        let (stop, action) = (CancellationToken::new(), event.action.kind());
        let handling = &serving.settings.handling;
        let overtime = Duration::from_millis(handling.overtime_ms);
        let time = Time {
            deadline: deadline + overtime,
            given: Duration::from_millis(serving.settings.limits.deadline_ms) + overtime,
            stop: stop.clone(),
        };
        let run = {
            let (gateway, running, log) = (Arc::clone(self), Arc::clone(&running), log.clone());
            async move {
                gateway
                    .to_its_end(&serving, &prepared, event, &log, &running, time)
                    .await
            }
        };
        let mut run = self.calls.spawn(run.in_current_span());
        let at_deadline = tokio::select! {
            joined = &mut run => Some(joined),
            () = sleep_until(deadline) => None,
        };
        if let Some(joined) = at_deadline {
            return answered(joined);
        }
        let mut told = None;
        if log.exchanges().iter().any(Exchange::may_have_changed) {
            let reply = open_reply(action);
            match running.overdue(&log, &reply).await {
                Ok(true) => told = Some(reply),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "the answer at a deadline could not be recorded");
                    stop.cancel();
                }
            }
        } else {
            // Nothing is happening anywhere, so the event ends here, and nothing was changed.
            stop.cancel();
        }
        match told {
            Some(reply) => reply,
            None => answered(run.await),
        }
    }

    async fn to_its_end(
        &self,
        serving: &Serving<Prepared>,
        prepared: &Arc<Prepared>,
        event: Arc<Event>,
        log: &CallLog,
        running: &Running,
        time: Time,
    ) -> Reply {
        let settings = &serving.settings;
        let action = event.action.kind();
        let ask = Handle { event, call: log.id() };
        let Ran { result, mut usage } = self.runner.run(Kind::Event, settings, prepared, log, ask, time).await;
        let result = match result {
            Ok(word) => Ok(word.map_err(|failure| hidden(failure, &settings.secrets))),
            // It is stopped at its deadline only, and whoever reads this wants to know which one that was.
            Err(Fault::Deadline(Over::Stopped)) => {
                usage.hit.insert(LimitName::DeadlineMs);
                let deadline = u128::from(settings.limits.deadline_ms);
                Err(Fault::Deadline(Over::Deadline(deadline)))
            }
            Err(fault) => Err(fault),
        };
        let is_busy = matches!(result, Err(Fault::Busy(_)));
        let Verdict {
            reply,
            outcome,
            detail,
            came,
        } = verdict(action, result, &log.exchanges());
        if is_busy && !self.on_record.takes(&settings.path.tenant, Sender::Known) {
            running.refused(&reply).await;
            return reply;
        }
        super::tell(outcome);
        let ending = Ending {
            came,
            reply: &reply,
            outcome,
            detail: detail.as_deref(),
            usage: &usage,
        };
        let trouble = match timeout(RECORD, running.end(log, ending)).await {
            Ok(Ok(())) => return reply,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not within {} s", RECORD.as_secs()),
        };
        tracing::error!(error = trouble, "the end of a call could not be recorded");
        if log.exchanges().iter().any(Exchange::got_out) {
            // What the carrier has done cannot be taken back, so the truth is told all the same.
            reply
        } else {
            Reply::failure(NOT_RECORDED)
        }
    }

    /// Whether one more may run for this tenant now. It then counts as having run.
    pub(super) fn may_run(&self, settings: &Settings) -> Result<(), Busy> {
        let quota = &settings.quota;
        if settings.written.is_used_up() {
            return Err(Busy::Record);
        }
        let rate = Rate::per_second(quota.calls_per_second, quota.burst);
        match self.rates.take(&settings.path.tenant, rate) {
            true => Ok(()),
            false => Err(Busy::Rate),
        }
    }

    /// The event does not get to run: the tenant has had too much.
    async fn too_much(
        &self,
        settings: &Settings,
        log: &CallLog,
        event: &Event,
        running: &Running,
        busy: Busy,
    ) -> Reply {
        let busy = verdict(event.action.kind(), Err(busy.into()), &[]);
        let reply = self.finish(settings, log, Sender::Known, busy).await;
        running.refused(&reply).await;
        reply
    }

    /// The same event as another call, answered as that one was: also if that cannot be put on record, because the event has
    /// run, and nobody may be told that nothing was changed.
    async fn repeated(&self, settings: &Settings, log: &CallLog, of: CallId, reply: Reply) -> Reply {
        let verdict = Verdict {
            outcome: Outcome::Repeated,
            detail: Some(format!("the same event as call {of}, and answered as that one")),
            ..Verdict::answered(reply)
        };
        self.keep(settings, log, Sender::Known, &verdict).await;
        verdict.reply
    }

    /// Nobody knows whether the event was answered already, so it does not run.
    async fn not_claimed(&self, settings: &Settings, log: &CallLog, error: &JobError) -> Reply {
        tracing::error!(%error, "an event could not be claimed");
        let verdict = Verdict::refused(NOT_CLAIMED, format!("the event could not be claimed: {error}"));
        self.keep(settings, log, Sender::Known, &verdict).await;
        verdict.reply
    }
}

/// The reply of the call that runs the same event, waited for until the deadline. That call is answered by its own deadline,
/// which is no later. Only it knows then whether an order is pending, and keeps that with its job, so there is no other answer
/// to an Order/Create than the one that it gives.
async fn joined(
    event: &Event,
    deadline: Instant,
    ended: watch::Receiver<Option<Reply>>,
) -> Result<Option<Reply>, Elapsed> {
    match event.action.kind() {
        ActionKind::Create => Ok(reply(ended).await),
        _ => timeout_at(deadline, reply(ended)).await,
    }
}

/// What a call came to. One that panicked has let go of its event, and its job, if it left one, is settled later.
fn answered(joined: Result<Reply, JoinError>) -> Reply {
    joined.unwrap_or_else(|error| {
        tracing::error!(%error, "a call ended in a panic");
        Reply::failure(STOPPED)
    })
}

/// The reply of the call that is waited for, if it comes to one.
async fn reply(mut ended: watch::Receiver<Option<Reply>>) -> Option<Reply> {
    let reply = ended.wait_for(Option::is_some).await.ok()?;
    reply.clone()
}
