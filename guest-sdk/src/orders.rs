//! What an order event is, and what a module may say about it.

mod answer;
mod document;
mod failure;
mod order;

pub use answer::Answer;
pub use document::Document;
pub use failure::Failure;
pub use order::{Order, Suspension};

/// What each method of a module returns.
pub type Outcome = Result<Answer, Failure>;
