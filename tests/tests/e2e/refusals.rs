//! Bad input, and modules that fail by themselves: what TeleCloud is told, and what is on record.

mod modules;
mod names;
mod posts;
