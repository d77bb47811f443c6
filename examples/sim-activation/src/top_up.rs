//! An add-on: an order of its own that adds something to the line of its parent order.

use patchbay_module::{Answer, Order, Outcome, http};
use serde::{Deserialize, Serialize};

use crate::carrier::Carrier;
use crate::{line, plan};

#[derive(Serialize)]
struct TopUp {
    plan: String,
}

/// What the carrier answers to a top-up.
#[derive(Deserialize)]
pub(crate) struct ToppedUp {
    balance: String,
}

/// Tops the line up and answers with its new balance.
pub(crate) fn top_up(order: &Order) -> Outcome {
    let top_up = TopUp { plan: plan::of(order)? };
    let carrier = Carrier::new()?;
    let url = carrier.url(&format!("{}/top-ups", line::of_parent(order)?));
    let topped_up: ToppedUp = carrier.change(order, http::post(url).json(&top_up)?)??.json()?;
    Ok(topped_up.into())
}

impl From<ToppedUp> for Answer {
    fn from(topped_up: ToppedUp) -> Self {
        Self::done().var(12, topped_up.balance)
    }
}
