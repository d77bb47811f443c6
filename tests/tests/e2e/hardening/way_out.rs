//! The door out: what modules try to reach or to send, and what carriers do to them.

mod addresses;
mod carriers;
mod networks;
mod requests;
