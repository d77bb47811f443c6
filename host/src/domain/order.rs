//! An order as the gateway has it on record: what passed through, put together.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::call::{CallId, Outcome};
use super::event::{Action, Event, ServiceStatus, Vars};
use super::name::ModuleName;

/// Fewest characters of a value that orders can be told apart by. `YES`, `NO` and `0` are in nearly all of them.
pub const TELLING_CHARACTERS_MIN: usize = 4;

/// Names an order on record: made from its module and its number, or the id of the call that created it while it has no
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub Ulid);

impl OrderId {
    /// Of an order whose number is not known.
    #[must_use]
    pub fn unlinked(created_by: CallId) -> Self {
        Self(created_by.0)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The state of an order, as far as what passed through says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderState {
    /// The carrier has taken it and will finish it.
    Pending,
    /// In service.
    Active,
    /// Out of service, to come back.
    Suspended,
    /// Suspended for want of payment.
    NonPay,
    /// Never came into service.
    Failed,
    /// Ended.
    Cancelled,
    /// Nothing that passed through says.
    Unknown,
}

impl OrderState {
    /// What an order is once it was set to this; none for a state that is not known here.
    #[must_use]
    pub fn of(status: &ServiceStatus) -> Option<Self> {
        match status {
            ServiceStatus::Active => Some(Self::Active),
            ServiceStatus::Suspended => Some(Self::Suspended),
            ServiceStatus::NonPay => Some(Self::NonPay),
            ServiceStatus::Other(_) => None,
        }
    }
}

impl fmt::Display for OrderState {
    /// As in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::NonPay => "non-pay",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        })
    }
}

/// What is on record of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderRecord {
    /// The module that its events are posted to.
    #[schema(value_type = String)]
    pub module: ModuleName,
    /// `order_number`; null while it is not known.
    pub order_number: Option<String>,
    /// `Customer.account_number`.
    pub account_number: Option<String>,
    /// `parent_order_number`: of an add-on.
    pub parent_order_number: Option<String>,
    /// `CARRIER_PRODUCT_ID`.
    pub carrier_product_id: Option<String>,
    /// `Product.product_id`.
    pub product_id: Option<String>,
    /// As far as what passed through says.
    pub state: OrderState,
    /// The newest call that said what the state is.
    #[schema(value_type = String)]
    pub state_by: CallId,
    /// As TeleCloud has them: what was posted, what modules answered, what TeleCloud was told.
    #[schema(value_type = Object)]
    pub vars: Vars,
    /// The newest call that changed a VAR.
    #[schema(value_type = String)]
    pub vars_by: CallId,
    /// The numbers of the VARs that Order/Create was answered with, while the order's number is not known.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<u8>)]
    pub answered: BTreeSet<u8>,
    /// The call of its Order/Create, if that passed through.
    #[schema(value_type = Option<String>)]
    pub created_by: Option<CallId>,
    /// When the latest Order/Replenish was done that passed through: its totals count from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub replenished: Option<Timestamp>,
    /// When it was first heard of.
    #[schema(value_type = String, format = DateTime)]
    pub first_seen: Timestamp,
    /// When this was last written.
    #[schema(value_type = String, format = DateTime)]
    pub last_change: Timestamp,
    /// The newest call about it.
    #[schema(value_type = String)]
    pub last_call: CallId,
    /// How that call ended.
    pub last_outcome: Outcome,
}

/// An order on record, and what it goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Order {
    /// Names it. Changes once, when an order that came without a number gets one.
    #[schema(value_type = String)]
    pub id: OrderId,
    /// What is on record.
    #[serde(flatten)]
    pub record: OrderRecord,
}

/// What an order is recognised by that was created without a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlinked<'a> {
    module: &'a ModuleName,
    account_number: Option<&'a str>,
    /// What Order/Create was answered with, or what was posted with it where the answer had no VARs: TeleCloud has
    /// saved the ones, and had the others already.
    vars: Vec<(u8, &'a str)>,
}

impl<'a> Unlinked<'a> {
    /// From an Order/Create: the VARs that it was posted with, and those of its answer.
    #[must_use]
    pub fn new(module: &'a ModuleName, account_number: Option<&'a str>, posted: &'a Vars, answered: &'a Vars) -> Self {
        let vars = if answered.is_empty() { posted } else { answered };
        Self {
            module,
            account_number,
            vars: vars.iter().collect(),
        }
    }

    /// From what is on record of the order.
    #[must_use]
    pub fn of(record: &'a OrderRecord) -> Self {
        let is_meant = |index: &u8| record.answered.is_empty() || record.answered.contains(index);
        Self {
            module: &record.module,
            account_number: record.account_number.as_deref(),
            vars: record.vars.iter().filter(|(index, _)| is_meant(index)).collect(),
        }
    }

    /// The VARs that tell the order from others of its account.
    pub fn telling(&self) -> impl Iterator<Item = (u8, &'a str)> {
        self.vars.iter().copied().filter(|(_, value)| is_telling(value))
    }
}

/// Whether orders can be told apart by this value.
#[must_use]
pub fn is_telling(value: &str) -> bool {
    value.chars().nth(TELLING_CHARACTERS_MIN - 1).is_some()
}

