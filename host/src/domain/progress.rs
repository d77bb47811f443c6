//! What a module learns from its carrier after an order was taken: how it gets on, and whether an event happened at all.

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::event::Vars;

/// How a pending order stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Not finished.
    Waiting {
        /// Those that changed meanwhile.
        vars: Vars,
        /// Handed back next time, instead of the state before.
        state: String,
        /// When to ask again, in seconds. `None` leaves it to the gateway.
        check_after: Option<u32>,
    },
    /// The carrier has finished it; the VARs are saved on the order.
    Completed(Vars),
    /// The carrier has definitely and finally refused it. The order is refunded on this.
    Rejected {
        /// Shown with the order.
        text: String,
        /// Saved on the order.
        vars: Vars,
    },
}

/// What a carrier's callback is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The state under which the order is pending.
    pub state: String,
    /// How it stands.
    pub progress: Progress,
}

/// Whether an event of unknown outcome was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It was, and this is the answer that was lost.
    Happened(Answer),
    /// It was not: the event is safe to run again.
    DidNotHappen,
    /// The carrier cannot say yet.
    Undecided,
}

/// A request that a carrier made to a module's callback URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// In upper case.
    pub method: String,
    /// Path below the callback URL and query, as sent.
    pub path_with_query: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Whole.
    pub body: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::Pending;

    #[test]
    fn what_was_kept_is_the_same() {
        let mut vars = Vars::default();
        vars.set(15, "SUBMITTED".into()).expect("15 is a VAR");
        let progress = [
            Progress::Waiting {
                vars: vars.clone(),
                state: "A-1".into(),
                check_after: Some(300),
            },
            Progress::Completed(vars.clone()),
            Progress::Rejected {
                text: "no".into(),
                vars: vars.clone(),
            },
        ];
        let kept = serde_json::to_string(&progress).expect("it has a form in JSON");
        assert_eq!(
            serde_json::from_str::<[Progress; 3]>(&kept).expect("read back"),
            progress
        );

        let findings = [
            Finding::Happened(Answer::Done(vars.clone())),
            Finding::Happened(Answer::Pending(Pending {
                vars,
                state: "A-1".into(),
                check_after: None,
            })),
            Finding::DidNotHappen,
            Finding::Undecided,
        ];
        let kept = serde_json::to_string(&findings).expect("it has a form in JSON");
        assert_eq!(
            serde_json::from_str::<[Finding; 4]>(&kept).expect("read back"),
            findings
        );
    }
}
