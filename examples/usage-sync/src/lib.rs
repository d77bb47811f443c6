//! Usage and audits: what customers used, and what the carrier has.
//!
//! `usage.rs` and `audit.rs` are what this example is about; a module that does more takes them over as they are.
//! `CARRIER.md` describes the carrier's API. The VARs are those of the sample product group: 1 IMEI, 2 ICCID, 3 MDN,
//! 13 activation id, 14 subscriber id.

mod activation;
mod audit;
mod carrier;
mod usage;

use patchbay_module::{Module, Order, Outcome};

/// The module.
pub struct UsageSync;

impl Module for UsageSync {
    fn create(order: &Order) -> Outcome {
        activation::activate(order)
    }
}

patchbay_module::export!(UsageSync: usage, audit);
