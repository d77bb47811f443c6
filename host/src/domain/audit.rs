//! What the carrier has, compared with the gateway's own record of orders.
//!
//! Subscribers and orders are brought together by the strongest sign that both have: the carrier's id, else the number, else
//! the SIM. A sign that fits more than one of either side decides nothing and is reported. What is out of service here is
//! compared last, so that a number which was given to the next customer is taken for theirs.

mod comparison;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::comparison::differences;
use super::event::{VAR_MAX, Vars};
use super::order::OrderId;

/// Which VAR of an order holds what. `null` where none does; then it is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MatchVars {
    /// The carrier's own id of the line; 14 unless stated.
    pub subscriber_id: Option<u8>,
    /// The number; 3 unless stated.
    pub mdn: Option<u8>,
    /// The SIM; 2 unless stated.
    pub iccid: Option<u8>,
}

impl Default for MatchVars {
    fn default() -> Self {
        Self {
            subscriber_id: Some(14),
            mdn: Some(3),
            iccid: Some(2),
        }
    }
}

/// How a module's audit compares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// By what subscribers and orders are brought together.
    #[serde(rename = "match")]
    pub matching: MatchVars,
}

/// A setting that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("audit.match must name one to three different VARs, each by its number, 1 to {VAR_MAX}")]
pub struct InvalidAudit;

impl AuditSettings {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// When a VAR does not exist, or is named twice, or none is named.
    pub fn check(&self) -> Result<(), InvalidAudit> {
        let MatchVars {
            subscriber_id,
            mdn,
            iccid,
        } = self.matching;
        let mut vars: Vec<u8> = [subscriber_id, mdn, iccid].into_iter().flatten().collect();
        let named = vars.len();
        vars.sort_unstable();
        vars.dedup();
        let good = named > 0 && vars.len() == named && vars.iter().all(|var| (1..=VAR_MAX).contains(var));
        good.then_some(()).ok_or(InvalidAudit)
    }
}

/// How the two sides differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// The carrier has a subscriber that no order on record is for.
    MissingHere,
    /// An order in service on record, and the carrier has no subscriber for it.
    MissingThere,
    /// The states differ.
    State,
    /// The plans differ.
    Plan,
    /// The SIMs differ.
    Sim,
    /// The numbers differ.
    Number,
    /// The carrier's ids differ.
    SubscriberId,
    /// More than one order, or subscriber, has the same sign.
    Ambiguous,
    /// The order on record has none of the VARs to be found by.
    Unidentified,
}

impl fmt::Display for Difference {
    /// As it is counted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingHere => "missing_here",
            Self::MissingThere => "missing_there",
            Self::State => "state",
            Self::Plan => "plan",
            Self::Sim => "sim",
            Self::Number => "number",
            Self::SubscriberId => "subscriber_id",
            Self::Ambiguous => "ambiguous",
            Self::Unidentified => "unidentified",
        })
    }
}

/// An order that a row is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderRef {
    /// Its id on record.
    #[schema(value_type = String)]
    pub id: OrderId,
    /// `order_number`, if it is known.
    pub order_number: Option<String>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Row {
    /// Its kind.
    pub difference: Difference,
    /// The order; several where it is ambiguous, none where it is missing here.
    pub orders: Vec<OrderRef>,
    /// The carrier's id of the subscriber; several where it is ambiguous, none where it is missing there.
    pub subscribers: Vec<String>,
    /// What is on record.
    pub here: Option<String>,
    /// What the carrier has.
    pub there: Option<String>,
    /// The VARs that would bring the order in line with the carrier, if VARs alone can.
    #[serde(default, skip_serializing_if = "Vars::is_empty")]
    #[schema(value_type = Object)]
    pub repair: Vars,
}

#[cfg(test)]
mod tests;
