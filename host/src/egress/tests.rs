//! The door against real sockets on loopback.

mod answers;
mod denials;
mod limits;
mod rig;
mod tls;
