//! Another SIM, another device, or both. An order may carry all of its VARs or only those that changed.

use patchbay_module::{Answer, Failure, Order, Outcome, http};
use serde::Serialize;

use crate::carrier::Carrier;
use crate::{identifier, line};

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Part<'a> {
    Iccid(&'a str),
    Imei(&'a str),
}

/// Swaps whatever the order names. Setting what is set already changes nothing at the carrier.
pub(crate) fn swap(order: &Order) -> Outcome {
    // Both are checked before either is sent: a bad device must not follow a good SIM.
    let device = order.var(1).map(identifier::imei).transpose()?.map(Part::Imei);
    let sim = order.var(2).map(identifier::iccid).transpose()?.map(Part::Iccid);
    let carrier = Carrier::new()?;
    match (sim, device) {
        (Some(sim), Some(device)) => {
            put(order, &carrier, &sim)?;
            put(order, &carrier, &device).map_err(half_done)?;
        }
        (Some(part), None) | (None, Some(part)) => put(order, &carrier, &part)?,
        (None, None) => {
            return Err(Failure::rejected(
                "VAR1 (IMEI) and VAR2 (ICCID) are missing: nothing to swap",
            ));
        }
    }
    Ok(Answer::done())
}

fn put(order: &Order, carrier: &Carrier, part: &Part) -> Result<(), Failure> {
    let name = match part {
        Part::Iccid(_) => "sim",
        Part::Imei(_) => "device",
    };
    let url = carrier.url(&format!("{}/{name}", line::of_order(order)?));
    carrier.change(order, http::put(url).json(part)?)??;
    Ok(())
}

/// The SIM is swapped by now, so whatever became of the device, it is no longer true that nothing was changed.
fn half_done(failure: Failure) -> Failure {
    let (Failure::Rejected(why) | Failure::Unreachable(why) | Failure::Unknown(why)) = failure;
    Failure::Unknown(format!("The SIM was swapped and the device was not: {why}"))
}
