//! What goes over the wire, and what is made of the answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::rig::{Carrier, Rig, read_request};
use crate::domain::secret::Secret;
use crate::egress::{DoorError, Timeouts};

#[tokio::test]
async fn a_request_arrives_as_the_module_wrote_it_with_the_secrets_in_their_places() {
    let answer = "HTTP/1.1 201 Created\r\nx-carrier: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let carrier = Carrier::answering(answer).await;
    let mut rig = Rig::to(carrier.port).with_grant("secrets", json!(["token", "user"]));
    rig.secrets = [("token", "t0\"ken"), ("user", "Avery")]
        .map(|(name, value)| (name.parse().expect("a name"), Secret::new(value.to_owned())))
        .into();
    let mut request = rig.post("{\"key\":\"{{secret:token}}\"}");
    *request.uri_mut() = rig.url("/v1/%6Cines?q={{secret:token}}&r=1").parse().expect("a URL");
    for (name, value) in [
        ("content-type", "application/json"),
        ("authorization", "Basic {{basic:user:token}}"),
        ("content-length", "26"),
        ("x-other", "1"),
    ] {
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    let response = rig.send(request).await.expect("an answer");

    let expected = format!(
        "POST /v1/lines?q=t0%22ken&r=1 HTTP/1.1\r\n\
         content-type: application/json\r\n\
         authorization: Basic QXZlcnk6dDAia2Vu\r\n\
         x-other: 1\r\n\
         host: api.carrier.example:{}\r\n\
         connection: close\r\n\
         content-length: 17\r\n\r\n\
         {{\"key\":\"t0\\\"ken\"}}",
        carrier.port
    );
    assert_eq!(carrier.heard(), expected);
    assert_eq!(response.status(), 201);
    assert_eq!(response.body(), "hello");
    assert_eq!(response.headers()["x-carrier"], "a");
    assert!(!response.headers().contains_key(header::TRANSFER_ENCODING));

    let started = format!(
        "POST http://api.carrier.example:{}/v1/%6Cines?q={{{{secret:token}}}}&r=1 \"Basic {{{{basic:user:token}}}}\" \
         \"{{\\\"key\\\":\\\"{{{{secret:token}}}}\\\"}}\" by Some(\"carrier-api\") read_only false placed 5",
        carrier.port
    );
    // User, token, both as base64, the token as JSON and as query.
    assert_eq!(rig.book.lines(), [started, "answered 201".to_owned()]);
}

#[tokio::test]
async fn the_host_header_is_the_host_in_its_one_spelling_whatever_the_url_has() {
    let carrier = Carrier::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let rig = Rig::to(carrier.port);
    let written = format!("API.Carrier.Example.:{}", carrier.port);
    for host in [written.clone(), format!("api.carrier.example:{}", carrier.port)] {
        let request = Request::get(format!("http://{written}/v1")).header("host", host);
        let answer = rig.send(request.body(Full::default()).expect("a request")).await;
        assert_eq!(answer.expect("an answer").status(), 204);
        let expected = format!(
            "GET /v1 HTTP/1.1\r\nhost: api.carrier.example:{}\r\nconnection: close\r\n\r\n",
            carrier.port
        );
        assert_eq!(carrier.heard(), expected);
    }
}

#[tokio::test]
async fn trailers_of_a_module_are_left_out() {
    let carrier = Carrier::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let rig = Rig::to(carrier.port);
    let trailers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("evil.example"))]);
    let request = rig
        .post("{}")
        .map(|body| body.with_trailers(async move { Some(Ok(trailers)) }));
    let answer = rig.door().send(&rig.passage(), request, Timeouts::default()).await;
    answer.expect("an answer");
    let heard = carrier.heard();
    assert!(heard.ends_with("\r\n\r\n{}") && !heard.contains("evil"), "{heard}");
}

#[tokio::test]
async fn the_name_is_looked_up_once_and_what_was_judged_is_dialled() {
    let carrier = Carrier::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let rig = Rig::to(carrier.port);
    let response = rig.send(rig.get("/v1")).await.expect("an answer");
    assert_eq!(response.status(), 204);
    assert_eq!(rig.resolver.asked.load(Ordering::SeqCst), 1);
    assert_eq!(carrier.accepted(), 1);
}

#[tokio::test]
async fn a_body_comes_back_as_the_carrier_encoded_it() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 12\r\n\r\n".to_vec();
    let gzip = *b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4c";
    answer.extend_from_slice(&gzip);
    let carrier = Carrier::answering(answer).await;
    let rig = Rig::to(carrier.port);
    let response = rig.send(rig.get("/v1")).await.expect("an answer");
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.body(), &gzip[..]);
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_whatever_it_announces() {
    let carrier = Carrier::answering("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n").await;
    let rig = Rig::to(carrier.port);
    let mut request = rig.get("/v1");
    *request.method_mut() = http::Method::HEAD;
    let response = rig.send(request).await.expect("an answer");
    assert!(response.body().is_empty());
    assert_eq!(response.headers()["content-length"], "99999999");
}

