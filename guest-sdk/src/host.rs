//! What the gateway gives a module: settings, the log, the documents, the way out.
//!
//! Nothing else in this crate knows whether it runs in the gateway or in a test.

#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::host::{log, secret, send, setting, settings};
#[cfg(target_family = "wasm")]
pub(crate) use wasm::{log, secret, send, setting, settings};

/// The documents of one call.
#[cfg(not(target_family = "wasm"))]
pub(crate) type Tree<'a> = &'a crate::testing::Tree;
/// The documents of one call.
#[cfg(target_family = "wasm")]
pub(crate) type Tree<'a> = &'a crate::bindings::patchbay::module::orders::Document;

/// What every exported function does first.
pub(crate) fn begin() {
    #[cfg(target_family = "wasm")]
    wasm::log_panics();
}
