//! A number that comes from another carrier: taken now, finished later.
//!
//! What is kept for the order meanwhile is the carrier's activation id and nothing else: a callback has it, too.

use core::time::Duration;

use patchbay_module::{Answer, Callback, Failure, Notice, Order, Outcome, Progress, config, http};
use serde::{Deserialize, Serialize};

use crate::activation::NewLine;
use crate::carrier::Carrier;

/// How often to ask how a port is getting on, in seconds, unless the setting `port_check_s` says otherwise. Ports take
/// hours.
const CHECK_S: u64 = 300;

#[derive(Serialize)]
struct PortIn<'a> {
    #[serde(flatten)]
    line: NewLine<'a>,
    port: Port<'a>,
}

#[derive(Serialize)]
struct Correction<'a> {
    port: Port<'a>,
}

/// The number, and the customer's account at the other carrier.
#[derive(Serialize)]
struct Port<'a> {
    number: &'a str,
    account_number: &'a str,
    pin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_id: Option<&'a str>,
}

/// What the carrier answers to a port-in, and to its correction.
#[derive(Deserialize)]
pub(crate) struct Submitted {
    activation_id: String,
    port_status: String,
}

/// How the carrier says that a port stands.
#[derive(Deserialize)]
struct Standing {
    port_status: String,
    mdn: Option<String>,
    subscriber_id: Option<String>,
    reason: Option<String>,
    correctable: Option<bool>,
}

/// All that is believed of a callback.
#[derive(Deserialize)]
struct Hint {
    activation_id: String,
}

/// Submits the port. The order stays pending under the carrier's activation id.
pub(crate) fn port_in(order: &Order) -> Outcome {
    let port_in = PortIn {
        line: NewLine::read(order)?,
        port: Port::read(order)?,
    };
    let wait = check_after()?;
    let carrier = Carrier::new()?;
    let request = http::post(carrier.url("/v1/port-ins")).json(&port_in)?;
    let submitted: Submitted = carrier.change(order, request)??.json()?;
    Ok(submitted.pending(wait))
}

/// Whether a swap is about the account at the other carrier: it has particulars of the port, and the port is not done. An
/// order that carries all of its VARs tells so by its port status.
pub(crate) fn is_correction(order: &Order) -> bool {
    let has_particulars = (5..=8).any(|index| order.var(index).is_some());
    let is_port = !order.var(4).is_some_and(|port| port.eq_ignore_ascii_case("NO"));
    has_particulars && is_port && order.var(13).is_some() && order.var(15) != Some("COMPLETED")
}

/// Sends other particulars for a port that was rejected for want of the right ones. Whether it waits for that, the carrier
/// knows.
pub(crate) fn correct(order: &Order) -> Outcome {
    let activation_id = order.require_var(13, "ACTIVATION_ID")?;
    let correction = Correction {
        port: Port::read(order)?,
    };
    let carrier = Carrier::new()?;
    let request = http::put(carrier.url(&path(activation_id))).json(&correction)?;
    let submitted: Submitted = carrier.change(order, request)??.json()?;
    Ok(submitted.corrected())
}

/// Asks the carrier how the port stands.
pub(crate) fn check(activation_id: &str) -> Result<Progress, String> {
    let wait = check_after()?;
    let standing = Carrier::new()?.look_up(&path(activation_id))?;
    let standing: Standing = standing
        .ok_or_else(|| format!("the carrier knows no port-in {activation_id}"))?
        .json()?;
    standing.progress(activation_id, wait)
}

/// Takes a callback as a hint and no more: anybody may have sent it. What it says of the port is not even read, and the
/// carrier is asked instead.
pub(crate) fn receive(callback: &Callback) -> Result<Vec<Notice>, String> {
    let Hint { activation_id } = callback.json()?;
    let progress = check(&activation_id)?;
    Ok(vec![Notice::new(activation_id, progress)])
}

/// When to ask how a port is getting on.
pub(crate) fn check_after() -> Result<Duration, Failure> {
    let Some(set) = config::get("port_check_s") else {
        return Ok(Duration::from_secs(CHECK_S));
    };
    let seconds = set.parse().map_err(|_| {
        Failure::rejected(format!(
            "This module's setting port_check_s must be a number of seconds: {set}"
        ))
    })?;
    Ok(Duration::from_secs(seconds))
}

fn path(activation_id: &str) -> String {
    format!("/v1/port-ins/{}", http::encode(activation_id))
}

impl<'a> Port<'a> {
    fn read(order: &'a Order) -> Result<Self, Failure> {
        Ok(Self {
            number: order.require_var(8, "Number_to_Port")?,
            account_number: order.require_var(5, "Account_Number")?,
            pin: order.require_var(6, "PIN_or_Password")?,
            tax_id: order.var(7),
        })
    }
}

impl Submitted {
    pub(crate) fn pending(self, wait: Duration) -> Answer {
        Answer::pending(self.activation_id.as_str())
            .check_after(wait)
            .var(13, self.activation_id)
            .var(15, self.port_status)
    }

    pub(crate) fn corrected(self) -> Answer {
        Answer::done().var(15, self.port_status)
    }
}

impl Standing {
    fn progress(self, activation_id: &str, wait: Duration) -> Result<Progress, String> {
        let reason = self.reason.unwrap_or_else(|| "no reason given".to_owned());
        let waiting = || Progress::waiting(activation_id).check_after(wait);
        match (self.port_status.as_str(), self.correctable) {
            // What the order was answered with, when it was submitted or corrected.
            ("SUBMITTED", _) => Ok(waiting()),
            ("COMPLETED", _) => {
                let mdn = self
                    .mdn
                    .ok_or("the carrier has completed the port and names no number")?;
                let subscriber_id = self.subscriber_id.unwrap_or_default();
                Ok(Progress::completed()
                    .var(3, mdn)
                    .var(14, subscriber_id)
                    .var(15, self.port_status))
            }
            ("REJECTED", Some(true)) => Ok(waiting().var(15, format!("REJECTED: {reason}"))),
            ("REJECTED", Some(false)) => {
                let text = format!("Carrier Error: Port rejected: {reason}");
                Ok(Progress::rejected(text).var(15, self.port_status))
            }
            // A rejection refunds the order, so it has to say that it is final.
            ("REJECTED", None) => Err(format!(
                "the carrier does not say whether a rejection is final: {reason}"
            )),
            (other, _) => Err(format!(
                "the carrier says of the port what this module does not know: {other}"
            )),
        }
    }
}
