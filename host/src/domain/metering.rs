//! From what a carrier counted to what TeleCloud is told of it: units, rounding, and totals that cannot be right.
//!
//! Numbers are exact: an [`Amount`] is a whole number of billionths, and a division is rounded once. A total that is lower
//! than the one before is told only if the count is known to have started again in between; in doubt a person decides.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::batch::RunId;
use super::event::{VAR_MAX, Vars};
use super::limits::InvalidLimit;
use super::schedule::Schedule;
use super::usage::{Amount, Reading, UsageKind};

/// Most components of one module.
const COMPONENTS_MAX: usize = 200;

/// Most characters of a component's id.
const COMPONENT_ID_CHARACTERS_MAX: usize = 64;

/// Most of the carrier's units that make one of TeleCloud's: bytes in a pebibyte.
const DIVISOR_MAX: u64 = 1 << 50;

/// Most digits after the point in what TeleCloud is told.
const DECIMALS_MAX: u8 = 6;

/// Billionths in one, as an [`Amount`] counts.
const ONE: u128 = 1_000_000_000;

/// What becomes of a part of a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// It is dropped: nobody is billed for more than was used.
    #[default]
    Down,
    /// It counts as a whole unit.
    Up,
    /// Half a unit and more counts as a whole one.
    HalfUp,
}

impl fmt::Display for Rounding {
    /// For people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "rounded down",
            Self::Up => "rounded up",
            Self::HalfUp => "rounded half up",
        })
    }
}

/// What TeleCloud does with the units that it is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expression {
    /// They take the place of the total that it has: told twice, they count once.
    #[default]
    Cumulative,
    /// They are added to the total that it has.
    Additive,
}

impl fmt::Display for Expression {
    /// As in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cumulative => "cumulative",
            Self::Additive => "additive",
        })
    }
}

/// How a component of a plan is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ComponentRule {
    /// How many of the units that the module reads make one unit of the component; 1 to 1,125,899,906,842,624. Bytes for a
    /// component in MiB: 1,048,576. Seconds for one in minutes: 60.
    pub unit_divisor: u64,
    /// Digits after the point in what TeleCloud is told; 0 to 6.
    pub decimals: u8,
    /// What becomes of the rest.
    pub rounding: Rounding,
    /// What TeleCloud does with the units.
    pub expression: Expression,
    /// Whether Order/ReportUsage is sent. Without it the total goes to the VAR alone.
    pub report: bool,
    /// The VAR of the order that the total is saved in, in units of the component; 1 to 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub var: Option<u8>,
}

impl Default for ComponentRule {
    fn default() -> Self {
        Self {
            unit_divisor: 1,
            decimals: 0,
            rounding: Rounding::default(),
            expression: Expression::default(),
            report: true,
            var: None,
        }
    }
}

impl ComponentRule {
    /// The total in units of the component.
    #[must_use]
    pub fn units(&self, total: Amount) -> Amount {
        let step = ONE / 10_u128.pow(u32::from(self.decimals));
        let divisor = u128::from(self.unit_divisor) * step;
        let (whole, rest) = (total.billionths() / divisor, total.billionths() % divisor);
        let more = match self.rounding {
            Rounding::Down => false,
            Rounding::Up => rest > 0,
            Rounding::HalfUp => rest >= divisor - rest,
        };
        Amount::from_billionths((whole + u128::from(more)) * step)
    }

    fn check(&self, name: &str) -> Result<(), InvalidLimit> {
        let (most_decimals, most_vars) = (u64::from(DECIMALS_MAX), u64::from(VAR_MAX));
        InvalidLimit::check(format!("{name}.unit_divisor"), 1, DIVISOR_MAX, self.unit_divisor)?;
        InvalidLimit::check(format!("{name}.decimals"), 0, most_decimals, u64::from(self.decimals))?;
        let var = self.var.map_or(1, u64::from);
        InvalidLimit::check(format!("{name}.var"), 1, most_vars, var)
    }
}

/// How a module's usage is reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UsageSettings {
    /// By the component's id at TeleCloud. A reading of any other component is counted and told to nobody.
    pub components: BTreeMap<String, ComponentRule>,
    /// When recurring totals start again, for all orders at once. Without it each starts again with the Order/Replenish of
    /// its order. Its delay does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle: Option<Schedule>,
}

/// A setting that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUsage {
    /// A number is out of range.
    #[error(transparent)]
    Limit(#[from] InvalidLimit),
    /// Too many, or no id.
    #[error(
        "usage.components must be at most {COMPONENTS_MAX}, each under the component's id at TeleCloud: 1 to \
         {COMPONENT_ID_CHARACTERS_MAX} characters"
    )]
    Components,
    /// A component that would be told to nobody.
    #[error("usage.components.{0} must have a var where report is false: otherwise its total would be told to nobody")]
    Nowhere(String),
    /// Two components in one VAR.
    #[error("usage.components.{0} and usage.components.{1} cannot share VAR{2}")]
    SameVar(String, String, u8),
}

impl UsageSettings {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), InvalidUsage> {
        let is_id = |id: &String| (1..=COMPONENT_ID_CHARACTERS_MAX).contains(&id.chars().count());
        if self.components.len() > COMPONENTS_MAX || !self.components.keys().all(is_id) {
            return Err(InvalidUsage::Components);
        }
        let mut vars: BTreeMap<u8, &String> = BTreeMap::new();
        for (id, rule) in &self.components {
            rule.check(&format!("usage.components.{id}"))?;
            match rule.var {
                None if !rule.report => return Err(InvalidUsage::Nowhere(id.clone())),
                None => {}
                Some(var) => {
                    if let Some(other) = vars.insert(var, id) {
                        return Err(InvalidUsage::SameVar(other.clone(), id.clone(), var));
                    }
                }
            }
        }
        if let Some(cycle) = &self.cycle {
            cycle.check("usage.cycle")?;
        }
        Ok(())
    }
}

