//! D. What a sender may do at the front door. What `front.rs` and `refusals` have is not here again.

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use patchbay_tests::gateway::Gateway;

use crate::e2e::front::{ORDER, PATIENCE, connect, exchange, gateway, read_to_end, recorded_calls, statuses};
use crate::e2e::hostile::{MODULE, Told};

const PATH: &str = "/m/acme/hostile";
const NO_MODULE: &str = "there is no module at this URL";
const CUT_OFF: &str = "The order could not be read: its body did not arrive whole. Please retry.";
const TOO_SLOW: &str = "The order could not be read: its body took too long to arrive. Please retry.";

/// A request with these header fields besides the usual ones, each with its line's end.
fn request(line: &str, fields: &str, body: &str) -> String {
    format!("{line}\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n{fields}\r\n{body}")
}

fn post(fields: &str, body: &str) -> String {
    request(&format!("POST {PATH} HTTP/1.1"), fields, body)
}

/// An order that is right in every way.
fn order() -> String {
    post(
        &format!("content-length: {}\r\nconnection: close\r\n", ORDER.len()),
        ORDER,
    )
}

/// Calls in which the module ran.
async fn ran(gateway: &Gateway) -> Result<usize> {
    let listed = gateway.admin().get("/v1/tenants/acme/calls?outcome=done").await?;
    Ok(listed["items"].as_array().context("items")?.len())
}

/// The document of the last answer in what came back.
fn told(answers: &str) -> Result<Told> {
    let (_, body) = answers.rsplit_once("\r\n\r\n").context("no head")?;
    Told::read(200, body.to_owned())
}

#[tokio::test]
async fn a_body_that_does_not_end_is_answered_in_time_and_runs_no_module() -> Result<()> {
    let gateway = gateway().await?;
    let url = gateway.url("acme", MODULE);
    let began = Instant::now();
    let length = ORDER.len();

    // All of an order and one byte that does not come, before or after the gateway has asked for it; chunks without an end.
    let mut silent = connect(&url)?;
    silent.write_all(post(&format!("content-length: {}\r\n", length + 1), ORDER).as_bytes())?;
    let mut expecting = connect(&url)?;
    expecting.write_all(post(&format!("content-length: {length}\r\nexpect: 100-continue\r\n"), "").as_bytes())?;
    let mut chunked = connect(&url)?;
    let chunk = format!("{length:x}\r\n{ORDER}\r\n");
    chunked.write_all(post("transfer-encoding: chunked\r\n", &chunk).as_bytes())?;
    // And one that comes byte by byte, for ever.
    let mut slow = connect(&url)?;
    slow.write_all(post("content-length: 100000\r\n", ORDER).as_bytes())?;
    let mut pen = slow.try_clone()?;
    let drip = thread::spawn(move || {
        while pen.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });

    // Elsewhere, so that the client of the admin API sees meanwhile that its own connection has been idle for too long.
    let read = tokio::task::spawn_blocking(move || -> Result<()> {
        for (stream, expected) in [
            (&mut silent, &["200"][..]),
            (&mut expecting, &["100", "200"]),
            (&mut chunked, &["200"]),
            (&mut slow, &["200"]),
        ] {
            let answers = read_to_end(stream)?;
            assert_eq!(statuses(&answers), expected, "{answers}");
            assert_eq!(told(&answers)?.error(), TOO_SLOW);
        }
        // It may be closed already.
        let _ = slow.shutdown(Shutdown::Both);
        drip.join().expect("it stops when the connection is closed");
        Ok(())
    });
    read.await??;
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!((recorded_calls(&gateway).await?, ran(&gateway).await?), (4, 0));
    Ok(())
}

