//! Both exports, natively, against a carrier made of a closure: what is asked, and what becomes of each answer.

mod audit;
mod orders;
mod usage;

use patchbay_module::testing::{Gateway, Reply};
use serde_json::Value;

/// A gateway with the settings and secrets of the sample tenant.
fn gateway() -> Gateway {
    Gateway::new()
        .config("carrier_url", "https://carrier.test/")
        .config("plan.VZW-15GB-UNLTT", "unlimited-15")
        .config("component.DATA", "8417871")
        .secret("carrier-token")
}

/// A carrier that answers one path with its query, and nothing else.
fn answers(path: &'static str, status: u16, body: Value) -> Gateway {
    gateway().carrier(move |request| {
        if request.url().strip_prefix("https://carrier.test") == Some(path) {
            Reply::json(status, &body)
        } else {
            Reply::Denied
        }
    })
}