/// What TeleCloud was last told of one component of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The carrier's total, as the module read it.
    pub total: Amount,
    /// The same in units of the component, as it was rounded then.
    pub units: Amount,
    /// When.
    pub at: Timestamp,
    /// In which run. `None` when a person settled it.
    pub run: Option<RunId>,
    /// On which page of that run.
    pub page: u32,
}

/// What is known of one component of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What TeleCloud was told last. `None` when it was told nothing yet.
    pub told: Option<Told>,
    /// Since when units are under way that may have been added or not. Until a person has looked, no more are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubtful: Option<Timestamp>,
}

/// What the gateway knows of the order that a reading is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// When the gateway last saw an Order/Replenish of it succeed.
    pub replenished: Option<Timestamp>,
    /// What is known of the component.
    pub account: Option<&'a Account>,
}

/// Where in which run a reading was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The run.
    pub run: RunId,
    /// Counts the run's pages. A page that is read again after a crash has the same number.
    pub page: u32,
    /// Now.
    pub at: Timestamp,
}

/// Why a reading is not told before a person has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// The total is lower than the one told before, and nothing says that the count started again.
    Lower,
    /// A new cycle has begun since, and the total does not show whether it counts from the new beginning.
    MayHaveRestarted,
    /// The run read two totals of the same component of the same order.
    Twice,
    /// It is not known whether TeleCloud added the units that were sent last.
    Doubtful,
}

impl Hold {
    /// One sentence for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Lower => {
                "the total is lower than the one that was told before, and no new cycle is known to have begun: look at the \
                 carrier, then settle it"
            }
            Self::MayHaveRestarted => {
                "a new cycle has begun, and the total does not show whether it starts from nothing: the next run may tell"
            }
            Self::Twice => "two totals of one component of the order were read: give each kind a component of its own",
            Self::Doubtful => {
                "TeleCloud may or may not have added the units that were sent last: compare with its total, then settle it"
            }
        }
    }
}

/// What becomes of a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// TeleCloud is told.
    Report {
        /// What Order/ReportUsage says.
        #[schema(value_type = String)]
        units: Amount,
        /// The whole total in units, as a VAR shows it. With [`Expression::Cumulative`] it is the same.
        #[schema(value_type = String)]
        total_units: Amount,
    },
    /// TeleCloud knows it.
    Unchanged {
        /// The whole total in units, as a VAR shows it.
        #[schema(value_type = String)]
        total_units: Amount,
    },
    /// A person has to look.
    Held {
        /// Why.
        why: Hold,
    },
    /// The module does not know the carrier's kind.
    UnknownKind,
    /// The settings do not name the component.
    NoSuchComponent,
    /// The gateway has no such order of this module in service.
    NoSuchOrder,
}

impl UsageSettings {
    /// What becomes of a reading. `facts` is `None` for an order that was not asked about.
    #[must_use]
    pub fn judge(&self, reading: &Reading, facts: Option<Facts<'_>>, pass: Pass) -> Verdict {
        let Some(facts) = facts else {
            return Verdict::NoSuchOrder;
        };
        if let UsageKind::Other(_) = reading.kind {
            return Verdict::UnknownKind;
        }
        let Some(rule) = self.components.get(&reading.component_id) else {
            return Verdict::NoSuchComponent;
        };
        let total_units = rule.units(reading.total);
        let held = |why| Verdict::Held { why };
        let report = |units| Verdict::Report { units, total_units };
        if facts.account.is_some_and(|account| account.doubtful.is_some()) {
            return held(Hold::Doubtful);
        }
        let Some(told) = facts.account.and_then(|account| account.told.as_ref()) else {
            return report(total_units);
        };
        if told.run == Some(pass.run) && told.page != pass.page && told.total != reading.total {
            return held(Hold::Twice);
        }
        let restarted = reading.kind == UsageKind::Recurring && self.restarted(told.at, facts.replenished, pass.at);
        let before = rule.units(told.total);
        let lower = reading.total < told.total && total_units < before;
        match rule.expression {
            _ if lower && !restarted => held(Hold::Lower),
            Expression::Cumulative if total_units == told.units && !restarted => Verdict::Unchanged { total_units },
            Expression::Cumulative => report(total_units),
            Expression::Additive if lower => report(total_units),
            Expression::Additive if restarted && before > Amount::default() => held(Hold::MayHaveRestarted),
            Expression::Additive => match total_units.checked_sub(before) {
                Some(more) if more > Amount::default() => report(more),
                _ => Verdict::Unchanged { total_units },
            },
        }
    }

    /// Whether recurring totals started again since `since`.
    fn restarted(&self, since: Timestamp, replenished: Option<Timestamp>, now: Timestamp) -> bool {
        match &self.cycle {
            Some(cycle) => cycle.next(since).is_some_and(|next| next <= now),
            None => replenished.is_some_and(|at| at > since),
        }
    }

    /// What is saved on the order along with a total: the VARs that the module gave, and the total itself.
    #[must_use]
    pub fn vars(&self, reading: &Reading, total_units: Amount) -> Vars {
        let mut vars = reading.vars.clone();
        if let Some(var) = self.components.get(&reading.component_id).and_then(|rule| rule.var) {
            // The settings were checked: it is the number of a VAR.
            let _ = vars.set(var, total_units.to_string());
        }
        vars
    }
}

#[cfg(test)]
mod tests;
