//! All open jobs in memory: by event, by the module's note, by account while they are not linked, and by when they are due.
//!
//! Times to wait are kept by a clock that nobody sets. A wall clock that jumps while a job waits makes it neither due
//! sooner nor later.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::case::Case;
use crate::domain::call::CallId;
use crate::domain::job::{Identity, Job, Stage};
use crate::domain::name::{ModuleName, TenantName};

/// Which job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKey {
    /// Whose.
    pub tenant: TenantName,
    /// Which call it follows.
    pub call: CallId,
}

/// What a job is found by.
#[derive(Debug)]
struct Entry {
    identity: Identity,
    note: Option<Identity>,
    /// Its account, while its order's number is not known.
    unlinked: Option<String>,
    due: Option<Instant>,
    /// It is to be looked at although its own time has not come.
    hurried: bool,
    /// How many changes of the job are known here.
    steps: u32,
    /// Somebody is at it: it is not due however late it is.
    busy: bool,
    changed: Arc<Notify>,
}

/// What a note is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Noted {
    /// An order that is pending.
    Pending(JobKey),
    /// More than one: nobody can tell which is meant.
    Several,
    /// An order that is pending no more.
    Ended,
    /// Nothing that is known here.
    Unknown,
}

/// How long the notes of orders that are pending no more are remembered. Carriers repeat their callbacks for some hours.
const ENDED_NOTES: Duration = Duration::from_secs(24 * 3_600);

/// Most of them of one tenant, about 1 MiB: past that, the oldest are forgotten.
const ENDED_NOTES_MAX: usize = 10_000;

/// Notes of one tenant's orders that are pending no more.
#[derive(Debug, Default)]
struct Ended {
    /// Since when.
    since: HashMap<Identity, Instant>,
    /// The same, the oldest first. Of a note that ended twice, the earlier time is only here.
    by_age: VecDeque<(Instant, Identity)>,
}

/// A job that somebody works on now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) key: JobKey,
    /// It is to be looked at although its own time may not have come.
    pub(super) hurried: bool,
}

/// The open jobs.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: HashMap<JobKey, Entry>,
    by_identity: HashMap<Identity, JobKey>,
    /// Modules ought to give each order a note of its own, and some will not.
    by_note: HashMap<Identity, BTreeSet<JobKey>>,
    /// Notes of orders that are pending no more. Carriers call back twice.
    ended_notes: HashMap<TenantName, Ended>,
    unlinked: HashMap<(TenantName, String), BTreeSet<CallId>>,
    due: ByTime,
    /// How many jobs of each tenant are worked on.
    at_work: HashMap<TenantName, usize>,
}

impl Index {
    /// Takes over how a job stands now.
    pub(super) fn put(&mut self, key: &JobKey, job: &Job) {
        let wait = job.next_due().map(|due| left(job, due, Timestamp::now()));
        self.insert(key, job, wait);
    }

    /// Takes over how a job stands now, to be looked at after this time and not when it is due.
    pub(super) fn put_off(&mut self, key: &JobKey, job: &Job, wait: Duration) {
        self.insert(key, job, Some(wait));
    }

    fn insert(&mut self, key: &JobKey, job: &Job, wait: Option<Duration>) {
        if self.entries.get(key).is_some_and(|entry| entry.steps > job.steps) {
            // Somebody who wrote later was quicker here.
            return;
        }
        let old = self.take(key);
        let old_note = old
            .as_ref()
            .and_then(|old| old.note)
            .filter(|note| Some(*note) != job.note);
        if let Some(note) = old_note {
            self.note_ended(&key.tenant, note);
        }
        let (busy, changed) = old.map_or_else(|| (false, Arc::default()), |old| (old.busy, old.changed));
        let entry = Entry {
            identity: job.identity,
            note: job.note,
            unlinked: match (&job.order_number, &job.account_number) {
                (None, Some(account)) => Some(account.clone()),
                _ => None,
            },
            due: wait.map(|wait| Instant::now() + super::spread(wait)),
            hurried: false,
            steps: job.steps,
            busy,
            changed,
        };
        self.by_identity.insert(entry.identity, key.clone());
        if let Some(note) = entry.note {
            self.by_note.entry(note).or_default().insert(key.clone());
        }
        if let Some(account) = &entry.unlinked {
            let place = (key.tenant.clone(), account.clone());
            self.unlinked.entry(place).or_default().insert(key.call);
        }
        if let Some(due) = entry.due {
            put(&mut self.due, due, key);
        }
        entry.changed.notify_waiters();
        self.entries.insert(key.clone(), entry);
    }

