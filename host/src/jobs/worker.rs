//! Does what is due: asks modules, tells TeleCloud, each on record and each once at a time for one job.
//!
//! While TeleCloud is told, nothing is held that a post of TeleCloud's from inside of that call could need.

mod ask;
mod callback;
mod tell;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use ulid::Ulid;

use super::answered::Answered;
use super::case::Case;
use super::due::Due;
use super::index::{JobKey, Taken, left};
use super::{JobError, Jobs};
use crate::domain::call::{CallId, Outcome, Usage};
use crate::domain::event::Document;
use crate::domain::job::{By, Reason};
use crate::domain::name::TenantName;
use crate::journal::CallLog;
use crate::registry::{Serving, Table};
use crate::runner::Runner;
use crate::sandbox::Prepared;

pub use self::callback::Received;

/// Jobs that are worked on at once. Each may take a slot of the sandbox, and events come first there.
const AT_ONCE: usize = 16;

/// Longest time between two looks at what is due.
const LOOK: Duration = Duration::from_secs(60);

/// How long a job waits that could not be read or written.
const TROUBLE: Duration = Duration::from_secs(30);

/// How often answers that are not given any more are cleared up.
const CLEAR: Duration = Duration::from_secs(60);

/// Works on jobs.
pub struct Worker {
    jobs: Arc<Jobs>,
    runner: Arc<Runner>,
    modules: Arc<Table<Prepared>>,
    slots: Arc<Semaphore>,
    at_work: TaskTracker,
}

impl Worker {
    /// Puts the parts together.
    #[must_use]
    pub fn new(jobs: Arc<Jobs>, runner: Arc<Runner>, modules: Arc<Table<Prepared>>) -> Arc<Self> {
        Arc::new(Self {
            jobs,
            runner,
            modules,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            at_work: TaskTracker::new(),
        })
    }

