//! The protocol between TeleCloud and the gateway: an order event arrives as one POST and one small XML document goes
//! back; what TeleCloud has to be told later is one request to its API.
//!
//! Reading and writing are pure: nothing here knows of sockets, of axum or of who may call whom.

pub mod client;
pub mod decode;
pub mod encode;
