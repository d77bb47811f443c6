//! What a module can do, one capability a file.

pub(super) mod config;
pub(super) mod document;
pub(super) mod held;
pub(super) mod http;
pub(super) mod log;
pub(super) mod stdio;
