//! What was wrong in wasi:http once, tried again by a real component. `tests/README.md` says which advisory is which.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::{Deployment, Gateway};
use serde_json::{Value, json};

use crate::e2e::hostile::{self, MODULE, Told, call_with};

/// A gateway, and a carrier that takes what it gets.
struct Scene {
    gateway: Gateway,
    carrier: FakeCarrier,
    orders: AtomicUsize,
}

impl Scene {
    async fn start() -> Result<Self> {
        let carrier = FakeCarrier::start().await?;
        carrier.always(
            "/",
            Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", "thanks")),
        );
        Ok(Self {
            gateway: Gateway::start()?,
            carrier,
            orders: AtomicUsize::new(0),
        })
    }

    /// The call of a module that breaks this rule. The gateway has to survive it.
    async fn cross(&self, rule: &str) -> Result<(Told, Value)> {
        let config = json!({"mode": "cross", "rule": rule, "authority": self.carrier.address().to_string()});
        let deployment = Deployment {
            grants: json!([hostile::grant(&self.carrier.url())?]),
            ..hostile::with(config)?
        };
        let (tenant, admin) = (format!("t-{rule}"), self.gateway.admin());
        admin.deploy(&tenant, MODULE, deployment).await?;
        // The same order again would get the same answer again, and no call.
        let number = self.orders.fetch_add(1, Ordering::Relaxed).to_string();
        let told = call_with(&self.gateway, &tenant, &hostile::order(&number)).await?;
        Ok((told, admin.newest_call(&tenant).await?))
    }
}

#[tokio::test]
async fn what_a_request_must_not_say_cannot_be_said() -> Result<()> {
    let scene = Scene::start().await?;
    for (rule, what) in [
        ("lengths", "InvalidSyntax"),
        ("no-length", "refused"),
        ("lost-body", "HttpRequestBodySize"),
        ("paths", "refused"),
    ] {
        let (told, call) = scene.cross(rule).await?;
        assert_eq!(call["outcome"], "done", "{rule}: {call:#}");
        let heard = told.element("VAR2").unwrap_or_default();
        assert!(heard.contains(what), "{rule}: {heard}");
        assert_eq!(call["exchanges"], json!([]), "{rule}: {call:#}");
    }
    assert_eq!(scene.carrier.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_announced_does_not_leave() -> Result<()> {
    let scene = Scene::start().await?;
    for rule in ["short-body", "long-body"] {
        let (told, call) = scene.cross(rule).await?;
        let heard = told.element("VAR2").unwrap_or_default();
        assert!(heard.contains("HttpRequestBodySize"), "{rule}: {heard}");
        let end = &call["exchanges"][0]["end"];
        assert_eq!(end["result"], "denied", "{rule}: {call:#}");
        let reason = end["reason"].as_str().expect("a reason");
        assert!(reason.contains("did not hand over a whole request"), "{rule}: {reason}");
    }
    assert_eq!(scene.carrier.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn taking_more_than_is_allowed_ends_the_instance_and_no_more() -> Result<()> {
    let scene = Scene::start().await?;
    for rule in ["flood", "fields", "appended"] {
        let (told, call) = scene.cross(rule).await?;
        assert_eq!(call["outcome"], "faulted", "{rule}: {call:#}");
        assert_eq!(told.element("SUCCESS").as_deref(), Some("N"), "{rule}");
        let (_, next) = scene.cross("lengths").await?;
        assert_eq!(next["outcome"], "done", "after {rule}: {next:#}");
    }
    assert_eq!(scene.carrier.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn empty_writes_late_trailers_and_times_of_zero_leave_an_ordinary_request() -> Result<()> {
    let scene = Scene::start().await?;
    for (number, (rule, body)) in [("empty", ""), ("trailers", "{}"), ("timeouts", "{}")]
        .into_iter()
        .enumerate()
    {
        let (told, call) = scene.cross(rule).await?;
        assert_eq!(told.element("VAR1").as_deref(), Some("200"), "{rule}: {call:#}");
        let request = &scene.carrier.requests()[number];
        assert_eq!(request.body, body.as_bytes(), "{rule}");
        assert_eq!(
            request.header("content-length"),
            Some(body.len().to_string().as_str()),
            "{rule}"
        );
        assert_eq!(
            request.header("transfer-encoding"),
            None,
            "{rule}: so nothing can follow the body"
        );
        assert_eq!(request.header("x-trailer"), None, "{rule}");
    }
    Ok(())
}
