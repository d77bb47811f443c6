//! What an event or an Order/Update changes in the record of its order. Pure: a record before and what was seen make
//! the record after.
//!
//! How a call ended may be known only after newer calls have ended. What it says then does not undo what they said.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::call::{CallId, Outcome};
use crate::domain::event::{Action, Event, Vars};
use crate::domain::name::ModuleName;
use crate::domain::order::{OrderRecord, OrderState};
use crate::domain::update::{NewStatus, Update};

/// Something that passed through and says something about an order.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The module that the order's events are posted to.
    pub module: &'a ModuleName,
    /// The call in which it was seen. Of what is found out later about an event, the event's own.
    pub call: CallId,
    /// When.
    pub at: Timestamp,
    /// What was seen.
    pub seen: Seen<'a>,
}

/// What was seen of an order.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// TeleCloud's event and how its call ended. Seen again when more is known of how it ended.
    Event {
        /// As posted.
        event: &'a Event,
        /// How the call counts.
        outcome: Outcome,
        /// The VARs of a success.
        answered: &'a Vars,
    },
    /// An Order/Update that TeleCloud took.
    Update {
        /// Which order it was told of.
        order_number: &'a str,
        /// Whose order it is.
        account_number: Option<&'a str>,
        /// What it was told.
        update: &'a Update,
    },
}

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing.
    Unchanged,
    /// It says this from now on.
    Record(Box<OrderRecord>),
    /// There is none any more: the order did not come to be.
    Gone,
}

impl Observation<'_> {
    /// The number of the order, if it was seen.
    pub(super) fn order_number(&self) -> Option<&str> {
        match self.seen {
            Seen::Event { event, .. } => event.order_number.as_deref(),
            Seen::Update { order_number, .. } => Some(order_number),
        }
    }

    /// What becomes of the order's record, where `before` is what it says now.
    pub(super) fn apply(&self, before: Option<OrderRecord>) -> After {
        match self.seen {
            Seen::Event {
                event,
                outcome,
                answered,
            } => self.event(before, event, outcome, answered),
            Seen::Update {
                account_number, update, ..
            } => {
                let mut record = before.unwrap_or_else(|| self.first());
                set(&mut record.account_number, account_number);
                self.state(&mut record, update.status.map(told));
                self.vars(&mut record, update.vars.clone());
                self.touched(record, Outcome::Done)
            }
        }
    }

    fn event(&self, before: Option<OrderRecord>, event: &Event, outcome: Outcome, answered: &Vars) -> After {
        let creates = event.action == Action::Create;
        // In service or out of it, an order stays so whatever became of creating it once more.
        let may_be_new = before.as_ref().is_none_or(|record| record.state == OrderState::Failed);
        match outcome {
            Outcome::Refused | Outcome::Repeated => After::Unchanged,
            Outcome::Done => self.taken(before, event, outcome, done(&event.action), answered),
            Outcome::Pending if creates => self.taken(before, event, outcome, Some(OrderState::Pending), answered),
            Outcome::Unknown | Outcome::Running if creates && may_be_new => {
                self.taken(before, event, outcome, Some(OrderState::Unknown), &Vars::default())
            }
            Outcome::Rejected | Outcome::Unreachable | Outcome::Faulted if creates => {
                self.not_created(before, event, outcome)
            }
            // Not done, or nobody knows: what is on record stays, and what is not on record was not heard of.
            _ => before.map_or(After::Unchanged, |record| self.touched(record, outcome)),
        }
    }

    /// What the event says of the order is so, or may be.
    fn taken(
        &self,
        before: Option<OrderRecord>,
        event: &Event,
        outcome: Outcome,
        state: Option<OrderState>,
        answered: &Vars,
    ) -> After {
        let mut record = before.unwrap_or_else(|| self.first());
        if event.action == Action::Create {
            record.created_by = Some(self.call);
            if record.order_number.is_none() {
                record.answered.extend(answered.iter().map(|(index, _)| index));
            }
        }
        set(&mut record.account_number, event.account_number.as_deref());
        set(&mut record.parent_order_number, event.parent_order_number.as_deref());
        set(&mut record.carrier_product_id, event.carrier_product_id.as_deref());
        set(&mut record.product_id, event.document.text("Product.product_id"));
        if event.action == Action::Replenish {
            record.replenished = record.replenished.max(Some(self.at));
        }
        self.state(&mut record, state);
        let mut vars = event.vars.clone();
        vars.merge(answered.clone());
        self.vars(&mut record, vars);
        self.touched(record, outcome)
    }

    /// Nothing came of an Order/Create.
    fn not_created(&self, before: Option<OrderRecord>, event: &Event, outcome: Outcome) -> After {
        match before {
            None if event.order_number.is_none() => After::Unchanged,
            None => self.taken(None, event, outcome, Some(OrderState::Failed), &Vars::default()),
            Some(mut record) => {
                // Of another Order/Create this says nothing, and neither after something newer.
                if record.created_by == Some(self.call)
                    && record.state_by == self.call
                    && matches!(record.state, OrderState::Pending | OrderState::Unknown)
                {
                    if record.order_number.is_none() {
                        return After::Gone;
                    }
                    record.state = OrderState::Failed;
                }
                self.touched(record, outcome)
            }
        }
    }

    /// The record of an order that is heard of for the first time.
    fn first(&self) -> OrderRecord {
        OrderRecord {
            module: self.module.clone(),
            order_number: self.order_number().map(str::to_owned),
            account_number: None,
            parent_order_number: None,
            carrier_product_id: None,
            product_id: None,
            state: OrderState::Unknown,
            state_by: self.call,
            vars: Vars::default(),
            vars_by: self.call,
            answered: BTreeSet::new(),
            created_by: None,
            replenished: None,
            first_seen: self.at,
            last_change: self.at,
            last_call: self.call,
            last_outcome: Outcome::Running,
        }
    }

    fn state(&self, record: &mut OrderRecord, state: Option<OrderState>) {
        if let Some(state) = state
            && record.state_by <= self.call
        {
            record.state = state;
            record.state_by = self.call;
        }
    }

    fn vars(&self, record: &mut OrderRecord, mut vars: Vars) {
        let before = record.vars.clone();
        if record.vars_by <= self.call {
            record.vars.merge(vars);
        } else {
            vars.merge(std::mem::take(&mut record.vars));
            record.vars = vars;
        }
        if record.vars != before {
            record.vars_by = record.vars_by.max(self.call);
        }
    }

    fn touched(&self, mut record: OrderRecord, outcome: Outcome) -> After {
        record.last_change = self.at;
        if record.last_call <= self.call {
            record.last_call = self.call;
            record.last_outcome = outcome;
        }
        After::Record(Box::new(record))
    }
}

