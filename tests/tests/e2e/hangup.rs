//! TeleCloud hangs up before it is answered.

use std::sync::Arc;

use patchbay_tests::carrier::{Behaviour, FakeCarrier, Gate, TOKEN};
use patchbay_tests::gateway::{Deployment, Gateway};
use patchbay_tests::telecloud::{Encoding, client, get, post};
use serde_json::json;

use super::stage::{MODULE, TENANT, assert_succeeded, fields_of};

#[tokio::test]
async fn a_call_whose_sender_has_hung_up_ends_all_the_same_and_is_on_record() {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    // With one connection at a time, a second one is served once the gateway has let go of the first.
    let gateway = Gateway::start_in(Arc::clone(&folder), &["--connections", "1"]).expect("the gateway starts");
    let carrier = FakeCarrier::start().await.expect("the carrier starts");
    let module = Deployment::sim_activation(&carrier.url(), TOKEN).expect("the example is built");
    gateway.admin().deploy(TENANT, MODULE, module).await.expect("deployed");
    let gate = Gate::default();
    carrier.always("/", Behaviour::normal().when(&gate));
    let url = gateway.url(TENANT, MODULE);

    let sender = {
        let (client, url) = (client().expect("a client"), url.clone());
        tokio::spawn(async move { post(&client, &url, Encoding::Form, &fields_of("activate")).await })
    };
    carrier.wait_for_requests(1).await;
    sender.abort();
    assert!(sender.await.is_err_and(|error| error.is_cancelled()));
    let next = get(&client().expect("a client"), &url).await.expect("an answer");
    assert_succeeded(&next, "");
    let running = calls(&gateway).await;
    assert_eq!(running[1]["outcome"], "running", "{running:#}");

    // The process ends when its calls have, and not before.
    gate.open();
    gateway.signal("TERM").expect("it runs");
    let status = tokio::task::spawn_blocking(move || gateway.wait()).await;
    assert_eq!(status.expect("no panic").expect("by itself"), 0);

    let gateway = Gateway::start_in(folder, &[]).expect("the gateway starts again");
    let calls = calls(&gateway).await;
    assert_eq!(calls[1]["id"], running[1]["id"]);
    let path = format!("/v1/tenants/{TENANT}/calls/{}", calls[1]["id"].as_str().expect("an id"));
    let call = gateway.admin().get(&path).await.expect("a call");
    assert_eq!(call["outcome"], "done", "{call:#}");
    assert_eq!(call["exchanges"][0]["end"]["response"]["status"], 201);
    assert_eq!(
        call["reply"],
        json!({
            "success": "Y", "pending": false,
            "vars": { "3": "2025550143", "13": "A-1001", "14": "S-2001" },
        })
    );
    assert_eq!(carrier.history().len(), 1, "the line was activated, once");
}

/// Newest first.
async fn calls(gateway: &Gateway) -> serde_json::Value {
    let listed = gateway.admin().get(&format!("/v1/tenants/{TENANT}/calls")).await;
    listed.expect("a listing")["items"].take()
}
