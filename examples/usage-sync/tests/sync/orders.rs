//! Just enough orders to have lines.

use patchbay_module::testing::{CALL_ID, Event, Reply};
use patchbay_module::{Answer, Failure};
use serde_json::json;
use usage_sync::UsageSync;

use crate::gateway;

fn event() -> Event {
    Event::create()
        .order_number("O-1")
        .var(1, "356938035643809")
        .var(2, "8901260000000000014")
}

#[test]
fn a_line_is_activated() {
    let run = gateway()
        .carrier(|_| {
            let body = json!({ "activation_id": "A-1001", "subscriber_id": "S-2001", "mdn": "2025550143" });
            Reply::json(201, &body)
        })
        .run::<UsageSync>(event().carrier_product_id("VZW-15GB-UNLTT"));
    let answer = Answer::done().var(3, "2025550143").var(13, "A-1001").var(14, "S-2001");
    assert_eq!(run.outcome, Ok(answer));
    assert_eq!(run.requests[0].header_value("idempotency-key"), Some(CALL_ID));
    let line = json!({
        "reference": "O-1", "plan": "unlimited-15", "imei": "356938035643809", "iccid": "8901260000000000014",
        "customer": {},
    });
    assert_eq!(run.requests[0].body_json(), line);
}

#[test]
fn a_product_without_a_plan_never_reaches_the_carrier() {
    let run = gateway().run::<UsageSync>(event().carrier_product_id("GOLD"));
    let text = "No carrier plan mapped for CARRIER_PRODUCT_ID GOLD";
    assert_eq!(run.outcome, Err(Failure::rejected(text)));
    assert!(run.requests.is_empty());
}
