//! Scheduled work: what a module's customers used, and whether the carrier has what the gateway has.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::audit::{AuditSettings, InvalidAudit};
use super::call::CallId;
use super::limits::InvalidLimit;
use super::metering::{InvalidUsage, UsageSettings, Verdict};
use super::name::ModuleName;
use super::order::OrderId;
use super::schedule::Schedule;
use super::usage::Amount;

/// Names a run of scheduled work. Sorts by the time that it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub Ulid);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for RunId {
    type Err = ulid::DecodeError;
    fn from_str(text: &str) -> Result<Self, ulid::DecodeError> {
        Ulid::from_string(text).map(Self)
    }
}

/// The kinds of scheduled work. No two runs of one kind are ever under way for one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BatchKind {
    /// TeleCloud is told what customers used.
    Usage,
    /// The carrier's subscribers are compared with the orders on record.
    Audit,
}

impl BatchKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Usage, Self::Audit];
}

impl fmt::Display for BatchKind {
    /// As in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usage => "usage",
            Self::Audit => "audit",
        })
    }
}

/// When a module's scheduled work is due. What has no schedule runs on command only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedules {
    /// For usage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Schedule>,
    /// For audits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Schedule>,
}

impl Schedules {
    /// Whether nothing is ever due.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.usage.is_none() && self.audit.is_none()
    }

    /// The place of the schedule for one kind of work.
    pub fn get_mut(&mut self, kind: BatchKind) -> &mut Option<Schedule> {
        match kind {
            BatchKind::Usage => &mut self.usage,
            BatchKind::Audit => &mut self.audit,
        }
    }

    /// The schedule for one kind of work.
    #[must_use]
    pub fn get(&self, kind: BatchKind) -> Option<&Schedule> {
        match kind {
            BatchKind::Usage => self.usage.as_ref(),
            BatchKind::Audit => self.audit.as_ref(),
        }
    }
}

/// A module's scheduled work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchSettings {
    /// When it is due.
    pub schedules: Schedules,
    /// How usage is reported.
    pub usage: UsageSettings,
    /// How an audit compares.
    pub audit: AuditSettings,
}

/// A setting of scheduled work that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBatch {
    /// A number is out of range.
    #[error(transparent)]
    Limit(#[from] InvalidLimit),
    /// How usage is reported.
    #[error(transparent)]
    Usage(#[from] InvalidUsage),
    /// How an audit compares.
    #[error(transparent)]
    Audit(#[from] InvalidAudit),
}

impl BatchSettings {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// The first thing that is wrong, by name.
    pub fn check(&self) -> Result<(), InvalidBatch> {
        for kind in BatchKind::ALL {
            if let Some(schedule) = self.schedules.get(kind) {
                schedule.check(&format!("schedules.{kind}"))?;
            }
        }
        self.usage.check()?;
        Ok(self.audit.check()?)
    }
}

/// Why a run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// It was due.
    Schedule {
        /// The time in the schedule, before any delay.
        #[schema(value_type = String, format = DateTime)]
        time: Timestamp,
        /// Earlier times for which there was no run: the gateway was down, or the run before was still under way.
        missed: u32,
    },
    /// An operator asked: as what they do is signed.
    Operator(String),
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum RunStatus {
    /// Under way. After a restart of the gateway it goes on where it was.
    Running,
    /// Something did not work; it goes on where it was.
    Waiting {
        /// What did not work.
        why: String,
        /// How often in a row it was tried.
        attempts: u32,
        /// When it is tried next.
        #[schema(value_type = String, format = DateTime)]
        due: Timestamp,
    },
    /// It came to its end.
    Done,
    /// It did not come to its end, and is not tried again.
    GivenUp {
        /// What did not work.
        why: String,
    },
}

impl RunStatus {
    /// Whether there is more to do.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Running | Self::Waiting { .. })
    }
}

/// What became of something that TeleCloud was to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", tag = "sent")]
pub enum Sent {
    /// TeleCloud has taken it.
    Accepted {
        /// The call that it is on record as; none for what was sent before a crash.
        #[schema(value_type = Option<String>)]
        call: Option<CallId>,
    },
    /// Nothing is sent in a dry run.
    DryRun,
    /// TeleCloud has not taken it, or nobody knows.
    Failed {
        /// Why.
        why: String,
        /// Whether it may have been carried out.
        unclear: bool,
        /// The call that it is on record as.
        #[schema(value_type = String)]
        call: CallId,
    },
}

/// What became of one reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageResult {
    /// The order.
    pub order_number: String,
    /// The component at TeleCloud.
    pub component_id: String,
    /// `recurring`, `once-off`, or the carrier's own word.
    pub kind: String,
    /// As the module read it.
    #[schema(value_type = String)]
    pub total: Amount,
    /// What was decided.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What became of Order/ReportUsage, if there was something to report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Sent>,
    /// What became of Order/Update, if there were VARs to save. One saves those of all readings of an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Sent>,
}

/// What became of a repair that an audit suggests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Repair {
    /// The row's number in the report.
    pub row: u32,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// What became of Order/Update.
    #[serde(flatten)]
    pub result: Sent,
}

/// How far a run has come: what it needs to go on after a crash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Pages that are done.
    pub pages: u32,
    /// Usage: the last order of those that are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<OrderId>,
    /// Usage: where the orders after those that are being asked about begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<OrderId>,
    /// Usage: the orders that the module is being asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<OrderId>,
    /// Usage: those among them of which the module has said nothing yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<OrderId>,
    /// Where the module's next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Audit: whether all of the carrier's subscribers are listed.
    #[serde(default)]
    pub listed: bool,
    /// Audit: bytes of the list so far.
    #[serde(default)]
    pub listed_bytes: u64,
}

/// One run of scheduled work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Run {
    /// Names it.
    #[schema(value_type = String)]
    pub id: RunId,
    /// Whose work.
    #[schema(value_type = String)]
    pub module: ModuleName,
    /// Which work.
    pub kind: BatchKind,
    /// Why it began.
    pub trigger: Trigger,
    /// TeleCloud is told nothing, and nothing is remembered as told.
    pub dry_run: bool,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When this was last written.
    #[schema(value_type = String, format = DateTime)]
    pub written: Timestamp,
    /// Where it stands.
    #[serde(flatten)]
    pub status: RunStatus,
    /// How many pages of the module were read.
    pub pages: u32,
    /// What was counted so far, by name.
    pub counts: BTreeMap<String, u64>,
}

impl Run {
    /// Adds to what is counted under `name`.
    pub fn count(&mut self, name: &str, more: u64) {
        *self.counts.entry(name.to_owned()).or_default() += more;
    }
}

#[cfg(test)]
mod tests;
