//! What a carrier says by itself, on a module's callback URL.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use ulid::Ulid;

use super::Worker;
use crate::domain::call::{CallId, Exchange, Outcome, Usage};
use crate::domain::event::Document;
use crate::domain::job::{By, Stage};
use crate::domain::module::ModuleStatus;
use crate::domain::name::SecretName;
use crate::domain::progress::{Callback, Notice, Progress};
use crate::domain::secret::Secret;
use crate::fair::{Busy, Kind};
use crate::registry::Serving;
use crate::runner::{self, Time};
use crate::sandbox::{Export, Fault, Prepared, Ran, Receive};

use super::super::index::{JobKey, Noted};

/// What became of a callback, for the carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Taken.
    Taken,
    /// The module says that it is not one of its carrier's.
    Bad,
    /// It cannot be taken at the moment: the carrier should call again.
    Later,
    /// The module takes no callbacks.
    NotHere,
}

impl Worker {
    /// Hands a request to the module if it may run, and takes over what it says of pending orders. All of it is durable
    /// before this returns. `on_record` says whether one for which no module ran is put on record.
    pub async fn callback(
        &self,
        serving: &Serving<Prepared>,
        callback: Callback,
        may_run: Result<(), Busy>,
        on_record: impl FnOnce() -> bool,
    ) -> Received {
        let settings = &serving.settings;
        let active = settings.status == ModuleStatus::Active;
        let Some(version) = serving.version.as_ref().ok().filter(|_| active) else {
            return Received::Later;
        };
        if !version.prepared.exports(Export::Completion) {
            return Received::NotHere;
        }
        let log = self.runner.begin(serving, CallId(Ulid::generate()), None);
        log.event("completion.receive", &shown(&callback));
        let time = Time::from_now(Duration::from_millis(settings.limits.deadline_ms));
        let ask = Receive { callback };
        let Ran { result, usage } = match may_run {
            Ok(()) => {
                let prepared = &version.prepared;
                self.runner.run(Kind::Event, settings, prepared, &log, ask, time).await
            }
            Err(busy) => Ran {
                result: Err(busy.into()),
                usage: Usage::default(),
            },
        };
        if let Err(Fault::Busy(_)) = result {
            if !on_record() {
                return Received::Later;
            }
            if settings.written.is_used_up() {
                log.without_request();
            }
        }
        let (received, outcome, detail) = match result {
            // What the module could not make sure of, it cannot know.
            Ok(Ok(_)) if is_unheard(&log.exchanges()) => (
                Received::Later,
                Outcome::Unreachable,
                Some("the carrier did not answer the module's own request".to_owned()),
            ),
            Ok(Ok(notices)) => self.take(serving, log.id(), notices).await,
            Ok(Err(why)) => (Received::Bad, Outcome::Rejected, Some(why)),
            Err(Fault::Busy(busy)) => (Received::Later, Outcome::Refused, Some(busy.to_string())),
            Err(fault) => (Received::Later, Outcome::Faulted, Some(format!("the module {fault}"))),
        };
        self.end(&log, outcome, detail.as_deref(), &usage).await;
        received
    }

    /// Takes over each notice. One that is about no pending order may be early: the carrier can be quicker than the answer to
    /// its own request is recorded.
    async fn take(
        &self,
        serving: &Serving<Prepared>,
        run: CallId,
        notices: Vec<Notice>,
    ) -> (Received, Outcome, Option<String>) {
        let settings = &serving.settings;
        let (mut taken, mut ended, mut unknown, mut several) = (0, 0, 0, 0);
        let all = notices.len();
        for (number, Notice { state, progress }) in notices.into_iter().enumerate() {
            // One at least, so that a carrier that goes on calling is heard in the end.
            if taken > 0 && settings.written.is_used_up() {
                let detail = format!(
                    "{taken} notices taken, and {} of {all} not: {}",
                    all - number,
                    Busy::Record
                );
                return (Received::Later, Outcome::Refused, Some(detail));
            }
            let note = self.jobs.note(&settings.path.tenant, &settings.path.module, &state);
            let noted = self.jobs.index().of_note(&settings.path.tenant, note);
            let key = match noted {
                Noted::Pending(key) => key,
                Noted::Several => {
                    several += 1;
                    continue;
                }
                Noted::Ended => {
                    ended += 1;
                    continue;
                }
                Noted::Unknown => {
                    unknown += 1;
                    continue;
                }
            };
            let progress = without_secrets(progress, &settings.secrets);
            if let Err(error) = self.notice(&key, serving, run, &progress).await {
                tracing::error!(%error, "what a carrier's callback said could not be kept");
                return (Received::Later, Outcome::Unknown, Some(error.to_string()));
            }
            taken += 1;
        }
        if unknown + several > 0 {
            let detail = format!(
                "{taken} notices taken; {unknown} are about no order that is pending here, and {several} about more than \
                 one: a module's note has to be another one for each order"
            );
            return (Received::Later, Outcome::Unreachable, Some(detail));
        }
        let detail = format!("{taken} notices taken; {ended} are about orders that are pending no more");
        (Received::Taken, Outcome::Done, Some(detail))
    }

    async fn notice(
        &self,
        key: &JobKey,
        serving: &Serving<Prepared>,
        run: CallId,
        progress: &Progress,
    ) -> Result<(), super::JobError> {
        let handling = &serving.settings.handling;
        self.jobs
            .advance(key, By::Carrier, Some(run), |case, now| {
                (case.job.standing() == Stage::Pending).then(|| case.progress(Ok(progress.clone()), handling, now))
            })
            .await?;
        Ok(())
    }
}

/// Whether the module asked the carrier something and the last of it was not answered.
fn is_unheard(exchanges: &[Exchange]) -> bool {
    exchanges.last().is_some_and(|exchange| !exchange.is_answered())
}

/// A rejection goes to TeleCloud word for word.
pub(super) fn without_secrets(progress: Progress, secrets: &BTreeMap<SecretName, Secret>) -> Progress {
    match progress {
        Progress::Rejected { text, vars } => Progress::Rejected {
            text: runner::without_secrets(text, secrets),
            vars,
        },
        progress => progress,
    }
}

/// As it is recorded, masked like an order.
fn shown(callback: &Callback) -> Document {
    let body = String::from_utf8_lossy(&callback.body);
    let body = serde_json::from_str(&body).unwrap_or_else(|_| json!(body));
    Document::new(json!({
        "method": callback.method,
        "path": callback.path_with_query,
        "body": body,
    }))
}
