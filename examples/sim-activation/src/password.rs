//! A new password for a line, because an operator asks for it.

use patchbay_module::{Answer, Failure, Order, Outcome, http};
use serde::Serialize;

use crate::carrier::Carrier;
use crate::line;

#[derive(Serialize)]
struct NewPassword {
    /// A placeholder: the gateway puts the password there on the way out.
    password: String,
}

/// Sets the password that the order's documents have the placeholder of.
pub(crate) fn change(order: &Order) -> Outcome {
    let Some(password) = order.document().get("new_password") else {
        return Err(Failure::rejected("new_password is missing"));
    };
    let carrier = Carrier::new()?;
    let url = carrier.url(&format!("{}/password", line::of_order(order)?));
    carrier.change(order, http::put(url).json(&NewPassword { password })?)??;
    Ok(Answer::done())
}
