//! Lines for the record of this call, which the tenant's people read. Not for secrets or personal data.
//!
//! ```
//! # let line = "2025550143";
//! patchbay_module::log::warn(format_args!("the carrier has no line {line}"));
//! ```

use core::fmt::Display;

pub use crate::bindings::patchbay::module::log::Level;
use crate::host;

/// Adds a line. Lines past the call's limit are counted and dropped.
pub fn write(level: Level, message: impl Display) {
    host::log(level, &message.to_string());
}

/// Adds a line of level `debug`.
pub fn debug(message: impl Display) {
    write(Level::Debug, message);
}

/// Adds a line of level `info`.
pub fn info(message: impl Display) {
    write(Level::Info, message);
}

/// Adds a line of level `warn`.
pub fn warn(message: impl Display) {
    write(Level::Warn, message);
}

/// Adds a line of level `error`.
pub fn error(message: impl Display) {
    write(Level::Error, message);
}