    /// Forgets a job that is over.
    pub(super) fn remove(&mut self, key: &JobKey) {
        if let Some(entry) = self.take(key) {
            if let Some(note) = entry.note {
                self.note_ended(&key.tenant, note);
            }
            entry.changed.notify_waiters();
        }
    }

    fn note_ended(&mut self, tenant: &TenantName, note: Identity) {
        self.ended_notes
            .entry(tenant.clone())
            .or_default()
            .add(note, Instant::now());
    }

    fn take(&mut self, key: &JobKey) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        // A later job may have taken the place of this one.
        if self.by_identity.get(&entry.identity) == Some(key) {
            self.by_identity.remove(&entry.identity);
        }
        if let Some(note) = entry.note
            && let Some(keys) = self.by_note.get_mut(&note)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.by_note.remove(&note);
            }
        }
        if let Some(account) = &entry.unlinked {
            let place = (key.tenant.clone(), account.clone());
            if let Some(calls) = self.unlinked.get_mut(&place) {
                calls.remove(&key.call);
                if calls.is_empty() {
                    self.unlinked.remove(&place);
                }
            }
        }
        if let Some(due) = entry.due {
            remove(&mut self.due, due, key);
        }
        Some(entry)
    }

    /// The open job of an event.
    pub(super) fn of_event(&self, identity: Identity) -> Option<JobKey> {
        self.by_identity.get(&identity).cloned()
    }

    /// The pending order of a tenant with this note.
    pub(super) fn of_note(&self, tenant: &TenantName, note: Identity) -> Noted {
        let mut keys = self.by_note.get(&note).into_iter().flatten();
        match (keys.next(), keys.next()) {
            (Some(key), None) => Noted::Pending(key.clone()),
            (Some(_), Some(_)) => Noted::Several,
            (None, _) => match self.ended_notes.get(tenant) {
                Some(ended) if ended.since.contains_key(&note) => Noted::Ended,
                _ => Noted::Unknown,
            },
        }
    }

    /// The jobs of an account whose orders have no number yet.
    pub(super) fn unlinked(&self, tenant: &TenantName, account: &str) -> Vec<JobKey> {
        let place = (tenant.clone(), account.to_owned());
        let calls = self.unlinked.get(&place).into_iter().flatten();
        calls
            .map(|call| JobKey {
                tenant: tenant.clone(),
                call: *call,
            })
            .collect()
    }

    /// Is told of the job's next change, if the job is there.
    pub(super) fn changes(&self, key: &JobKey) -> Option<Arc<Notify>> {
        self.entries.get(key).map(|entry| Arc::clone(&entry.changed))
    }

    /// Whether somebody works on the job.
    pub(super) fn is_busy(&self, key: &JobKey) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.busy)
    }

    /// Has a job looked at now.
    pub(super) fn hurry(&mut self, key: &JobKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            if let Some(due) = entry.due {
                remove(&mut self.due, due, key);
            }
            let now = Instant::now();
            entry.hurried = true;
            entry.due = Some(now);
            put(&mut self.due, now, key);
        }
    }

    /// Takes a job that is due, for somebody to work on; else says when the next one is. `may` says whether a tenant may have
    /// one more of its jobs worked on than these: of those that may not, no job is due.
    pub(super) fn next(
        &mut self,
        now: Instant,
        may: impl Fn(&TenantName, usize) -> bool,
    ) -> Result<Taken, Option<Instant>> {
        let mut next: Option<(Instant, JobKey)> = None;
        for (tenant, due) in &mut self.due {
            if !may(tenant, self.at_work.get(tenant).copied().unwrap_or_default()) {
                continue;
            }
            while let Some((time, call)) = due.first().copied() {
                let key = JobKey {
                    tenant: tenant.clone(),
                    call,
                };
                match self.entries.get_mut(&key) {
                    // Whoever is at it puts it back, with the time of then.
                    Some(entry) if entry.busy && time <= now => {
                        entry.due = None;
                        due.pop_first();
                    }
                    _ => {
                        if next.as_ref().is_none_or(|(soonest, _)| time < *soonest) {
                            next = Some((time, key));
                        }
                        break;
                    }
                }
            }
        }
        let (time, key) = next.ok_or(None)?;
        if time > now {
            return Err(Some(time));
        }
        remove(&mut self.due, time, &key);
        let entry = self.entries.get_mut(&key).ok_or(None)?;
        entry.busy = true;
        entry.due = None;
        let hurried = std::mem::take(&mut entry.hurried);
        *self.at_work.entry(key.tenant.clone()).or_default() += 1;
        Ok(Taken { key, hurried })
    }

    /// Nobody is at the job any more. One that has no time stands where it did: it is looked at after `pause`.
    pub(super) fn done(&mut self, key: &JobKey, pause: Duration) {
        if let Some(at_work) = self.at_work.get_mut(&key.tenant) {
            *at_work -= 1;
            if *at_work == 0 {
                self.at_work.remove(&key.tenant);
            }
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.busy = false;
            if entry.due.is_none() {
                let due = Instant::now() + pause;
                entry.due = Some(due);
                put(&mut self.due, due, key);
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets all jobs of a tenant.
    pub(super) fn forget(&mut self, tenant: &TenantName) {
        let keys: Vec<JobKey> = self
            .entries
            .keys()
            .filter(|key| key.tenant == *tenant)
            .cloned()
            .collect();
        for key in keys {
            self.remove(&key);
        }
        self.due.remove(tenant);
        self.ended_notes.remove(tenant);
    }
}

impl Ended {
    fn add(&mut self, note: Identity, now: Instant) {
        self.since.insert(note, now);
        self.by_age.push_back((now, note));
        while let Some((since, oldest)) = self.by_age.front().copied() {
            if self.by_age.len() <= ENDED_NOTES_MAX && now.duration_since(since) < ENDED_NOTES {
                break;
            }
            self.by_age.pop_front();
            if self.since.get(&oldest) == Some(&since) {
                self.since.remove(&oldest);
            }
        }
    }
}

/// Jobs by when they are due, each tenant's by themselves.
type ByTime = HashMap<TenantName, BTreeSet<(Instant, CallId)>>;

fn put(all: &mut ByTime, due: Instant, key: &JobKey) {
    all.entry(key.tenant.clone()).or_default().insert((due, key.call));
}

fn remove(all: &mut ByTime, due: Instant, key: &JobKey) {
    if let Some(own) = all.get_mut(&key.tenant) {
        own.remove(&(due, key.call));
    }
}

/// How long a job still waits for something that is due then. Counted from when it was written: a clock that was set back
/// since does not put it off by more than was meant.
pub(super) fn left(job: &Job, due: Timestamp, now: Timestamp) -> Duration {
    let meant = due.duration_since(job.written);
    let left = due.duration_since(now).min(meant);
    Duration::try_from(left).unwrap_or_default()
}

/// Keyed text of a module's note, to be hashed.
pub(super) fn note(case: &Case) -> Option<(&ModuleName, &str)> {
    (case.job.standing() == Stage::Pending).then_some((&case.job.module, case.matter.state.as_str()))
}

#[cfg(test)]
mod tests;
