//! What the end-to-end tests and the demo run against, and the tests themselves.
//!
//! Nothing here belongs to the gateway: it plays the other parties, over real sockets on the loopback interface.

pub mod carrier;
pub mod component;
pub mod crash;
pub mod gateway;
pub mod hostile;
mod peer;
pub mod power;
pub mod scenarios;
pub mod telecloud;
pub mod torture;
