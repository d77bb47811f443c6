use patchbay_module::testing::{CALL_ID, Event, Reply};
use patchbay_module::{Answer, Failure};
use serde_json::json;
use sim_activation::SimActivation;

use crate::{gateway, of_order};

const IMEI: &str = "356938035643809";
const ICCID: &str = "8901260000000000022";

fn swap() -> Event {
    of_order(Event::swap())
}

#[test]
fn what_the_order_names_is_swapped() {
    let sim = ("/v1/lines/4617ZU4617/sim".to_owned(), json!({ "iccid": ICCID }));
    let device = ("/v1/lines/4617ZU4617/device".to_owned(), json!({ "imei": IMEI }));
    for (event, sent) in [
        (swap().var(2, ICCID), vec![sim.clone()]),
        (swap().var(1, IMEI), vec![device.clone()]),
        (swap().var(1, IMEI).var(2, ICCID), vec![sim, device]),
    ] {
        let run = gateway()
            .carrier(|_| Reply::json(200, &json!({})))
            .run::<SimActivation>(event);
        assert_eq!(run.outcome, Ok(Answer::done()));
        let requests = run.requests.iter();
        let seen: Vec<_> = requests
            .map(|request| (request.path().to_owned(), request.body_json()))
            .collect();
        assert_eq!(seen, sent);
        assert!(run.requests.iter().all(|request| request.method() == "PUT"));
        let keys: Vec<_> = run
            .requests
            .iter()
            .map(|request| request.header_value("idempotency-key"))
            .collect();
        let device = format!("{CALL_ID}-device");
        assert_eq!(keys, [Some(CALL_ID), Some(&device)][..sent.len()]);
    }
}

#[test]
fn a_wrong_check_digit_stops_both_before_the_carrier_sees_either() {
    let event = swap().var(1, "356938035643800").var(2, ICCID);
    let run = gateway().run::<SimActivation>(event);
    let failure = Failure::rejected("VAR1 (IMEI) fails its check digit: 356938035643800");
    assert_eq!(run.outcome, Err(failure));
    assert!(run.requests.is_empty());
}

#[test]
fn nothing_to_swap_is_refused() {
    let run = gateway().run::<SimActivation>(swap());
    let failure = Failure::rejected("VAR1 (IMEI) and VAR2 (ICCID) are missing: nothing to swap");
    assert_eq!(run.outcome, Err(failure));
}

#[test]
fn a_refused_device_after_a_swapped_sim_is_no_rejection() {
    for device in [
        Reply::json(422, &json!({ "error": { "code": "BLOCKED", "message": "stolen" } })),
        Reply::Refused,
        Reply::Lost,
    ] {
        let run = gateway()
            .carrier(move |request| match request.path() {
                "/v1/lines/4617ZU4617/sim" => Reply::json(200, &json!({})),
                _ => device.clone(),
            })
            .run::<SimActivation>(swap().var(1, IMEI).var(2, ICCID));
        let Err(Failure::Unknown(text)) = run.outcome else {
            panic!("{:?}", run.outcome)
        };
        assert!(
            text.starts_with("The SIM was swapped and the device was not: "),
            "{text}"
        );
    }
}
