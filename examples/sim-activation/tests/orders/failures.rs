//! What can go wrong between here and the carrier, for every order alike.

use patchbay_module::Failure;
use patchbay_module::testing::{Event, Gateway, Reply};
use sim_activation::SimActivation;

use crate::{activation, gateway, of_order, refuses};

/// One of each order that asks the carrier something.
fn orders() -> Vec<Event> {
    vec![
        activation(),
        activation().var(4, "YES").var(5, "1").var(6, "2").var(8, "2025550177"),
        activation().parent_order_number("4617ZU4617"),
        of_order(Event::replenish()),
        of_order(Event::set_status("SUSPENDED")),
        of_order(Event::set_status("ACTIVE")),
        of_order(Event::swap()).var(2, "8901260000000000022"),
        of_order(Event::cancel()),
    ]
}

#[test]
fn a_refused_connection_changes_nothing() {
    for event in orders() {
        let run = gateway().carrier(|_| Reply::Refused).run::<SimActivation>(event);
        assert!(matches!(run.outcome, Err(Failure::Unreachable(_))), "{:?}", run.outcome);
        assert_eq!(run.requests.len(), 1);
    }
}

#[test]
fn a_lost_answer_is_an_unknown_outcome_and_is_never_asked_for_again() {
    for event in orders() {
        let run = gateway().carrier(|_| Reply::Lost).run::<SimActivation>(event);
        assert!(matches!(run.outcome, Err(Failure::Unknown(_))), "{:?}", run.outcome);
        assert_eq!(run.requests.len(), 1);
    }
}

#[test]
fn a_broken_carrier_leaves_the_outcome_unknown() {
    for event in orders() {
        for status in [302, 500, 502, 503, 504] {
            let run = gateway()
                .carrier(move |_| Reply::text(status, "<html>oops</html>").header("retry-after", "5"))
                .run::<SimActivation>(event.clone());
            assert!(matches!(run.outcome, Err(Failure::Unknown(_))), "{:?}", run.outcome);
        }
    }
}

#[test]
fn a_success_that_cannot_be_read_is_an_unknown_outcome() {
    // A swap and a cancellation have nothing to read.
    for event in &orders()[..6] {
        for body in ["<html>welcome</html>", "{}", ""] {
            let run = gateway()
                .carrier(|_| Reply::text(200, body))
                .run::<SimActivation>(event.clone());
            assert!(matches!(run.outcome, Err(Failure::Unknown(_))), "{:?}", run.outcome);
        }
    }
}

#[test]
fn refused_credentials_point_the_operator_to_the_secret() {
    for status in [401, 403] {
        let run = refuses(status, "DENIED", "who are you").run::<SimActivation>(activation());
        let text = format!(
            "The carrier does not accept this module's credentials (HTTP {status}): check the secret carrier-token"
        );
        assert_eq!(run.outcome, Err(Failure::rejected(text)));
    }
}

#[test]
fn too_many_requests_are_safe_to_retry() {
    let run = gateway()
        .carrier(|_| Reply::status(429).header("Retry-After", "7"))
        .run::<SimActivation>(activation());
    let Err(Failure::Unreachable(text)) = run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert!(text.ends_with("(HTTP 429, Retry-After: 7)"), "{text}");
}

#[test]
fn a_refusal_without_words_tells_its_status() {
    for body in ["", "<html>no</html>", "{\"error\":\"no\"}"] {
        let run = gateway()
            .carrier(|_| Reply::text(400, body))
            .run::<SimActivation>(activation());
        assert_eq!(run.outcome, Err(Failure::rejected("Carrier Error: HTTP 400")));
    }
}

#[test]
fn a_module_without_its_settings_says_which() {
    let run = Gateway::new()
        .config("plan.VZW-15GB-UNLTT", "unlimited-15")
        .run::<SimActivation>(activation());
    let failure = Failure::rejected("This module's setting carrier_url is not set");
    assert_eq!(run.outcome, Err(failure));
    let run = Gateway::new()
        .config("plan.VZW-15GB-UNLTT", "unlimited-15")
        .config("carrier_url", "https://carrier.test")
        .run::<SimActivation>(activation());
    let failure = Failure::rejected("This module's secret carrier-token is not set");
    assert_eq!(run.outcome, Err(failure));
}
