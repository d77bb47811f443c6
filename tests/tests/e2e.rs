//! End to end: the real program, real components, real sockets on the loopback interface.
//!
//! Each test starts a gateway and a carrier of its own. `cargo xtask test` builds what they need first.

mod e2e {
    mod admin;
    mod cli;
    mod door;
    mod front;
    mod hostile;
    mod lifecycle;
    mod restart;
    mod tenants;
}
