//! One call of a component, from an event to its answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{timeout, timeout_at};
use wasmtime::component::Resource;
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use super::Prepared;
use super::bindings::orders;
use super::log::LogSink;
use super::state::{CallState, PostedDocument};
use crate::domain::answer::{Answer, Failure, Pending};
use crate::domain::call::{CallId, Usage};
use crate::domain::event::{Action, Event, ServiceStatus, VAR_CHARACTERS_MAX, Vars};
use crate::egress::{Door, Passage};

/// Bytes that a module can hand to the host in one of its calls of the host's functions.
const HOSTCALL_BYTES_MAX: usize = 16 << 20;

/// Handles that a component's own tables can hold at once.
const HANDLES_MAX: usize = 10_000;

/// How long to wait for exchanges that were given up to be on record. It takes microseconds, or the disk is stuck.
const SETTLE: Duration = Duration::from_secs(1);

/// Everything that a call is given.
pub struct Invocation {
    /// The call's name, handed to the module.
    pub call: CallId,
    /// What is asked of it.
    pub event: Arc<Event>,
    /// The module's settings.
    pub config: Arc<BTreeMap<String, String>>,
    /// The way out.
    pub door: Arc<Door>,
    /// What may go through it. The limits and the deadline in it hold for the whole call, and of the secrets in it the module
    /// sees the names.
    pub passage: Arc<Passage>,
    /// Where its lines go.
    pub log: Arc<dyn LogSink>,
}

/// How a call ended, and what it used.
pub struct Ran {
    /// The module's word, or the fault that kept it from giving one.
    pub result: Result<Result<Answer, Failure>, Fault>,
    /// Memory; the rest is counted where it happens.
    pub usage: Usage,
}

/// A module broke a rule, or did not get to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No slot became free before the call's deadline.
    #[error("no slot became free within the call's deadline")]
    Busy,
    /// Not over in time, whatever it was waiting for.
    #[error("was not finished within its deadline of {0} ms")]
    Deadline(u64),
    /// Computed for too long.
    #[error("computed for longer than its limit of {0} ms")]
    Cpu(u64),
    /// Wanted more memory than it may have, and gave up.
    #[error("wanted more memory than its limit of {0} bytes, and failed: {1}")]
    Memory(u64, String),
    /// Gave an answer that is none, such as VAR 21.
    #[error("gave an answer that is none: {0}")]
    Answer(String),
    /// Anything else that ends an instance: a panic, an illegal instruction, a stack overflow.
    #[error("trapped: {0}")]
    Trap(String),
}

/// Marks the trap that ends a call whose computing time is used up.
#[derive(Debug, thiserror::Error)]
#[error("computing time used up")]
struct CpuUsedUp;

pub(super) async fn run(engine: &Engine, slots: &Semaphore, prepared: &Prepared, invocation: Invocation) -> Ran {
    let Ok(Ok(_slot)) = timeout_at(invocation.passage.deadline, slots.acquire()).await else {
        return Ran {
            result: Err(Fault::Busy),
            usage: Usage::default(),
        };
    };
    let limits = &invocation.passage.limits;
    let mut store = Store::new(engine, CallState::new(&invocation));
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
    store.set_max_component_handles(HANDLES_MAX);
    // The epoch passes while a module waits for a carrier, too. But this is called only when the module computes, and once
    // however many ticks have passed: so the ticks that are counted are those in which it computed.
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        let state = store.data_mut();
        match state.ticks.checked_sub(1) {
            None => Err(CpuUsedUp.into()),
            Some(left) => {
                state.ticks = left;
                Ok(UpdateDeadline::Yield(1))
            }
        }
    });

    let ended = timeout_at(invocation.passage.deadline, call(&mut store, prepared, &invocation)).await;
    let state = store.data();
    let usage = Usage {
        memory_bytes: state.limiter.used(),
        ..Usage::default()
    };
    let refused = state.limiter.refused();
    // What is still under way at a carrier is given up here. Whether it had left is part of the answer, so that is waited for.
    drop(store);
    if timeout(SETTLE, invocation.passage.spent.settled()).await.is_err() {
        tracing::warn!("an exchange that was given up has not ended; its record has no end");
    }
    let result = match ended {
        Err(_) => Err(Fault::Deadline(limits.deadline_ms)),
        Ok(Ok(word)) => word_of(word).map_err(Fault::Answer),
        Ok(Err(error)) if error.is::<CpuUsedUp>() => Err(Fault::Cpu(limits.cpu_ms)),
        Ok(Err(error)) if refused => Err(Fault::Memory(limits.memory_bytes, reason(&error))),
        Ok(Err(error)) => Err(Fault::Trap(reason(&error))),
    };
    Ran { result, usage }
}

