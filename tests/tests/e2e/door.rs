//! Requests to carriers, from a real guest through the door to a real socket.

use anyhow::Result;
use patchbay_tests::carrier::{Behaviour, Delivery, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::{Deployment, Gateway};
use serde_json::{Value, json};

use super::hostile::{MODULE, Told, call, call_with, fetching, order};

const TENANT: &str = "acme";
const SECRET: &str = "pa$$ word\"&/of+the=carrier";

/// One call of the guest so set up: what TeleCloud was told, and the call as recorded.
async fn one_call(deployment: Deployment) -> Result<(Told, Value)> {
    let gateway = Gateway::start()?;
    gateway.admin().deploy(TENANT, MODULE, deployment).await?;
    let told = call(&gateway, TENANT).await?;
    Ok((told, gateway.admin().newest_call(TENANT).await?))
}

fn fine(body: &'static str) -> Behaviour {
    Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", body))
}

/// Why the first exchange of a call was not let out.
fn denied(call: &Value) -> &str {
    let end = &call["exchanges"][0]["end"];
    assert_eq!(end["result"], "denied", "{call:#}");
    end["reason"].as_str().expect("a reason")
}

#[tokio::test]
async fn a_request_is_addressed_and_measured_as_http_wants_it() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    carrier.next(fine("thanks"));
    let url = format!("{}/v1/a?b=c%20d", carrier.url());
    let (told, _) = one_call(fetching(&url, json!({"method": "POST"}))?).await?;
    assert_eq!(told.element("VAR1").as_deref(), Some("200"));
    assert_eq!(told.element("VAR2").as_deref(), Some("thanks"));

    let requests = carrier.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/v1/a?b=c%20d")
    );
    assert_eq!(request.header("host"), Some(carrier.address().to_string().as_str()));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(!request.body.is_empty());
    assert_eq!(
        request.header("content-length"),
        Some(request.body.len().to_string().as_str())
    );
    assert_eq!(request.header("transfer-encoding"), None);
    assert_eq!(
        request.header("accept-encoding"),
        None,
        "nobody here would decompress it"
    );
    Ok(())
}