    /// Works until it is stopped, then waits for what is under way.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let clearing = tokio::spawn(Arc::clone(&self).clear(stop.clone()));
        loop {
            let permit = tokio::select! {
                permit = Arc::clone(&self.slots).acquire_owned() => permit,
                () = stop.cancelled() => break,
            };
            let Ok(permit) = permit else { break };
            // Some are left to others, see `fair::Places`: a TeleCloud or a carrier that hangs holds up its own tenant.
            let free = self.slots.available_permits() + 1;
            let next = self.jobs.index().next(Instant::now(), |tenant, at_work| {
                let own = usize::try_from(self.modules.quota(tenant).jobs_at_once).unwrap_or(usize::MAX);
                at_work < own.min(free)
            });
            let Taken { key, hurried } = match next {
                Ok(taken) => taken,
                Err(due) => {
                    drop(permit);
                    let look = Instant::now() + LOOK;
                    tokio::select! {
                        () = sleep_until(due.map_or(look, |due| due.min(look))) => {}
                        () = self.jobs.wake.notified() => {}
                        () = stop.cancelled() => break,
                    }
                    continue;
                }
            };
            let worker = Arc::clone(&self);
            let span = tracing::info_span!("job", tenant = %key.tenant, call = %key.call);
            let work = async move {
                // A panic must not keep the job from being looked at again.
                let pause = match AssertUnwindSafe(worker.work(&key, hurried)).catch_unwind().await {
                    Ok(Ok(())) => Duration::ZERO,
                    Ok(Err(error)) => {
                        tracing::error!(%error, "a job could not go on");
                        TROUBLE
                    }
                    Err(_) => {
                        tracing::error!("work on a job ended in a panic");
                        TROUBLE
                    }
                };
                worker.jobs.index().done(&key, pause);
                drop(permit);
                worker.jobs.wake.notify_one();
            };
            self.at_work.spawn(work.instrument(span));
        }
        self.at_work.close();
        self.at_work.wait().await;
        // It ends by itself: it was told to stop.
        let _ = clearing.await;
    }

    /// Does one thing for a job: tells its news, or else asks its module.
    async fn work(&self, key: &JobKey, hurried: bool) -> Result<(), JobError> {
        let Some(case) = self.jobs.case(key).await? else {
            self.jobs.index().remove(key);
            return Ok(());
        };
        let now = jiff::Timestamp::now();
        let Some(serving) = self.modules.serving(key.tenant.as_str(), case.job.module.as_str()) else {
            return self.no_module(key).await;
        };
        match Due::of(&case.job, hurried, now) {
            Due::News => self.tell(key, &serving, case).await,
            Due::Settling => self.settle(key, &case).await,
            Due::Question => self.ask(key, &serving, case).await,
            Due::Nothing => {
                self.jobs.index().put(key, &case.job);
                Ok(())
            }
        }
    }

    /// A job whose end could not be written, unless its module is still at it.
    async fn settle(&self, key: &JobKey, case: &Case) -> Result<(), JobError> {
        if self.jobs.claims.holds(case.job.identity) {
            self.jobs.watch(key, case);
            return Ok(());
        }
        if super::recovery::keep_late(&self.jobs, key).await? {
            return Ok(());
        }
        super::recovery::settle(&self.jobs, key, &case.job).await
    }

    async fn no_module(&self, key: &JobKey) -> Result<(), JobError> {
        self.jobs
            .advance(key, By::Gateway, None, |case, now| {
                let is_known = case.job.fallout.is_some();
                (!is_known).then(|| case.fall_out(Reason::NoModule, now))
            })
            .await?;
        self.look_later(key).await
    }

    /// Looks again much later at a job that a person has been told of already.
    async fn look_later(&self, key: &JobKey) -> Result<(), JobError> {
        self.look_after(key, Duration::from_secs(super::backoff::IN_FALLOUT_S))
            .await
    }

    /// Looks at a job again after this time, whenever its question is due. News that are to be tried again have a time of
    /// their own.
    async fn look_after(&self, key: &JobKey, wait: Duration) -> Result<(), JobError> {
        if let Some(Case { job, .. }) = self.jobs.case(key).await? {
            let now = jiff::Timestamp::now();
            let news = job.unsent.as_ref().map(|unsent| left(&job, unsent.due, now));
            let news = news.filter(|left| !left.is_zero());
            let wait = news.map_or(wait, |news| news.min(wait));
            self.jobs.index().put_off(key, &job, wait);
        }
        Ok(())
    }

    /// Begins the record of what is done for a job.
    fn begin(&self, serving: &Serving<Prepared>, case: &Case, service: &str) -> CallLog {
        let log = self
            .runner
            .begin(serving, CallId(Ulid::generate()), Some(case.job.call));
        log.event(service, &subject(case));
        log
    }

    /// Ends the record. What was learned is kept with the job, so a record that cannot be written loses the story only.
    async fn end(&self, log: &CallLog, outcome: Outcome, detail: Option<&str>, usage: &Usage) {
        if let Err(error) = log.finish(None, outcome, detail, usage).await {
            tracing::error!(%error, "what was done for a job could not be recorded");
        }
    }

    async fn clear(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(CLEAR) => {}
                () = stop.cancelled() => return,
            }
            for tenant in self.modules.tenants() {
                if let Err(error) = self.clear_up(&tenant).await {
                    tracing::error!(%tenant, %error, "answers that are not given any more could not be removed");
                }
            }
        }
    }

    async fn clear_up(&self, tenant: &TenantName) -> Result<(), JobError> {
        let documents = &*self.jobs.stores.documents;
        let removed = Answered::clear(documents, tenant, jiff::Timestamp::now()).await?;
        if removed > 0 {
            tracing::debug!(%tenant, removed, "removed answers that are not given any more");
        }
        Ok(())
    }
}

/// What a record is found by.
fn subject(case: &Case) -> Document {
    let mut fields = serde_json::json!({
        "Customer": { "account_number": case.job.account_number },
        "order_number": case.job.order_number,
    });
    // Secrets among the VARs are masked in the whole record by this: carriers like to quote them.
    let mut vars = case.matter.event.vars.clone();
    vars.merge(case.matter.known.clone());
    for (index, value) in vars.iter() {
        fields[format!("VAR{index}")] = value.into();
    }
    Document::new(fields)
}
