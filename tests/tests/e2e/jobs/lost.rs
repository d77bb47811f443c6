//! Answers that are lost: the carrier is asked what became of the request, and nothing is guessed.

use patchbay_tests::carrier::{Behaviour, Delivery, Gate, Reply, StatusCode};
use patchbay_tests::gateway::{Deployment, guest};
use serde_json::json;

use super::super::stage::{assert_failed, assert_succeeded, fields_of, with};
use super::{ACTIVATED, ORDER, UNKNOWN, World, activation, module_path, news};

/// The request had its effect, and the answer is lost.
fn done_unanswered() -> Behaviour {
    Behaviour::normal().delivered(Delivery::Closed)
}

/// The request had no effect, and there is no answer.
fn dropped() -> Behaviour {
    let failure = Reply::new(StatusCode::BAD_GATEWAY, "text/plain", "");
    Behaviour::answer(failure).delivered(Delivery::Closed)
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_found_and_told() {
    let world = World::new().await;
    world.carrier().next(done_unanswered());
    assert_succeeded(&world.post(&activation()).await, "<STATUS>PENDING</STATUS>");
    let job = world.job().await;
    assert_eq!([&job["stage"], &job["outcome"]], ["unknown", "unknown"]);
    world.check_again().await;
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(news(&received[0]), ACTIVATED);
    assert_eq!(world.carrier().history().len(), 1);
    assert_eq!(world.record(&job).await["outcome"], "done");
}

#[tokio::test]
async fn an_order_that_did_not_happen_is_run_again_once() {
    let world = World::new().await;
    world.carrier().next(dropped());
    assert_succeeded(&world.post(&activation()).await, "<STATUS>PENDING</STATUS>");
    assert!(world.carrier().history().is_empty());
    let job = world.job().await;
    world.check_again().await;
    world.over().await;
    assert_eq!(news(&world.telecloud.received()[0]), ACTIVATED);
    assert_eq!(world.carrier().history().len(), 1);
    let requests = world.carrier().requests();
    let paths: Vec<_> = requests
        .iter()
        .map(|request| (request.method.as_str(), &*request.path))
        .collect();
    let key = requests[0].header("idempotency-key").expect("a key");
    assert_eq!(
        paths,
        [
            ("POST", "/v1/activations"),
            ("GET", format!("/v1/operations/{key}").as_str()),
            ("POST", "/v1/activations"),
        ]
    );
    // The carrier sees the same key again, so that it could not do it twice.
    assert_eq!(requests[2].header("idempotency-key"), Some(key));
    let story = world.story(&job).await;
    assert!(
        story.iter().any(|(_, what)| what.starts_with("it did not happen")),
        "{story:?}"
    );
}

#[tokio::test]
async fn an_order_that_was_cancelled_meanwhile_is_not_run_again() {
    let world = World::new().await;
    world.carrier().next(dropped());
    assert_succeeded(&world.post(&activation()).await, "<STATUS>PENDING</STATUS>");
    let job = world.job().await;
    let cancel = with(fields_of("cancel"), &[("order_number", ORDER)]);
    assert_succeeded(&world.post(&cancel).await, "");
    world.check_again().await;
    world.over().await;
    world
        .happened(&job, "the order was cancelled meanwhile; it is not run again")
        .await;
    assert!(world.carrier().history().is_empty(), "{:?}", world.carrier().history());
    assert!(world.telecloud.received().is_empty());
}

#[tokio::test]
async fn what_may_still_arrive_is_waited_for() {
    let world = World::new().await;
    world
        .deploy(Deployment {
            handling: json!({"settle_s": 60}),
            ..world.stage.sim_activation()
        })
        .await;
    world.carrier().next(dropped());
    assert_succeeded(&world.post(&activation()).await, "<STATUS>PENDING</STATUS>");
    let job = world.job().await;
    world.check_again().await;
    let sentence = "the carrier says that it did not happen; the request may still arrive, so it is asked again";
    world.happened(&job, sentence).await;
    assert_eq!(world.job().await["stage"], "unknown");
    assert!(world.carrier().history().is_empty());
}

#[tokio::test]
async fn an_event_that_is_no_order_yet_is_safe_to_post_again_when_it_did_not_happen() {
    let world = World::new().await;
    world.carrier().put_line(patchbay_tests::carrier::Line::active(ORDER));
    world.carrier().next(dropped());
    let suspend = fields_of("suspend");
    assert_failed(&world.post(&suspend).await, UNKNOWN);
    world.check_again().await;
    world.over().await;
    assert!(world.carrier().history().is_empty());
    assert_succeeded(&world.post(&suspend).await, "");
    assert_eq!(world.carrier().history().len(), 1);
    assert!(world.telecloud.received().is_empty());
}

#[tokio::test]
async fn a_request_that_a_crash_cut_off_is_found_out_at_the_next_start() {
    let mut world = World::new().await;
    let gate = Gate::default();
    world.carrier().next(Behaviour::normal().when(&gate));
    let (client, url) = (world.stage.client.clone(), world.stage.url());
    let cut = tokio::spawn(async move {
        let fields = activation();
        patchbay_tests::telecloud::post(&client, &url, patchbay_tests::telecloud::Encoding::Form, &fields).await
    });
    world.carrier().wait_for_requests(1).await;
    world = world.crash().await;
    assert!(cut.await.expect("it ended").is_err(), "the connection broke");
    let job = world.job().await;
    assert_eq!([&job["told"], &job["account_number"]], ["unknown", super::ACCOUNT]);
    world.check_again().await;
    world.job_at("found").await;
    let done = "<VAR3>2025550143</VAR3><VAR13>A-1001</VAR13><VAR14>S-2001</VAR14>";
    assert_succeeded(&world.post(&activation()).await, done);
    world.over().await;
    assert_eq!(world.carrier().history().len(), 1);
    assert!(world.telecloud.received().is_empty());
    gate.open();
}

#[tokio::test]
async fn without_reconcile_a_person_has_to_look_and_gives_their_word() {
    let world = World::new().await;
    // A module that sends one request, and cannot be asked what became of it.
    world
        .deploy(
            world
                .stage
                .hostile(json!({"mode": "fetch", "method": "POST", "url": "/v1/x"}), json!({})),
        )
        .await;
    world.carrier().next(dropped());
    assert_succeeded(&world.post(&activation()).await, "<STATUS>PENDING</STATUS>");
    let admin = world.stage.gateway.admin();
    let asking = admin.get(&module_path()).await.expect("a module")["active"].clone();
    world.deploy(Deployment::of(guest("hello").expect("it is built"))).await;
    world.check_again().await;
    let job = world.job_at("fallout").await;
    assert_eq!([&job["reason"], &job["was"]], ["no-reconcile", "unknown"]);
    assert_eq!(job["actions"], json!(["check-again", "run-again", "tell", "done"]));

    let refused = world
        .act(json!({"action": "run-again", "it_did_not_happen": false}))
        .await;
    assert_eq!(refused.status, 409);
    let detail = refused.body["detail"].as_str().expect("a detail");
    assert!(detail.contains("needs the word that it did not happen"), "{detail}");
    assert_eq!(world.job().await, job);
    assert_eq!(world.carrier().requests().len(), 1);

    let settings = world
        .stage
        .hostile(json!({"mode": "fetch", "method": "POST", "url": "/v1/x"}), json!({}));
    world.deploy(settings).await;
    let active = json!({"version": asking});
    let activated = admin.put(&format!("{}/active", module_path()), active).await;
    activated.expect("activated");
    let again = world
        .act(json!({"action": "run-again", "it_did_not_happen": true}))
        .await;
    again.ok().expect("taken");
    world.over().await;
    assert_eq!(world.carrier().requests().len(), 2);
    let told = world.telecloud.received();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].fields["service_status"], "ACTIVE");
}
