use std::net::SocketAddr;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than a system keeps for a peer that does not read.
const LARGE: usize = 64 << 20;

#[expect(clippy::disallowed_methods, reason = "a test dials the server under test")]
async fn asked(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    stream
}

/// Until what comes back with the address is dropped, whatever is asked for there is large.
async fn serving(limits: Limits) -> (SocketAddr, watch::Sender<Option<Instant>>) {
    let router = Router::new().route("/", get(|| async { vec![b'x'; LARGE] }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = watch::channel(None);
    tokio::spawn(serve(listener, router, limits, stopped));
    (address, stop)
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_loses_its_connection() {
    let limits = Limits {
        answer_write: Duration::from_millis(100),
        ..Limits::default()
    };
    let (address, _stop) = serving(limits).await;
    let mut stuck = asked(address).await;
    // It reads nothing, and hears that it was given up from that nobody takes what it sends.
    let given_up = timeout(PATIENCE, async {
        while stuck.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    given_up.await.expect("it is given up");
}

#[tokio::test]
async fn for_a_new_connection_none_has_to_go_whose_answer_is_still_being_read() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let (address, _stop) = serving(limits).await;
    let mut slow = asked(address).await;
    // The answer is there, and the most of it is not written.
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(slow.read_u8().await.expect("a head"));
    }
    let mut next = asked(address).await;
    read.resize(LARGE, 0);
    let whole = timeout(PATIENCE, slow.read_exact(&mut read)).await;
    whole.expect("in time").expect("the connection is there to the end");
    // Now it waits for a request, so it has to go.
    let answered = timeout(PATIENCE, next.read_exact(&mut read[..15])).await;
    answered.expect("in time").expect("an answer");
    assert_eq!(&read[..15], b"HTTP/1.1 200 OK");
    let end = timeout(PATIENCE, slow.read(&mut read[..1])).await;
    assert_eq!(end.expect("in time").expect("an end"), 0);
}

#[tokio::test]
async fn a_new_connection_gets_its_turn_when_all_others_had_a_request_as_it_came() {
    let (come, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (come, go_on) = (Arc::clone(&come), Arc::clone(&go_on));
        async move || {
            come.notify_one();
            go_on.notified().await;
            "there\n"
        }
    };
    let router = Router::new().route("/", get(slow));
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (_stop, stopped) = watch::channel(None);
    let server = tokio::spawn(serve(listener, router, limits, stopped));

    let mut busy = asked(address).await;
    come.notified().await;
    let mut next = asked(address).await;
    // The server has this thread now, and takes what has come.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();
    let mut answer = String::new();
    let ended = timeout(PATIENCE, busy.read_to_string(&mut answer)).await;
    ended.expect("it has to go").expect("after its answer");
    assert!(answer.ends_with("there\n"), "{answer}");
    timeout(PATIENCE, come.notified())
        .await
        .expect("the other one has its turn");
    go_on.notify_one();
    let mut began = [0; 15];
    next.read_exact(&mut began).await.expect("an answer");
    assert_eq!(&began, b"HTTP/1.1 200 OK");
    server.abort();
}
