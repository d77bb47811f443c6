//! The fake carrier keeps its own promises.

use std::sync::Once;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{FakeCarrier, TOKEN};

mod api;
mod behaviour;
mod listings;
mod operations;
mod ports;
mod script;

async fn carrier() -> FakeCarrier {
    FakeCarrier::start().await.expect("a free port")
}

/// A client that keeps no connection, so that each request shows what a new one would.
fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        tokio_rustls::rustls::crypto::ring::default_provider()
            .install_default()
            .expect("nobody else installs one");
    });
    let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

/// Sends a request with the right token. A null body is none.
async fn send(carrier: &FakeCarrier, method: Method, path: &str, body: Value) -> reqwest::Result<reqwest::Response> {
    let request = client()
        .request(method, format!("{}{path}", carrier.url()))
        .bearer_auth(TOKEN);
    match body {
        Value::Null => request.send().await,
        body => request.json(&body).send().await,
    }
}

/// As [`send`], down to status and JSON; null where there is no body.
async fn ask(carrier: &FakeCarrier, method: Method, path: &str, body: Value) -> (u16, Value) {
    status_and_json(send(carrier, method, path, body).await.expect("an answer")).await
}

/// Sends a request under an idempotency key.
async fn ask_under(carrier: &FakeCarrier, key: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let request = client().request(method, format!("{}{path}", carrier.url()));
    let request = request.bearer_auth(TOKEN).header("idempotency-key", key).json(body);
    status_and_json(request.send().await.expect("an answer")).await
}

async fn activate_under(carrier: &FakeCarrier, key: &str, body: &Value) -> (u16, Value) {
    ask_under(carrier, key, Method::POST, "/v1/activations", body).await
}

async fn status_and_json(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a whole body");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn activate(carrier: &FakeCarrier) -> (u16, Value) {
    ask(carrier, Method::POST, "/v1/activations", new_line()).await
}

fn new_line() -> Value {
    json!({
        "reference": "4617ZU4617",
        "plan": "VZW-15GB-UNLTT",
        "imei": "356938035643809",
        "iccid": "8901260000000000014",
        "customer": {
            "first_name": "Avery",
            "last_name": "Testwell",
            "address": "100 Example Ave",
            "zip_code": "20001",
            "email": "avery@example.com",
        },
    })
}

fn port_in() -> Value {
    let mut body = new_line();
    body["port"] = json!({"number": "2025550177", "account_number": "778899", "pin": "4321"});
    body
}

fn activated() -> Value {
    json!({"activation_id": "A-1001", "subscriber_id": "S-2001", "mdn": "2025550143"})
}

/// What a first activation is answered with when something is wrong.
fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

/// Sends an activation over a bare connection, without waiting for its answer.
async fn send_bare(carrier: &FakeCarrier) -> TcpStream {
    let body = new_line().to_string();
    let length = body.len();
    let request = format!(
        "POST /v1/activations HTTP/1.1\r\nhost: carrier\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut stream = dial(carrier).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    stream
}

#[expect(clippy::disallowed_methods, reason = "a test dials the fake carrier itself")]
async fn dial(carrier: &FakeCarrier) -> std::io::Result<TcpStream> {
    TcpStream::connect(carrier.address()).await
}
