//! The door out: the only way from a tenant's component to a carrier.

pub mod address;
pub mod path;
pub mod policy;
pub mod secrets;
pub mod target;
