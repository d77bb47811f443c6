//! Runs a module natively, against a carrier made of a closure.
//!
//! There is no state between tests: a [`Gateway`] is in force only while one call lasts, in the thread that made it.
//!
//! The crate's front page has an example.

mod event;
mod gateway;
pub(crate) mod host;
mod tree;

pub use event::{CALL_ID, Event};
pub use gateway::{Gateway, Reply, Run, placeholder};
#[doc(hidden)]
pub use tree::Tree;
