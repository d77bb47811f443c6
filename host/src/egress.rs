//! The door out: the only way from a tenant's component to a carrier.
//!
//! In this order, and each step only with the proof of the one before: the URL is read strictly, a grant is found, secrets
//! are put in their places, the request is recorded, the host is looked up once, every address that it stands for is judged,
//! one of those very addresses is dialled, the carrier proves its name by TLS, and the request goes out, once. Time and
//! sizes are limited throughout.
//!
//! Nothing here knows of components or of wasmtime. [`policy`], [`path`], [`target`], [`address`], [`networks`] and [`secrets`]
//! decide and do no IO; `connect` is the only place that dials.

pub mod address;
pub mod lookup;
pub mod networks;
pub mod path;
pub mod policy;
pub mod secrets;
pub mod target;

mod body;
mod connect;
mod door;
mod error;
mod exchange;
mod headers;
mod passage;
mod record;
mod tls;

pub use door::{Config, Door};
pub use error::DoorError;
pub use networks::Networks;
pub use passage::{Passage, Spent, Timeouts};
pub use record::{Ended, ExchangeNumber, RecordFailed, Recorder, Started};
pub use tls::{Roots, Tls};

#[cfg(test)]
mod tests;
