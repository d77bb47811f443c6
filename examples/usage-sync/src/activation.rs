//! Just enough of Order/Create to have a line.

use patchbay_module::{Answer, Failure, Order, Outcome, http};
use serde::{Deserialize, Serialize};

use crate::carrier;

#[derive(Serialize)]
struct NewLine<'a> {
    reference: Option<&'a str>,
    plan: String,
    imei: &'a str,
    iccid: &'a str,
    customer: Customer,
}

/// The carrier takes lines of which it does not know the customer.
#[derive(Serialize)]
struct Customer {}

#[derive(Deserialize)]
struct Activated {
    activation_id: String,
    subscriber_id: String,
    mdn: String,
}

/// Activates a line and answers with its number and its ids.
pub(crate) fn activate(order: &Order) -> Outcome {
    let product = order.carrier_product_id().unwrap_or_default();
    let plan = carrier::products().find(|(id, _)| id == product);
    let (_, plan) =
        plan.ok_or_else(|| Failure::rejected(format!("No carrier plan mapped for CARRIER_PRODUCT_ID {product}")))?;
    let line = NewLine {
        reference: order.order_number(),
        plan,
        imei: order.require_var(1, "IMEI")?,
        iccid: order.require_var(2, "ICCID")?,
        customer: Customer {},
    };
    let activated: Activated = carrier::request(http::post, "/v1/activations")?
        .header("idempotency-key", order.call_id())
        .json(&line)?
        .send()?
        .success_or(|refusal| refusal.text().into_owned())?
        .json()?;
    Ok(Answer::done()
        .var(3, activated.mdn)
        .var(13, activated.activation_id)
        .var(14, activated.subscriber_id))
}
