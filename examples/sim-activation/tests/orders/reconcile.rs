use core::time::Duration;

use patchbay_module::testing::{CALL_ID, Event, Gateway, Reply};
use patchbay_module::{Answer, Finding};
use serde_json::{Value, json};
use sim_activation::SimActivation;

use crate::{activation, gateway, of_order, refuses};

/// A carrier that keeps these operations: key, name, status, result.
fn keeps(operations: &[(&str, &str, u16, Value)]) -> Gateway {
    let kept: Vec<_> = operations
        .iter()
        .map(|(key, name, status, result)| {
            let body = json!({ "operation": name, "status": status, "result": result });
            (format!("/v1/operations/{key}"), body)
        })
        .collect();
    gateway().carrier(move |request| {
        assert_eq!(request.method(), "GET", "it changes nothing");
        match kept.iter().find(|(path, _)| path == request.path()) {
            Some((_, body)) => Reply::json(200, body),
            None => Reply::json(
                404,
                &json!({ "error": { "code": "OPERATION_NOT_FOUND", "message": "never seen" } }),
            ),
        }
    })
}

fn refusal(code: &str) -> Value {
    json!({ "error": { "code": code, "message": "no" } })
}

#[test]
fn what_happened_is_answered_as_it_would_have_been() {
    let line = json!({ "activation_id": "A-1001", "subscriber_id": "S-2001", "mdn": "2025550143" });
    let port = json!({ "activation_id": "A-1002", "port_status": "SUBMITTED" });
    let pending = Answer::pending("A-1002").check_after(Duration::from_secs(300));
    for (event, name, status, result, answer) in [
        (
            activation(),
            "ACTIVATION",
            201,
            line,
            Answer::done().var(3, "2025550143").var(13, "A-1001").var(14, "S-2001"),
        ),
        (
            activation().var(4, "YES"),
            "PORT-IN",
            202,
            port.clone(),
            pending.var(13, "A-1002").var(15, "SUBMITTED"),
        ),
        (
            of_order(Event::swap()).var(6, "9876"),
            "PORT-CORRECTION",
            202,
            port,
            Answer::done().var(15, "SUBMITTED"),
        ),
        (
            activation().parent_order_number("4617ZU4617"),
            "TOP-UP",
            201,
            json!({ "balance": "8.00" }),
            Answer::done().var(12, "8.00"),
        ),
        (
            of_order(Event::set_status("NON-PAY")),
            "STATUS",
            200,
            json!({ "status": "SUSPENDED" }),
            Answer::done(),
        ),
        (
            of_order(Event::set_status("ACTIVE")),
            "STATUS",
            409,
            refusal("ALREADY_IN_STATE"),
            Answer::done(),
        ),
        (
            of_order(Event::replenish()),
            "RENEWAL",
            201,
            json!({ "renewal_id": "R-1" }),
            Answer::done(),
        ),
        (
            of_order(Event::swap()).var(2, "8901260000000000022"),
            "SIM",
            200,
            json!({}),
            Answer::done(),
        ),
        (
            of_order(Event::cancel()),
            "CANCELLATION",
            204,
            Value::Null,
            Answer::done(),
        ),
        (
            of_order(Event::cancel()),
            "CANCELLATION",
            404,
            refusal("LINE_NOT_FOUND"),
            Answer::done(),
        ),
    ] {
        let run = keeps(&[(CALL_ID, name, status, result)]).find::<SimActivation>(event);
        assert_eq!(run.outcome, Ok(Finding::Happened(answer)), "{name} {status}");
    }
}

#[test]
fn what_the_carrier_never_saw_or_refused_did_not_happen() {
    let run = keeps(&[]).find::<SimActivation>(activation());
    assert_eq!(run.outcome, Ok(Finding::DidNotHappen));
    for (name, status, code) in [
        ("ACTIVATION", 422, "PLAN_CONFLICT"),
        ("ACTIVATION", 404, "NOT_FOUND"),
        ("STATUS", 409, "PORTING_OUT"),
    ] {
        let run = keeps(&[(CALL_ID, name, status, refusal(code))]).find::<SimActivation>(activation());
        assert_eq!(run.outcome, Ok(Finding::DidNotHappen), "{name} {code}");
    }
}

#[test]
fn what_the_carrier_left_open_stays_so() {
    for (name, status, result) in [
        ("ACTIVATION", 500, Value::Null),
        ("ACTIVATION", 408, Value::Null),
        ("STATUS", 200, json!({ "status": "ACTIVE" })),
    ] {
        let event = of_order(Event::set_status("SUSPENDED"));
        let run = keeps(&[(CALL_ID, name, status, result)]).find::<SimActivation>(event);
        assert_eq!(run.outcome, Ok(Finding::Undecided), "{name} {status}");
    }
}

#[test]
fn a_carrier_that_cannot_be_asked_decides_nothing() {
    let operation = format!("GET https://carrier.test/v1/operations/{CALL_ID}");
    for (gateway, why) in [
        (
            refuses(503, "DOWN", "later"),
            format!("{operation}: the carrier answered HTTP 503"),
        ),
        (
            gateway().carrier(|_| Reply::Lost),
            format!("{operation}: the connection was closed before the answer"),
        ),
        (
            refuses(403, "DENIED", "who are you"),
            "The carrier does not accept this module's credentials (HTTP 403): check the secret carrier-token"
                .to_owned(),
        ),
    ] {
        assert_eq!(gateway.find::<SimActivation>(activation()).outcome, Err(why));
    }
    let run =
        keeps(&[(CALL_ID, "ACTIVATION", 201, json!({ "mdn": "2025550143" }))]).find::<SimActivation>(activation());
    let why = run.outcome.expect_err("half an answer");
    assert!(
        why.contains("the answer cannot be read: missing field `activation_id`"),
        "{why}"
    );
}

#[test]
fn a_swap_of_both_happened_when_both_did() {
    let both = || {
        of_order(Event::swap())
            .var(1, "356938035643809")
            .var(2, "8901260000000000022")
    };
    let second = format!("{CALL_ID}-device");
    let sim = || (CALL_ID, "SIM", 200, json!({}));
    let half = || Err("the SIM was swapped and the device was not".to_owned());
    for (kept, outcome) in [
        (vec![], Ok(Finding::DidNotHappen)),
        (vec![sim()], half()),
        (vec![sim(), (&second, "DEVICE", 422, refusal("BLOCKED"))], half()),
        (
            vec![sim(), (&second, "DEVICE", 503, Value::Null)],
            Ok(Finding::Undecided),
        ),
        (
            vec![sim(), (&second, "DEVICE", 200, json!({}))],
            Ok(Finding::Happened(Answer::done())),
        ),
    ] {
        assert_eq!(keeps(&kept).find::<SimActivation>(both()).outcome, outcome, "{kept:?}");
    }
}
