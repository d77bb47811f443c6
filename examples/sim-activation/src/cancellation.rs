//! The end of a line.

use patchbay_module::{Answer, Order, Outcome, http, log};

use crate::carrier::Carrier;
use crate::line;

/// Ends the service. A line that the carrier does not have needs no ending, but somebody may want to know why.
pub(crate) fn cancel(order: &Order) -> Outcome {
    let carrier = Carrier::new()?;
    let line = line::of_order(order)?;
    match carrier.change(order, http::delete(carrier.url(&line)))? {
        Err(refusal) if refusal.status == 404 => {
            log::warn(format_args!("the carrier has no {line}: nothing to cancel"))
        }
        answer => drop(answer?),
    }
    Ok(Answer::done())
}
