//! One call of a component, from a question to its word.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use wasmtime::{Store, Trap, UpdateDeadline};

use super::Prepared;
use super::ask::Ask;
use super::exports::{Export, Function};
use super::log::LogSink;
use super::meter::Meter;
use super::refusal::{self, CpuUsedUp};
use super::state::CallState;
use crate::domain::call::Usage;
use crate::domain::limits::LimitName;
use crate::egress::{Door, Passage};
use crate::fair::{Account, Bounds, Busy, Line, Place, Places};

/// How long to wait for exchanges that were given up to be on record. It takes microseconds, or the disk is stuck.
const SETTLE: Duration = Duration::from_secs(1);

/// Everything that a call is given, whatever is asked in it.
pub struct Invocation {
    /// The module's settings.
    pub config: Arc<BTreeMap<String, String>>,
    /// The way out.
    pub door: Arc<Door>,
    /// What may go through it. The limits and the deadline in it hold for the whole call, and of the secrets in it the module
    /// sees the names. Its action is the question's own, see [`Ask::action`].
    pub passage: Arc<Passage>,
    /// How long the call was given when the passage's deadline was set, for the fault that says so.
    pub time: Duration,
    /// Ends the call when it is cancelled, as the deadline does.
    pub stop: CancellationToken,
    /// Where its lines go.
    pub log: Arc<dyn LogSink>,
    /// Where it waits for a slot, and whose time its computing is.
    pub line: Line,
    /// What that line may have.
    pub bounds: Bounds,
}

/// How a call ended, and what it used.
pub struct Ran<Word> {
    /// The module's word, or the fault that kept it from giving one.
    pub result: Result<Word, Fault>,
    /// What it used, but for its time and what the record itself counts: log lines and requests.
    pub usage: Usage,
}

/// A module broke a rule, or did not get to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Asked for what its component has not.
    #[error("does not export the interface {0}")]
    NotExported(Export),
    /// There was no slot for it.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Not over in time, whatever it was waiting for.
    #[error("was {0}")]
    Deadline(Over),
    /// Ran into one of its limits, and did not get over it.
    #[error("ran into its limit {limit} of {most} {}, which `patchbay module limits {}` sets: {reason}", limit.unit(), limit.option())]
    Limit {
        /// Which one.
        limit: LimitName,
        /// Its value.
        most: u64,
        /// How it ended.
        reason: String,
    },
    /// Gave an answer that is none, such as VAR 21.
    #[error("gave an answer that is none: {0}")]
    Answer(String),
    /// Anything else that ends an instance: a panic, an illegal instruction, a stack overflow.
    #[error("trapped: {0}")]
    Trap(String),
}

/// Which time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Over {
    /// The call's own, in milliseconds.
    #[error("not finished within its deadline of {0} ms, which `patchbay module limits --deadline-ms` sets")]
    Deadline(u128),
    /// Whoever had it run has stopped it.
    #[error("stopped before it was finished")]
    Stopped,
}

impl Fault {
    /// The limit that it is about, if it is about one.
    #[must_use]
    pub fn limit(&self) -> Option<LimitName> {
        match self {
            Self::Limit { limit, .. } => Some(*limit),
            Self::Deadline(Over::Deadline(_)) => Some(LimitName::DeadlineMs),
            Self::NotExported(_) | Self::Busy(_) | Self::Deadline(Over::Stopped) | Self::Answer(_) | Self::Trap(_) => {
                None
            }
        }
    }
}

pub(super) async fn run<A: Ask>(
    slots: &Arc<Places>,
    account: Arc<Account>,
    prepared: Arc<Prepared>,
    ask: A,
    invocation: Invocation,
) -> Ran<A::Word> {
    let never_ran = |fault| Ran {
        result: Err(fault),
        usage: Usage::default(),
    };
    let function = match A::function(&prepared.exports) {
        Ok(function) => function.clone(),
        Err(export) => return never_ran(Fault::NotExported(export)),
    };
    let until = Some(invocation.passage.deadline);
    let slot = slots.take(&invocation.line, invocation.bounds, until);
    let slot = match in_time(&invocation, slot).await {
        Ok(Ok(slot)) => slot,
        Ok(Err(busy)) => return never_ran(busy.into()),
        Err(_) => return never_ran(Busy::Deadline.into()),
    };
    let meter = Meter::new(
        Arc::clone(&account),
        Duration::from_millis(invocation.passage.limits.cpu_ms),
    );
    account
        .run(run_in(slot, Arc::new(meter), prepared, function, ask, invocation))
        .await
}

