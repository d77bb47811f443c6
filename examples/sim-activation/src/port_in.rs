//! A number that comes from another carrier: taken now, finished later.

use patchbay_module::{Answer, Order, Outcome, http};
use serde::{Deserialize, Serialize};

use crate::activation::NewLine;
use crate::carrier::Carrier;

#[derive(Serialize)]
struct PortIn<'a> {
    #[serde(flatten)]
    line: NewLine<'a>,
    port: Port<'a>,
}

#[derive(Serialize)]
struct Port<'a> {
    number: &'a str,
    account_number: &'a str,
    pin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_id: Option<&'a str>,
}

#[derive(Deserialize)]
struct Submitted {
    activation_id: String,
    port_status: String,
}

/// Submits the port. The order stays pending under the carrier's activation id.
pub(crate) fn port_in(order: &Order) -> Outcome {
    let port_in = PortIn {
        line: NewLine::read(order)?,
        port: Port {
            number: order.require_var(8, "Number_to_Port")?,
            account_number: order.require_var(5, "Account_Number")?,
            pin: order.require_var(6, "PIN_or_Password")?,
            tax_id: order.var(7),
        },
    };
    let carrier = Carrier::new()?;
    let request = http::post(carrier.url("/v1/port-ins")).json(&port_in)?;
    let submitted: Submitted = carrier.change(order, request)??.json()?;
    Ok(Answer::pending(submitted.activation_id.as_str())
        .var(13, submitted.activation_id)
        .var(15, submitted.port_status))
}
