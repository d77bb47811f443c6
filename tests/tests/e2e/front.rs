//! The listeners, as met by clients that do not keep to HTTP, or not to what is offered here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use patchbay_tests::gateway::{ADMIN_TOKEN, Gateway};
use patchbay_tests::telecloud::client;
use reqwest::Method;
use serde_json::json;

use super::hostile::{MODULE, Told, call, with};

/// Longer than any limit of the gateway: who waits for so long has found a client that is not cut off.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the host and port of a URL.
#[expect(
    clippy::disallowed_methods,
    reason = "bytes that no HTTP client would send, to a gateway under test"
)]
pub(super) fn connect(url: &str) -> Result<TcpStream> {
    let address = url.strip_prefix("http://").context("an http URL")?;
    let stream = TcpStream::connect(address.split('/').next().unwrap_or_default())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Everything until the gateway closes the connection.
pub(super) fn read_to_end(stream: &mut TcpStream) -> Result<String> {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // It was closed while some of what was sent lay unread.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => return Err(error.into()),
    }
    Ok(String::from_utf8(answer)?)
}

/// What comes back for these bytes, until the gateway closes the connection.
pub(super) fn exchange(url: &str, request: &str) -> Result<String> {
    let mut stream = connect(url)?;
    stream.write_all(request.as_bytes())?;
    read_to_end(&mut stream)
}

/// The status codes of all answers in what came back.
pub(super) fn statuses(answers: &str) -> Vec<&str> {
    let heads = answers.split("HTTP/1.1 ").skip(1);
    heads.map(|head| head.get(..3).unwrap_or(head)).collect()
}

pub(super) async fn gateway() -> Result<Gateway> {
    let gateway = Gateway::start()?;
    gateway
        .admin()
        .deploy("acme", MODULE, with(json!({"mode": "echo"}))?)
        .await?;
    Ok(gateway)
}

pub(super) async fn recorded_calls(gateway: &Gateway) -> Result<usize> {
    let listed = gateway.admin().get("/v1/tenants/acme/calls").await?;
    Ok(listed["items"].as_array().context("items")?.len())
}

