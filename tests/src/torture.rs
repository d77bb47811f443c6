//! What a hostile tenant tries in numbers: for the end-to-end tests a share of it, for `cargo xtask torture` all, for hours. Each
//! part gives figures, and fails when something happens that must not.

mod addresses;
pub mod components;
pub mod interrupts;
pub mod latency;
pub mod mutation;
pub mod neighbours;
pub mod overload;
pub mod process;
mod spellings;

pub use self::addresses::{Addresses, Share, addresses};
