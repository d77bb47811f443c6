//! Every order, natively, against a carrier made of a closure: what is sent, and what becomes of each answer.

mod activation;
mod failures;
mod lines;
mod port_in;
mod reconcile;
mod swap;

use patchbay_module::testing::{Event, Gateway, Reply};
use serde_json::{Value, json};

/// A gateway with the settings and secrets of the sample tenant.
fn gateway() -> Gateway {
    Gateway::new()
        .config("carrier_url", "https://carrier.test/")
        .config("plan.VZW-15GB-UNLTT", "unlimited-15")
        .config("plan.DATA-1GB", "data-1")
        .secret("carrier-token")
}

/// Order/Create for a new line.
fn activation() -> Event {
    Event::create()
        .account_number("9105012")
        .carrier_product_id("VZW-15GB-UNLTT")
        .var(1, "356938035643809")
        .var(2, "8901260000000000014")
        .var(4, "NO")
        .document(json!({ "Customer": {
            "first_name": "Avery",
            "last_name": "Testwell",
            "address": "100 Example Ave",
            "zip_code": "20001",
            "email": "avery@example.com",
            "phone": "2025550100",
        }}))
}

/// The event with the number and the plan that every event of an existing order has.
fn of_order(event: Event) -> Event {
    event.order_number("4617ZU4617").carrier_product_id("VZW-15GB-UNLTT")
}

/// A carrier that answers one method and path, and nothing else.
fn answers(method: &'static str, path: &'static str, status: u16, body: Value) -> Gateway {
    gateway().carrier(move |request| match (request.method(), request.path()) {
        asked if asked == (method, path) => Reply::json(status, &body),
        _ => Reply::Denied,
    })
}

/// A carrier that says no, to whatever it is asked.
fn refuses(status: u16, code: &'static str, message: &'static str) -> Gateway {
    gateway().carrier(move |_| Reply::json(status, &json!({ "error": { "code": code, "message": message } })))
}
