use reqwest::Method;
use serde_json::{Value, json};

use super::{activate, activated, ask, carrier, dial, error, new_line, port_in};
use crate::carrier::script_for;

const LINE: &str = "/v1/lines/4617ZU4617";

#[tokio::test]
async fn in_each_scenario_the_carrier_answers_as_its_words_say() {
    let carrier = carrier().await;
    let path = |rest: &str| format!("{LINE}{rest}");
    let status = |status: &str| json!({"status": status});
    let conflict = error("PLAN_CONFLICT", "Plan <5GB> & \"Max\" can't mix");
    let submitted = json!({"activation_id": "A-1002", "port_status": "SUBMITTED"});
    let activations = || "/v1/activations".to_owned();
    let rows = [
        ("activate", Method::POST, activations(), new_line(), 201, activated()),
        (
            "json-under-form",
            Method::POST,
            activations(),
            new_line(),
            201,
            activated(),
        ),
        (
            "port-in-pending",
            Method::POST,
            "/v1/port-ins".to_owned(),
            port_in(),
            202,
            submitted,
        ),
        (
            "suspend",
            Method::PUT,
            path("/status"),
            status("SUSPENDED"),
            200,
            status("SUSPENDED"),
        ),
        (
            "suspend-again",
            Method::PUT,
            path("/status"),
            status("SUSPENDED"),
            409,
            error("ALREADY_IN_STATE", "already suspended"),
        ),
        (
            "restore",
            Method::PUT,
            path("/status"),
            status("ACTIVE"),
            200,
            status("ACTIVE"),
        ),
        (
            "swap-sim",
            Method::PUT,
            path("/sim"),
            json!({"iccid": "8901260000000000022"}),
            200,
            json!({}),
        ),
        (
            "replenish",
            Method::POST,
            path("/renewals"),
            json!({"plan": "P"}),
            201,
            json!({"renewal_id": "R-3001"}),
        ),
        (
            "top-up",
            Method::POST,
            path("/top-ups"),
            json!({"plan": "DATA-1GB"}),
            201,
            json!({"balance": "8.00"}),
        ),
        ("cancel", Method::DELETE, path(""), Value::Null, 204, Value::Null),
        (
            "duplicate-during",
            Method::POST,
            activations(),
            new_line(),
            201,
            activated(),
        ),
        ("xml-specials", Method::POST, activations(), new_line(), 422, conflict),
    ];
    for (scenario, method, path, body, status, answer) in rows {
        let script = script_for(scenario, &carrier).await.expect(scenario);
        assert_eq!(ask(&carrier, method, &path, body).await, (status, answer), "{scenario}");
        script.check(&carrier).expect(scenario);
    }
}

#[tokio::test]
async fn a_port_that_is_under_way_completes_or_is_rejected_later() {
    let carrier = carrier().await;
    let rows = [
        (
            "port-in-completes",
            json!("COMPLETED"),
            json!("2025550177"),
            Value::Null,
        ),
        (
            "port-in-rejected",
            json!("REJECTED"),
            Value::Null,
            json!("number not active at previous provider"),
        ),
    ];
    for (scenario, status, mdn, reason) in rows {
        script_for("port-in-pending", &carrier).await.expect("known");
        ask(&carrier, Method::POST, "/v1/port-ins", port_in()).await;
        let script = script_for(scenario, &carrier).await.expect(scenario);
        let (_, body) = ask(&carrier, Method::GET, "/v1/port-ins/A-1002", Value::Null).await;
        assert_eq!(
            (&body["port_status"], &body["mdn"], &body["reason"]),
            (&status, &mdn, &reason)
        );
        assert_eq!(body["subscriber_id"], Value::Null);
        script.check(&carrier).expect(scenario);
    }
    carrier.reset().await.expect("it starts again");
    let missing = script_for("port-in-completes", &carrier)
        .await
        .expect_err("nothing to complete");
    assert_eq!(
        missing.to_string(),
        "no port is under way: this scenario goes on after port-in-pending"
    );
}

#[tokio::test]
async fn where_the_carrier_must_not_be_called_a_call_is_found_out() {
    let carrier = carrier().await;
    let scenarios = [
        "bad-state",
        "swap-bad-imei",
        "wrong-key",
        "test-request",
        "unknown-service",
        "missing-service",
        "no-plan",
    ];
    for scenario in scenarios {
        let script = script_for(scenario, &carrier).await.expect(scenario);
        script.check(&carrier).expect("nobody called");
        ask(&carrier, Method::GET, LINE, Value::Null).await;
        let found = script.check(&carrier).expect_err(scenario).to_string();
        assert_eq!(
            found,
            "the carrier must not be called, and got 1 connections and 1 requests"
        );
    }
}

#[tokio::test]
async fn a_duplicate_that_reaches_the_carrier_is_found_out() {
    let carrier = carrier().await;
    let during = script_for("duplicate-during", &carrier).await.expect("known");
    activate(&carrier).await;
    let after = script_for("duplicate-after", &carrier).await.expect("known");
    during.check(&carrier).expect("one activation");
    after.check(&carrier).expect("no second call");
    activate(&carrier).await;
    let found = during.check(&carrier).expect_err("a second activation").to_string();
    assert!(
        found.starts_with("1 changes at the carrier expected, 2 found: "),
        "{found}"
    );
    assert!(after.check(&carrier).is_err());

    carrier.reset().await.expect("it starts again");
    assert!(
        script_for("duplicate-after", &carrier).await.is_err(),
        "nothing to duplicate"
    );
}

#[tokio::test]
async fn a_carrier_that_is_down_is_up_again_for_the_next_scenario() {
    let carrier = carrier().await;
    let script = script_for("carrier-down", &carrier).await.expect("known");
    assert!(dial(&carrier).await.is_err());
    script.check(&carrier).expect("nothing was changed");
    script_for("activate", &carrier).await.expect("known");
    assert_eq!(activate(&carrier).await, (201, activated()));
}

#[tokio::test]
async fn a_slow_activation_is_answered_when_its_gate_is_opened() {
    let carrier = std::sync::Arc::new(carrier().await);
    let script = script_for("carrier-slow-create", &carrier).await.expect("known");
    let asking = std::sync::Arc::clone(&carrier);
    let answer = tokio::spawn(async move { activate(&asking).await });
    carrier.wait_for_requests(1).await;
    assert!(!answer.is_finished());
    script.gate.as_ref().expect("a gate").open();
    assert_eq!(answer.await.expect("no panic"), (201, activated()));
    script.check(&carrier).expect("one activation");
}

#[tokio::test]
async fn an_unknown_scenario_is_named() {
    let carrier = carrier().await;
    let unknown = script_for("teleport", &carrier).await.expect_err("no such scenario");
    assert!(
        unknown.to_string().contains("no script for the scenario teleport"),
        "{unknown}"
    );
}
