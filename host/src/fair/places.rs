//! A number of places that are shared: each tenant waits in lines of its own, and what is free goes to the lines in turn.
//!
//! Where some are left, a tenant takes another place, in whichever of its lines, only while it holds fewer than are free. One
//! that is alone gets half of them, two get a third each, and so on: however many fill what they may, there is a place for the
//! one that comes next, and nobody has to say how many there will be. The places of follow-ups are shared in the same way.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::name::TenantName;

/// What a place is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Somebody waits for the answer.
    Event,
    /// Nobody does. All of these together get half of the places, and one at least; what a tenant takes of that half it takes of
    /// its own share of all places.
    FollowUp,
}

/// Who waits together: first come, first served.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Line {
    /// Whose.
    pub tenant: TenantName,
    /// What for.
    pub kind: Kind,
}

/// What one line may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Places held at once.
    pub held: usize,
    /// How many may wait for one.
    pub waiting: usize,
}

impl Bounds {
    /// No bounds but those of the places themselves.
    pub const NONE: Self = Self {
        held: usize::MAX,
        waiting: usize::MAX,
    };
}

/// Why there is nothing to be had now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// Waited for in vain.
    #[error("no slot became free within the call's deadline")]
    Deadline,
    /// Not waited for.
    #[error("as many calls are waiting for a slot as may wait")]
    Full,
    /// Not waited for, because the line does not move fast enough.
    #[error("so many calls are waiting that no slot would become free within the call's deadline")]
    TooLong,
    /// The rate is used up.
    #[error("there were more calls than the tenant's quota allows in this time")]
    Rate,
    /// More was written down than there is for it.
    #[error("more was written down of the tenant's calls than record_bytes_per_second of its quota allows")]
    Record,
}

/// Places, and who waits for them.
#[derive(Debug)]
pub struct Places(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    /// How many more may wait.
    room: usize,
    /// Whether a tenant leaves some to others, as said above.
    leaves_some: bool,
    /// How many more follow-ups may take a place.
    follow_ups: usize,
    /// Those that hold a place or wait for one.
    lines: HashMap<Line, Standing>,
    /// What each tenant has in all of its lines.
    tenants: HashMap<TenantName, Share>,
    /// Those that wait for one. The first is the next to get one.
    round: VecDeque<Line>,
    /// Waiters so far.
    waiters: u64,
}

#[derive(Debug, Default)]
struct Standing {
    held: usize,
    most: usize,
    waiting: VecDeque<Waiter>,
    /// How long a place was held of late, on average.
    hold: Option<Duration>,
}

#[derive(Debug, Default)]
struct Share {
    held: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    place: oneshot::Sender<Place>,
}

/// A place that is held. Dropped, it goes to whoever is next.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    line: Line,
    since: Instant,
}

impl Places {
    /// So many places, for which so many may wait in all. Each tenant leaves some to others.
    #[must_use]
    pub fn leaving_some(places: usize, waiting: usize) -> Arc<Self> {
        Self::new(places, waiting, true)
    }

    /// So many places, all of which a tenant can have while no other wants one.
    #[must_use]
    pub fn sharing_all(places: usize) -> Arc<Self> {
        Self::new(places, usize::MAX, false)
    }

    fn new(places: usize, waiting: usize, leaves_some: bool) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            free: places,
            room: waiting,
            leaves_some,
            follow_ups: (places / 2).max(1),
            lines: HashMap::new(),
            tenants: HashMap::new(),
            round: VecDeque::new(),
            waiters: 0,
        })))
    }

    /// Takes a place, or waits for one for as long as the caller does: whoever stops waiting leaves nothing behind.
    ///
    /// # Errors
    /// At once, when too many wait, or when `until` comes before the line would have moved so far.
    pub async fn take(self: &Arc<Self>, line: &Line, bounds: Bounds, until: Option<Instant>) -> Result<Place, Busy> {
        let now = Instant::now();
        let (mut waiting, granted) = {
            let mut state = self.state();
            let standing = state.lines.get(line);
            let before = standing.map_or(0, |standing| standing.waiting.len());
            let (held, hold) = standing.map_or((0, None), |standing| (standing.held, standing.hold));
            let own = state.tenants.get(&line.tenant).map_or(0, |share| share.waiting);
            if before == 0 && state.may_take(line, held, bounds.held) {
                state.hold(line, bounds.held);
                return Ok(self.place(line.clone(), now));
            }
            // The same rule as for places, so that waiting for one is not for the loudest either.
            if before >= bounds.waiting || own >= state.room {
                return Err(Busy::Full);
            }
            if let (Some(until), Some(hold)) = (until, hold)
                && now + wait(hold, before, held) > until
            {
                return Err(Busy::TooLong);
            }
            let (sender, place) = oneshot::channel();
            let number = state.join(line, bounds.held, sender);
            let waiting = Waiting {
                places: Arc::clone(self),
                line: line.clone(),
                number,
                place,
            };
            // The line may have more than before.
            (waiting, state.grant())
        };
        self.hand_over(granted);
        // There is a sender for as long as there is a waiter.
        (&mut waiting.place).await.map_err(|_| Busy::Full)
    }

    fn place(self: &Arc<Self>, line: Line, since: Instant) -> Place {
        Place {
            places: Arc::clone(self),
            line,
            since,
        }
    }

    /// Hands over what was granted, when the state is not held any more: a place that nobody takes comes back here.
    fn hand_over(self: &Arc<Self>, granted: Vec<(Line, oneshot::Sender<Place>)>) {
        let now = Instant::now();
        for (line, sender) in granted {
            drop(sender.send(self.place(line, now)));
        }
    }

    /// Nothing in here can panic half-way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it takes until it is the turn of one who comes now.