async fn call(
    store: &mut Store<CallState>,
    prepared: &Prepared,
    invocation: &Invocation,
) -> wasmtime::Result<Result<orders::Answer, orders::Failure>> {
    let module = prepared.pre.instantiate_async(&mut *store).await?;
    let document = store
        .data_mut()
        .table
        .push(PostedDocument(Arc::clone(&invocation.event)))?;
    let lent = Resource::new_borrow(document.rep());
    let event = event_of(&invocation.event, invocation.call);
    module.patchbay_module_handler().call_handle(store, &event, lent).await
}

/// A trap's own words; without them the outermost context. Backtraces name the module's functions and help its author.
fn reason(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    }
}

fn event_of(event: &Event, call: CallId) -> orders::Event {
    orders::Event {
        call_id: call.to_string(),
        service: event.service.clone(),
        action: match &event.action {
            Action::Create => orders::Action::Create,
            Action::Replenish => orders::Action::Replenish,
            Action::SetStatus(status) => orders::Action::SetStatus(match status {
                ServiceStatus::Active => orders::ServiceStatus::Active,
                ServiceStatus::Suspended => orders::ServiceStatus::Suspended,
                ServiceStatus::NonPay => orders::ServiceStatus::NonPay,
                ServiceStatus::Other(text) => orders::ServiceStatus::Other(text.clone()),
            }),
            Action::Swap => orders::Action::Swap,
            Action::Cancel => orders::Action::Cancel,
            Action::UsageLimit => orders::Action::UsageLimit,
            Action::Other(service) => orders::Action::Other(service.clone()),
        },
        account_number: event.account_number.clone(),
        order_number: event.order_number.clone(),
        parent_order_number: event.parent_order_number.clone(),
        carrier_product_id: event.carrier_product_id.clone(),
        vars: event
            .vars
            .iter()
            .map(|(index, value)| orders::Var {
                index,
                value: value.to_owned(),
            })
            .collect(),
    }
}

fn word_of(word: Result<orders::Answer, orders::Failure>) -> Result<Result<Answer, Failure>, String> {
    Ok(match word {
        Ok(orders::Answer::Done(vars)) => Ok(Answer::Done(vars_of(vars)?)),
        Ok(orders::Answer::Pending(pending)) => Ok(Answer::Pending(Pending {
            vars: vars_of(pending.vars)?,
            state: pending.state,
            check_after: pending.check_after,
        })),
        Err(orders::Failure::Rejected(text)) => Err(Failure::Rejected(text)),
        Err(orders::Failure::Unreachable(text)) => Err(Failure::Unreachable(text)),
        Err(orders::Failure::Unknown(text)) => Err(Failure::Unknown(text)),
    })
}

/// An answer with a VAR that cannot be is refused whole: half of what the module meant would be saved on the order for good.
fn vars_of(list: Vec<orders::Var>) -> Result<Vars, String> {
    let mut vars = Vars::default();
    for orders::Var { index, value } in list {
        if value.chars().nth(VAR_CHARACTERS_MAX).is_some() {
            return Err(format!("VAR{index} is longer than {VAR_CHARACTERS_MAX} characters"));
        }
        vars.set(index, value)
            .map_err(|index| format!("VAR{index} is not one of VAR1 to VAR20"))?;
    }
    Ok(vars)
}
