//! Orders about a line that is there: status, renewal, add-on, cancellation.

use patchbay_module::log::Level;
use patchbay_module::testing::{CALL_ID, Event, Reply};
use patchbay_module::{Answer, Failure};
use serde_json::json;
use sim_activation::SimActivation;

use crate::{answers, gateway, of_order, refuses};

#[test]
fn a_status_is_set_with_its_reason() {
    for (state, sent) in [
        ("SUSPENDED", json!({ "status": "SUSPENDED" })),
        ("NON-PAY", json!({ "status": "SUSPENDED", "reason": "NON-PAY" })),
        ("ACTIVE", json!({ "status": "ACTIVE" })),
    ] {
        let event = of_order(Event::set_status(state));
        let run = answers(
            "PUT",
            "/v1/lines/4617ZU4617/status",
            200,
            json!({ "status": sent["status"] }),
        )
        .run::<SimActivation>(event);
        assert_eq!(run.outcome, Ok(Answer::done()), "{state}");
        assert_eq!(run.requests[0].body_json(), sent);
        assert_eq!(run.requests[0].header_value("idempotency-key"), Some(CALL_ID));
    }
}

#[test]
fn a_line_that_is_in_that_state_already_is_a_success() {
    let event = of_order(Event::set_status("SUSPENDED"));
    let run = refuses(409, "ALREADY_IN_STATE", "already suspended").run::<SimActivation>(event.clone());
    assert_eq!(run.outcome, Ok(Answer::done()));
    // Another conflict is none.
    let run = refuses(409, "PORTING_OUT", "the line is leaving").run::<SimActivation>(event);
    assert_eq!(
        run.outcome,
        Err(Failure::rejected("Carrier Error: the line is leaving"))
    );
}

#[test]
fn a_status_other_than_asked_for_is_an_unknown_outcome() {
    let event = of_order(Event::set_status("SUSPENDED"));
    let run =
        answers("PUT", "/v1/lines/4617ZU4617/status", 200, json!({ "status": "ACTIVE" })).run::<SimActivation>(event);
    assert!(matches!(run.outcome, Err(Failure::Unknown(_))));
}

#[test]
fn an_unknown_state_and_an_unknown_service_never_reach_the_carrier() {
    for (event, text) in [
        (Event::set_status("PAUSED"), "Unsupported NEW_STATE: PAUSED"),
        (Event::other("Order/Teleport"), "Unsupported SERVICE: Order/Teleport"),
    ] {
        let run = gateway().run::<SimActivation>(of_order(event));
        assert_eq!(run.outcome, Err(Failure::rejected(text)));
        assert!(run.requests.is_empty());
    }
}

#[test]
fn a_line_is_named_by_subscriber_id_then_number_then_order() {
    let event = of_order(Event::cancel());
    for (event, path) in [
        (
            event.clone().var(14, "S/20 01").var(3, "2025550143"),
            "/v1/lines/S%2F20%2001",
        ),
        (event.clone().var(3, "2025550143"), "/v1/lines/2025550143"),
        (event, "/v1/lines/4617ZU4617"),
    ] {
        let run = gateway().carrier(|_| Reply::status(204)).run::<SimActivation>(event);
        assert_eq!(run.outcome, Ok(Answer::done()));
        assert_eq!((run.requests[0].method(), run.requests[0].path()), ("DELETE", path));
    }
    let run = gateway().run::<SimActivation>(Event::cancel());
    let text = "No line is named: VAR14 (SUBSCRIBER_ID), VAR3 (MDN) and the order number are missing";
    assert_eq!(run.outcome, Err(Failure::rejected(text)));
}

#[test]
fn a_plan_is_renewed() {
    let run = answers(
        "POST",
        "/v1/lines/4617ZU4617/renewals",
        201,
        json!({ "renewal_id": "R-1" }),
    )
    .run::<SimActivation>(of_order(Event::replenish()));
    assert_eq!(run.outcome, Ok(Answer::done()));
    assert_eq!(run.requests[0].body_json(), json!({ "plan": "unlimited-15" }));
}

#[test]
fn an_add_on_tops_up_the_line_of_its_parent() {
    let event = Event::create()
        .carrier_product_id("DATA-1GB")
        .parent_order_number("4617ZU4617");
    let run = answers(
        "POST",
        "/v1/lines/4617ZU4617/top-ups",
        201,
        json!({ "balance": "8.00" }),
    )
    .run::<SimActivation>(event);
    assert_eq!(run.outcome, Ok(Answer::done().var(12, "8.00")));
    assert_eq!(run.requests[0].body_json(), json!({ "plan": "data-1" }));
}

#[test]
fn a_password_goes_out_as_the_placeholder_that_it_came_as() {
    let event = of_order(Event::change_password());
    let with_password = event
        .clone()
        .document(json!({ "new_password": "{{secret:new-password}}" }));
    let run = answers("PUT", "/v1/lines/4617ZU4617/password", 200, json!({})).run::<SimActivation>(with_password);
    assert_eq!(run.outcome, Ok(Answer::done()));
    assert_eq!(
        run.requests[0].body_json(),
        json!({ "password": "{{secret:new-password}}" })
    );
    assert_eq!(run.requests[0].header_value("idempotency-key"), Some(CALL_ID));

    let run = gateway().run::<SimActivation>(event);
    assert_eq!(run.outcome, Err(Failure::rejected("new_password is missing")));
}

#[test]
fn cancelling_a_line_that_is_not_there_is_a_success_with_a_warning() {
    let run = refuses(404, "NO_SUCH_LINE", "no such line").run::<SimActivation>(of_order(Event::cancel()));
    assert_eq!(run.outcome, Ok(Answer::done()));
    let text = "the carrier has no /v1/lines/4617ZU4617: nothing to cancel";
    assert_eq!(run.log, [(Level::Warn, text.to_owned())]);
}
