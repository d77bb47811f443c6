//! A new line.

use patchbay_module::{Answer, Document, Failure, Order, Outcome, http};
use serde::{Deserialize, Serialize};

use crate::carrier::Carrier;
use crate::{identifier, plan};

/// What the carrier wants to know of every new line, ported in or not.
#[derive(Serialize)]
pub(crate) struct NewLine<'a> {
    /// The order's number, if it has one yet. The carrier finds the line by it later.
    reference: Option<&'a str>,
    plan: String,
    imei: &'a str,
    iccid: &'a str,
    customer: Customer,
}

#[derive(Serialize)]
struct Customer {
    first_name: Option<String>,
    last_name: Option<String>,
    address: Option<String>,
    zip_code: Option<String>,
    email: Option<String>,
}

/// What the carrier answers to an activation.
#[derive(Deserialize)]
pub(crate) struct Activated {
    activation_id: String,
    subscriber_id: String,
    mdn: String,
}

/// Activates a line and answers with its number and its ids.
pub(crate) fn activate(order: &Order) -> Outcome {
    let line = NewLine::read(order)?;
    let carrier = Carrier::new()?;
    let request = http::post(carrier.url("/v1/activations")).json(&line)?;
    let activated: Activated = carrier.change(order, request)??.json()?;
    Ok(activated.into())
}

impl From<Activated> for Answer {
    fn from(activated: Activated) -> Self {
        Self::done()
            .var(3, activated.mdn)
            .var(13, activated.activation_id)
            .var(14, activated.subscriber_id)
    }
}

impl<'a> NewLine<'a> {
    /// Reads and checks everything before the carrier is asked.
    pub(crate) fn read(order: &'a Order) -> Result<Self, Failure> {
        Ok(Self {
            reference: order.order_number(),
            plan: plan::of(order)?,
            imei: identifier::imei(order.require_var(1, "IMEI")?)?,
            iccid: identifier::iccid(order.require_var(2, "ICCID")?)?,
            customer: Customer::read(order.document()),
        })
    }
}

impl Customer {
    fn read(document: Document) -> Self {
        Self {
            first_name: document.get("Customer.first_name"),
            last_name: document.get("Customer.last_name"),
            address: document.get("Customer.address"),
            zip_code: document.get("Customer.zip_code"),
            email: document.get("Customer.email"),
        }
    }
}
