use std::net::SocketAddr;

use axum::routing::get;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
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

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_loses_its_connection() {
    let router = Router::new().route("/", get(|| async { vec![b'x'; LARGE] }));
    let limits = Limits {
        answer_write: Duration::from_millis(100),
        ..Limits::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (_stop, stopped) = watch::channel(None);
    let server = tokio::spawn(serve(listener, router, limits, stopped));

    let mut stuck = asked(address).await;
    // It reads nothing, and hears that it was given up from that nobody takes what it sends.
    let given_up = timeout(PATIENCE, async {
        while stuck.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    given_up.await.expect("it is given up");
    server.abort();
}
