//! Fifty deploys at once, and bodies without end.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use patchbay_tests::gateway::{ADMIN_TOKEN, Gateway, guest};
use serde_json::json;

use super::{assert_serves, gateway_with};

/// Longer than the gateway lets anybody wait.
const PATIENCE: Duration = Duration::from_secs(120);

/// An upload whose head is sent, and nothing else.
#[expect(
    clippy::disallowed_methods,
    reason = "a body that comes when the test says so, to a gateway under test"
)]
fn begin(gateway: &Gateway, tenant: &str, length: &str) -> Result<TcpStream> {
    let address = gateway.admin().base().strip_prefix("http://").context("an http URL")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = format!(
        "POST /v1/tenants/{tenant}/modules/hostile/versions HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\
         authorization: Bearer {ADMIN_TOKEN}\r\ncontent-type: application/wasm\r\n{length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    Ok(stream)
}

/// The component with a custom section that makes it another.
fn variant(number: u8) -> Result<Vec<u8>> {
    let mut component = guest("hello")?;
    component.extend([0, 3, 1, b'n', number]);
    Ok(component)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_deploys_at_once_twenty_wait_four_of_a_tenant_and_the_others_come_again() -> Result<()> {
    let gateway = gateway_with(&[]).await?;
    let admin = gateway.admin();
    let tenants = ["one", "two", "three", "four", "five"];
    for tenant in tenants {
        admin.put(&format!("/v1/tenants/{tenant}"), json!({})).await?;
        admin
            .put(&format!("/v1/tenants/{tenant}/modules/hostile"), json!({}))
            .await?;
    }
    let mut uploads = Vec::new();
    for number in 0..50_u8 {
        let component = variant(number)?;
        let length = format!("content-length: {}", component.len());
        let tenant = tenants[usize::from(number) % tenants.len()];
        uploads.push((begin(&gateway, tenant, &length)?, component));
    }
    // Those without a place are told so before they send anything. The others are told nothing yet.
    let mut refused = 0;
    let end = Instant::now() + PATIENCE;
    while refused < 30 && Instant::now() < end {
        let mut places = Vec::new();
        for (mut stream, component) in uploads {
            stream.set_read_timeout(Some(Duration::from_millis(20)))?;
            if stream.peek(&mut [0]).is_err() {
                places.push((stream, component));
                continue;
            }
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            assert!(
                answer.starts_with("HTTP/1.1 429 ") && answer.contains("\r\nretry-after: 10\r\n"),
                "{answer}"
            );
            refused += 1;
        }
        uploads = places;
    }
    assert_eq!((uploads.len(), refused), (20, 30));
    assert_serves(&gateway, "while twenty wait").await?;

    // All at once; each is read when it is its turn.
    let done = uploads.into_iter().map(|(mut stream, component)| {
        tokio::task::spawn_blocking(move || {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(&component)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            anyhow::Ok(answer)
        })
    });
    let done: Vec<_> = done.collect();
    for turn in 0..10 {
        assert_serves(&gateway, &format!("while they are compiled, call {turn}")).await?;
    }
    for done in done {
        let answer = done.await??;
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_body_without_end_no_more_is_read_than_may_be() -> Result<()> {
    let gateway = gateway_with(&["--upload-bytes", "1048576"]).await?;
    for (name, length, chunk) in [
        ("with a length", "content-length: 1073741824", vec![0; 1 << 16]),
        (
            "without one",
            "transfer-encoding: chunked",
            [b"10000\r\n".to_vec(), vec![0; 1 << 16], b"\r\n".to_vec()].concat(),
        ),
    ] {
        let mut stream = begin(&gateway, "acme", length)?;
        let mut sent = 0;
        // Until the gateway wants no more of it.
        while sent < 1 << 30 {
            match stream.write(&chunk) {
                Ok(count) => sent += count,
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => break,
                Err(error) => return Err(error.into()),
            }
        }
        // What was not read is what the system keeps for both ends of a connection.
        assert!(sent < 32 << 20, "{name}: {sent} bytes");
    }
    // One that is just too large, and is read to its end, is told so.
    for length in ["content-length: 1048577", "transfer-encoding: chunked"] {
        let mut stream = begin(&gateway, "acme", length)?;
        let body = vec![0; (1 << 20) + 1];
        if length.starts_with("transfer") {
            stream.write_all(b"100001\r\n")?;
        }
        stream.write_all(&body)?;
        let mut answer = [0; 13];
        stream.read_exact(&mut answer)?;
        assert_eq!(std::str::from_utf8(&answer)?, "HTTP/1.1 413 ", "{length}");
    }
    assert_serves(&gateway, "afterwards").await
}
