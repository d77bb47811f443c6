//! Posts orders as fast as they are answered, over connections that stay open, from a process of its own.
//!
//! No two orders are alike: each has a number of its own in VAR1. The client is a socket and a buffer, so that what is
//! measured is the server.
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use patchbay_tests::telecloud::{Encoding, scenarios};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Orders under way at once. Enough for writes to share a sync of the disk.
pub(crate) const CONNECTIONS: usize = 64;

/// Stands in the body where an order's own number goes; the number has as many digits.
const NUMBER: &str = "100000000000000";

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Runs it in a process of its own.
pub(crate) fn spawn(url: &str, seconds: u64) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?)
        .args(["load", url, &seconds.to_string()])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Posts for so long, and prints what came of it.
pub(crate) fn run(url: &str, time: Duration) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let request = Rc::new(request(url)?);
    let local = tokio::task::LocalSet::new();
    let (took, failed, elapsed) = local.block_on(&runtime, async {
        let began = Instant::now();
        let until = began + time;
        let lanes: Vec<_> = (0..CONNECTIONS)
            .map(|lane| tokio::task::spawn_local(connection(Rc::clone(&request), lane as u64, until)))
            .collect();
        let (mut took, mut failed) = (Vec::new(), 0);
        for lane in lanes {
            let (times, failures) = lane.await??;
            took.extend(times);
            failed += failures;
        }
        Ok::<_, anyhow::Error>((took, failed, began.elapsed()))
    })?;
    let mut took = took;
    took.sort_unstable();
    let at = |percent: usize| {
        let time = took.get(took.len() * percent / 100);
        time.map_or(0.0, |time: &Duration| time.as_secs_f64() * 1000.0)
    };
    let measured = Measured {
        requests: took.len() as u64,
        failed,
        per_second: took.len() as f64 / elapsed.as_secs_f64(),
        p50_ms: at(50),
        p99_ms: at(99),
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

struct Request {
    address: String,
    bytes: Vec<u8>,
    number_at: usize,
}

fn request(url: &str) -> Result<Request> {
    let rest = url.strip_prefix("http://").context("an http URL")?;
    let (address, path) = rest.split_once('/').context("a path")?;
    let activate = scenarios()?
        .into_iter()
        .find(|scenario| scenario.id == "activate")
        .context("no such scenario")?;
    let mut fields = activate.fields;
    fields.insert("VAR1".to_owned(), NUMBER.to_owned());
    let (content_type, body) = Encoding::Form.encode(&fields);
    let mut bytes = format!(
        "POST /{path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        content_type.unwrap_or_default(),
        body.len()
    )
    .into_bytes();
    bytes.extend(body);
    let number_at = bytes
        .windows(NUMBER.len())
        .position(|window| window == NUMBER.as_bytes())
        .context("the number")?;
    Ok(Request {
        address: address.to_owned(),
        bytes,
        number_at,
    })
}

async fn connection(request: Rc<Request>, lane: u64, until: Instant) -> Result<(Vec<Duration>, u64)> {
    #[expect(clippy::disallowed_methods, reason = "this is TeleCloud's side")]
    let mut stream = TcpStream::connect(&request.address).await?;
    stream.set_nodelay(true)?;
    let mut bytes = request.bytes.clone();
    let (mut took, mut failed) = (Vec::new(), 0);
    let mut buffer = Vec::with_capacity(4096);
    // Lanes and rounds count in ranges of their own.
    let mut number = NUMBER.parse::<u64>()? + lane * 10_000_000_000 + u64::from(std::process::id()) * 1_000_000;
    while Instant::now() < until {
        number += 1;
        let digits = number.to_string();
        ensure!(digits.len() == NUMBER.len(), "the number {digits} does not fit");
        bytes[request.number_at..request.number_at + digits.len()].copy_from_slice(digits.as_bytes());
        let began = Instant::now();
        stream.write_all(&bytes).await?;
        if !answer(&mut stream, &mut buffer).await? {
            failed += 1;
        }
        took.push(began.elapsed());
    }
    Ok((took, failed))
}

/// Reads one answer to its end, and says whether it is a success.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<bool> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection was closed");
        }
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .context("no content-length")?;
        let whole = end + 4 + length.trim().parse::<usize>()?;
        while buffer.len() < whole {
            ensure!(stream.read_buf(buffer).await? > 0, "the connection was closed");
        }
        let success = b"<SUCCESS>Y</SUCCESS>";
        return Ok(buffer[end..].windows(success.len()).any(|window| window == success));
    }
}