#[tokio::test]
async fn a_secret_goes_to_the_carrier_and_not_to_the_guest_nor_on_record() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    carrier.always("/", fine("thanks"));
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    let url = format!("{}/v1/a", carrier.url());
    let config = |secret_in: &str| json!({"method": "POST", "secret": "token", "secret_in": secret_in});
    let deployment = Deployment {
        secrets: vec![("token".to_owned(), SECRET.to_owned())],
        ..fetching(&url, config("header"))?
    };
    admin.deploy(TENANT, MODULE, deployment).await?;
    let settings = format!("/v1/tenants/{TENANT}/modules/{MODULE}/config");

    for (place, secret_in) in ["header", "query", "body"].into_iter().enumerate() {
        let mut config = config(secret_in);
        config["mode"] = json!("fetch");
        config["url"] = json!(url);
        admin.put(&settings, config).await?;
        let told = call_with(&gateway, TENANT, &order(secret_in)).await?;
        assert_eq!(told.element("VAR1").as_deref(), Some("200"), "{told:?}");

        let request = &carrier.requests()[place];
        let arrived = match secret_in {
            "header" => request.header("authorization").expect("sent").to_owned(),
            "query" => {
                let whole = reqwest::Url::parse(&format!("{}{}", carrier.url(), request.path))?;
                let (name, value) = whole.query_pairs().next().expect("a parameter");
                format!("{name} {value}")
            }
            _ => format!("token {}", request.json["token"].as_str().expect("JSON text")),
        };
        let before = if secret_in == "header" { "Bearer" } else { "token" };
        assert_eq!(arrived, format!("{before} {SECRET}"), "{secret_in}");
        assert_eq!(
            request.header("content-length"),
            Some(request.body.len().to_string().as_str()),
            "the length is that of what was sent, secret included"
        );

        let call = admin.newest_call(TENANT).await?;
        assert_eq!(call["exchanges"][0]["end"]["result"], "answered");
        let recorded = call.to_string();
        // A part that is the same in every way of escaping.
        assert!(!recorded.contains("word"), "{secret_in}: {recorded}");
    }

    admin.put(&settings, json!({"mode": "echo", "secret": "token"})).await?;
    let told = call(&gateway, TENANT).await?;
    assert_eq!(told.element("VAR8").as_deref(), Some("{{secret:token}}"));
    assert!(!told.as_str().contains("word"), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_a_carrier_sends_back_is_masked_on_record() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    carrier.next(fine("you said token-that-is-secret"));
    let deployment = Deployment {
        secrets: vec![("token".to_owned(), "token-that-is-secret".to_owned())],
        ..fetching(&carrier.url(), json!({"secret": "token"}))?
    };
    let (_, call) = one_call(deployment).await?;
    let body = call["exchanges"][0]["end"]["response"]["body"]
        .as_str()
        .expect("a body");
    assert!(body.starts_with("you said ") && !body.contains("secret"), "{body}");
    assert!(!call.to_string().contains("token-that-is-secret"), "{call:#}");
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() -> Result<()> {
    let (carrier, elsewhere) = (FakeCarrier::start().await?, FakeCarrier::start().await?);
    let target = format!("{}/v1/b", elsewhere.url());
    carrier.next(Behaviour::answer(Reply::redirect(target.parse()?)));
    let mut deployment = fetching(&carrier.url(), json!({}))?;
    // Even where the other place is granted as well.
    let mut other = super::hostile::grant(&elsewhere.url())?;
    other["name"] = json!("elsewhere");
    deployment.grants.as_array_mut().expect("a list").push(other);
    let (told, call) = one_call(deployment).await?;
    assert_eq!(told.element("VAR1").as_deref(), Some("307"));
    assert_eq!((carrier.connections(), elsewhere.connections()), (1, 0));
    assert_eq!(call["exchanges"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn the_gateways_own_listeners_are_out_of_reach_whatever_is_granted() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    let (public, internal) = (gateway.url("acme", MODULE), format!("{}/healthz", admin.base()));
    for url in [
        public.clone(),
        internal.clone(),
        internal.replace("127.0.0.1", "localhost"),
    ] {
        admin.deploy(TENANT, MODULE, fetching(&url, json!({}))?).await?;
        let told = call(&gateway, TENANT).await?;
        assert_eq!(
            told.error(),
            "Carrier Error: carrier unreachable, nothing was changed. Please retry.",
            "{url}"
        );
        let call = admin.newest_call(TENANT).await?;
        assert!(
            denied(&call).contains("is this gateway itself: no grant leads there"),
            "{call:#}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_local_network_is_out_of_reach_unless_a_grant_is_for_it() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    let mut deployment = fetching(&carrier.url(), json!({"method": "POST"}))?;
    deployment.grants[0]["network"] = json!(null);
    let (told, call) = one_call(deployment).await?;
    assert_eq!(
        told.error(),
        "Carrier Error: carrier unreachable, nothing was changed. Please retry."
    );
    assert_eq!(carrier.connections(), 0);
    let reason = denied(&call);
    assert!(
        reason.contains("127.0.0.1 is not a public address") && reason.contains("names a network that holds it"),
        "{reason}"
    );
    assert_eq!(call["exchanges"][0]["grant"], "carrier");
    Ok(())
}

#[tokio::test]
async fn what_no_grant_allows_is_denied_with_the_grant_that_is_missing() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    let mut deployment = fetching(&format!("{}/v1/b", carrier.url()), json!({"method": "POST"}))?;
    deployment.grants[0]["paths"] = json!(["/v1/a"]);
    let (_, call) = one_call(deployment).await?;
    assert_eq!(carrier.connections(), 0);
    let reason = denied(&call);
    assert!(
        reason.contains("\"carrier\"") && reason.contains("\"/v1/b\" matches none of its paths (/v1/a)"),
        "{reason}"
    );
    assert_eq!(call["exchanges"][0]["grant"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn requests_over_the_limit_are_not_sent() -> Result<()> {
    for (limits, of_the_grant, sentence) in [
        (
            json!({"requests": 1}),
            json!(null),
            "the module allows 1 requests in one call",
        ),
        (json!({}), json!(1), "grant \"carrier\" allows 1 requests in one call"),
    ] {
        let carrier = FakeCarrier::start().await?;
        carrier.always("/", fine("done"));
        let second = format!("{}/second", carrier.url());
        let mut deployment = fetching(&format!("{}/first", carrier.url()), json!({"second_url": second}))?;
        deployment.config["mode"] = json!("two-step");
        deployment.limits = limits;
        deployment.grants[0]["requests"] = of_the_grant;
        let (told, call) = one_call(deployment).await?;
        assert_eq!(carrier.requests().len(), 1);
        assert_eq!(carrier.connections(), 1);
        let end = &call["exchanges"][1]["end"];
        assert_eq!(end["result"], "denied");
        assert!(end["reason"].as_str().expect("a reason").contains(sentence), "{end}");
        // The first request was a POST that the carrier answered: nobody may say that nothing was changed.
        assert_eq!(call["outcome"], "unknown");
        assert_eq!(told.element("STATUS").as_deref(), Some("PENDING"), "{told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_response_over_the_limit_is_cut_off_and_leaves_the_outcome_unknown() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    // More than any buffer on the way holds, so that it ends only by being cut off.
    carrier.next(fine("").delivered(Delivery::Flood(1 << 30)));
    let mut deployment = fetching(&carrier.url(), json!({"method": "POST"}))?;
    deployment.limits = json!({"response_bytes": 100_000});
    let (told, call) = one_call(deployment).await?;
    assert_eq!(told.element("STATUS").as_deref(), Some("PENDING"), "{told:?}");
    let end = &call["exchanges"][0]["end"];
    assert_eq!(end["result"], "no-answer");
    assert_eq!(
        end["reason"],
        "the carrier's answer is larger than 100000 bytes, the module's limit"
    );
    Ok(())
}

#[tokio::test]
async fn a_request_body_over_the_limit_is_not_sent() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    let mut deployment = fetching(&carrier.url(), json!({"method": "POST"}))?;
    deployment.limits = json!({"request_bytes": 10});
    let (told, call) = one_call(deployment).await?;
    assert_eq!(carrier.connections(), 0);
    assert_eq!(call["outcome"], "unreachable", "{call:#}");
    assert!(
        told.error().starts_with("Carrier Error: carrier unreachable"),
        "{told:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_compressed_body_is_handed_on_as_it_is() -> Result<()> {
    // `printf hello | gzip -n`
    const GZIP: &[u8] = &[
        0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 0x86, 0xa6, 0x10, 0x36, 0x05,
        0, 0, 0,
    ];
    let carrier = FakeCarrier::start().await?;
    carrier.next(Behaviour::answer(
        Reply::new(StatusCode::OK, "application/json", GZIP).with_header("content-encoding", "gzip"),
    ));
    let (told, call) = one_call(fetching(&carrier.url(), json!({"body_as": "hex"}))?).await?;
    let hex: String = GZIP.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(told.element("VAR2"), Some(hex));
    let response = &call["exchanges"][0]["end"]["response"];
    assert_eq!(response["body_bytes"], GZIP.len());
    assert!(
        response["headers"]
            .as_array()
            .expect("a list")
            .contains(&json!(["content-encoding", "gzip"])),
        "{response}"
    );
    Ok(())
}
