//! The gateway as its users meet it: the real program, real sockets, real modules.
//!
//! Each test starts a gateway and a carrier of its own; those in `exports` have its sandbox alone. `cargo xtask test` builds
//! what they need first.

mod e2e {
    mod admin;
    mod batches;
    mod cli;
    mod concurrency;
    mod crash;
    mod door;
    mod encodings;
    mod exports;
    mod front;
    mod hangup;
    mod hardening;
    mod hostile;
    mod jobs;
    mod lifecycle;
    mod masking;
    mod passwords;
    mod power;
    mod refusals;
    mod restart;
    mod scenarios;
    mod stage;
    mod telecloud;
    mod tenants;
    mod verdicts;
}