#[tokio::test]
async fn an_answer_that_cannot_be_relied_on_is_none() {
    let headers = "x: y\r\n".repeat(101);
    let large = "x".repeat(70 << 10);
    let http = |text: &str| DoorError::ProtocolError(format!("the carrier's answer is not HTTP/1.1: {text}"));
    let too_many = || DoorError::ResponseHeadersTooLarge {
        most: 100,
        most_bytes: 64 << 10,
    };
    for (answer, expected) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort".to_owned(),
            DoorError::ResponseIncomplete,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel".to_owned(),
            DoorError::ResponseIncomplete,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(),
            DoorError::ResponseIncomplete,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned(),
            http("invalid content-length parsed"),
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(),
            http("invalid HTTP version parsed"),
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_owned(),
            DoorError::ProtocolError("the carrier answered with status 101 unasked".to_owned()),
        ),
        (format!("HTTP/1.1 200 OK\r\n{headers}\r\n"), too_many()),
        (format!("HTTP/1.1 200 OK\r\nx: {large}\r\n\r\n"), too_many()),
        (
            String::new(),
            DoorError::Terminated("the carrier closed the connection without an answer".to_owned()),
        ),
    ] {
        let case: String = answer.chars().take(60).collect();
        let carrier = Carrier::answering(answer).await;
        let rig = Rig::to(carrier.port);
        let error = rig.send(rig.post("{}")).await.expect_err(&case);
        assert_eq!(error, expected, "{case}");
        assert!(error.was_sent());
        assert_eq!(rig.end(), format!("no answer: {error}"));
        assert_eq!(carrier.accepted(), 1, "a POST is not sent twice: {case}");
    }
}

#[tokio::test]
async fn a_reset_after_the_request_and_a_refusal_before_it_are_different_things() {
    let carrier = Carrier::start(|mut stream| async move {
        read_request(&mut stream).await?;
        // With nothing to linger for, closing is a reset.
        stream.set_zero_linger()
    })
    .await;
    let rig = Rig::to(carrier.port);
    let error = rig.send(rig.post("{}")).await.expect_err("reset");
    assert_eq!(
        error,
        DoorError::Terminated("the carrier closed the connection without an answer".to_owned())
    );
    assert!(error.was_sent());
    assert_eq!(carrier.accepted(), 1, "a POST is not sent twice");

    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("bound").port()
    };
    let rig = Rig::to(port);
    let error = rig.send(rig.post("{}")).await.expect_err("refused");
    let why = format!("127.0.0.1:{port} refused the connection");
    assert_eq!(error, DoorError::Refused(why.clone()));
    assert!(!error.was_sent());
    assert_eq!(rig.end(), format!("not sent: {why}"));
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let carrier = Carrier::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let mut rig = Rig::to(carrier.port);
    rig.resolver = super::rig::resolver(&["127.0.0.2", "127.0.0.1"]);
    rig.send(rig.post("{}")).await.expect("an answer");
    assert_eq!(carrier.accepted(), 1);
}

#[tokio::test]
async fn a_name_without_addresses_is_not_found() {
    let mut rig = Rig::to(9);
    rig.resolver = super::rig::resolver(&[]);
    let error = rig.send(rig.post("{}")).await.expect_err("no address");
    assert_eq!(
        error,
        DoorError::DnsFailed("api.carrier.example has no address".to_owned())
    );
}

#[tokio::test]
async fn a_body_announced_or_sent_past_the_limit_ends_there() {
    let announced = Carrier::answering("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n").await;
    let endless = Carrier::start(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            stream.write_all(&[b'x'; 4096]).await?;
        }
    })
    .await;
    for carrier in [announced, endless] {
        let mut rig = Rig::to(carrier.port);
        rig.limits.response_bytes = 100_000;
        let error = rig.send(rig.get("/v1")).await.expect_err("too large");
        assert_eq!(error, DoorError::ResponseTooLarge { most: 100_000 });
        assert!(error.was_sent());
    }
    let exact = Carrier::answering("HTTP/1.1 200 OK\r\n\r\n12345").await;
    let mut rig = Rig::to(exact.port);
    rig.limits.response_bytes = 5;
    assert_eq!(rig.send(rig.get("/v1")).await.expect("an answer").body(), "12345");
}

#[tokio::test]
async fn a_large_answer_in_many_pieces_comes_whole() {
    let body: String = (0..50_000).map(|number| format!("{number};")).collect();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let carrier = Carrier::answering(answer).await;
    let rig = Rig::to(carrier.port);
    let response = rig.send(rig.get("/v1")).await.expect("an answer");
    assert!(response.body() == body.as_bytes());
}

#[tokio::test]
async fn timeouts_of_zero_and_of_for_ever_are_the_doors_own() {
    let carrier = Carrier::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let rig = Rig::to(carrier.port);
    for asked in [Duration::ZERO, Duration::MAX, Duration::from_nanos(u64::MAX)] {
        let asked = Timeouts {
            connect: Some(asked),
            first_byte: Some(asked),
            between_bytes: Some(asked),
        };
        let answer = rig.door().send(&rig.passage(), rig.get("/v1"), asked).await;
        assert_eq!(answer.expect("an answer").status(), 204);
    }
}
