//! Carriers that are not on the internet.

use anyhow::{Context, Result};
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::Gateway;
use reqwest::Method;
use serde_json::json;

use super::super::super::hostile::{MODULE, call_with, fetching, order};

const TENANT: &str = "acme";

#[tokio::test]
async fn a_private_carrier_is_reached_where_its_network_was_granted_by_name_and_as_it_is_now() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    carrier.always("/", Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", "fine")));
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    let lab = "/v1/networks/lab";
    admin.put(lab, json!({"blocks": ["127.9.0.0/16"]})).await?;
    let mut deployment = fetching(&carrier.url(), json!({}))?;
    deployment.grants[0]["network"] = json!("lab");
    let grants = deployment.grants.clone();
    admin.deploy(TENANT, MODULE, deployment).await?;

    call_with(&gateway, TENANT, &order("1")).await?;
    let call = admin.newest_call(TENANT).await?;
    assert_eq!(
        call["exchanges"][0]["end"]["reason"],
        "127.0.0.1 is not in network \"lab\", which is all that grant \"carrier\" reaches"
    );
    assert_eq!(carrier.connections(), 0);

    // The grant is as it was; the network is not.
    admin
        .put(lab, json!({"blocks": ["127.9.0.0/16", "127.0.0.1/32"]}))
        .await?;
    let told = call_with(&gateway, TENANT, &order("2")).await?;
    assert_eq!(told.element("VAR1").as_deref(), Some("200"));
    let refused = admin.send(Method::DELETE, lab, None).await?;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (409, &json!("in-use"))
    );

    // A tenant neither names a network, nor changes a grant that names one; as it is, it may keep it.
    let scopes = json!({"scopes": ["read", "deploy", "grants", "access", "operate"]});
    let made = admin.post(&format!("/v1/tenants/{TENANT}/tokens"), scopes).await?;
    let tenant = admin.with_token(made["value"].as_str().context("a token")?);
    let at = format!("/v1/tenants/{TENANT}/modules/{MODULE}/grants");
    let mut wider = grants.clone();
    wider[0]["paths"] = json!(["/**", "/v2/**"]);
    let telecloud = json!({"api_id_key": "7", "api_key": "x", "network": "lab"});
    for (path, body, status) in [
        (lab, json!({"blocks": ["127.0.0.0/8"]}), 403),
        ("/v1/networks/own", json!({"blocks": ["10.0.0.0/8"]}), 403),
        (at.as_str(), wider, 403),
        ("/v1/tenants/acme/telecloud", telecloud, 403),
        (at.as_str(), grants, 200),
    ] {
        let answer = tenant.send(Method::PUT, path, Some(&body)).await?;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
    }
    assert_eq!(
        tenant.send(Method::GET, "/v1/networks", None).await?.status.as_u16(),
        403
    );

    // Taken away under the grant, by making it smaller: the door is shut at once.
    admin.put(lab, json!({"blocks": ["127.9.0.0/16"]})).await?;
    call_with(&gateway, TENANT, &order("3")).await?;
    assert_eq!(carrier.connections(), 1);
    Ok(())
}
