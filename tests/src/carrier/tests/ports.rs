use axum::Router;
use axum::body::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ask, carrier, error, port_in};
use crate::carrier::{Change, LineStatus, PortStatus};

const PORT: &str = "/v1/port-ins/A-1001";

#[tokio::test]
async fn a_port_in_is_submitted_and_completes() {
    let carrier = carrier().await;
    assert_eq!(
        ask(&carrier, Method::POST, "/v1/port-ins", port_in()).await,
        (202, json!({"activation_id": "A-1001", "port_status": "SUBMITTED"}))
    );
    let status = |status: &str, mdn: Value, subscriber_id: Value| {
        json!({
            "activation_id": "A-1001", "port_status": status, "mdn": mdn, "subscriber_id": subscriber_id,
            "reason": null, "correctable": false,
        })
    };
    let submitted = status("SUBMITTED", Value::Null, Value::Null);
    assert_eq!(ask(&carrier, Method::GET, PORT, Value::Null).await, (200, submitted));
    assert_eq!(carrier.lines(), [], "the number does not work here yet");

    assert!(carrier.complete_port("A-1001", Some("S-9")));
    let completed = status("COMPLETED", json!("2025550177"), json!("S-9"));
    assert_eq!(ask(&carrier, Method::GET, PORT, Value::Null).await, (200, completed));
    assert_eq!(
        carrier.line("2025550177").map(|line| line.status),
        Some(LineStatus::Active)
    );
    assert!(!carrier.complete_port("A-1001", None), "it is completed already");
    assert!(!carrier.reject_port("A-1001", "too late"));
}

#[tokio::test]
async fn a_port_in_is_finally_rejected() {
    let carrier = carrier().await;
    ask(&carrier, Method::POST, "/v1/port-ins", port_in()).await;
    assert!(carrier.reject_port("A-1001", "number not active at previous provider"));
    let (status, body) = ask(&carrier, Method::GET, PORT, Value::Null).await;
    assert_eq!((status, &body["port_status"]), (200, &json!("REJECTED")));
    assert_eq!(body["reason"], "number not active at previous provider");
    assert_eq!(body["correctable"], false);
    assert_eq!((&body["mdn"], carrier.lines().len()), (&Value::Null, 0));
    let missing = error("PORT_NOT_FOUND", "no port-in A-1");
    assert_eq!(
        ask(&carrier, Method::GET, "/v1/port-ins/A-1", Value::Null).await,
        (404, missing)
    );
}

fn correction(number: &str) -> Value {
    json!({"port": {"number": number, "account_number": "778899", "pin": "9876"}})
}

#[tokio::test]
async fn a_port_in_that_is_rejected_correctably_is_submitted_again() {
    let carrier = carrier().await;
    ask(&carrier, Method::POST, "/v1/port-ins", port_in()).await;
    let not_now = (
        409,
        error("NOT_CORRECTABLE", "port-in A-1001 does not wait for a correction"),
    );
    assert_eq!(
        ask(&carrier, Method::PUT, PORT, correction("2025550178")).await,
        not_now
    );

    assert!(carrier.reject_port_correctably("A-1001", "wrong PIN"));
    let (_, body) = ask(&carrier, Method::GET, PORT, Value::Null).await;
    let rejected = json!({
        "activation_id": "A-1001", "port_status": "REJECTED", "mdn": null, "subscriber_id": null,
        "reason": "wrong PIN", "correctable": true,
    });
    assert_eq!(body, rejected);
    assert!(!carrier.complete_port("A-1001", None), "it waits for the correction");

    let submitted = (202, json!({"activation_id": "A-1001", "port_status": "SUBMITTED"}));
    assert_eq!(
        ask(&carrier, Method::PUT, PORT, correction("2025550178")).await,
        submitted
    );
    assert_eq!(carrier.ports()[0].status, PortStatus::Submitted);
    assert_eq!(
        ask(&carrier, Method::PUT, PORT, correction("2025550179")).await,
        not_now
    );
    assert!(carrier.complete_port("A-1001", None));
    assert_eq!(carrier.lines()[0].mdn, "2025550178", "the number of the correction");

    let changes: Vec<Change> = carrier.history().into_iter().map(|(_, change)| change).collect();
    let expected = [
        Change::PortSubmitted,
        Change::PortReturned,
        Change::PortCorrected,
        Change::PortCompleted,
    ];
    assert_eq!(changes, expected);
}

#[tokio::test]
async fn a_final_rejection_is_not_corrected() {
    let carrier = carrier().await;
    ask(&carrier, Method::POST, "/v1/port-ins", port_in()).await;
    assert!(carrier.reject_port("A-1001", "not yours"));
    let (status, body) = ask(&carrier, Method::PUT, PORT, correction("2025550178")).await;
    assert_eq!((status, &body["error"]["code"]), (409, &json!("NOT_CORRECTABLE")));
    let missing = (404, error("PORT_NOT_FOUND", "no port-in A-1"));
    assert_eq!(
        ask(&carrier, Method::PUT, "/v1/port-ins/A-1", correction("1")).await,
        missing
    );
    assert_eq!(carrier.ports()[0].line.mdn, "2025550177");
}

#[tokio::test]
async fn a_callback_says_what_the_api_would() {
    let carrier = carrier().await;
    ask(&carrier, Method::POST, "/v1/port-ins", port_in()).await;
    let echo = Router::new().fallback(async |body: Bytes| (http::StatusCode::ACCEPTED, body));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/callback/secret", listener.local_addr().expect("its address"));
    let server = tokio::spawn(async move { axum::serve(listener, echo).await });

    carrier.complete_port("A-1001", Some("S-9"));
    let heard = carrier.call_back(&url, "A-1001").await.expect("an answer");
    assert_eq!(heard.status, 202);
    let said: Value = serde_json::from_str(&heard.body).expect("JSON");
    assert_eq!(ask(&carrier, Method::GET, PORT, Value::Null).await, (200, said));
    assert!(carrier.call_back(&url, "A-1").await.is_err(), "no such port-in");
    server.abort();
}
