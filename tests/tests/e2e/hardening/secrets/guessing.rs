//! Guessing at keys, tokens and callback secrets: slowed, refused, told once, and in nobody's way.

use std::time::{Duration, Instant};

use patchbay_tests::telecloud::Posted;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::super::stage::{MODULE, Stage, TENANT};

const KEY: &str = "key_good";
const WRONG: &str = "<ERROR>Module authentication failed</ERROR>";
const TOO_MANY: &str = "too many wrong keys came from this address";

/// Tries that are looked at before a source has to wait, and seconds until there is one more.
const TRIES: usize = 10;
const EACH: u64 = 10;

/// Sources that are told of at once, and more than these.
const TOLD: usize = 20;
const SOURCES: usize = 30;

/// A gateway with a module that does what every order asks for, without a carrier.
async fn stage() -> Stage {
    Stage::with_hostile(json!({ "mode": "claim", "claim": "done" }), json!({})).await
}

/// Posts an order with this key, as a proxy on this machine would for somebody at this address.
async fn post(stage: &Stage, from: &str, key: &str) -> Posted {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("SERVICE", "Order/Create")
        .append_pair("order_number", "1");
    form.append_pair("APIAuth[API_KEY]", key);
    let request = stage.client.post(stage.url()).body(form.finish());
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = request.header("x-forwarded-for", from).send().await.expect("an answer");
    Posted {
        status: response.status().as_u16(),
        content_type: None,
        body: response.text().await.expect("text"),
    }
}

fn is_served(posted: &Posted) -> bool {
    posted.body.contains("<SUCCESS>Y</SUCCESS>")
}

/// Those that were looked at may be one more for every ten seconds that the test took.
#[track_caller]
fn assert_about(found: usize, expected: usize, begun: Instant) {
    let more = usize::try_from(begun.elapsed().as_secs() / EACH).expect("few") + 1;
    assert!(
        (expected..=expected + more).contains(&found),
        "{found}, and not {expected}"
    );
}

/// The log says so, and this many times.
async fn assert_told(stage: &Stage, target: &str, times: usize) {
    let log = stage.log_that_says("too many wrong ones", times).await;
    let lines = log.iter().filter(|line| line.contains("too many wrong ones"));
    let lines: Vec<_> = lines.filter(|line| line.contains(target)).collect();
    assert_eq!(lines.len(), times, "{lines:#?}");
}

#[tokio::test]
async fn a_source_of_wrong_keys_is_refused_without_a_record_and_the_right_key_from_elsewhere_is_not() {
    let (stage, begun) = (stage().await, Instant::now());
    let mut looked = 0;
    for _ in 0..200 {
        let posted = post(&stage, "192.0.2.1", "wrong").await;
        assert_eq!(posted.status, 200);
        looked += usize::from(posted.body.contains(WRONG));
        assert!(
            posted.body.contains(WRONG) || posted.body.contains(TOO_MANY),
            "{posted:?}"
        );
    }
    assert_about(looked, TRIES, begun);
    assert_eq!(
        stage.calls().await.len(),
        looked,
        "only what was looked at is on record"
    );
    assert_told(&stage, "TeleCloud keys of acme", 1).await;

    // Nobody else is kept out, whatever happens there.
    assert!(is_served(&post(&stage, "192.0.2.2", KEY).await));
    // What that source invents before the address that the proxy adds does not help it.
    let posted = post(&stage, "192.0.2.2, 192.0.2.1", "wrong").await;
    assert!(
        posted.body.contains(TOO_MANY) || begun.elapsed().as_secs() >= EACH,
        "{posted:?}"
    );
    // Without an address nobody is refused: the proxy alone knows who it is.
    assert!(is_served(&stage.activate().await));
}

