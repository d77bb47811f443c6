//! The one thread that writes. It takes what has queued up, by groups, applies it, and makes it durable with one sync for all: right
//! away when anybody waits for that, else at the latest when the first of those who do not wait wants it.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sled::Tree;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::super::Durability;
use super::super::directory::{RESERVE_BYTES, unavailable};
use super::group::{self, Answer, Work};
use super::lines::{Lines, Whose};

/// How long a group waits for company when the one before it had some. Whoever writes alone does not wait. Each sync costs
/// a trip to the disk, and sled wakes all of its threads for it, so a few large groups are much cheaper than many small ones.
const LINGER: Duration = Duration::from_micros(500);

/// Longest time that a write stays unsynced, whatever it asks for. It bounds what a power failure can take, and how many
/// numbers of groups with it: see [`super::GROUPS_SKIPPED`].
const WITHIN_MAX: Duration = Duration::from_secs(60);

/// Writes that may wait in the queue. Whoever comes next awaits its turn.
const QUEUE: usize = 1_024;

/// What the writer needs of the disk. A seam: tests give one that fails.
pub(super) trait Disk: Send {
    /// Bytes that may still be written.
    fn room(&mut self) -> std::io::Result<u64>;

    /// Makes durable what was written up to this group.
    fn sync(&mut self, group: u64) -> std::io::Result<()>;
}

struct Job {
    whose: Whose,
    work: Work,
    durability: Durability,
    answer: oneshot::Sender<Answer>,
    /// Its place in the queue, free for the next as soon as this is taken off.
    _place: OwnedSemaphorePermit,
}

/// Hands work to the thread. Dropping it waits until all that was queued is durable.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    places: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `group` is the number of the latest group in the tree.
    pub(super) fn start(tree: Tree, group: u64, disk: impl Disk + 'static) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel();
        let mut thread = Thread {
            tree,
            group,
            disk,
            due: None,
            broken: None,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.run(&jobs))?;
        Ok(Self {
            queue: Some(queue),
            places: Arc::new(Semaphore::new(QUEUE)),
            thread: Some(thread),
        })
    }

    /// Queues the work and waits until it is done, and durable if it has to be by then. Once queued it is done, whether or
    /// not someone still waits.
    /// What is in one line is written in its order. Who needs an order between lines waits for the first.
    pub(super) async fn write(&self, whose: Whose, work: Work, durability: Durability) -> Answer {
        let stopped = || unavailable("writing", "the store's writer has stopped");
        let (answer, answered) = oneshot::channel();
        let places = Arc::clone(&self.places);
        let job = Job {
            whose,
            work,
            durability,
            answer,
            _place: places.acquire_owned().await.map_err(|_| stopped())?,
        };
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(job).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

#[cfg(test)]
impl Writer {
    /// How many writes are in the queue.
    pub(super) fn queued(&self) -> usize {
        QUEUE - self.places.available_permits()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the store's writer panicked");
        }
    }
}

/// Someone to answer.
struct Waiter {
    durability: Durability,
    answer: oneshot::Sender<Answer>,
}

impl Waiter {
    fn answer(self, answer: Answer) {
        // Whoever gave up waiting does not need it.
        let _ = self.answer.send(answer);
    }

    fn refuse(self, why: &str) {
        self.answer(Err(unavailable("writing to the data directory", why)));
    }
}

struct Thread<D> {
    tree: Tree,
    /// Number of the latest group that was applied.
    group: u64,
    disk: D,
    /// When what has been applied must be durable; nothing when it is.
    due: Option<Instant>,
    /// Why nothing more is written. After a failed sync the system forgets which pages were not written, so a later
    /// sync that succeeds would promise too much, and what comes after a gap in sled's log is lost with it.
    broken: Option<Arc<str>>,
}

impl<D: Disk> Thread<D> {
    fn run(&mut self, jobs: &mpsc::Receiver<Job>) {
        let mut company = false;
        let mut lines = Lines::new();
        loop {
            if lines.is_empty() {
                let next = match self.due {
                    None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    Some(due) => jobs.recv_timeout(due.saturating_duration_since(Instant::now())),
                };
                match next {
                    Ok(first) => queue(&mut lines, first),
                    Err(RecvTimeoutError::Timeout) => {
                        self.sync_what_is_due();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            if company {
                std::thread::sleep(LINGER);
            }
            jobs.try_iter().for_each(|job| queue(&mut lines, job));
            let group = lines.take();
            let several = group.len() > 1;
            let synced = self.write(group);
            company = several && synced;
        }
        self.sync_what_is_due();
    }

    /// Applies the jobs, and syncs if it is time. Whether it was.
    fn write(&mut self, jobs: Vec<Job>) -> bool {
        let (work, waiters): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .map(
                |Job {
                     work,
                     durability,
                     answer,
                     ..
                 }| (work, Waiter { durability, answer }),
            )
            .unzip();
        let answers = match self.ready().and_then(|()| self.apply(work)) {
            Ok(answers) => answers,
            Err(why) => {
                waiters.into_iter().for_each(|waiter| waiter.refuse(&why));
                return false;
            }
        };
        let now = Instant::now();
        let mut strict = Vec::new();
        for (waiter, answer) in waiters.into_iter().zip(answers) {
            let due = match waiter.durability {
                Durability::Synced => {
                    strict.push((waiter, answer));
                    now
                }
                Durability::Within(time) => {
                    waiter.answer(answer);
                    now + time.min(WITHIN_MAX)
                }
            };
            self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        }
        if self.due.is_none_or(|due| due > Instant::now()) {
            return false;
        }
        match self.sync() {
            Ok(()) => strict.into_iter().for_each(|(waiter, answer)| waiter.answer(answer)),
            Err(why) => strict.into_iter().for_each(|(waiter, _)| waiter.refuse(&why)),
        }
        true
    }

    /// Whether anything may be written now, or why not.
    fn ready(&mut self) -> Result<(), Arc<str>> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        match self.disk.room() {
            Ok(room) if room < RESERVE_BYTES => Err(format!(
                "the disk is full: {room} bytes are free and {RESERVE_BYTES} must stay free; make room on it"
            )
            .into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string().into()),
        }
    }

    fn apply(&mut self, work: Vec<Work>) -> Result<Vec<Answer>, Arc<str>> {
        let group = self.group + 1;
        match group::apply(&self.tree, group, work) {
            Ok(answers) => {
                self.group = group;
                Ok(answers)
            }
            Err(error) => Err(self.stop(&error)),
        }
    }

    /// Makes durable all that has been applied.
    fn sync(&mut self) -> Result<(), Arc<str>> {
        self.due = None;
        let flushed = self.tree.flush().map_err(std::io::Error::other);
        let synced = flushed.and_then(|_| self.disk.sync(self.group));
        synced.map_err(|error| self.stop(&error))
    }

    /// Syncs for those who were answered before. A failure is told to whoever comes next.
    fn sync_what_is_due(&mut self) {
        if self.due.is_some() && self.broken.is_none() {
            let _ = self.sync();
        }
    }

    /// Writes nothing from now on.
    fn stop(&mut self, error: &dyn std::error::Error) -> Arc<str> {
        tracing::error!(%error, "the store takes no more writes");
        let why: Arc<str> = format!("{error}; nothing is written until the gateway is restarted").into();
        self.due = None;
        self.broken = Some(why.clone());
        why
    }
}

fn queue(lines: &mut Lines<Job>, job: Job) {
    lines.push(job.whose.clone(), job.work.size(), job);
}
