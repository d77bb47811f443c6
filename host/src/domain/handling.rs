//! How a module's events are handled around its calls: durability, duplicates, and how long things are followed up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::ActionKind;
use super::limits::InvalidLimit;

/// How a module's events are handled. Each value has a default that suits an ordinary carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Handling {
    /// Milliseconds until what is recorded of a call is on the disk; 0 to 60,000. With 0, the default, it is there before
    /// anything is sent to a carrier and before TeleCloud is answered. With more, a crash or a power failure can lose the
    /// records of the last so many milliseconds: orders that were carried out may be carried out again, and orders that
    /// TeleCloud was told are pending may be forgotten.
    pub sync_within_ms: u64,
    /// Seconds for which an event that is posted again gets the answer of the first, after a success; 0 to 86,400.
    pub repeat_s: u64,
    /// The same, for single actions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub repeat_s_by_action: BTreeMap<ActionKind, u64>,
    /// Milliseconds for which a call that has requests under way may go on after its deadline; 0 to 600,000.
    pub overtime_ms: u64,
    /// Seconds after which a pending order needs a person; 60 to 7,776,000 (90 days). It is asked about all the same.
    pub pending_s: u64,
    /// Seconds after which an unknown outcome that the carrier could not resolve needs a person; 60 to 604,800.
    pub unknown_s: u64,
    /// Seconds after a request was cut off for which it may still arrive; 0 to 3,600. Until then the carrier's word that the
    /// event did not happen is not believed, because it might happen yet.
    pub settle_s: u64,
    /// Seconds after which news that TeleCloud does not take needs a person; 60 to 604,800.
    pub telling_s: u64,
    /// Seconds for which the answer of an event whose outcome was unknown first is kept for its next post; 60 to 604,800.
    pub found_s: u64,
}

impl Default for Handling {
    fn default() -> Self {
        Self {
            sync_within_ms: 0,
            repeat_s: 120,
            repeat_s_by_action: BTreeMap::new(),
            overtime_ms: 60_000,
            pending_s: 14 * 86_400,
            unknown_s: 86_400,
            settle_s: 120,
            telling_s: 86_400,
            found_s: 86_400,
        }
    }
}

impl Handling {
    /// Seconds for which an event of this action that is posted again gets the answer of the first.
    #[must_use]
    pub fn repeat_s(&self, action: ActionKind) -> u64 {
        self.repeat_s_by_action.get(&action).copied().unwrap_or(self.repeat_s)
    }

    /// Checks every value against its range.
    ///
    /// # Errors
    /// The first one that is out of range, by name.
    pub fn check(&self) -> Result<(), InvalidLimit> {
        let week = 7 * 86_400;
        let mut rows = vec![
            ("handling.sync_within_ms".to_owned(), 0, 60_000, self.sync_within_ms),
            ("handling.repeat_s".to_owned(), 0, 86_400, self.repeat_s),
            ("handling.overtime_ms".to_owned(), 0, 600_000, self.overtime_ms),
            ("handling.pending_s".to_owned(), 60, 90 * 86_400, self.pending_s),
            ("handling.unknown_s".to_owned(), 60, week, self.unknown_s),
            ("handling.settle_s".to_owned(), 0, 3_600, self.settle_s),
            ("handling.telling_s".to_owned(), 60, week, self.telling_s),
            ("handling.found_s".to_owned(), 60, week, self.found_s),
        ];
        let by_action = self.repeat_s_by_action.iter();
        rows.extend(
            by_action.map(|(action, given)| (format!("handling.repeat_s_by_action.{action}"), 0, 86_400, *given)),
        );
        rows.into_iter()
            .try_for_each(|(name, least, most, given)| InvalidLimit::check(name, least, most, given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range() {
        assert_eq!(Handling::default().check(), Ok(()));
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let wrong = Handling {
            repeat_s_by_action: BTreeMap::from([(ActionKind::Swap, 100_000)]),
            ..Handling::default()
        };
        let error = wrong.check().expect_err("more than a day");
        assert_eq!(
            error.to_string(),
            "handling.repeat_s_by_action.swap must be 0 to 86400, and 100000 is not"
        );
    }

    #[test]
    fn an_action_may_have_a_window_of_its_own() {
        let handling = Handling {
            repeat_s_by_action: BTreeMap::from([(ActionKind::Replenish, 10)]),
            ..Handling::default()
        };
        assert_eq!(handling.repeat_s(ActionKind::Replenish), 10);
        assert_eq!(handling.repeat_s(ActionKind::Create), 120);
    }
}