/// Why an event cannot be taken to be about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Differs {
    /// An Order/Create is about a new order.
    #[error("the event creates an order of its own")]
    Creates,
    /// It was posted to another module.
    #[error("the order is another module's")]
    Module,
    /// The accounts differ, or one of them is not known.
    #[error("the order is another account's")]
    Account,
    /// A VAR has another value.
    #[error("VAR{0} has another value")]
    Var(u8),
    /// No VAR of both has a value that tells orders apart.
    #[error("they have no VAR in common that tells orders apart")]
    NothingInCommon,
}

/// Whether a later event, which has an order number, is about the order whose Order/Create came without one.
///
/// It is when module and account are the same, and so is every VAR that both have, with at least one among them of
/// [`TELLING_CHARACTERS_MIN`] characters or more. Where several orders could be meant, none is: whoever asks looks at
/// all that are not linked.
///
/// # Errors
/// The first thing that speaks against it.
pub fn same_order(order: &Unlinked<'_>, module: &ModuleName, later: &Event) -> Result<(), Differs> {
    if later.action == Action::Create {
        return Err(Differs::Creates);
    }
    if order.module != module {
        return Err(Differs::Module);
    }
    if order.account_number.is_none() || order.account_number != later.account_number.as_deref() {
        return Err(Differs::Account);
    }
    let mut in_common = false;
    for (index, value) in &order.vars {
        match later.vars.get(*index) {
            Some(other) if other != *value => return Err(Differs::Var(*index)),
            Some(_) => in_common |= is_telling(value),
            None => {}
        }
    }
    if in_common {
        Ok(())
    } else {
        Err(Differs::NothingInCommon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Document;

    fn vars(of: &[(u8, &str)]) -> Vars {
        let mut vars = Vars::default();
        for (index, value) in of {
            vars.set(*index, (*value).to_owned()).expect("a VAR");
        }
        vars
    }

    fn later(action: Action, account: Option<&str>, of: &[(u8, &str)]) -> Event {
        Event {
            service: String::new(),
            action,
            account_number: account.map(str::to_owned),
            order_number: Some("4711".to_owned()),
            parent_order_number: None,
            carrier_product_id: None,
            new_state: None,
            vars: vars(of),
            document: Document::default(),
        }
    }

    fn active() -> Action {
        Action::SetStatus(ServiceStatus::Active)
    }

    #[test]
    fn a_later_event_is_about_an_order_when_nothing_speaks_against_it() {
        let sim = ModuleName::parse("sim").expect("a name");
        let esim = ModuleName::parse("esim").expect("a name");
        let posted = vars(&[(2, "8901260000000000017"), (4, "NO")]);
        let answered = vars(&[(3, "2025550143"), (15, "NO")]);
        let none = Vars::default();
        let by_answer = || Unlinked::new(&sim, Some("100"), &posted, &answered);
        let by_post = || Unlinked::new(&sim, Some("100"), &posted, &none);
        let event = |of: &[(u8, &str)]| later(active(), Some("100"), of);
        let number = (3, "2025550143");
        let card = (2, "8901260000000000017");
        let rows = [
            (
                "an answered VAR is the same",
                by_answer(),
                &sim,
                event(&[number]),
                Ok(()),
            ),
            (
                "VARs of one side only do not matter",
                by_answer(),
                &sim,
                event(&[number, (2, "another"), (9, "12")]),
                Ok(()),
            ),
            (
                "without an answer, a posted VAR",
                by_post(),
                &sim,
                event(&[card, (4, "NO")]),
                Ok(()),
            ),
            (
                "with an answer, posted VARs say nothing",
                by_answer(),
                &sim,
                event(&[card]),
                Err(Differs::NothingInCommon),
            ),
            (
                "one VAR that differs outweighs one that is the same",
                by_answer(),
                &sim,
                event(&[number, (15, "YES")]),
                Err(Differs::Var(15)),
            ),
            (
                "a word that is in every order tells nothing",
                by_post(),
                &sim,
                event(&[(4, "NO")]),
                Err(Differs::NothingInCommon),
            ),
            ("no VARs", by_answer(), &sim, event(&[]), Err(Differs::NothingInCommon)),
            (
                "another module",
                by_answer(),
                &esim,
                event(&[number]),
                Err(Differs::Module),
            ),
            (
                "another account",
                by_answer(),
                &sim,
                later(active(), Some("101"), &[number]),
                Err(Differs::Account),
            ),
            (
                "no account in the event",
                by_answer(),
                &sim,
                later(active(), None, &[number]),
                Err(Differs::Account),
            ),
            (
                "no account in either",
                Unlinked::new(&sim, None, &posted, &answered),
                &sim,
                later(active(), None, &[number]),
                Err(Differs::Account),
            ),
            (
                "another Order/Create",
                by_answer(),
                &sim,
                later(Action::Create, Some("100"), &[number]),
                Err(Differs::Creates),
            ),
        ];
        for (name, order, module, event, expected) in rows {
            assert_eq!(same_order(&order, module, &event), expected, "{name}");
        }
    }
}
