//! Lines for the call's record.

use crate::sandbox::bindings::log::{Host, Level};
use crate::sandbox::log::LogLevel;
use crate::sandbox::state::CallState;

impl Host for CallState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.handed.note(message.len());
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.log.line(level, &message);
        Ok(())
    }
}
