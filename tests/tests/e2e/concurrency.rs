//! One slot, and more calls than that.

use std::collections::BTreeSet;
use std::time::Duration;

use patchbay_tests::carrier::{Behaviour, Gate, StatusCode};
use patchbay_tests::gateway::Deployment;
use patchbay_tests::telecloud::{Encoding, post};
use serde_json::json;

use super::stage::{Stage, TENANT, assert_failed, detail_of, fields_of, numbered};

const BUSY: &str = "Module Error: busy, nothing was changed. Please retry.";

#[tokio::test]
async fn a_call_waits_for_its_turn_or_is_told_that_the_gateway_is_busy() {
    let stage = Stage::empty(&["--concurrent-calls", "1"]).await;
    let admin = stage.gateway.admin();
    let hasty = Deployment {
        limits: json!({ "deadline_ms": 300 }),
        ..stage.sim_activation()
    };
    for (module, deployment) in [("patient", stage.sim_activation()), ("hasty", hasty)] {
        admin.deploy(TENANT, module, deployment).await.expect("deployed");
    }
    let gate = Gate::default();
    stage.carrier.always("/", Behaviour::normal().when(&gate));
    let posting = |module: &str, number: &str| {
        let (client, url) = (stage.client.clone(), stage.gateway.url(TENANT, module));
        let order = numbered("activate", number);
        tokio::spawn(async move { post(&client, &url, Encoding::Form, &order).await })
    };

    let first = posting("patient", "1ZU1");
    stage.carrier.wait_for_requests(1).await;
    let second = posting("patient", "2ZU2");
    let hasty = posting("hasty", "3ZU3").await.expect("no panic").expect("an answer");

    assert_failed(&hasty, BUSY);
    let call = stage.call_of("hasty").await;
    assert_eq!(
        detail_of(&call, "refused"),
        "no slot became free within the call's deadline"
    );
    assert_eq!(call["exchanges"], json!([]));
    assert_eq!(stage.carrier.requests().len(), 1, "the second call has not begun");
    assert!(!first.is_finished() && !second.is_finished());

    gate.open();
    let mut numbers = BTreeSet::new();
    for call in [first, second] {
        let posted = call.await.expect("no panic").expect("an answer");
        assert!(posted.body.contains("<SUCCESS>Y</SUCCESS>"), "{posted:?}");
        numbers.insert(posted.body);
    }
    assert_eq!(numbers.len(), 2, "each has a line of its own");
    assert_eq!(stage.carrier.history().len(), 2);
}

#[tokio::test]
async fn an_event_that_is_posted_twice_is_not_pending_for_one_and_refused_for_the_other() {
    let stage = Stage::with_sim_activation().await;
    let gate = Gate::default();
    let refuses = Behaviour::reject(StatusCode::UNPROCESSABLE_ENTITY, "UNKNOWN_PLAN", "no such plan");
    stage.carrier.always("/", refuses.when(&gate));
    let posting = || {
        let (client, url) = (stage.client.clone(), stage.url());
        tokio::spawn(async move { post(&client, &url, Encoding::Form, &fields_of("activate")).await })
    };

    let first = posting();
    stage.carrier.wait_for_requests(1).await;
    // So that the second one's deadline comes first, as it may in the moment in which the first one ends.
    let hasty = Deployment {
        limits: json!({ "deadline_ms": 100 }),
        ..stage.sim_activation()
    };
    stage.deploy(hasty).await;
    let mut second = posting();
    let early = tokio::time::timeout(Duration::from_secs(1), &mut second).await;
    assert!(early.is_err(), "only the first one knows what is true: {early:?}");

    gate.open();
    for call in [first, second] {
        let posted = call.await.expect("no panic").expect("an answer");
        assert_failed(&posted, "Carrier Error: no such plan");
    }
    assert_eq!(stage.carrier.requests().len(), 1);
}

#[tokio::test]
async fn of_many_calls_at_once_none_is_lost() {
    const CALLS: usize = 20;
    let stage = Stage::empty(&["--concurrent-calls", "1"]).await;
    // Even on a busy machine, twenty calls are over within two minutes.
    let patient = Deployment {
        limits: json!({ "deadline_ms": 120_000 }),
        ..stage.sim_activation()
    };
    stage.deploy(patient).await;
    let posts: Vec<_> = (0..CALLS)
        .map(|number| {
            let (client, url) = (stage.client.clone(), stage.url());
            let order = numbered("activate", &number.to_string());
            tokio::spawn(async move { post(&client, &url, Encoding::Form, &order).await })
        })
        .collect();
    let mut answered = BTreeSet::new();
    for posted in posts {
        answered.insert(posted.await.expect("no panic").expect("an answer").body);
    }

    assert_eq!(answered.len(), CALLS, "each has a line of its own: {answered:#?}");
    let calls = stage.calls().await;
    assert_eq!(calls.len(), CALLS);
    assert!(calls.iter().all(|call| call["outcome"] == "done"), "{calls:#?}");
    let on_record: BTreeSet<_> = calls.iter().filter_map(|call| call["id"].as_str()).collect();
    let requests = stage.carrier.requests();
    assert_eq!(requests.len(), CALLS);
    let at_the_carrier = requests.iter().filter_map(|request| request.header("idempotency-key"));
    assert_eq!(at_the_carrier.collect::<BTreeSet<_>>(), on_record);
}