#[tokio::test]
async fn telecloud_is_served_behind_the_same_address_as_somebody_who_guesses() {
    let stage = stage().await;
    let long = "a-key-of-16-char";
    let keys = format!("/v1/tenants/{TENANT}/telecloud-keys");
    let key = json!({ "label": "long", "key": long });
    stage.gateway.admin().post(&keys, key).await.expect("accepted");
    for _ in 0..50 {
        post(&stage, "192.0.2.9", "wrong").await;
    }
    // Although it was never right from there before.
    assert!(is_served(&post(&stage, "192.0.2.9", long).await));
    assert!(
        post(&stage, "192.0.2.9", "another-of-16-ch")
            .await
            .body
            .contains(TOO_MANY)
    );

    // A short one has to have been.
    assert!(is_served(&post(&stage, "192.0.2.1", KEY).await));
    for _ in 0..50 {
        post(&stage, "192.0.2.1", "wrong").await;
    }
    assert!(post(&stage, "192.0.2.1", "wrong").await.body.contains(TOO_MANY));
    assert!(is_served(&post(&stage, "192.0.2.1", KEY).await));
}

#[tokio::test]
async fn a_flood_of_wrong_keys_from_many_addresses_does_not_fill_the_journal() {
    let (stage, begun) = (stage().await, Instant::now());
    for address in 0..SOURCES {
        for _ in 0..=TRIES {
            let posted = post(&stage, &format!("192.0.2.{address}"), "wrong").await;
            assert!(
                posted.body.contains(WRONG) || posted.body.contains(TOO_MANY),
                "{posted:?}"
            );
        }
    }
    assert_about(stage.calls().await.len(), 60, begun);
    assert!(is_served(&post(&stage, "192.0.2.200", KEY).await));
    // Each of these sources was refused, and the log says so of the first ones, and then of one a minute.
    stage.log_that_says("too many wrong ones", TOLD).await;
    stage.gateway.signal("TERM").expect("it runs");
    let log = stage.log_that_says("stopped", 1).await;
    let told = log.iter().filter(|line| line.contains("too many wrong ones")).count();
    let minutes = usize::try_from(begun.elapsed().as_secs() / 60).expect("few");
    assert!((TOLD..=TOLD + minutes).contains(&told), "{told}");
}