/// One record from that of an order without a number and that of the order which it has turned out to be: what is newer
/// goes before what is older.
pub(super) fn joined(unlinked: OrderRecord, order_number: &str, numbered: Option<OrderRecord>) -> OrderRecord {
    let mut record = OrderRecord {
        order_number: Some(order_number.to_owned()),
        answered: BTreeSet::new(),
        ..unlinked
    };
    let Some(newer) = numbered else {
        return record;
    };
    set(&mut record.account_number, newer.account_number.as_deref());
    set(&mut record.parent_order_number, newer.parent_order_number.as_deref());
    set(&mut record.carrier_product_id, newer.carrier_product_id.as_deref());
    set(&mut record.product_id, newer.product_id.as_deref());
    if newer.state != OrderState::Unknown {
        (record.state, record.state_by) = (newer.state, newer.state_by);
    }
    record.vars.merge(newer.vars);
    record.vars_by = record.vars_by.max(newer.vars_by);
    record.created_by = record.created_by.or(newer.created_by);
    record.replenished = record.replenished.max(newer.replenished);
    record.first_seen = record.first_seen.min(newer.first_seen);
    record.last_change = record.last_change.max(newer.last_change);
    if record.last_call <= newer.last_call {
        (record.last_call, record.last_outcome) = (newer.last_call, newer.last_outcome);
    }
    record
}

/// What is not said again stays.
fn set(field: &mut Option<String>, value: Option<&str>) {
    if let Some(value) = value {
        *field = Some(value.to_owned());
    }
}

/// The state of an order after its action is done, where the action says.
fn done(action: &Action) -> Option<OrderState> {
    match action {
        Action::Create => Some(OrderState::Active),
        Action::SetStatus(status) => OrderState::of(status),
        Action::Cancel => Some(OrderState::Cancelled),
        Action::Replenish | Action::Swap | Action::UsageLimit | Action::ChangePassword | Action::Other(_) => None,
    }
}

/// The state of an order that TeleCloud has set.
fn told(status: NewStatus) -> OrderState {
    match status {
        NewStatus::Active => OrderState::Active,
        NewStatus::Suspended => OrderState::Suspended,
        NewStatus::NonPay => OrderState::NonPay,
        NewStatus::Failed => OrderState::Failed,
        NewStatus::Cancelled => OrderState::Cancelled,
    }
}

#[cfg(test)]
mod tests;
