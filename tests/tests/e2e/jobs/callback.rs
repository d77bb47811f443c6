//! The callback URL: what a carrier can do there, and what nobody can.

use patchbay_tests::gateway::{Deployment, guest};
use reqwest::{Client, Method, StatusCode};
use serde_json::json;

use super::super::stage::fields_of;
use super::{COMPLETED, World, module_path, news};
use patchbay_tests::telecloud::ServiceStatus;

impl World {
    /// The module's callback URL.
    async fn callback(&self) -> String {
        let shown = self
            .stage
            .gateway
            .admin()
            .get(&format!("{}/callback", module_path()))
            .await;
        let shown = shown.expect("shown");
        format!(
            "{}{}",
            self.stage.gateway.public(),
            shown["path"].as_str().expect("a path")
        )
    }
}

/// Status and body of what is answered.
async fn call(client: &Client, method: Method, url: &str, body: impl Into<reqwest::Body>) -> (StatusCode, String) {
    let response = client.request(method, url).body(body).send().await.expect("an answer");
    (response.status(), response.text().await.expect("a text"))
}

#[tokio::test]
async fn a_carrier_that_calls_back_finishes_the_order() {
    let world = World::new().await;
    world.port_in().await;
    let job = world.job().await;
    let url = world.callback().await;
    let called = world.carrier().call_back(&url, "A-1001").await.expect("an answer");
    assert_eq!((called.status, called.body.as_str()), (200, "ok\n"));
    assert_eq!(world.job().await["stage"], "pending");

    assert!(world.carrier().complete_port("A-1001", None));
    let called = world.carrier().call_back(&format!("{url}/ports?now=1"), "A-1001").await;
    assert_eq!(called.expect("an answer").status, 200);
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(news(&received[0]), COMPLETED);
    assert_eq!(world.order().service_status, ServiceStatus::Active);
    let story = world.story(&job).await;
    let by_carrier = story
        .iter()
        .filter(|(by, _)| by == "carrier")
        .map(|(_, what)| what.as_str());
    assert_eq!(
        by_carrier.collect::<Vec<_>>(),
        [
            "the carrier has not finished the order yet",
            "the carrier has finished the order"
        ]
    );
    // Called once more, about an order that is finished.
    let called = world.carrier().call_back(&url, "A-1001").await.expect("an answer");
    assert_eq!(
        called.status, 200,
        "a carrier that repeats itself is not told to go on doing so"
    );
    assert_eq!(world.telecloud.received().len(), 1);
}

#[tokio::test]
async fn the_record_has_what_follows_the_secret_and_never_the_secret() {
    let world = World::new().await;
    world.port_in().await;
    let url = world.callback().await;
    let secret = url.rsplit('/').next().expect("a secret").to_owned();
    let body = json!({"activation_id": "A-1001", "sent_to": url}).to_string();
    let called = call(&world.stage.client, Method::PUT, &format!("{url}/ports/1?x=2"), body).await;
    assert_eq!(called, (StatusCode::OK, "ok\n".to_owned()));
    let record = world.stage.call().await;
    assert_eq!(record["event"]["service"], "completion.receive");
    let request = &record["event"]["request"];
    assert_eq!(
        (&request["method"], &request["path"]),
        (&json!("PUT"), &json!("/ports/1?x=2"))
    );
    assert_eq!(request["body"]["activation_id"], "A-1001");
    assert!(!record.to_string().contains(&secret), "{record:#}");
    let log = world.stage.gateway.log().join("\n");
    assert!(!log.contains(&secret), "{log}");
}

#[tokio::test]
async fn whoever_does_not_know_the_url_finds_nothing() {
    let world = World::new().await;
    let url = world.callback().await;
    let known = world.stage.client.clone();
    let (base, secret) = url.rsplit_once('/').expect("a secret");
    let wrong: String = secret.chars().rev().collect();
    let nothing = (StatusCode::NOT_FOUND, "there is nothing here\n".to_owned());
    let public = world.stage.gateway.public();
    for url in [
        format!("{base}/{wrong}"),
        format!("{base}/{}", &secret[..31]),
        format!("{base}/{secret}0"),
        format!("{base}//{secret}"),
        format!("{public}/m/acme/none/callback/{secret}"),
        format!("{public}/m/none/lines/callback/{secret}"),
    ] {
        assert_eq!(call(&known, Method::POST, &url, "{}").await, nothing, "{url}");
    }
    // It is changed: the old one is as wrong as any.
    let rotated = format!("{}/callback-rotation", module_path());
    world
        .stage
        .gateway
        .admin()
        .post(&rotated, json!({}))
        .await
        .expect("rotated");
    assert_eq!(call(&known, Method::POST, &url, "{}").await, nothing);
    assert_ne!(world.callback().await, url);
    // A module that takes no callbacks.
    world.deploy(Deployment::of(guest("hello").expect("it is built"))).await;
    assert_eq!(call(&known, Method::POST, &world.callback().await, "{}").await, nothing);
    assert!(world.stage.calls().await.is_empty(), "no module ran");
}