fn wait(hold: Duration, before: usize, held: usize) -> Duration {
    let before = u32::try_from(before + 1).unwrap_or(u32::MAX);
    hold.saturating_mul(before) / u32::try_from(held.max(1)).unwrap_or(u32::MAX)
}

impl State {
    fn may_take(&self, line: &Line, held: usize, most: usize) -> bool {
        let follows = line.kind == Kind::FollowUp;
        if self.free == 0 || (follows && self.follow_ups == 0) || held >= most {
            return false;
        }
        let own = self.tenants.get(&line.tenant).map_or(0, |share| share.held);
        !self.leaves_some || (own < self.free && (!follows || held < self.follow_ups))
    }

    fn share(&mut self, tenant: &TenantName) -> &mut Share {
        self.tenants.entry(tenant.clone()).or_default()
    }

    fn hold(&mut self, line: &Line, most: usize) {
        self.free -= 1;
        if line.kind == Kind::FollowUp {
            self.follow_ups -= 1;
        }
        self.share(&line.tenant).held += 1;
        let standing = match self.lines.get_mut(line) {
            Some(standing) => standing,
            None => self.lines.entry(line.clone()).or_default(),
        };
        standing.held += 1;
        standing.most = most;
    }

    fn join(&mut self, line: &Line, most: usize, place: oneshot::Sender<Place>) -> u64 {
        self.room -= 1;
        self.waiters += 1;
        self.share(&line.tenant).waiting += 1;
        let number = self.waiters;
        let standing = self.lines.entry(line.clone()).or_default();
        standing.most = most;
        if standing.waiting.is_empty() {
            self.round.push_back(line.clone());
        }
        standing.waiting.push_back(Waiter { number, place });
        number
    }

    /// Grants what is free. A line that gets a place goes to the end of the round.
    fn grant(&mut self) -> Vec<(Line, oneshot::Sender<Place>)> {
        let mut granted = Vec::new();
        while self.free > 0 {
            let next = self.round.iter().position(|line| {
                let standing = self.lines.get(line);
                standing.is_some_and(|standing| self.may_take(line, standing.held, standing.most))
            });
            let Some(line) = next.and_then(|at| self.round.remove(at)) else {
                break;
            };
            let Some(standing) = self.lines.get_mut(&line) else {
                continue;
            };
            let (most, first) = (standing.most, standing.waiting.pop_front());
            let more = !standing.waiting.is_empty();
            if let Some(Waiter { place, .. }) = first {
                self.room += 1;
                self.share(&line.tenant).waiting -= 1;
                self.hold(&line, most);
                granted.push((line.clone(), place));
            }
            if more {
                self.round.push_back(line);
            }
        }
        granted
    }

    /// Takes a place back.
    fn release(&mut self, line: &Line, held: Duration) {
        self.free += 1;
        if line.kind == Kind::FollowUp {
            self.follow_ups += 1;
        }
        self.share(&line.tenant).held -= 1;
        if let Some(standing) = self.lines.get_mut(line) {
            standing.held -= 1;
            standing.hold = Some(standing.hold.map_or(held, |before| (before * 7 + held) / 8));
        }
        self.forget(line);
    }

    /// Takes a waiter out of its line, unless it was granted a place.
    fn leave(&mut self, line: &Line, number: u64) {
        let Some(standing) = self.lines.get_mut(line) else {
            return;
        };
        let Some(at) = standing.waiting.iter().position(|waiter| waiter.number == number) else {
            return;
        };
        standing.waiting.remove(at);
        let none_left = standing.waiting.is_empty();
        self.room += 1;
        self.share(&line.tenant).waiting -= 1;
        if none_left {
            self.round.retain(|waiting| waiting != line);
        }
        self.forget(line);
    }

    /// Forgets a line of which nobody is here, and a tenant of which nobody is.
    fn forget(&mut self, line: &Line) {
        let standing = self.lines.get(line);
        if standing.is_some_and(|standing| standing.held == 0 && standing.waiting.is_empty()) {
            self.lines.remove(line);
        }
        let share = self.tenants.get(&line.tenant);
        if share.is_some_and(|share| share.held == 0 && share.waiting == 0) {
            self.tenants.remove(&line.tenant);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let held = self.since.elapsed();
        let granted = {
            let mut state = self.places.state();
            state.release(&self.line, held);
            state.grant()
        };
        self.places.hand_over(granted);
    }
}

/// Waits for a place. The place that it was granted, and did not take, is dropped with the channel.
struct Waiting {
    places: Arc<Places>,
    line: Line,
    number: u64,
    place: oneshot::Receiver<Place>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.places.state().leave(&self.line, self.number);
    }
}

#[cfg(test)]
mod tests;
