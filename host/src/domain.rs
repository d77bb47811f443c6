//! The words of this gateway, as types that cannot hold a wrong value.
//!
//! Nothing here does IO, waits, or knows of axum, wasmtime or sled.

pub mod answer;
pub mod audit;
pub mod batch;
pub mod call;
pub mod certificate;
pub mod event;
pub mod grant;
pub mod handling;
pub mod job;
pub mod limits;
pub mod metering;
pub mod module;
pub mod name;
pub mod network;
pub mod order;
pub mod progress;
pub mod quota;
pub mod schedule;
pub mod secret;
pub mod source;
pub mod subscriber;
pub mod telecloud;
pub mod tenant;
pub mod trail;
pub mod update;
pub mod usage;
