//! Same event, one effect; and whatever outlives a call, seen through to its end.
//!
//! [`Jobs::claim`] lets one of equal events run and the others wait for it, or answers from what is kept. A [`Running`]
//! event has a [job](crate::domain::job) that is durable before its first request leaves. What a job does next is decided in
//! `course` and `news`, which are pure; `worker` asks modules and TeleCloud; a person steps in through `fallout`.

mod again;
mod answered;
mod backoff;
mod case;
mod change;
mod claim;
mod course;
mod document;
mod due;
mod fallout;
mod identity;
mod index;
mod news;
mod order;
mod recovery;
pub mod verdict;
mod view;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::Notify;

pub use self::case::{Case, Matter};
pub use self::change::Change as OrderChange;
pub use self::claim::{Claim, Ending, Posted, Running};
pub use self::course::Came;
pub use self::fallout::{Action, Refused};
pub use self::index::JobKey;
pub use self::view::{JobView, Page};
pub use self::worker::{Received, Worker};

use self::answered::Answered;
use self::claim::Claims;
use self::course::{Next, Turn};
use self::index::Index;
use crate::domain::call::CallId;
use crate::domain::event::Event;
use crate::domain::job::{After, By, Identity};
use crate::domain::name::{ModuleName, ModulePath, TenantName};
use crate::domain::trail::{Deed, Signature};
use crate::journal::{JournalError, Step};
use crate::orders::Orders;
use crate::storage::{Change, Durability, Expect, Revision, StorageError, Stores};
use crate::trail::{Book, Trail};
use crate::vault::Vault;

/// Jobs that are read in one go at start.
const PAGE: usize = 500;

/// For how long the answer of a job that ended is kept, whose call's own window has long passed.
const REPEATED: Duration = Duration::from_secs(120);

/// Why a job could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It could not be written as text.
    #[error("a job could not be written down: {0}")]
    Unwritable(String),
}

impl From<JournalError> for JobError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Storage(error) => Self::Storage(error),
            JournalError::Unwritable(_) | JournalError::Ended => Self::Unwritable(error.to_string()),
        }
    }
}

/// The open jobs of all tenants, and who runs which event.
pub struct Jobs {
    stores: Stores,
    vault: Arc<Vault>,
    orders: Orders,
    index: Mutex<Index>,
    /// How runs ended of which the end could not be written.
    unkept: Mutex<HashMap<JobKey, (Case, Next)>>,
    claims: Claims,
    /// Something became due sooner than the worker knows.
    wake: Notify,
}

impl Jobs {
    /// Reads the open jobs of these tenants. Those whose module was at work when the gateway stopped are settled first.
    ///
    /// # Errors
    /// When the store refuses or a job is damaged.
    pub async fn open(
        stores: Stores,
        vault: Arc<Vault>,
        orders: Orders,
        tenants: &[TenantName],
    ) -> Result<Arc<Self>, JobError> {
        let jobs = Arc::new(Self {
            stores,
            vault,
            orders,
            index: Mutex::default(),
            unkept: Mutex::default(),
            claims: Claims::default(),
            wake: Notify::new(),
        });
        for tenant in tenants {
            jobs.load(tenant).await?;
        }
        Ok(jobs)
    }

    async fn load(self: &Arc<Self>, tenant: &TenantName) -> Result<(), JobError> {
        let folder = case::folder(tenant);
        let mut after: Option<String> = None;
        loop {
            let page = self.stores.documents.page(&folder, after.as_deref(), PAGE).await?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            for (key, stored) in &page {
                match self.take_up(tenant, key, &stored.value).await {
                    // The others' orders are not to wait for it.
                    Err(JobError::Storage(error @ StorageError::Damaged { .. })) => {
                        tracing::error!(%error, "a job is damaged, and is left where it is");
                    }
                    taken => taken?,
                }
            }
        }
    }

    async fn take_up(&self, tenant: &TenantName, name: &str, value: &[u8]) -> Result<(), JobError> {
        let job = case::job(name, value)?;
        let key = JobKey {
            tenant: tenant.clone(),
            call: job.call,
        };
        self.index().put(&key, &job);
        recovery::settle(self, &key, &job).await
    }

    fn unkept(&self) -> MutexGuard<'_, HashMap<JobKey, (Case, Next)>> {
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The identity of an event that was posted to this module.
    fn identity(&self, path: &ModulePath, event: &Event) -> Identity {
        identity::identity(&self.vault, path, event)
    }