async fn ask(stage: &Stage, from: Option<&str>, token: &str) -> (StatusCode, Option<String>, Value) {
    let url = format!("{}/v1/tenants/{TENANT}", stage.gateway.admin().base());
    let mut request = stage.client.request(Method::GET, url).bearer_auth(token);
    if let Some(from) = from {
        request = request.header("x-forwarded-for", from);
    }
    let response = request.send().await.expect("an answer");
    let wait = response
        .headers()
        .get(RETRY_AFTER)
        .map(|wait| wait.to_str().expect("text").to_owned());
    (response.status(), wait, response.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_source_of_wrong_tokens_is_told_to_wait_and_who_has_a_right_one_is_not() {
    let (stage, begun) = (stage().await, Instant::now());
    let made = json!({ "label": "reader", "scopes": ["read"] });
    let made = stage
        .gateway
        .admin()
        .post(&format!("/v1/tenants/{TENANT}/tokens"), made)
        .await;
    let token = made.expect("a token")["value"].as_str().expect("text").to_owned();
    for from in [None, Some("192.0.2.1")] {
        let mut looked = 0;
        for number in 0..50 {
            let (status, wait, problem) = ask(&stage, from, &format!("wrong-{number}")).await;
            if status == StatusCode::UNAUTHORIZED {
                looked += 1;
            } else {
                assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{problem}");
                assert_eq!(problem["code"], "too-many-tries");
                assert!(wait.is_some(), "it says how long to wait");
            }
        }
        assert_about(looked, TRIES, begun);
    }
    // Right tokens are not refused, from wherever they come.
    assert_eq!(ask(&stage, Some("192.0.2.1"), &token).await.0, StatusCode::OK);
    assert_eq!(ask(&stage, Some("192.0.2.2"), &token).await.0, StatusCode::OK);
    assert_eq!(ask(&stage, None, &token).await.0, StatusCode::OK);
    assert_told(&stage, "tokens of the admin API", 2).await;
}

async fn call_back(stage: &Stage, from: &str, path: &str) -> StatusCode {
    let url = format!("{}{path}", stage.gateway.public());
    let request = stage.client.post(url).header("x-forwarded-for", from);
    request.send().await.expect("an answer").status()
}

fn wrong_callback(number: usize) -> String {
    format!("/m/{TENANT}/{MODULE}/callback/{number:032x}")
}

#[tokio::test]
async fn a_source_of_wrong_callback_secrets_is_told_to_wait_and_the_carrier_is_not() {
    let (stage, begun) = (stage().await, Instant::now());
    let callback = format!("/v1/tenants/{TENANT}/modules/{MODULE}/callback");
    let callback = stage.gateway.admin().get(&callback).await.expect("a callback URL");
    let path = callback["path"].as_str().expect("a path").to_owned();
    let mut looked = 0;
    for number in 0..50 {
        match call_back(&stage, "192.0.2.1", &wrong_callback(number)).await {
            StatusCode::NOT_FOUND => looked += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    assert_about(looked, TRIES, begun);
    for (from, calls) in [("192.0.2.1", 1), ("192.0.2.2", 2)] {
        let answered = call_back(&stage, from, &path).await;
        assert_ne!(answered, StatusCode::TOO_MANY_REQUESTS);
        assert_ne!(answered, StatusCode::NOT_FOUND);
        assert_eq!(stage.calls().await.len(), calls, "wrong ones are not on record");
    }
}

/// Where strangers guessed from, at what, and how it is told, by what they guessed at. There are as many as this at last.
async fn on_the_trail(stage: &Stage, entries: usize) -> Vec<(Value, Value, Value)> {
    let whole = async {
        loop {
            let found = stage.gateway.admin().get("/v1/trail?by=stranger&limit=200").await;
            let found = found.expect("a trail")["items"].as_array().expect("entries").clone();
            if found.len() >= entries {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), whole).await;
    let mut found: Vec<_> = found
        .expect("it is on the trail within a minute")
        .iter()
        .map(|entry| {
            assert_eq!(entry["verb"], "refuse");
            (entry["object"].clone(), entry["from"].clone(), entry["after"].clone())
        })
        .collect();
    found.sort_by_key(|(object, ..)| object.to_string());
    found
}

#[tokio::test]
async fn each_run_of_guessing_is_on_the_trail_once_with_who_guessed_at_what_and_how_often() {
    let stage = stage().await;
    let told = |object: &str, from: &str, tried: &str| {
        let after = json!({ "tried": tried, "tries": TRIES, "untold": 0 });
        (json!(object), json!(from), after)
    };
    let module = format!("tenants/{TENANT}/modules/{MODULE}/callback");
    let expected = [
        told(&module, "192.0.2.3", &format!("callback secret of {TENANT}/{MODULE}")),
        told("tenants/acme/telecloud-keys", "192.0.2.2", "TeleCloud keys of acme"),
        told("tokens", "192.0.2.1", "tokens of the admin API"),
    ];
    for number in 0..50 {
        let wrong = format!("wrong-{number}");
        ask(&stage, Some("192.0.2.1"), &wrong).await;
        post(&stage, "192.0.2.2", &wrong).await;
        call_back(&stage, "192.0.2.3", &wrong_callback(number)).await;
    }
    assert_eq!(on_the_trail(&stage, 3).await, expected);
    let verified = stage.gateway.admin().get("/v1/trail/verification").await;
    assert_eq!(verified.expect("a trail")["trouble"], Value::Null);
}

#[tokio::test]
async fn guessing_from_many_addresses_is_on_the_trail_a_few_times() {
    let (stage, begun) = (stage().await, Instant::now());
    for address in 0..40 {
        for _ in 0..TRIES {
            post(&stage, &format!("192.0.2.{address}"), "wrong").await;
        }
    }
    // Twenty at once, and one more a minute, which says how many were left out.
    let found = on_the_trail(&stage, 20).await.len();
    let more = usize::try_from(begun.elapsed().as_secs() / 60).expect("few");
    assert!((20..=20 + more).contains(&found), "{found}");
}
