//! Time, counts, and exchanges that nobody waits for any more.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::rig::{Canary, Carrier, Rig, local, read_request};
use crate::egress::{DoorError, Timeouts};

/// Far longer than any limit in these tests, far shorter than the door's own.
const SOON: Duration = Duration::from_secs(3);

async fn send_soon(rig: &Rig, asked: Timeouts) -> Result<Response<Bytes>, DoorError> {
    let (door, passage) = (rig.door(), rig.passage());
    let sent = timeout(SOON, door.send(&passage, rig.post("{}"), asked)).await;
    sent.expect("the door keeps its time")
}

#[tokio::test]
async fn a_carrier_that_takes_no_connection_is_given_up() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(local(0)).expect("a port");
    let full = socket.listen(1).expect("listening");
    let address = full.local_addr().expect("bound");
    // Its queue is full once a connection has to wait.
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = timeout(
        Duration::from_millis(200),
        TcpSocket::new_v4().expect("a socket").connect(address),
    )
    .await
    {
        queue.push(stream);
    }
    let mut rig = Rig::to(address.port());
    rig.config.connect_timeout = Duration::from_millis(100);
    let error = send_soon(&rig, Timeouts::default()).await.expect_err("no connection");
    let why = format!("{address} did not take the connection in time");
    assert_eq!(error, DoorError::ConnectTimeout(why));
    assert!(!error.was_sent());
}

#[tokio::test]
async fn a_carrier_that_stalls_in_tls_is_given_up_and_nothing_was_sent() {
    let carrier = Carrier::start(|stream| async move {
        let _open = stream;
        pending().await
    })
    .await;
    let mut rig = Rig::to(carrier.port).with_grant("scheme", json!("https"));
    rig.roots = super::tls::Authority::new("known").roots();
    rig.config.connect_timeout = Duration::from_millis(100);
    let error = send_soon(&rig, Timeouts::default()).await.expect_err("stalled");
    assert_eq!(
        error,
        DoorError::ConnectTimeout("api.carrier.example did not finish the TLS handshake in time".to_owned())
    );
    assert!(!error.was_sent());
}

#[tokio::test]
async fn a_carrier_that_does_not_answer_is_given_up_at_the_grants_time() {
    let carrier = Carrier::start(|mut stream| async move {
        read_request(&mut stream).await?;
        pending().await
    })
    .await;
    let rig = Rig::to(carrier.port).with_grant("timeout_ms", json!(100));
    let error = send_soon(&rig, Timeouts::default()).await.expect_err("stalled");
    assert_eq!(
        error,
        DoorError::ResponseTimeout("the carrier did not begin to answer in time".to_owned())
    );
    assert!(error.was_sent());
    assert_eq!(rig.end(), "no answer: the carrier did not begin to answer in time");

    let rig = Rig::to(carrier.port);
    let asked = Timeouts {
        first_byte: Some(Duration::from_millis(100)),
        ..Timeouts::default()
    };
    send_soon(&rig, asked)
        .await
        .expect_err("the module wanted it sooner than its grant");
}

#[tokio::test]
async fn a_carrier_that_trickles_is_given_up_at_the_total_deadline() {
    let carrier = Carrier::start(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            stream.write_all(b"x").await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let rig = Rig::to(carrier.port).with_grant("timeout_ms", json!(150));
    let error = send_soon(&rig, Timeouts::default()).await.expect_err("trickled");
    let why = "the carrier began to answer and did not end in time";
    assert_eq!(error, DoorError::ResponseTimeout(why.to_owned()));
}

#[tokio::test]
async fn a_carrier_that_pauses_is_given_up_when_the_module_asked_for_that() {
    let carrier = Carrier::start(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").await?;
        pending().await
    })
    .await;
    let rig = Rig::to(carrier.port);
    let asked = Timeouts {
        between_bytes: Some(Duration::from_millis(50)),
        ..Timeouts::default()
    };
    let error = send_soon(&rig, asked).await.expect_err("paused");
    let why = "the carrier began to answer and did not end in time";
    assert_eq!(error, DoorError::ResponseTimeout(why.to_owned()));
}

