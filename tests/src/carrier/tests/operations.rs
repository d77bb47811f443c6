use std::collections::HashMap;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use super::{activate_under, activated, ask, ask_under, carrier, error, new_line, port_in, status_and_json};
use crate::carrier::{Behaviour, Change, Delivery, FakeCarrier, Gate, Line, StatusCode, TOKEN};

async fn operation(carrier: &FakeCarrier, key: &str) -> (u16, Value) {
    ask(carrier, Method::GET, &format!("/v1/operations/{key}"), Value::Null).await
}

fn never_seen(key: &str) -> (u16, Value) {
    (404, error("OPERATION_NOT_FOUND", &format!("no operation {key}")))
}

fn activation() -> (u16, Value) {
    (
        200,
        json!({"operation": "ACTIVATION", "status": 201, "result": activated()}),
    )
}

#[tokio::test]
async fn each_operation_is_known_by_its_key() {
    let carrier = carrier().await;
    carrier.put_line(Line::active("4617ZU4617"));
    let line = |rest: &str| format!("/v1/lines/4617ZU4617{rest}");
    let rows = [
        (
            "ACTIVATION",
            Method::POST,
            "/v1/activations".to_owned(),
            new_line(),
            201,
        ),
        ("PORT-IN", Method::POST, "/v1/port-ins".to_owned(), port_in(), 202),
        (
            "PORT-CORRECTION",
            Method::PUT,
            "/v1/port-ins/A-1002?x=1".to_owned(),
            json!({"port": port_in()["port"]}),
            202,
        ),
        (
            "STATUS",
            Method::PUT,
            line("/status"),
            json!({"status": "SUSPENDED"}),
            200,
        ),
        ("SIM", Method::PUT, line("/sim"), json!({"iccid": "8"}), 200),
        ("DEVICE", Method::PUT, line("/device"), json!({"imei": "3"}), 200),
        (
            "PASSWORD",
            Method::PUT,
            line("/password"),
            json!({"password": "4321"}),
            200,
        ),
        ("RENEWAL", Method::POST, line("/renewals"), json!({"plan": "P"}), 201),
        ("TOP-UP", Method::POST, line("/top-ups"), json!({"plan": "D"}), 201),
        ("CANCELLATION", Method::DELETE, line(""), Value::Null, 204),
    ];
    for (name, method, path, body, status) in rows {
        if name == "PORT-CORRECTION" {
            carrier.reject_port_correctably("A-1002", "wrong PIN");
        }
        assert_eq!(operation(&carrier, name).await, never_seen(name));
        let (answered, result) = ask_under(&carrier, name, method, &path, &body).await;
        assert_eq!(answered, status, "{name}: {result}");
        let expected = json!({"operation": name, "status": status, "result": result});
        assert_eq!(operation(&carrier, name).await, (200, expected));
    }
}

#[tokio::test]
async fn an_operation_whose_answer_was_lost_is_known() {
    for delivery in [Delivery::Closed, Delivery::Reset] {
        let carrier = carrier().await;
        carrier.next(Behaviour::normal().delivered(delivery));
        let request = super::client().post(format!("{}/v1/activations", carrier.url()));
        let request = request
            .bearer_auth(TOKEN)
            .header("idempotency-key", "one")
            .json(&new_line());
        assert!(request.send().await.is_err());
        assert_eq!(operation(&carrier, "one").await, activation());
    }
}

#[tokio::test]
async fn an_operation_whose_answer_is_held_back_is_known() {
    let carrier = Arc::new(carrier().await);
    let gate = Gate::default();
    carrier.next(Behaviour::normal().when(&gate));
    let asking = Arc::clone(&carrier);
    let answer = tokio::spawn(async move { activate_under(&asking, "one", &new_line()).await });
    carrier.wait_for_requests(1).await;
    assert_eq!(operation(&carrier, "one").await, activation());
    assert!(!answer.is_finished());
    gate.open();
    assert_eq!(answer.await.expect("no panic"), (201, activated()));
}

