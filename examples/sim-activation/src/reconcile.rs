//! What became of an order whose answer was lost. The carrier keeps what it answered, or would have, under the idempotency
//! key of each request.

use patchbay_module::{Answer, Finding, Order, ServiceStatus, http};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::activation::Activated;
use crate::carrier::{Carrier, ErrorBody};
use crate::port_in::Submitted;
use crate::service_status::{ALREADY_IN_STATE, Changed};
use crate::top_up::ToppedUp;
use crate::{port_in, swap};

/// An operation as the carrier keeps it. What its result is depends on its name and status, so the rest is read first.
#[derive(Deserialize)]
struct Kept<T> {
    operation: String,
    status: u16,
    result: T,
}

/// One request of an order, found under its key.
struct Operation {
    name: String,
    status: u16,
    response: http::Response,
}

/// Finds out what became of the order, and of each request of it.
pub(crate) fn find(order: &Order) -> Result<Finding, String> {
    let carrier = Carrier::new()?;
    let Some(operation) = Operation::look_up(&carrier, order.call_id())? else {
        return Ok(Finding::DidNotHappen);
    };
    match operation.status {
        200..300 if operation.name == "SIM" && swap::is_both(order) => device(&carrier, order),
        200..300 => operation.answer(order),
        _ if operation.is_done_already()? => Ok(Finding::Happened(Answer::done())),
        // A server gives up with 408 on what it may have begun to act on.
        400..=407 | 409..500 => Ok(Finding::DidNotHappen),
        _ => Ok(Finding::Undecided),
    }
}

/// The second half of a swap whose first is done. If it is not done, neither "it happened" nor "it did not" is true, and a
/// person has to know.
fn device(carrier: &Carrier, order: &Order) -> Result<Finding, String> {
    match Operation::look_up(carrier, &swap::second_key(order))? {
        Some(device) if (200..300).contains(&device.status) => Ok(Finding::Happened(Answer::done())),
        Some(device) if device.status >= 500 => Ok(Finding::Undecided),
        _ => Err("the SIM was swapped and the device was not".to_owned()),
    }
}

impl Operation {
    fn look_up(carrier: &Carrier, key: &str) -> Result<Option<Self>, String> {
        let Some(response) = carrier.look_up(&format!("/v1/operations/{}", http::encode(key)))? else {
            return Ok(None);
        };
        let kept: Kept<IgnoredAny> = response.json()?;
        Ok(Some(Self {
            name: kept.operation,
            status: kept.status,
            response,
        }))
    }

    /// The answer that was lost.
    fn answer(&self, order: &Order) -> Result<Finding, String> {
        let answer = match self.name.as_str() {
            "ACTIVATION" => self.result::<Activated>()?.into(),
            "PORT-IN" => self.result::<Submitted>()?.pending(port_in::check_after()?),
            "PORT-CORRECTION" => self.result::<Submitted>()?.corrected(),
            "TOP-UP" => self.result::<ToppedUp>()?.into(),
            "STATUS" if !self.is_status_of(order)? => return Ok(Finding::Undecided),
            _ => Answer::done(),
        };
        Ok(Finding::Happened(answer))
    }

    /// Whether the line has the status that the order asks for.
    fn is_status_of(&self, order: &Order) -> Result<bool, String> {
        let wanted = match order.new_state() {
            Some(ServiceStatus::Active) => "ACTIVE",
            _ => "SUSPENDED",
        };
        Ok(self.result::<Changed>()?.status == wanted)
    }

    /// Whether it was refused because there was nothing left to do: a success, as for the order itself.
    fn is_done_already(&self) -> Result<bool, String> {
        Ok(match (self.name.as_str(), self.status) {
            ("CANCELLATION", 404) => true,
            ("STATUS", 409) => self.result::<ErrorBody>()?.error.code == ALREADY_IN_STATE,
            _ => false,
        })
    }

    fn result<T: DeserializeOwned>(&self) -> Result<T, String> {
        Ok(self.response.json::<Kept<T>>()?.result)
    }
}
