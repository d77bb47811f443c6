//! What a module says of an event, and what goes back to TeleCloud.

use serde::{Deserialize, Serialize};

use super::event::Vars;

/// A module's success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Finished; the VARs are saved on the order.
    Done(Vars),
    /// Taken by the carrier and not finished.
    Pending(Pending),
}

/// An order that the carrier will finish later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Saved on the order now.
    pub vars: Vars,
    /// The module's own note, handed back when it is asked how the order stands.
    pub state: String,
    /// When to ask first, in seconds.
    pub check_after: Option<u32>,
}

/// A module's failure. The kinds differ in what may be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Definite, nothing was changed. The text is for TeleCloud's caller.
    Rejected(String),
    /// Nothing was sent. The text is for the record.
    Unreachable(String),
    /// Sent, and no answer to rely on. The text is for the record.
    Unknown(String),
}

/// What TeleCloud is told: the content of one MODULE document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "success")]
pub enum Reply {
    /// `SUCCESS` Y.
    #[serde(rename = "Y")]
    Success {
        /// `STATUS` PENDING. Only ever true in answer to Order/Create.
        pending: bool,
        /// Saved on the order.
        vars: Vars,
    },
    /// `SUCCESS` N.
    #[serde(rename = "N")]
    Failure {
        /// Reaches the original API caller, word for word.
        error: String,
    },
}

impl Reply {
    /// Success with nothing to save.
    #[must_use]
    pub fn success() -> Self {
        Self::Success {
            pending: false,
            vars: Vars::default(),
        }
    }

    /// Failure with this text.
    #[must_use]
    pub fn failure(error: impl Into<String>) -> Self {
        Self::Failure { error: error.into() }
    }
}
