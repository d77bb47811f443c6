//! What the carrier calls a plan that TeleCloud sells.

use patchbay_module::{Failure, Order, config};

/// The carrier's plan for the order: the setting `plan.<CARRIER_PRODUCT_ID>`.
pub(crate) fn of(order: &Order) -> Result<String, Failure> {
    let product = order
        .carrier_product_id()
        .ok_or_else(|| Failure::rejected("CARRIER_PRODUCT_ID is missing"))?;
    config::get(&format!("plan.{product}"))
        .ok_or_else(|| Failure::rejected(format!("No carrier plan mapped for CARRIER_PRODUCT_ID {product}")))
}
