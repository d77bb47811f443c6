//! Patchbay hosts the modules that TeleCloud posts its order events to.
//!
//! Listed in reading order; each area uses only those above it.

pub mod domain;

pub mod vault;

pub mod storage;

pub mod trail;

pub mod keyring;

pub mod guessing;

pub mod telecloud;

pub mod egress;

pub mod fair;

pub mod sandbox;

pub mod journal;

pub mod registry;

pub mod runner;

pub mod orders;

pub mod jobs;

pub mod registration;

pub mod batches;

pub mod gateway;

pub mod api;

pub mod public;

pub mod server;

pub mod config;

pub mod cli;

pub mod app;