    /// How many jobs are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index().len()
    }

    /// Whether no job is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A job, whole; `None` when it is over.
    ///
    /// # Errors
    /// When the store refuses or the job is damaged.
    pub async fn case(&self, key: &JobKey) -> Result<Option<Case>, JobError> {
        Ok(self.read(key).await?.map(|(case, _)| case))
    }

    async fn read(&self, key: &JobKey) -> Result<Option<(Case, Revision)>, JobError> {
        let name = case::key(&key.tenant, key.call);
        let Some(stored) = self.stores.documents.get(&name).await? else {
            return Ok(None);
        };
        let case = Case::decode(&self.vault, &name, &stored.value)?;
        Ok(Some((case, stored.revision)))
    }

    /// Changes a job by what was learned. `turn` sees it as it is, again if somebody else was quicker, and says `None` when
    /// there is nothing to change. Durable before it returns; `None` when the job is over or was not changed.
    async fn advance(
        &self,
        key: &JobKey,
        by: By,
        run: Option<CallId>,
        turn: impl FnMut(&mut Case, Timestamp) -> Option<Turn> + Send,
    ) -> Result<Option<(Case, Turn)>, JobError> {
        self.advance_on_trail(key, by, run, None, turn).await
    }

    /// The same, with an entry in the tenant's trail, if it is somebody's decision.
    async fn advance_on_trail(
        &self,
        key: &JobKey,
        by: By,
        run: Option<CallId>,
        decided: Option<(&Trail, &Signature, Deed)>,
        mut turn: impl FnMut(&mut Case, Timestamp) -> Option<Turn> + Send,
    ) -> Result<Option<(Case, Turn)>, JobError> {
        loop {
            let Some((mut case, revision)) = self.read(key).await? else {
                self.index().remove(key);
                return Ok(None);
            };
            let (before, now) = (case.clone(), Timestamp::now());
            let Some(turned) = turn(&mut case, now) else {
                return Ok(None);
            };
            let after = After {
                at: now,
                by: by.clone(),
                what: turned.what.clone(),
                run,
                outcome: case.job.outcome,
            };
            let step = Step {
                number: case.job.steps,
                after: &after,
                micros: case.job.micros,
                requests: case.job.requests,
            };
            case.job.steps += 1;
            let mut changes = self.changes(key, &mut case, &turned.next, Expect::Unchanged(revision), now, None)?;
            let took = turned.took.as_ref();
            let mut order = self.observe_turn(key, &before, &case, took, now).await;
            changes.extend(order.iter_mut().flat_map(|order| std::mem::take(&mut order.changes)));
            let mut entry = None;
            if let Some((trail, by, deed)) = &decided {
                let book = Book::Tenant(key.tenant.clone());
                let pending = trail.begin(&book, by, deed.clone()).await?;
                changes.append(&mut entry.insert(pending).changes);
            }
            let records = vec![step.record(key.call)];
            match self
                .stores
                .log
                .append(&key.tenant, records, changes, Durability::Synced)
                .await
            {
                Ok(_) => {
                    self.settle(key, &case, &turned.next);
                    return Ok(Some((case, turned)));
                }
                Err(StorageError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The event of a job is about to run again, in this call. The change is to be written with the record of the first
    /// request, before that leaves: should the gateway stop then, the job stands as running and not as safe to run. Should
    /// somebody have changed the job since it was read, such as a person who closed it, the request does not leave.
    fn rerunning(
        &self,
        key: &JobKey,
        case: &mut Case,
        revision: Revision,
        run: CallId,
    ) -> Result<Vec<Change>, JobError> {
        case.rerun(run);
        self.changes(
            key,
            case,
            &Next::GoesOn,
            Expect::Unchanged(revision),
            Timestamp::now(),
            None,
        )
    }

    /// What has to be written for a job to stand where it stands now, or to be over. `window` is for how long its answer is
    /// kept then; [`REPEATED`] unless stated.
    fn changes(
        &self,
        key: &JobKey,
        case: &mut Case,
        next: &Next,
        expect: Expect,
        now: Timestamp,
        window: Option<Duration>,
    ) -> Result<Vec<Change>, JobError> {
        case.job.written = now;
        case.job.note = index::note(case).map(|(module, state)| self.note(&key.tenant, module, state));
        let name = case::key(&key.tenant, key.call);
        match next {
            Next::GoesOn => Ok(vec![Change::Put {
                key: name,
                value: case.encode(&key.tenant, &self.vault)?,
                expect,
            }]),
            Next::Ends(reply) => {
                let mut changes = vec![Change::Delete { key: name, expect }];
                let window = window.unwrap_or(REPEATED);
                if let Some(reply) = reply
                    && !window.is_zero()
                {
                    let answered = Answered {
                        call: key.call,
                        given: now,
                        until: course::later(now, window.as_secs()),
                        reply: reply.clone(),
                    };
                    changes.push(answered.put(&key.tenant, &self.vault, case.job.identity)?);
                }
                Ok(changes)
            }
        }
    }

    /// Takes over what was written.
    fn settle(&self, key: &JobKey, case: &Case, next: &Next) {
        match next {
            Next::GoesOn => self.index().put(key, &case.job),
            Next::Ends(_) => self.index().remove(key),
        }
        self.wake.notify_one();
    }

    /// The keyed hash of a module's note.
    fn note(&self, tenant: &TenantName, module: &ModuleName, state: &str) -> Identity {
        let text: Bytes = format!("{tenant}/{module}/{state}").into();
        Identity(self.vault.hash_for("note of a pending order", &text))
    }

    /// Forgets a tenant's jobs. What is kept of them goes with the tenant.
    pub fn forget(&self, tenant: &TenantName) {
        self.index().forget(tenant);
    }

    /// A panic elsewhere leaves the index whole.
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spreads a waiting time, so that what failed together is not tried together.
fn spread(wait: Duration) -> Duration {
    let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let random = ulid::Ulid::generate().random();
    Duration::from_millis(backoff::jittered(
        milliseconds,
        u64::try_from(random >> 16).unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests;