/// What follows a request that cannot be read would be read by another rule than the one that a proxy went by.
#[tokio::test]
async fn nothing_that_follows_what_is_not_http_is_read() -> Result<()> {
    let gateway = gateway().await?;
    let url = gateway.url("acme", MODULE);
    let length = ORDER.len();
    let fields = [
        format!("content-length: {length}\r\ncontent-length: 0\r\n"),
        "content-length: 0x10\r\n".to_owned(),
        format!("content-length : {length}\r\n"),
        format!("x-folded: 1\r\n  2\r\ncontent-length: {length}\r\n"),
        format!("x-nul: a\0b\r\ncontent-length: {length}\r\n"),
        format!("x-return: a\rb\r\ncontent-length: {length}\r\n"),
        format!("x y: 1\r\ncontent-length: {length}\r\n"),
        ": nameless\r\n".to_owned(),
        "no colon\r\n".to_owned(),
        "transfer-encoding: chunked, x\r\n".to_owned(),
        "transfer-encoding: xchunked\r\n".to_owned(),
    ];
    let mut bad: Vec<String> = fields.iter().map(|fields| post(fields, ORDER)).collect();
    for line in [
        format!("POST {PATH}"),
        format!("POST  {PATH} HTTP/1.1"),
        format!("POST {PATH} HTTP/9.9"),
        format!("POST {PATH} http/1.1"),
        format!("PO ST {PATH} HTTP/1.1"),
        format!("POST {PATH}\u{1} HTTP/1.1"),
    ] {
        bad.push(request(&line, &format!("content-length: {length}\r\n"), ORDER));
    }
    for first in bad {
        let answers = exchange(&url, &format!("{first}{}", order()))?;
        assert_eq!(statuses(&answers), ["400"], "{first:?}: {answers}");
        assert!(answers.ends_with("\r\n\r\n"), "nothing is said: {answers}");
    }
    // Other protocols altogether may get no answer at all.
    for first in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\0\u{1}"] {
        let answers = exchange(&url, &format!("{first}{}", order()))?;
        assert!(
            answers.is_empty() || statuses(&answers) == ["400"],
            "{first:?}: {answers}"
        );
    }
    assert_eq!(recorded_calls(&gateway).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_body_in_chunks_that_are_none_is_no_order_and_the_end_of_the_connection() -> Result<()> {
    let gateway = gateway().await?;
    let url = gateway.url("acme", MODULE);
    let whole = format!("{:x}\r\n{ORDER}\r\n", ORDER.len());
    let extension = "x".repeat(17 << 10);
    let flood = ORDER.chars().map(|byte| format!("1;{}\r\n{byte}\r\n", "y".repeat(500)));
    let bodies = [
        format!("{whole}-1\r\n"),
        format!("{whole}z\r\n\r\n"),
        format!("{whole}ffffffffffffffffff\r\n"),
        format!("{whole}\r\n0\r\n\r\n"),
        // The data is longer than its chunk says.
        format!("{:x}\r\n{ORDER}\r\n0\r\n\r\n", ORDER.len() - 1),
        format!("{:x};{extension}\r\n{ORDER}\r\n0\r\n\r\n", ORDER.len()),
        flood.collect::<String>() + "0\r\n\r\n",
        // More trailer fields than a head may have.
        format!("{whole}0\r\n{}\r\n", "x-trailer: 1\r\n".repeat(2_000)),
    ];
    let count = bodies.len();
    for body in bodies {
        let answers = exchange(&url, &(post("transfer-encoding: chunked\r\n", &body) + &order()))?;
        assert_eq!(statuses(&answers), ["200"], "{body:.200}: {answers}");
        assert_eq!(told(&answers)?.error(), CUT_OFF, "{body:.200}");
    }
    assert_eq!((recorded_calls(&gateway).await?, ran(&gateway).await?), (count, 0));

    // Extensions by themselves are allowed, and mean nothing.
    let body = format!("{:x};a=b\r\n{ORDER}\r\n0\r\nx-trailer: 1\r\n\r\n", ORDER.len());
    let answers = exchange(
        &url,
        &post("transfer-encoding: chunked\r\nconnection: close\r\n", &body),
    )?;
    assert_eq!(told(&answers)?.element("SUCCESS").as_deref(), Some("Y"), "{answers}");
    Ok(())
}

/// The message ends where it says that it ends. What is sent on top is a request of its own, and not a good one.
#[tokio::test]
async fn what_is_longer_than_declared_is_not_part_of_the_order() -> Result<()> {
    let gateway = gateway().await?;
    let url = gateway.url("acme", MODULE);
    let longer = format!("{ORDER}&VAR2=on-top");
    let answers = exchange(&url, &post(&format!("content-length: {}\r\n", ORDER.len()), &longer))?;
    assert_eq!(statuses(&answers), ["200", "400"], "{answers}");
    let (first, _) = answers.split_once("HTTP/1.1 400").context("the second")?;
    let told = told(first)?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"));
    assert_eq!(told.element("VAR9"), None, "the module saw a VAR");
    assert_eq!(recorded_calls(&gateway).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_url_of_70_kb_is_refused() -> Result<()> {
    let gateway = gateway().await?;
    let url = gateway.url("acme", MODULE);
    let long = "x".repeat(70 << 10);
    for target in [format!("{PATH}?{long}"), format!("/m/acme/{long}"), format!("/{long}")] {
        let line = format!("POST {target} HTTP/1.1");
        let sent = request(&line, &format!("content-length: {}\r\n", ORDER.len()), ORDER);
        let answers = exchange(&url, &(sent + &order()))?;
        let found = statuses(&answers);
        assert!(found == ["414"] || found == ["431"], "{found:?}");
    }
    assert_eq!(recorded_calls(&gateway).await?, 0);
    Ok(())
}

/// The path is what names a module, whoever the sender says that it speaks to, and in whichever version of HTTP.
#[tokio::test]
async fn other_ways_to_ask_for_the_same_are_answered_and_lead_nowhere_else() -> Result<()> {
    let gateway = gateway().await?;
    let url = gateway.url("acme", MODULE);
    let fields = format!("content-length: {}\r\nconnection: close\r\n", ORDER.len());
    let upgrade = |to: &str| {
        let length = format!("content-length: {}\r\n", ORDER.len());
        format!("{length}connection: close, upgrade\r\nupgrade: {to}\r\n")
    };
    for (line, fields) in [
        (format!("POST http://169.254.169.254{PATH} HTTP/1.1"), fields.clone()),
        (format!("POST https://other.example{PATH} HTTP/1.1"), fields.clone()),
        (format!("POST {PATH} HTTP/1.0"), fields.clone()),
        (format!("POST {PATH} HTTP/1.1"), upgrade("websocket")),
        (format!("POST {PATH} HTTP/1.1"), upgrade("h2c")),
    ] {
        let answers = exchange(&url, &request(&line, &fields, ORDER))?;
        assert!(answers.get(8..12) == Some(" 200"), "{line}: {answers}");
        assert_eq!(told(&answers)?.element("SUCCESS").as_deref(), Some("Y"), "{line}");
    }
    let calls = recorded_calls(&gateway).await?;
    for line in [
        "CONNECT 169.254.169.254:80 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET http://169.254.169.254/latest/meta-data HTTP/1.1",
    ] {
        let answers = exchange(&url, &request(line, "connection: close\r\n", ""))?;
        assert_eq!(statuses(&answers), ["404"], "{line}: {answers}");
        assert!(answers.ends_with("\r\n\r\n"), "nothing is said: {answers}");
    }
    assert_eq!(recorded_calls(&gateway).await?, calls);
    Ok(())
}

#[tokio::test]
async fn a_thousand_requests_at_once_on_one_connection_are_answered_one_after_the_other() -> Result<()> {
    let gateway = gateway().await?;
    let mut stream = connect(&gateway.url("acme", MODULE))?;
    let mut pen = stream.try_clone()?;
    let elsewhere = request("POST /m/acme/nothing HTTP/1.1", "content-length: 0\r\n", "");
    // One that reads only when it has sent everything would wait for a gateway that waits for it.
    let sender = thread::spawn(move || pen.write_all((elsewhere.repeat(999) + &order()).as_bytes()));
    let answers = read_to_end(&mut stream)?;
    sender.join().expect("no panic")?;
    assert_eq!(statuses(&answers), ["200"; 1_000]);
    assert_eq!(answers.matches(NO_MODULE).count(), 999);
    assert_eq!(
        told(&answers)?.element("SUCCESS").as_deref(),
        Some("Y"),
        "the order was the last"
    );
    assert_eq!(recorded_calls(&gateway).await?, 1);
    Ok(())
}