pub(super) const ORDER: &str = "SERVICE=Order/Create&APIAuth[API_KEY]=key_good";

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off_on_both_listeners() -> Result<()> {
    let gateway = Gateway::start()?;
    for base in [gateway.public(), gateway.admin().base()] {
        let mut stream = connect(base)?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ")?;
        let began = Instant::now();
        // A byte now and then keeps nobody waiting: the time is for the whole head.
        loop {
            assert!(began.elapsed() < PATIENCE, "{base} still waits for the head");
            let mut byte = [0];
            let cut = match stream.read(&mut byte) {
                Ok(0) => true,
                Ok(_) => panic!("an answer to half a head"),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => stream.write_all(b"x").is_err(),
                Err(_) => true,
            };
            if cut {
                break;
            }
        }
        // Not at once either: an honest client may need a moment.
        assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    }
    Ok(())
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_and_no_module_runs() -> Result<()> {
    let gateway = gateway().await?;
    let url = gateway.url("acme", MODULE);
    let path = format!("/m/acme/{MODULE}");
    let form = format!(
        "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{ORDER}",
        ORDER.len()
    );
    let many: String = (0..101).map(|number| format!("x-{number}: 1\r\n")).collect();
    let large = format!("x-large: {}\r\n", "x".repeat(40 << 10));
    for headers in [many, large] {
        let answer = exchange(&url, &format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}{form}"))?;
        assert_eq!(statuses(&answer), ["431"], "{answer}");
    }
    assert_eq!(recorded_calls(&gateway).await?, 0);

    // The same with what a head may have.
    let few: String = (0..50)
        .map(|number| format!("x-{number}: {}\r\n", "x".repeat(400)))
        .collect();
    let answer = exchange(&url, &format!("POST {path} HTTP/1.1\r\nhost: x\r\n{few}{form}"))?;
    assert_eq!(statuses(&answer), ["200"], "{answer}");
    assert_eq!(recorded_calls(&gateway).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_body_whose_length_is_in_doubt_runs_no_module() -> Result<()> {
    let gateway = gateway().await?;
    let url = gateway.url("acme", MODULE);
    let head =
        format!("POST /m/acme/{MODULE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n");
    let length = ORDER.len();
    for doubtful in [
        format!("content-length: {length}\r\ncontent-length: {}\r\n", length - 1),
        format!("content-length: {length}, {}\r\n", length - 1),
        "content-length: +5\r\n".to_owned(),
        "content-length: -1\r\n".to_owned(),
        "transfer-encoding: gzip\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
    ] {
        let answer = exchange(&url, &format!("{head}{doubtful}\r\n{ORDER}"))?;
        assert_eq!(statuses(&answer), ["400"], "{doubtful:?}: {answer}");
    }
    assert_eq!(recorded_calls(&gateway).await?, 0);
    Ok(())
}

/// A length besides chunks is how a second request is hidden from a proxy in front. The chunks count, as the standard says,
/// and what follows them is not taken for a request.
#[tokio::test]
async fn nothing_is_smuggled_in_behind_a_chunked_body() -> Result<()> {
    let gateway = gateway().await?;
    let url = gateway.url("acme", MODULE);
    let hidden = format!("POST /m/acme/{MODULE} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
    let chunked = format!("{:x}\r\n{ORDER}\r\n0\r\n\r\n{hidden}", ORDER.len());
    let both = [
        format!("transfer-encoding: chunked\r\ncontent-length: {}\r\n", chunked.len()),
        format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", chunked.len()),
    ];
    for (before, lengths) in both.iter().enumerate() {
        let request = format!(
            "POST /m/acme/{MODULE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             {lengths}\r\n{chunked}"
        );
        let answer = exchange(&url, &request)?;
        assert_eq!(statuses(&answer), ["200"], "{answer}");
        assert!(answer.contains("<SUCCESS>Y</SUCCESS>"), "{answer}");
        assert_eq!(recorded_calls(&gateway).await?, before + 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_breaks_off_runs_no_module_and_the_next_order_is_served() -> Result<()> {
    let gateway = gateway().await?;
    let mut stream = connect(&gateway.url("acme", MODULE))?;
    write!(
        stream,
        "POST /m/acme/{MODULE} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{ORDER}",
        ORDER.len() + 1
    )?;
    stream.shutdown(std::net::Shutdown::Write)?;
    read_to_end(&mut stream)?;
    let told = call(&gateway, "acme").await?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"));
    let listed = gateway.admin().get("/v1/tenants/acme/calls?outcome=done").await?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_method_is_told_so_in_telecloud_s_terms() -> Result<()> {
    let gateway = gateway().await?;
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let response = client()?
            .request(method.clone(), gateway.url("acme", MODULE))
            .body(ORDER)
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
            .await?;
        let told = Told::read(response.status().as_u16(), response.text().await?)?;
        assert_eq!(told.element("SUCCESS").as_deref(), Some("N"), "{method}");
        assert!(!told.error().is_empty(), "{method}");
    }
    let ran = gateway.admin().get("/v1/tenants/acme/calls?outcome=done").await?;
    assert_eq!(ran["items"], json!([]));
    Ok(())
}

#[tokio::test]
async fn each_listener_serves_its_own_routes_only() -> Result<()> {
    let gateway = gateway().await?;
    let client = client()?;
    let admin_routes = [
        "/healthz",
        "/readyz",
        "/v1/openapi.json",
        "/v1/tenants",
        "/v1/tenants/acme",
        "/v1/tenants/acme/calls",
    ];
    for path in admin_routes {
        let ask = |base: &str| client.get(format!("{base}{path}")).bearer_auth(ADMIN_TOKEN).send();
        let inside = ask(gateway.admin().base()).await?;
        assert_eq!(inside.status().as_u16(), 200, "{path}");
        let outside = ask(gateway.public()).await?;
        assert_eq!(
            (outside.status().as_u16(), outside.text().await?.as_str()),
            (404, ""),
            "{path}"
        );
    }
    for path in ["/", "/m", "/mm/acme/hostile", "/favicon.ico"] {
        let outside = client.get(format!("{}{path}", gateway.public())).send().await?;
        assert_eq!(
            (outside.status().as_u16(), outside.text().await?.as_str()),
            (404, ""),
            "{path}"
        );
    }

    let inside = client
        .post(format!("{}/m/acme/{MODULE}", gateway.admin().base()))
        .bearer_auth(ADMIN_TOKEN)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(ORDER)
        .send()
        .await?;
    assert_eq!(inside.status().as_u16(), 404);
    assert_eq!(recorded_calls(&gateway).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_path_below_m_that_names_no_module_is_answered_as_telecloud_reads_it() -> Result<()> {
    let gateway = gateway().await?;
    let client = client()?;
    let mut answers = Vec::new();
    for path in [
        "/m/acme/nothing",
        "/m/nobody/hostile",
        "/m/Acme/hostile",
        "/m/acme",
        "/m/acme/hostile/more",
        "/m/acme/%ff",
        "/m/acme%2fhostile",
        "/m/",
    ] {
        let response = client.post(format!("{}{path}", gateway.public())).send().await?;
        answers.push(Told::read(response.status().as_u16(), response.text().await?).context(path)?);
    }
    assert_eq!(
        answers[0].error(),
        "Module Error: there is no module at this URL. Check the module's URL in TeleCloud."
    );
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    Ok(())
}
