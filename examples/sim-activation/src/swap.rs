//! Another SIM, another device, or both. An order may carry all of its VARs or only those that changed.

use patchbay_module::{Answer, Failure, Order, Outcome, http};
use serde::Serialize;

use crate::carrier::Carrier;
use crate::{identifier, line, port_in};

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Part<'a> {
    Iccid(&'a str),
    Imei(&'a str),
}

/// Swaps whatever the order names. Setting what is set already changes nothing at the carrier.
pub(crate) fn swap(order: &Order) -> Outcome {
    if port_in::is_correction(order) {
        return port_in::correct(order);
    }
    // Both are checked before either is sent: a bad device must not follow a good SIM.
    let device = order.var(1).map(identifier::imei).transpose()?.map(Part::Imei);
    let sim = order.var(2).map(identifier::iccid).transpose()?.map(Part::Iccid);
    let carrier = Carrier::new()?;
    match (sim, device) {
        (Some(sim), Some(device)) => {
            put(order, &carrier, order.call_id(), &sim)?;
            put(order, &carrier, &second_key(order), &device).map_err(half_done)?;
        }
        (Some(part), None) | (None, Some(part)) => put(order, &carrier, order.call_id(), &part)?,
        (None, None) => {
            return Err(Failure::rejected(
                "VAR1 (IMEI) and VAR2 (ICCID) are missing: nothing to swap",
            ));
        }
    }
    Ok(Answer::done())
}

/// Whether the order takes two requests, of which the SIM is the first.
pub(crate) fn is_both(order: &Order) -> bool {
    order.var(1).is_some() && order.var(2).is_some()
}

/// The idempotency key of the second request: the carrier knows each request by a key of its own.
pub(crate) fn second_key(order: &Order) -> String {
    format!("{}-device", order.call_id())
}

fn put(order: &Order, carrier: &Carrier, key: &str, part: &Part) -> Result<(), Failure> {
    let name = match part {
        Part::Iccid(_) => "sim",
        Part::Imei(_) => "device",
    };
    let url = carrier.url(&format!("{}/{name}", line::of_order(order)?));
    carrier.change_under(key, http::put(url).json(part)?)??;
    Ok(())
}

/// The SIM is swapped by now, so whatever became of the device, it is no longer true that nothing was changed.
fn half_done(failure: Failure) -> Failure {
    let (Failure::Rejected(why) | Failure::Unreachable(why) | Failure::Unknown(why)) = failure;
    Failure::Unknown(format!("The SIM was swapped and the device was not: {why}"))
}
