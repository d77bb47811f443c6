use core::time::Duration;

use super::{seconds, vars};
use crate::bindings::patchbay::module::orders as wit;

/// A success.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    vars: Vec<(u8, String)>,
    pending: Option<Pending>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    state: String,
    check_after: Option<Duration>,
}

impl Answer {
    /// Finished.
    pub fn done() -> Self {
        Self {
            vars: Vec::new(),
            pending: None,
        }
    }

    /// Taken by the carrier and not finished; only ever an answer to [`create`](crate::Module::create). `state` is handed
    /// back to the module when it is asked how the order is getting on, such as the carrier's id for it; at most 4 KiB.
    pub fn pending(state: impl Into<String>) -> Self {
        Self {
            vars: Vec::new(),
            pending: Some(Pending {
                state: state.into(),
                check_after: None,
            }),
        }
    }

    /// Saves VAR`index`, 1 to 20, on the order. An empty value is left out.
    pub fn var(mut self, index: u8, value: impl Into<String>) -> Self {
        self.vars.push((index, value.into()));
        self
    }

    /// When to ask first how a pending order is getting on, in whole seconds from now. It says nothing about a finished
    /// one.
    pub fn check_after(mut self, wait: Duration) -> Self {
        if let Some(pending) = &mut self.pending {
            pending.check_after = Some(wait);
        }
        self
    }
}

impl From<Answer> for wit::Answer {
    fn from(answer: Answer) -> Self {
        let vars = vars(answer.vars);
        match answer.pending {
            None => Self::Done(vars),
            Some(pending) => Self::Pending(wit::Pending {
                vars,
                state: pending.state,
                check_after: pending.check_after.map(seconds),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_crosses_the_boundary_whole() {
        let wit::Answer::Done(vars) = Answer::done().var(3, "2025550143").into() else {
            panic!("done")
        };
        assert_eq!((vars[0].index, vars[0].value.as_str()), (3, "2025550143"));

        let answer = Answer::pending("A-1").var(15, "SUBMITTED");
        let wit::Answer::Pending(pending) = answer.check_after(Duration::from_secs(300)).into() else {
            panic!("pending")
        };
        assert_eq!((pending.state.as_str(), pending.check_after), ("A-1", Some(300)));
        assert_eq!(pending.vars[0].index, 15);
    }
}
