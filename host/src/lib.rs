//! Patchbay hosts the modules that TeleCloud posts its order events to.
//!
//! Listed in reading order; each area uses only those above it.

pub mod domain;

pub mod vault;

pub mod storage;

pub mod egress;
pub mod journal;
pub mod telecloud;

pub mod registry;

pub mod api;

pub mod cli;
