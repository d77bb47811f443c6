//! E. What TeleCloud is told is well-formed XML without internal text, whatever a module says.
