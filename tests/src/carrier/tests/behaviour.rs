use std::io::ErrorKind;
use std::time::{Duration, Instant};

use http::HeaderValue;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{activate, activated, ask, carrier, dial, error, new_line, send, send_bare};
use crate::carrier::{Behaviour, Change, Delivery, FakeCarrier, Gate, Reply, StatusCode};

const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

fn has_activated(carrier: &FakeCarrier) -> bool {
    carrier.history() == [("A-1001".to_owned(), Change::Activated)]
}

/// Everything that comes until the connection ends, as text.
async fn rest(stream: &mut tokio::net::TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(String::from_utf8(bytes).expect("text"))
}

#[tokio::test]
async fn a_carrier_that_is_down_refuses_and_comes_back_on_the_same_port() {
    let carrier = carrier().await;
    let mut open = dial(&carrier).await.expect("it listens");
    open.write_all(b"GET /v1/lines/1 HTTP/1.1\r\nhost: carrier\r\n\r\n")
        .await
        .expect("sent");
    carrier.wait_for_requests(1).await;

    carrier.refuse_connections().await;
    assert!(rest(&mut open).await.is_ok(), "open connections are closed");
    for _ in 0..3 {
        let refused = dial(&carrier).await.expect_err("nothing listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
    carrier.accept_connections().await.expect("the port is still ours");
    assert_eq!(activate(&carrier).await, (201, activated()));
    carrier.accept_connections().await.expect("it listens already");
}

#[tokio::test]
async fn a_connection_may_be_closed_before_anything_is_read() {
    let carrier = carrier().await;
    carrier.hang_up_on_next(2);
    for _ in 0..2 {
        let error = send(&carrier, Method::POST, "/v1/activations", new_line())
            .await
            .expect_err("no answer");
        assert!(error.is_request() && !error.is_connect(), "{error:?}");
    }
    assert_eq!((carrier.connections(), carrier.requests().len()), (2, 0));
    assert_eq!(activate(&carrier).await, (201, activated()));
}

#[tokio::test]
async fn a_connection_may_be_closed_or_reset_after_the_effect() {
    for (delivery, expected) in [
        (Delivery::Closed, None),
        (Delivery::Reset, Some(ErrorKind::ConnectionReset)),
    ] {
        let carrier = carrier().await;
        carrier.next(Behaviour::normal().delivered(delivery));
        let mut stream = send_bare(&carrier).await;
        match expected {
            None => assert_eq!(rest(&mut stream).await.expect("an orderly end"), ""),
            Some(kind) => assert_eq!(rest(&mut stream).await.expect_err("no orderly end").kind(), kind),
        }
        assert!(has_activated(&carrier));
    }
}

#[tokio::test]
async fn a_connection_may_be_reset_without_an_effect() {
    let carrier = carrier().await;
    carrier.next(Behaviour::reject(UNAVAILABLE, "DOWN", "never seen").delivered(Delivery::Reset));
    let mut stream = send_bare(&carrier).await;
    assert!(rest(&mut stream).await.is_err());
    assert_eq!((carrier.requests().len(), carrier.history().len()), (1, 0));
}

#[tokio::test]
async fn an_answer_may_never_come() {
    let carrier = carrier().await;
    carrier.next(Behaviour::normal().delivered(Delivery::Never));
    let mut stream = send_bare(&carrier).await;
    carrier.wait_for_requests(1).await;
    assert!(has_activated(&carrier));
    let nothing = stream.try_read(&mut [0]).expect_err("nothing comes");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    carrier.refuse_connections().await;
    assert_eq!(rest(&mut stream).await.expect("an orderly end"), "", "and nothing came");
}

#[tokio::test]
async fn an_answer_may_wait_for_a_gate_while_the_effect_does_not() {
    let carrier = std::sync::Arc::new(carrier().await);
    let gate = Gate::default();
    carrier.next(Behaviour::normal().when(&gate));
    let asking = std::sync::Arc::clone(&carrier);
    let answer = tokio::spawn(async move { activate(&asking).await });
    carrier.wait_for_requests(1).await;
    assert!(has_activated(&carrier) && !answer.is_finished());
    gate.open();
    assert_eq!(answer.await.expect("no panic"), (201, activated()));
}

#[tokio::test]
async fn an_answer_may_take_its_time() {
    let carrier = carrier().await;
    let time = Duration::from_millis(50);
    carrier.next(Behaviour::normal().after(time));
    let start = Instant::now();
    assert_eq!(activate(&carrier).await, (201, activated()));
    assert!(start.elapsed() >= time);
}

#[tokio::test]
async fn a_failure_may_come_with_or_without_the_effect() {
    let down = error("DOWN", "try later");
    let with = Behaviour::normal().delivered(Delivery::Replaced(Reply::error(UNAVAILABLE, "DOWN", "try later")));
    let without = Behaviour::reject(UNAVAILABLE, "DOWN", "try later");
    for (behaviour, effect) in [(with, true), (without, false)] {
        let carrier = carrier().await;
        carrier.next(behaviour);
        assert_eq!(activate(&carrier).await, (503, down.clone()));
        assert_eq!(has_activated(&carrier), effect);
    }
}

#[tokio::test]
async fn an_answer_may_be_of_any_kind() {
    let rows = [
        (
            "another content type",
            Reply::new(StatusCode::CREATED, "text/html", "<p>activated</p>"),
            "<p>activated</p>",
        ),
        (
            "broken JSON",
            Reply::new(StatusCode::CREATED, "application/json", "{\"mdn\": "),
            "{\"mdn\": ",
        ),
        ("nothing", Reply::new(StatusCode::CREATED, "", ""), ""),
    ];
    for (what, reply, body) in rows {
        let carrier = carrier().await;
        carrier.next(Behaviour::normal().delivered(Delivery::Replaced(reply.clone())));
        let response = send(&carrier, Method::POST, "/v1/activations", new_line())
            .await
            .expect(what);
        assert_eq!(
            response.headers().get("content-type"),
            reply.headers.get("content-type"),
            "{what}"
        );
        assert_eq!(response.text().await.expect(what), body, "{what}");
        assert!(has_activated(&carrier), "{what}");
    }
}

#[tokio::test]
async fn a_redirection_names_its_target() {
    let carrier = carrier().await;
    let target = "http://169.254.169.254/latest/meta-data";
    carrier.next(Behaviour::answer(Reply::redirect(HeaderValue::from_static(target))));
    let response = send(&carrier, Method::POST, "/v1/activations", new_line())
        .await
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 307);
    assert_eq!(response.headers()["location"], target);
    assert_eq!(carrier.history(), []);
}

#[tokio::test]
async fn a_declared_length_may_be_a_lie() {
    let body = activated().to_string();
    for length in [5, 100_000] {
        let carrier = carrier().await;
        carrier.next(Behaviour::normal().delivered(Delivery::Declared(length)));
        let answer = rest(&mut send_bare(&carrier).await).await.expect("an orderly end");
        let (head, rest) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some("HTTP/1.1 201 Created"));
        assert!(lines.any(|line| line == format!("content-length: {length}")), "{head}");
        let found: Value = serde_json::from_str(rest).expect("the body is whole");
        assert_eq!((found.to_string(), has_activated(&carrier)), (body.clone(), true));
    }
}

