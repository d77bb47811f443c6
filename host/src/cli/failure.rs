//! Why a command did not do as asked, and the exit code for it.

use std::io;
use std::time::Duration;

use crate::api::Problem;

/// Why a command did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The gateway said no.
    #[error("{}: {}", .0.title, .0.detail)]
    Refused(Problem),
    /// The gateway said not now.
    #[error("{}: {}", .problem.title, .problem.detail)]
    Busy {
        /// What it said.
        problem: Problem,
        /// When it wants to be asked again.
        after: Duration,
    },
    /// Something is there, or not there, that keeps the command from being sensible.
    #[error("{0}")]
    Declined(String),
    /// The arguments or the input are not what they should be.
    #[error("{0}")]
    Usage(String),
    /// Nothing that speaks the admin API answered.
    #[error("{0}")]
    Unreachable(String),
    /// The output could not be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Busy { .. } | Self::Declined(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}
