//! In and out of service. What counts is the state asked for: a line that is in it already is a success.

use patchbay_module::{Answer, Failure, Order, Outcome, Suspension, http};
use serde::{Deserialize, Serialize};

use crate::carrier::Carrier;
use crate::line;

#[derive(Serialize)]
struct Change {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// What the carrier answers to a change of status.
#[derive(Deserialize)]
pub(crate) struct Changed {
    pub(crate) status: String,
}

/// The code of a refusal that is a success: the line has the status that it was asked for.
pub(crate) const ALREADY_IN_STATE: &str = "ALREADY_IN_STATE";

/// Takes the line out of service.
pub(crate) fn suspend(order: &Order, why: Suspension) -> Outcome {
    let reason = match why {
        Suspension::Requested => None,
        Suspension::NonPayment => Some("NON-PAY"),
    };
    let status = "SUSPENDED";
    set(order, &Change { status, reason })
}

/// Brings the line back into service.
pub(crate) fn restore(order: &Order) -> Outcome {
    let status = "ACTIVE";
    set(order, &Change { status, reason: None })
}

fn set(order: &Order, change: &Change) -> Outcome {
    let carrier = Carrier::new()?;
    let url = carrier.url(&format!("{}/status", line::of_order(order)?));
    let response = match carrier.change(order, http::put(url).json(change)?)? {
        Err(refusal) if refusal.status == 409 && refusal.code == ALREADY_IN_STATE => return Ok(Answer::done()),
        answer => answer?,
    };
    let changed: Changed = response.json()?;
    if changed.status != change.status {
        return Err(Failure::Unknown(format!(
            "{}: the carrier was asked for {} and answered {}",
            response.request(),
            change.status,
            changed.status
        )));
    }
    Ok(Answer::done())
}