/// Runs a call in its slot.
async fn run_in<A: Ask>(
    _slot: Place,
    meter: Arc<Meter>,
    prepared: Arc<Prepared>,
    function: Function<A>,
    ask: A,
    invocation: Invocation,
) -> Ran<A::Word> {
    let limits = &invocation.passage.limits;
    let mut store = Store::new(prepared.component.engine(), CallState::new(&invocation, &meter));
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(usize::try_from(limits.host_call_bytes).unwrap_or(usize::MAX));
    store.set_max_component_handles(usize::try_from(limits.handles).unwrap_or(usize::MAX));
    // A module that computes is looked at once a tick, by this; one that waits is not, and uses nothing up. In between,
    // others have their turn.
    store.set_epoch_deadline(1);
    let clock = Arc::clone(&meter);
    store.epoch_deadline_callback(move |_| match clock.is_used_up() {
        true => Err(CpuUsedUp.into()),
        false => Ok(UpdateDeadline::Yield(1)),
    });

    let calling = async {
        tokio::select! {
            biased;
            done = meter.run(call(&mut store, &prepared, &function, ask)) => done,
            () = meter.used_up() => Err(CpuUsedUp.into()),
        }
    };
    let ended = in_time(&invocation, calling).await;
    let state = store.data_mut();
    let mut usage = Usage {
        cpu_micros: u64::try_from(meter.in_all().as_micros()).unwrap_or(u64::MAX),
        memory_bytes: state.limiter.most(),
        handles: state.most_resources() as u64,
        host_call_bytes: state.handed.most(),
        ..Usage::under(limits)
    };
    let refused = state.limiter.refused();
    // What is still under way at a carrier is given up here. Whether it had left is part of the answer, so that is waited for.
    // What the module has touched is given back to the system, page by page.
    meter.clear_up(|| drop(store));
    let spent = &invocation.passage.spent;
    if timeout(SETTLE, spent.settled()).await.is_err() {
        tracing::warn!("an exchange that was given up has not ended; its record has no end");
    }
    spent.tell(&mut usage);
    let result = match ended {
        Err(over) => Err(Fault::Deadline(over)),
        Ok(Ok(raw)) => A::word(raw).map_err(Fault::Answer),
        Ok(Err(error)) => {
            let limit = refusal::limit(&error).or(refused.then_some(LimitName::MemoryBytes));
            let reason = reason(&error);
            Err(match limit {
                Some(limit) => Fault::Limit {
                    limit,
                    most: limit.of(limits),
                    reason,
                },
                None => Fault::Trap(reason),
            })
        }
    };
    // A module may live with less memory than it wanted.
    usage.hit.extend(refused.then_some(LimitName::MemoryBytes));
    if let Some(limit) = result.as_ref().err().and_then(Fault::limit) {
        usage.run_into(limit);
    }
    Ran { result, usage }
}

/// Waits for `work` until the call's time is over. What is ready counts, however late it is. A module that keeps its task
/// busy cannot put either end off: both are looked at, whatever the task has used of its turn.
async fn in_time<T>(invocation: &Invocation, work: impl Future<Output = T>) -> Result<T, Over> {
    let stopped = unconstrained(invocation.stop.cancelled());
    let done_or_stopped = async {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = stopped => Err(Over::Stopped),
        }
    };
    timeout_at(invocation.passage.deadline, done_or_stopped)
        .await
        .unwrap_or_else(|_| Err(Over::Deadline(invocation.time.as_millis())))
}

async fn call<A: Ask>(
    store: &mut Store<CallState>,
    prepared: &Prepared,
    function: &Function<A>,
    ask: A,
) -> wasmtime::Result<A::Raw> {
    let instance = prepared.component.instantiate_async(&mut *store).await?;
    let params = ask.params(store.data_mut())?;
    function.call(store, &instance, params).await
}

/// A trap's own words; without them the outermost context. Backtraces name the module's functions and help its author.
fn reason(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    }
}
