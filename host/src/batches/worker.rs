//! Begins runs when they are due, and carries them to their end.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::due::{Decision, Last, decide};
use super::far::Trouble;
use super::store::{Record, Store};
use super::{BatchError, Batches, Stop, Why};
use crate::domain::batch::{BatchKind, RunId, RunStatus, Trigger};
use crate::domain::name::ModulePath;
use crate::domain::schedule::Schedule;
use crate::fair::{Bounds, Kind, Line};
use crate::storage::StorageError;

/// Longest time between two looks at what is due. Schedules are about minutes.
const LOOK: Duration = Duration::from_secs(20);

/// Seconds to wait after the first, second, … time that a run could not go on. The last one counts for all that follow.
const BACKOFF_S: [u32; 6] = [10, 30, 60, 300, 900, 1_800];

/// Times in a row that a run may not go on before it is given up: some five hours.
const TRIES_MAX: u32 = 14;

/// Works on scheduled work.
pub struct Worker {
    batches: Arc<Batches>,
    at_work: TaskTracker,
    /// Whose runs are being worked on.
    busy: Mutex<HashSet<(ModulePath, BatchKind)>>,
}

impl Worker {
    /// Works on these.
    #[must_use]
    pub fn new(batches: Arc<Batches>) -> Arc<Self> {
        Arc::new(Self {
            batches,
            at_work: TaskTracker::new(),
            busy: Mutex::default(),
        })
    }

