use core::time::Duration;

use patchbay_module::testing::{CALL_ID, Event, Gateway, Reply};
use patchbay_module::{Answer, Callback, Failure, Notice, Progress};
use serde_json::{Value, json};
use sim_activation::SimActivation;

use crate::{activation, answers, gateway, of_order, refuses};

const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn port_in() -> Event {
    activation()
        .order_number("4617ZU4617")
        .var(4, "yes")
        .var(5, "778899")
        .var(6, "4321")
        .var(8, "2025550177")
}

#[test]
fn a_port_stays_pending_under_the_carriers_id() {
    let body = json!({ "activation_id": "A-1002", "port_status": "SUBMITTED" });
    let run = answers("POST", "/v1/port-ins", 202, body).run::<SimActivation>(port_in());
    let answer = Answer::pending("A-1002").check_after(FIVE_MINUTES);
    assert_eq!(run.outcome, Ok(answer.var(13, "A-1002").var(15, "SUBMITTED")));
    let sent = run.requests[0].body_json();
    assert_eq!(
        sent["port"],
        json!({ "number": "2025550177", "account_number": "778899", "pin": "4321" })
    );
    assert_eq!(sent["reference"], "4617ZU4617");
    assert_eq!(sent["plan"], "unlimited-15");
}

#[test]
fn a_tax_id_goes_along_where_there_is_one() {
    let body = json!({ "activation_id": "A-1002", "port_status": "SUBMITTED" });
    let run = answers("POST", "/v1/port-ins", 202, body).run::<SimActivation>(port_in().var(7, "12-3456789"));
    assert!(run.outcome.is_ok());
    assert_eq!(run.requests[0].body_json()["port"]["tax_id"], "12-3456789");
}

#[test]
fn a_port_without_its_particulars_is_refused_by_name() {
    for (index, text) in [
        (5, "VAR5 (Account_Number) is missing"),
        (6, "VAR6 (PIN_or_Password) is missing"),
        (8, "VAR8 (Number_to_Port) is missing"),
    ] {
        let run = gateway().run::<SimActivation>(port_in().var(index, ""));
        assert_eq!(run.outcome, Err(Failure::rejected(text)));
        assert!(run.requests.is_empty());
    }
}

/// A carrier that says this of the port, and nothing of any other.
fn stands(status: &str, rest: &Value) -> Gateway {
    let mut body = json!({ "activation_id": "A-1002", "port_status": status, "mdn": null, "subscriber_id": null,
        "reason": null, "correctable": false });
    for (field, value) in rest.as_object().expect("an object") {
        body[field] = value.clone();
    }
    answers("GET", "/v1/port-ins/A-1002", 200, body)
}

#[test]
fn a_port_is_asked_about_until_it_is_done() {
    for (status, rest, progress) in [
        (
            "SUBMITTED",
            json!({}),
            Progress::waiting("A-1002").check_after(FIVE_MINUTES),
        ),
        (
            "COMPLETED",
            json!({ "mdn": "2025550177" }),
            Progress::completed()
                .var(3, "2025550177")
                .var(14, "")
                .var(15, "COMPLETED"),
        ),
        (
            "COMPLETED",
            json!({ "mdn": "2025550177", "subscriber_id": "S-2002" }),
            Progress::completed()
                .var(3, "2025550177")
                .var(14, "S-2002")
                .var(15, "COMPLETED"),
        ),
        (
            "REJECTED",
            json!({ "reason": "number not active at previous provider" }),
            Progress::rejected("Carrier Error: Port rejected: number not active at previous provider")
                .var(15, "REJECTED"),
        ),
        (
            "REJECTED",
            json!({ "reason": "wrong PIN", "correctable": true }),
            Progress::waiting("A-1002")
                .check_after(FIVE_MINUTES)
                .var(15, "REJECTED: wrong PIN"),
        ),
    ] {
        let run = stands(status, &rest).check::<SimActivation>(port_in(), "A-1002");
        assert_eq!(run.outcome, Ok(progress), "{status} {rest}");
        assert_eq!(
            run.requests[0].header_value("idempotency-key"),
            None,
            "it changes nothing"
        );
    }
}

