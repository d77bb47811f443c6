//! Carriers that misbehave.

use anyhow::Result;
use patchbay_tests::carrier::{Behaviour, Delivery, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::Gateway;
use serde_json::{Value, json};

use super::super::super::hostile::{MODULE, call_with, fetching, order};

const TENANT: &str = "acme";

#[tokio::test]
async fn what_broke_before_the_request_was_sent_and_what_broke_after_it_are_told_apart_and_neither_is_sent_again()
-> Result<()> {
    let carrier = FakeCarrier::start().await?;
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    admin
        .deploy(TENANT, MODULE, fetching(&carrier.url(), json!({"method": "POST"}))?)
        .await?;
    let newest = async || -> Result<(Value, Value)> {
        let mut call = admin.newest_call(TENANT).await?;
        assert_eq!(call["exchanges"].as_array().map(Vec::len), Some(1));
        Ok((call["outcome"].take(), call["exchanges"][0]["end"]["result"].take()))
    };

    carrier.refuse_connections().await;
    let told = call_with(&gateway, TENANT, &order("refused")).await?;
    assert_eq!(
        told.error(),
        "Carrier Error: carrier unreachable, nothing was changed. Please retry."
    );
    assert_eq!(newest().await?, (json!("unreachable"), json!("not-sent")));
    carrier.accept_connections().await?;

    let fine = || Reply::new(StatusCode::OK, "text/plain", "fine");
    let lies = [
        Delivery::Reset,
        Delivery::Closed,
        Delivery::Declared(1_000),
        Delivery::Declared(1),
    ];
    for (number, delivery) in lies.into_iter().enumerate() {
        let before = carrier.connections();
        let short = matches!(delivery, Delivery::Declared(1));
        carrier.next(Behaviour::answer(fine()).delivered(delivery));
        let told = call_with(&gateway, TENANT, &order(&number.to_string())).await?;
        assert_eq!(carrier.connections(), before + 1, "not sent twice");
        if short {
            // What comes after the end that was declared belongs to nobody.
            assert_eq!(told.element("VAR2").as_deref(), Some("f"));
        } else {
            assert_eq!(newest().await?, (json!("unknown"), json!("no-answer")));
        }
    }
    Ok(())
}
