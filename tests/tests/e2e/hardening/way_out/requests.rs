//! Requests that a carrier must not get as the module wants them.

use anyhow::Result;
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::{Admin, Gateway};
use serde_json::{Map, Value, json};

use super::super::super::hostile::{MODULE, Told, call_with, fetching, order, with};

const TENANT: &str = "acme";

async fn carrier() -> Result<FakeCarrier> {
    let carrier = FakeCarrier::start().await?;
    carrier.always("/", Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", "fine")));
    Ok(carrier)
}

async fn configure(admin: &Admin, config: Value) -> Result<()> {
    let path = format!("/v1/tenants/{TENANT}/modules/{MODULE}/config");
    admin.put(&path, config).await.map(drop)
}

#[tokio::test]
async fn no_header_of_a_module_ends_its_line_or_is_about_the_connection() -> Result<()> {
    let carrier = carrier().await?;
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    admin
        .deploy(TENANT, MODULE, fetching(&carrier.url(), json!({}))?)
        .await?;
    let config = |header: &str| json!({"mode": "fetch", "method": "POST", "url": carrier.url(), "header": header});
    for (number, header) in [
        "x-a: b\r\nx-smuggled: c",
        "x-a: b\nx-smuggled: c",
        "x-a: b\rx-smuggled: c",
        "x-a: b\0c",
        "x-a\r\nx-smuggled: b",
        "x a: b",
        ": b",
        "host: evil.example",
        "content-length: 3",
        "transfer-encoding: chunked",
        "te: trailers",
        "trailer: x-sum",
        "connection: keep-alive",
        "keep-alive: timeout=5",
        "proxy-connection: keep-alive",
        "proxy-authorization: Basic eDp5",
        "upgrade: h2c",
        "http2-settings: AAMAAABkAAQAoAAAAAIAAAAA",
        "expect: 100-continue",
    ]
    .into_iter()
    .enumerate()
    {
        configure(admin, config(header)).await?;
        let told = call_with(&gateway, TENANT, &order(&number.to_string())).await?;
        assert_eq!(told.element("SUCCESS").as_deref(), Some("N"), "{header:?}: {told:?}");
        assert_eq!(carrier.connections(), 0, "{header:?}");
    }
    configure(admin, config("x-a: b")).await?;
    call_with(&gateway, TENANT, &order("fine")).await?;
    let requests = carrier.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("x-a"), Some("b"));
    assert_eq!(requests[0].header("host"), Some(carrier.address().to_string().as_str()));
    Ok(())
}

/// Has the module ask for all of these under one grant: what came of each, and the call as recorded.
async fn ask_for(grant: Value, urls: &[String]) -> Result<(Told, Value)> {
    let mut config = Map::from_iter([("mode".to_owned(), json!("fetch-all"))]);
    for (list, urls) in urls.chunks(100).enumerate() {
        config.insert(format!("urls.{list}"), urls.join("\n").into());
    }
    let mut deployment = with(Value::Object(config))?;
    deployment.grants = json!([grant]);
    let gateway = Gateway::start()?;
    gateway.admin().deploy(TENANT, MODULE, deployment).await?;
    let told = call_with(&gateway, TENANT, &order("1")).await?;
    Ok((told, gateway.admin().newest_call(TENANT).await?))
}

#[tokio::test]
async fn what_only_looks_like_a_granted_host_or_path_is_denied() -> Result<()> {
    let grant = json!({
        "name": "carrier", "scheme": "http", "host": "*.a.example", "methods": ["GET"], "paths": ["/v1/**"],
        "network": "loopback",
    });
    let urls = [
        "http://a.example/v1/x",
        "http://ba.example/v1/x",
        "http://x.y.a.example/v1/x",
        "http://.a.example/v1/x",
        "http://x..a.example/v1/x",
        "http://a.example.evil/v1/x",
        "http://x.a.example.evil/v1/x",
        "http://x.a.example@evil/v1/x",
        "http://evil/v1/x#.a.example",
        "http://evil#@x.a.example/v1/x",
        "http://evil\\.a.example/v1/x",
        "http://evil%2f.a.example/v1/x",
        "http://x.а.example/v1/x",
        "http://x.a.example:8080/v1/x",
        "http://x.a.example:99999/v1/x",
        "http://x.a.example:/v1/x",
        "https://x.a.example/v1/x",
        "HTTP://x.a.example/v1/x",
        "ftp://x.a.example/v1/x",
        "file:///v1/x",
        "http:/v1/x",
        "*",
        "/v1/x",
        "http://x.a.example*",
        "http://x.a.example/http://evil/v1/x",
        "http://x.a.example//v1/x",
        "http://x.a.example/V1/x",
        "http://x.a.example/v1",
        "http://x.a.example/v1/../admin",
        "http://x.a.example/v1/%2e%2e/admin",
        "http://x.a.example/v1/..%2fadmin",
        "http://x.a.example/v1/%252e%252e/admin/../..",
        "http://x.a.example/v1\\..\\admin",
        "http://x.a.example/%zz",
    ]
    .map(str::to_owned);
    // In two calls, because a module has 20 requests in one unless it says so.
    for urls in urls.chunks(17) {
        let (told, call) = ask_for(grant.clone(), urls).await?;
        assert_eq!(told.element("VAR1"), Some("-".repeat(urls.len())), "{call:#}");
        for exchange in call["exchanges"].as_array().expect("a list") {
            assert_eq!(exchange["end"]["result"], "denied", "{exchange:#}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_thousand_requests_of_one_order_are_as_many_as_its_module_has() -> Result<()> {
    let carrier = carrier().await?;
    let port = carrier.address().port();
    let grant = json!({
        "name": "carrier", "scheme": "http", "host": "127.0.0.1", "port": port, "methods": ["GET"], "paths": ["/**"],
        "network": "loopback",
    });
    let urls: Vec<String> = (0..1_000)
        .map(|number| format!("http://127.0.0.1:{port}/{number}"))
        .collect();
    let (told, call) = ask_for(grant, &urls).await?;
    assert_eq!(told.element("VAR1"), Some("2".repeat(20) + &"-".repeat(980)));
    assert_eq!((carrier.requests().len(), carrier.connections()), (20, 20));
    // The first beyond is on record, and those after it would only fill it.
    let exchanges = call["exchanges"].as_array().expect("a list");
    assert_eq!(exchanges.len(), 21);
    assert_eq!(exchanges[20]["end"]["result"], "denied");
    Ok(())
}