#[tokio::test]
async fn the_calls_deadline_ends_an_exchange_that_its_grant_would_wait_for() {
    let carrier = Carrier::start(|mut stream| async move {
        read_request(&mut stream).await?;
        pending().await
    })
    .await;
    let rig = Rig::to(carrier.port);
    let mut passage = rig.passage();
    passage.deadline = Instant::now() + Duration::from_millis(100);
    let door = rig.door();
    let error = timeout(SOON, door.send(&passage, rig.post("{}"), Timeouts::default())).await;
    assert!(error.expect("in time").expect_err("stalled").was_sent());
}

#[tokio::test]
async fn a_call_has_its_number_of_requests_and_only_the_first_beyond_is_recorded() {
    let canary = Canary::start();
    let mut rig = Rig::to(canary.port()).with_grant("methods", json!([]));
    rig.limits.requests = 2;
    let (door, passage) = (rig.door(), rig.passage());
    for _ in 0..1000 {
        let sent = door.send(&passage, rig.post("{}"), Timeouts::default()).await;
        assert!(!sent.expect_err("denied or over").was_sent());
    }
    let ends: Vec<_> = rig.book.lines().into_iter().skip(1).step_by(2).collect();
    assert_eq!(ends.len(), 3, "{ends:?}");
    assert_eq!(
        ends[2],
        "denied: the module allows 2 requests in one call, and they are used up"
    );
    canary.assert_untouched("over the limit");
}

#[tokio::test]
async fn a_grant_has_its_own_number_of_requests() {
    let carrier = Carrier::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let rig = Rig::to(carrier.port).with_grant("requests", json!(2));
    let (door, passage) = (rig.door(), rig.passage());
    for _ in 0..2 {
        let sent = door.send(&passage, rig.get("/v1"), Timeouts::default()).await;
        sent.expect("within the limit");
    }
    let error = door.send(&passage, rig.get("/v1"), Timeouts::default()).await;
    let why = "grant \"carrier-api\" allows 2 requests in one call, and they are used up";
    assert_eq!(error.expect_err("a third"), DoorError::LimitReached(why.to_owned()));
    assert_eq!(carrier.accepted(), 2);
}

#[tokio::test]
async fn who_finds_no_free_connection_waits_and_does_not_dial() {
    let canary = Canary::start();
    let mut rig = Rig::to(canary.port()).with_grant("timeout_ms", json!(50));
    rig.connections = 0;
    let error = send_soon(&rig, Timeouts::default()).await.expect_err("none free");
    let why = "all of the tenant's connections were in use until time ran out";
    assert_eq!(error, DoorError::ConnectTimeout(why.to_owned()));
    assert_eq!(rig.end(), format!("not sent: {why}"));
    canary.assert_untouched(why);
}

#[tokio::test]
async fn an_exchange_that_nobody_waits_for_is_recorded_as_cut() {
    let heard = Arc::new(Notify::new());
    let tell = Arc::clone(&heard);
    let carrier = Carrier::start(move |mut stream| {
        let tell = Arc::clone(&tell);
        async move {
            read_request(&mut stream).await?;
            tell.notify_one();
            pending().await
        }
    })
    .await;
    let rig = Rig::to(carrier.port);
    let (door, passage) = (rig.door(), rig.passage());
    tokio::select! {
        _ = door.send(&passage, rig.post("{}"), Timeouts::default()) => panic!("nobody answers"),
        () = heard.notified() => {}
    }
    assert_eq!(
        rig.end(),
        "cut: no answer: the request was sent, and the call ended before the answer was there"
    );

    let mut rig = Rig::to(carrier.port);
    rig.connections = 0;
    let (door, passage) = (rig.door(), rig.passage());
    tokio::select! {
        biased;
        _ = door.send(&passage, rig.post("{}"), Timeouts::default()) => panic!("no connection is free"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(rig.end(), "cut: not sent: the call ended before the request was sent");
}

#[tokio::test]
async fn a_call_whose_time_is_over_dials_nobody() {
    let canary = Canary::start();
    let rig = Rig::to(canary.port());
    let mut passage = rig.passage();
    passage.deadline = Instant::now();
    let sent = rig.door().send(&passage, rig.post("{}"), Timeouts::default()).await;
    let why = "the call's time was over already";
    assert_eq!(sent.expect_err("too late"), DoorError::ConnectTimeout(why.to_owned()));
    canary.assert_untouched(why);
}