#[test]
fn a_port_that_cannot_be_judged_is_never_refunded() {
    for (gateway, why) in [
        (
            stands("REJECTED", &json!({ "reason": "wrong PIN", "correctable": null })),
            "the carrier does not say whether a rejection is final: wrong PIN",
        ),
        (
            stands("ON_HOLD", &json!({})),
            "the carrier says of the port what this module does not know: ON_HOLD",
        ),
        (
            stands("COMPLETED", &json!({})),
            "the carrier has completed the port and names no number",
        ),
        (
            refuses(404, "PORT_NOT_FOUND", "no port-in"),
            "the carrier knows no port-in A-1002",
        ),
        (
            refuses(401, "DENIED", "who are you"),
            "The carrier does not accept this module's credentials (HTTP 401): check the secret carrier-token",
        ),
        (
            refuses(503, "DOWN", "later"),
            "GET https://carrier.test/v1/port-ins/A-1002: the carrier answered HTTP 503",
        ),
        (
            gateway().carrier(|_| Reply::Refused),
            "GET https://carrier.test/v1/port-ins/A-1002: the connection was refused",
        ),
    ] {
        let run = gateway.check::<SimActivation>(port_in(), "A-1002");
        assert_eq!(run.outcome, Err(why.to_owned()));
    }
}

#[test]
fn the_tenant_says_how_often_to_ask() {
    let run = stands("SUBMITTED", &json!({}))
        .config("port_check_s", "5")
        .check::<SimActivation>(port_in(), "A-1002");
    assert_eq!(
        run.outcome,
        Ok(Progress::waiting("A-1002").check_after(Duration::from_secs(5)))
    );

    let text = "This module's setting port_check_s must be a number of seconds: soon";
    let run = gateway().config("port_check_s", "soon").run::<SimActivation>(port_in());
    assert_eq!(run.outcome, Err(Failure::rejected(text)));
    assert!(run.requests.is_empty(), "found before the port is submitted");
}

#[test]
fn a_callback_is_a_hint_and_the_carriers_answer_counts() {
    let forged =
        json!({ "activation_id": "A-1002", "port_status": "REJECTED", "reason": "forged", "correctable": false });
    let run = stands("SUBMITTED", &json!({})).receive::<SimActivation>(&Callback::post(forged.to_string()));
    let waiting = Progress::waiting("A-1002").check_after(FIVE_MINUTES);
    assert_eq!(run.outcome, Ok(vec![Notice::new("A-1002", waiting)]));

    let run = gateway().receive::<SimActivation>(&Callback::post("{}"));
    let why = run.outcome.expect_err("it names no port");
    assert!(
        why.starts_with("the callback cannot be read: missing field `activation_id`"),
        "{why}"
    );
    assert!(run.requests.is_empty());

    let elsewhere = json!({ "activation_id": "../lines/1" }).to_string();
    let run = gateway().receive::<SimActivation>(&Callback::post(elsewhere));
    assert_eq!(run.requests[0].path(), "/v1/port-ins/..%2Flines%2F1");
}

fn correction() -> Event {
    of_order(Event::swap())
        .var(5, "778899")
        .var(6, "9876")
        .var(8, "2025550177")
        .var(13, "A-1002")
}

#[test]
fn a_rejected_port_is_corrected_by_a_swap() {
    for event in [
        correction(),
        // An order that carries all of its VARs.
        correction()
            .var(1, "356938035643809")
            .var(2, "8901260000000000014")
            .var(4, "YES")
            .var(15, "REJECTED: wrong PIN"),
    ] {
        let body = json!({ "activation_id": "A-1002", "port_status": "SUBMITTED" });
        let run = answers("PUT", "/v1/port-ins/A-1002", 202, body).run::<SimActivation>(event);
        assert_eq!(run.outcome, Ok(Answer::done().var(15, "SUBMITTED")));
        let port = json!({ "number": "2025550177", "account_number": "778899", "pin": "9876" });
        assert_eq!(run.requests[0].body_json(), json!({ "port": port }));
        assert_eq!(run.requests[0].header_value("idempotency-key"), Some(CALL_ID));
    }
    let run = refuses(409, "NOT_CORRECTABLE", "it is under way").run::<SimActivation>(correction());
    assert_eq!(run.outcome, Err(Failure::rejected("Carrier Error: it is under way")));
    let run = gateway().run::<SimActivation>(correction().var(6, ""));
    assert_eq!(run.outcome, Err(Failure::rejected("VAR6 (PIN_or_Password) is missing")));
}

#[test]
fn a_swap_of_a_line_that_was_ported_is_no_correction() {
    for event in [correction().var(15, "COMPLETED"), correction().var(4, "NO")] {
        let event = event.var(2, "8901260000000000022");
        let run = answers("PUT", "/v1/lines/4617ZU4617/sim", 200, json!({})).run::<SimActivation>(event);
        assert_eq!(run.outcome, Ok(Answer::done()));
    }
}
