use patchbay_module::testing::{CALL_ID, placeholder};
use patchbay_module::{Answer, Failure};
use serde_json::json;
use sim_activation::SimActivation;

use crate::{activation, answers, gateway, refuses};

#[test]
fn a_new_line_comes_back_with_its_number_and_ids() {
    let body = json!({ "activation_id": "A-1001", "subscriber_id": "S-2001", "mdn": "2025550143" });
    let run = answers("POST", "/v1/activations", 201, body).run::<SimActivation>(activation());
    let answer = Answer::done().var(3, "2025550143").var(13, "A-1001").var(14, "S-2001");
    assert_eq!(run.outcome, Ok(answer));

    let request = &run.requests[0];
    assert_eq!(request.url(), "https://carrier.test/v1/activations");
    let authorization = format!("Bearer {}", placeholder("carrier-token"));
    assert_eq!(request.header_value("authorization"), Some(authorization.as_str()));
    assert_eq!(request.header_value("idempotency-key"), Some(CALL_ID));
    assert_eq!(
        request.body_json(),
        json!({
            "reference": null,
            "plan": "unlimited-15",
            "imei": "356938035643809",
            "iccid": "8901260000000000014",
            "customer": {
                "first_name": "Avery",
                "last_name": "Testwell",
                "address": "100 Example Ave",
                "zip_code": "20001",
                "email": "avery@example.com",
            },
        })
    );
}

#[test]
fn the_order_number_becomes_the_carriers_reference() {
    let body = json!({ "activation_id": "A-1001", "subscriber_id": "S-2001", "mdn": "2025550143" });
    let event = activation().order_number("4617ZU4617").var(4, "");
    let run = answers("POST", "/v1/activations", 201, body).run::<SimActivation>(event);
    assert!(run.outcome.is_ok());
    assert_eq!(run.requests[0].body_json()["reference"], "4617ZU4617");
}

#[test]
fn what_is_wrong_with_an_order_is_found_before_the_carrier_is_asked() {
    for (event, text) in [
        (activation().var(1, ""), "VAR1 (IMEI) is missing"),
        (activation().var(2, ""), "VAR2 (ICCID) is missing"),
        (
            activation().var(1, "356938035643800"),
            "VAR1 (IMEI) fails its check digit: 356938035643800",
        ),
        (
            activation().var(2, "8901260000000000015"),
            "VAR2 (ICCID) fails its check digit: 8901260000000000015",
        ),
        (
            activation().var(2, "89012"),
            "VAR2 (ICCID) must have 19 to 20 digits: 89012",
        ),
        (
            activation().var(4, "maybe"),
            "VAR4 (Number_Port) must be YES or NO: maybe",
        ),
        (
            activation().carrier_product_id("NOPE"),
            "No carrier plan mapped for CARRIER_PRODUCT_ID NOPE",
        ),
        (activation().carrier_product_id(""), "CARRIER_PRODUCT_ID is missing"),
    ] {
        let run = gateway().run::<SimActivation>(event);
        assert_eq!(run.outcome, Err(Failure::rejected(text)));
        assert!(run.requests.is_empty());
    }
}

#[test]
fn the_carriers_refusal_is_passed_on_word_for_word() {
    let run = refuses(422, "PLAN_CONFLICT", "Plan <5GB> & \"Max\" can't mix").run::<SimActivation>(activation());
    let failure = Failure::rejected("Carrier Error: Plan <5GB> & \"Max\" can't mix");
    assert_eq!(run.outcome, Err(failure));
}