#[tokio::test]
async fn a_flood_is_as_long_as_it_was_told_or_as_the_client_takes() {
    let carrier = carrier().await;
    carrier.next(Behaviour::normal().delivered(Delivery::Flood(100_000)));
    let answer = rest(&mut send_bare(&carrier).await).await.expect("an orderly end");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert_eq!((body.len(), body.trim()), (100_000, ""));

    carrier.next(Behaviour::normal().delivered(Delivery::Flood(10 << 30)));
    let mut stream = send_bare(&carrier).await;
    let mut taken = vec![0; 8 << 20];
    stream.read_exact(&mut taken).await.expect("8 MiB and more");
    drop(stream);
    let (status, _) = activate(&carrier).await;
    assert_eq!(status, 201, "the carrier is still there");
}

#[tokio::test]
async fn an_answer_may_come_byte_by_byte() {
    let carrier = carrier().await;
    let every = Duration::from_millis(1);
    carrier.next(Behaviour::normal().delivered(Delivery::Drip(every)));
    let start = Instant::now();
    let answer = rest(&mut send_bare(&carrier).await).await.expect("an orderly end");
    assert!(start.elapsed() >= every * u32::try_from(answer.len()).expect("small"));
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert_eq!(serde_json::from_str::<Value>(body).expect("JSON"), activated());
}

#[tokio::test]
async fn what_is_queued_comes_before_rules_and_a_later_rule_before_an_earlier_one() {
    let carrier = carrier().await;
    let rejects = |code: &str| Behaviour::reject(UNAVAILABLE, code, "");
    carrier.always("/v1/", rejects("EARLIER"));
    carrier.always("/v1/activations", rejects("LATER"));
    carrier.next(rejects("FIRST"));
    carrier.next(Behaviour::normal());
    let mut codes = Vec::new();
    for path in [
        "/v1/port-ins",
        "/v1/activations",
        "/v1/activations",
        "/v1/port-ins",
        "/other",
    ] {
        let (_, body) = ask(&carrier, Method::POST, path, new_line()).await;
        codes.push(body["error"]["code"].clone());
    }
    let none = Value::Null;
    assert_eq!(
        codes,
        [
            json!("FIRST"),
            none,
            json!("LATER"),
            json!("EARLIER"),
            json!("NOT_FOUND")
        ]
    );
}

#[tokio::test]
async fn a_reset_forgets_everything_and_listens_again() {
    let carrier = carrier().await;
    activate(&carrier).await;
    carrier.always("/", Behaviour::reject(UNAVAILABLE, "DOWN", ""));
    carrier.refuse_connections().await;
    carrier.reset().await.expect("it starts again");
    assert_eq!(
        (carrier.history(), carrier.requests(), carrier.connections()),
        (vec![], vec![], 0)
    );
    assert_eq!(activate(&carrier).await, (201, activated()));
}

#[tokio::test]
async fn dropping_the_carrier_stops_it() {
    let carrier = carrier().await;
    let address = carrier.address();
    carrier.next(Behaviour::normal().delivered(Delivery::Never));
    let mut stream = send_bare(&carrier).await;
    carrier.wait_for_requests(1).await;
    drop(carrier);
    assert_eq!(rest(&mut stream).await.expect("an orderly end"), "");
    let again = FakeCarrier::start_on(address.port(), "another")
        .await
        .expect("its port is free again");
    assert_eq!(again.address(), address);
}