#[tokio::test]
async fn a_refusal_is_known_if_the_request_was_looked_at() {
    let carrier = carrier().await;
    let refused = |status: u16, result: Value| {
        let operation = json!({"operation": "ACTIVATION", "status": status, "result": result});
        (200, operation)
    };
    let rows = [
        (StatusCode::UNPROCESSABLE_ENTITY, true),
        (StatusCode::CONFLICT, true),
        (StatusCode::UNAUTHORIZED, false),
        (StatusCode::FORBIDDEN, false),
        (StatusCode::TOO_MANY_REQUESTS, false),
        (StatusCode::SERVICE_UNAVAILABLE, false),
    ];
    for (status, known) in rows {
        let key = status.as_str();
        carrier.next(Behaviour::reject(status, "NO", "not so"));
        let answered = activate_under(&carrier, key, &new_line()).await;
        assert_eq!(answered, (status.as_u16(), error("NO", "not so")));
        let expected = if known {
            refused(status.as_u16(), error("NO", "not so"))
        } else {
            never_seen(key)
        };
        assert_eq!(operation(&carrier, key).await, expected);
    }
    let (status, answer) = activate_under(&carrier, "malformed", &json!({"plan": 8})).await;
    assert_eq!(status, 422);
    assert_eq!(operation(&carrier, "malformed").await, refused(422, answer));

    let url = format!("{}/v1/activations", carrier.url());
    let stranger = super::client()
        .post(url)
        .header("idempotency-key", "stranger")
        .json(&new_line());
    let (status, _) = status_and_json(stranger.send().await.expect("an answer")).await;
    assert_eq!(
        (status, operation(&carrier, "stranger").await),
        (401, never_seen("stranger"))
    );
    assert_eq!(carrier.history(), []);
}

#[tokio::test]
async fn what_changes_nothing_is_no_operation() {
    let carrier = carrier().await;
    carrier.put_line(Line::active("4617ZU4617"));
    ask_under(&carrier, "read", Method::GET, "/v1/lines/4617ZU4617", &Value::Null).await;
    ask_under(&carrier, "nowhere", Method::POST, "/v1/teleports", &json!({})).await;
    for key in ["read", "nowhere"] {
        assert_eq!(operation(&carrier, key).await, never_seen(key));
    }
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> HashMap<String, usize> {
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}

#[tokio::test]
async fn effects_are_counted_by_key_reference_and_iccid() {
    let carrier = carrier().await;
    for key in ["one", "one", "two"] {
        activate_under(&carrier, key, &new_line()).await;
    }
    let mut other = new_line();
    other["reference"] = Value::Null;
    other["iccid"] = json!("8901260000000000022");
    activate_under(&carrier, "three", &other).await;
    activate_under(&carrier, "refused", &json!({})).await;
    ask(&carrier, Method::POST, "/v1/port-ins", port_in()).await;
    carrier.complete_port("A-1004", None);

    assert_eq!(carrier.effects_by_key(), counts([("one", 1), ("two", 1), ("three", 1)]));
    assert_eq!(carrier.effects_by_reference(), counts([("4617ZU4617", 3)]));
    let by_iccid = counts([("8901260000000000014", 3), ("8901260000000000022", 1)]);
    assert_eq!(
        carrier.effects_by_iccid(),
        by_iccid,
        "the carrier's own change is not counted"
    );
}

#[tokio::test]
async fn a_carrier_may_act_on_a_repeated_key() {
    let carrier = carrier().await;
    carrier.set_idempotent(false);
    assert_eq!(activate_under(&carrier, "one", &new_line()).await, (201, activated()));
    let (status, second) = activate_under(&carrier, "one", &new_line()).await;
    assert_eq!((status, &second["activation_id"]), (201, &json!("A-1002")));
    assert_eq!(carrier.effects_by_key(), counts([("one", 2)]));

    let cancel = async || ask_under(&carrier, "end", Method::DELETE, "/v1/lines/S-2001", &Value::Null).await;
    assert_eq!((cancel().await.0, cancel().await.0), (204, 404));
    let ended = json!({"operation": "CANCELLATION", "status": 204, "result": null});
    assert_eq!(
        operation(&carrier, "end").await,
        (200, ended),
        "what was done stays done"
    );
    assert_eq!(
        carrier.history().last(),
        Some(&("A-1001".to_owned(), Change::Cancelled))
    );

    carrier.reset().await.expect("it starts again");
    for _ in 0..2 {
        assert_eq!(activate_under(&carrier, "one", &new_line()).await, (201, activated()));
    }
}