#[tokio::test]
async fn callbacks_count_for_the_tenants_rate() {
    let world = World::new().await;
    let (client, url) = (world.stage.client.clone(), world.callback().await);
    let quota = json!({"calls_per_second": 1, "burst": 2});
    let admin = world.stage.gateway.admin();
    admin.put("/v1/tenants/acme/quota", quota).await.expect("set");
    let mut ran = 0;
    // On a slow machine a second goes by now and then, and one more is let in.
    loop {
        match call(&client, Method::GET, &url, "").await.0 {
            StatusCode::BAD_REQUEST => ran += 1,
            status => break assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE),
        }
        assert!(ran < 100, "the rate is never used up");
    }
    assert!(ran >= 2, "the burst goes through: {ran}");
    let calls = world.stage.calls().await;
    let refused: Vec<_> = calls.iter().filter(|call| call["outcome"] == "refused").collect();
    assert_eq!((calls.len(), refused.len()), (ran + 1, 1), "{calls:#?}");
}

#[tokio::test]
async fn a_carrier_is_told_by_the_status_what_to_do() {
    let world = World::new().await;
    let client = world.stage.client.clone();
    let url = world.callback().await;
    let (status, body) = call(&client, Method::GET, &url, "").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::BAD_REQUEST, "this is not what is expected here\n")
    );
    let large = vec![b' '; (1 << 20) + 1];
    assert_eq!(
        call(&client, Method::POST, &url, large).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );

    // About an order that is not pending here, or not yet.
    world
        .deploy(world.stage.hostile(json!({"progress": "completed"}), json!({})))
        .await;
    let early = client.post(&url).body("A-1001").send().await.expect("an answer");
    assert_eq!(early.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(early.headers()["retry-after"], "30");
    // From a module that fails, or is suspended, it is taken later.
    world
        .deploy(world.stage.hostile(json!({"mode": "trap"}), json!({})))
        .await;
    assert_eq!(
        call(&client, Method::POST, &url, "A-1001").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let admin = world.stage.gateway.admin();
    admin
        .put(&module_path(), json!({"status": "suspended"}))
        .await
        .expect("set");
    let suspended = client.post(&url).body("A-1001").send().await.expect("an answer");
    assert_eq!(suspended.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(suspended.headers()["retry-after"], "30");
}

#[tokio::test]
async fn what_a_carrier_said_is_kept_although_it_hangs_up() {
    let world = World::new().await;
    world.post(&fields_of("port-in-pending")).await;
    assert!(world.carrier().complete_port("A-1001", None));
    let gate = patchbay_tests::carrier::Gate::default();
    world
        .carrier()
        .next(patchbay_tests::carrier::Behaviour::normal().when(&gate));
    let (client, url) = (world.stage.client.clone(), world.callback().await);
    let body = json!({"activation_id": "A-1001"}).to_string();
    let calling = tokio::spawn(async move { client.post(url).body(body).send().await });
    // The port-in, and the module's question how the port stands.
    world.carrier().wait_for_requests(2).await;
    calling.abort();
    assert!(calling.await.expect_err("it was given up").is_cancelled());
    gate.open();
    world.over().await;
    assert_eq!(news(&world.telecloud.received()[0]), COMPLETED);
}

#[tokio::test]
async fn the_placeholder_of_a_secret_is_not_taken_from_a_carrier_either() {
    let world = World::new().await;
    let (client, url) = (world.stage.client.clone(), world.callback().await);
    let bad = (
        StatusCode::BAD_REQUEST,
        "this is not what is expected here\n".to_owned(),
    );
    for body in [
        r#"{"id":"{{secret:carrier-token}}"}"#,
        r#"{"id":"\u007b\u007bsecret:carrier-token}}"}"#,
        "id=%7b%7Bbasic:user:password}}",
    ] {
        assert_eq!(call(&client, Method::POST, &url, body).await, bad, "{body}");
    }
    let query = format!("{url}?id=%7B%7Bsecret:carrier-token%7D%7D");
    assert_eq!(call(&client, Method::GET, &query, "").await, bad);
    assert!(world.stage.calls().await.is_empty(), "no module ran");
}
