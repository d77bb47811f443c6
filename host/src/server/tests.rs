use std::net::SocketAddr;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than a system keeps for a peer that does not read.
const LARGE: usize = 64 << 20;

#[expect(clippy::disallowed_methods, reason = "a test dials the server under test")]
async fn asked(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_loses_its_place() {
    let router = Router::new()
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .route("/small", get(|| async { "small" }));
    let limits = Limits {
        connections: 1,
        answer_write: Duration::from_millis(100),
        ..Limits::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (_stop, stopped) = watch::channel(None);
    let server = tokio::spawn(serve(listener, router, limits, stopped));

    let stuck = asked(address, "/large").await;
    // There is one place, and it is taken until the first one is given up.
    let mut next = asked(address, "/small").await;
    let mut answer = String::new();
    let read = timeout(PATIENCE, next.read_to_string(&mut answer)).await;
    read.expect("its turn comes").expect("an answer");
    assert!(answer.ends_with("small"), "{answer}");
    drop(stuck);
    server.abort();
}
