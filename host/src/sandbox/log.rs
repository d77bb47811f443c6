//! Where a module's lines go.

/// How loud a line is, or which stream it was printed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// For the module's author.
    Debug,
    /// For the record.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
    /// Printed to standard output.
    Stdout,
    /// Printed to standard error.
    Stderr,
}

/// Takes the lines that a module logs or prints. It bounds, escapes and masks them.
pub trait LogSink: Send + Sync {
    /// One line, in the order they were written.
    fn line(&self, level: LogLevel, message: &str);
}
