//! What an order event is, and what a module may say about it.

mod answer;
mod document;
mod failure;
mod order;
mod service_status;

use core::time::Duration;

use crate::bindings::patchbay::module::orders as wit;

pub use answer::Answer;
pub use document::Document;
pub use failure::Failure;
pub use order::{Order, Suspension};
pub use service_status::ServiceStatus;

/// What each method of a module returns.
pub type Outcome = Result<Answer, Failure>;

/// VARs as they cross the boundary.
pub(crate) fn vars(vars: Vec<(u8, String)>) -> Vec<wit::Var> {
    vars.into_iter()
        .map(|(index, value)| wit::Var { index, value })
        .collect()
}

/// A wait as it crosses the boundary: in whole seconds.
pub(crate) fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_secs()).unwrap_or(u32::MAX)
}
