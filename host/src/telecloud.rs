//! The protocol that TeleCloud speaks to modules: an order event arrives as one POST, one small XML document goes back.
//!
//! Reading and writing are pure: nothing here knows of sockets, of axum or of who may call whom.

pub mod decode;
pub mod encode;
