//! Another cycle of the same plan.

use patchbay_module::{Answer, Order, Outcome, http, log};
use serde::{Deserialize, Serialize};

use crate::carrier::Carrier;
use crate::{line, plan};

#[derive(Serialize)]
struct Renewal {
    plan: String,
}

#[derive(Deserialize)]
struct Renewed {
    renewal_id: String,
}

/// Renews the line's plan.
pub(crate) fn renew(order: &Order) -> Outcome {
    let renewal = Renewal { plan: plan::of(order)? };
    let carrier = Carrier::new()?;
    let url = carrier.url(&format!("{}/renewals", line::of_order(order)?));
    let renewed: Renewed = carrier.change(order, http::post(url).json(&renewal)?)??.json()?;
    log::info(format_args!("the carrier's renewal {}", renewed.renewal_id));
    Ok(Answer::done())
}
