//! What TeleCloud is told about an order that it has: the content of one Order/Update.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::event::Vars;

/// The state that an order is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NewStatus {
    /// In service.
    Active,
    /// Out of service, to come back.
    Suspended,
    /// Suspended for want of payment.
    NonPay,
    /// Never came into service. TeleCloud refunds a pending order on this.
    Failed,
    /// Ended. TeleCloud refunds a pending order on this.
    Cancelled,
}

impl fmt::Display for NewStatus {
    /// As TeleCloud spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::NonPay => "NON-PAY",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        })
    }
}

/// News of an order. TeleCloud changes only what is passed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The order's new state, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<NewStatus>,
    /// Why it failed, shown with the transaction that created the order. Goes with [`NewStatus::Failed`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_text: Option<String>,
    /// Saved on the order.
    #[serde(default, skip_serializing_if = "Vars::is_empty")]
    pub vars: Vars,
}

impl Update {
    /// VARs alone.
    #[must_use]
    pub fn vars(vars: Vars) -> Self {
        Self {
            vars,
            ..Self::default()
        }
    }

    /// The carrier has finished the order.
    #[must_use]
    pub fn active(vars: Vars) -> Self {
        Self {
            status: Some(NewStatus::Active),
            ..Self::vars(vars)
        }
    }

    /// The carrier has definitely and finally refused the order. TeleCloud refunds it.
    #[must_use]
    pub fn failed(text: impl Into<String>, vars: Vars) -> Self {
        Self {
            status: Some(NewStatus::Failed),
            error_text: Some(text.into()),
            vars,
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.status.is_none() && self.vars.is_empty()
    }

    /// Adds later news, which wins where both speak of the same thing: told once, it says what both would have said.
    pub fn merge(&mut self, later: Self) {
        if later.status.is_some() {
            self.status = later.status;
            self.error_text = later.error_text;
        }
        self.vars.merge(later.vars);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(of: &[(u8, &str)]) -> Vars {
        let mut vars = Vars::default();
        for (index, value) in of {
            vars.set(*index, (*value).to_owned()).expect("a VAR");
        }
        vars
    }

    #[test]
    fn later_news_wins_and_nothing_earlier_is_lost() {
        let mut news = Update::vars(vars(&[(13, "A-1"), (15, "SUBMITTED")]));
        news.merge(Update::active(vars(&[(3, "2025550177"), (15, "COMPLETED")])));
        assert_eq!(
            news,
            Update::active(vars(&[(3, "2025550177"), (13, "A-1"), (15, "COMPLETED")]))
        );
        news.merge(Update::vars(vars(&[(9, "12")])));
        assert_eq!(news.status, Some(NewStatus::Active), "VARs alone leave the state");
    }

    #[test]
    fn what_says_nothing_is_empty() {
        assert!(Update::default().is_empty());
        assert!(!Update::failed("no", Vars::default()).is_empty());
    }
}