    /// Works until it is stopped, then waits for the pages that are under way. Runs go on at the next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            self.look(&stop).await;
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.batches.wake.notified() => {}
                () = stop.cancelled() => break,
            }
        }
        self.at_work.close();
        self.at_work.wait().await;
    }

    /// Begins what is due, and goes on with what was begun.
    async fn look(self: &Arc<Self>, stop: &CancellationToken) {
        for (path, settings) in self.batches.registry.scheduled() {
            for kind in BatchKind::ALL {
                let Some(schedule) = settings.schedules.get(kind) else {
                    continue;
                };
                if let Err(error) = self.batches.begin_if_due(&path, kind, schedule, Timestamp::now()).await {
                    tracing::error!(module = %path, %kind, %error, "a run could not begin");
                }
            }
        }
        let under_way: Vec<_> = self
            .batches
            .under_way()
            .iter()
            .map(|(whose, id)| (whose.clone(), *id))
            .collect();
        for (whose, id) in under_way {
            if stop.is_cancelled() || !self.busy().insert(whose.clone()) {
                continue;
            }
            let span = tracing::info_span!("batch", module = %whose.0, kind = %whose.1, run = %id);
            let (worker, stop) = (Arc::clone(self), stop.clone());
            let work = async move {
                let (path, kind) = &whose;
                // A panic must not keep the run from being looked at again.
                match AssertUnwindSafe(worker.batches.carry_on(path, *kind, id, &stop))
                    .catch_unwind()
                    .await
                {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::error!(%error, "a run could not go on; it is tried again"),
                    Err(_) => tracing::error!("work on a run ended in a panic; it is tried again"),
                }
                worker.busy().remove(&whose);
            };
            self.at_work.spawn(work.instrument(span));
        }
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<(ModulePath, BatchKind)>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batches {
    /// Begins a run if the schedule says so. While another one is under way the times that go by are missed, and counted.
    pub(super) async fn begin_if_due(
        &self,
        path: &ModulePath,
        kind: BatchKind,
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<(), BatchError> {
        if self.under_way().contains_key(&(path.clone(), kind)) {
            return Ok(());
        }
        // It may have been removed since somebody looked.
        let _present = self.registry.enter(&path.tenant)?;
        let last = self.store.last(path, kind).await?;
        match decide(schedule, last.as_ref(), &format!("{path}/{kind}"), now) {
            Decision::Wait(_) => Ok(()),
            Decision::Count => {
                let last = self.store.put_last(path, kind, &Last::of(schedule, now))?;
                Ok(self.store.write(vec![last]).await?)
            }
            Decision::Start { time, missed } => {
                if missed > 0 {
                    tracing::warn!(module = %path, %kind, missed, "scheduled runs were missed");
                }
                let trigger = Trigger::Schedule { time, missed };
                let last = Last::of(schedule, time);
                match self.begin(path, kind, false, trigger, Why::Due(&last)).await {
                    // Begun by hand a moment ago.
                    Ok(_) | Err(BatchError::UnderWay(_)) => Ok(()),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Does page after page, until the run ends, has to wait, or the gateway stops.
    pub(super) async fn carry_on(
        &self,
        path: &ModulePath,
        kind: BatchKind,
        id: RunId,
        stop: &CancellationToken,
    ) -> Result<(), StorageError> {
        let Ok(_present) = self.registry.enter(&path.tenant) else {
            // All of the run is removed with its tenant.
            self.under_way().remove(&(path.clone(), kind));
            return Ok(());
        };
        let Some(mut record) = self.store.record(path, id).await? else {
            return self.end(path, kind, None).await;
        };
        let mut tries = match record.run.status {
            RunStatus::Waiting { due, .. } if due > Timestamp::now() => return Ok(()),
            RunStatus::Waiting { attempts, .. } => attempts,
            RunStatus::Running => 0,
            // Its end was written, and the rest of it was not.
            RunStatus::Done | RunStatus::GivenUp { .. } => return self.end(path, kind, None).await,
        };
        let line = Line {
            tenant: path.tenant.clone(),
            kind: Kind::Event,
        };
        loop {
            // Page by page: a run can have as many as it likes, and others have some too. As many as there are may wait.
            let _place = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                place = self.pages.take(&line, Bounds::NONE, None) => place,
            };
            let Ok(settings) = self.registry.batches(path) else {
                record.run.status = RunStatus::GivenUp {
                    why: "the module was removed".to_owned(),
                };
                return self.end(path, kind, Some(&mut record)).await;
            };
            record.run.status = RunStatus::Running;
            record.run.written = Timestamp::now();
            // What a page that fails has changed in memory is of no account.
            let mut next = record.clone();
            let page = match kind {
                BatchKind::Usage => self.usage_page(path, &settings, &mut next, tries).await,
                BatchKind::Audit => self.audit_page(path, &settings, &mut next).await,
            };
            match page {
                Ok(()) => {
                    record = next;
                    tries = 0;
                }
                Err(Stop::Storage(error)) => return Err(error),
                Err(Stop::Trouble(trouble)) => {
                    tries += 1;
                    record.run.status = waiting(trouble, tries);
                }
            }
            match record.run.status {
                RunStatus::Running => {}
                RunStatus::Waiting { .. } => {
                    return self.store.write(vec![self.store.put_record(path, &record)?]).await;
                }
                RunStatus::Done | RunStatus::GivenUp { .. } => {
                    return self.end(path, kind, Some(&mut record)).await;
                }
            }
        }
    }

    /// Ends a run, so that the next one can begin.
    async fn end(&self, path: &ModulePath, kind: BatchKind, record: Option<&mut Record>) -> Result<(), StorageError> {
        let mut changes = vec![Store::release(path, kind)];
        if let Some(record) = record {
            record.run.written = Timestamp::now();
            if let RunStatus::GivenUp { why } = &record.run.status {
                tracing::error!(why, "a run was given up");
            }
            changes.push(self.store.put_record(path, record)?);
        }
        self.store.write(changes).await?;
        self.under_way().remove(&(path.clone(), kind));
        Ok(())
    }
}

/// What trouble makes of a run that met it for so many times in a row.
fn waiting(trouble: Trouble, tries: u32) -> RunStatus {
    match trouble {
        Trouble::Passing(why) if tries < TRIES_MAX => {
            let step = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
            let seconds = BACKOFF_S.get(step).or(BACKOFF_S.last()).copied().unwrap_or_default();
            let pause = SignedDuration::from_secs(i64::from(seconds));
            RunStatus::Waiting {
                why,
                attempts: tries,
                due: Timestamp::now().saturating_add(pause).unwrap_or(Timestamp::MAX),
            }
        }
        Trouble::Passing(why) | Trouble::Final(why) => RunStatus::GivenUp { why },
    }
}
