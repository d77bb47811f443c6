//! Which line at the carrier an order is about.

use patchbay_module::{Failure, Order, http};

/// The line of an existing order, as a part of a path: the subscriber id, else the number, else the order's own number,
/// under which the line was activated.
pub(crate) fn of_order(order: &Order) -> Result<String, Failure> {
    path(order, order.order_number())
}

/// The line that an add-on belongs to.
pub(crate) fn of_parent(order: &Order) -> Result<String, Failure> {
    path(order, order.parent_order_number())
}

fn path(order: &Order, order_number: Option<&str>) -> Result<String, Failure> {
    let line = order.var(14).or(order.var(3)).or(order_number).ok_or_else(|| {
        Failure::rejected("No line is named: VAR14 (SUBSCRIBER_ID), VAR3 (MDN) and the order number are missing")
    })?;
    Ok(format!("/v1/lines/{}", http::encode(line)))
}
