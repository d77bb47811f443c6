//! News for TeleCloud: kept until it is taken, and told of the right order.

use patchbay_tests::telecloud::{Behaviour, Delivery, Gate, Order, Outcome, ServiceStatus};
use serde_json::{Value, json};

use super::super::stage::{assert_succeeded, fields_of, with};
use super::{ACCOUNT, COMPLETED, ORDER, TRIED_IN_VAIN, World, news};

/// Has the port finished at the carrier, and the gateway find out.
async fn complete(world: &World) {
    assert!(world.carrier().complete_port("A-1001", None));
    world.check_again().await;
}

#[tokio::test]
async fn news_waits_while_telecloud_cannot_be_reached() {
    let world = World::new().await;
    world.port_in().await;
    world.telecloud.refuse_connections().await;
    complete(&world).await;
    let job = world.job_at("telling").await;
    assert_eq!(job["news"], true);
    world.happened(&job, TRIED_IN_VAIN).await;
    world.telecloud.accept_connections().await.expect("it listens again");
    world.check_again().await;
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(news(&received[0]), COMPLETED);
}

#[tokio::test]
async fn news_that_telecloud_refuses_is_told_again_just_as_it_was() {
    let world = World::new().await;
    world.port_in().await;
    world.telecloud.next(Behaviour::telecloud_error("Try again later"));
    complete(&world).await;
    world.telecloud.wait_for_calls(1).await.expect("it is told");
    let job = world.job_at("telling").await;
    world.happened(&job, TRIED_IN_VAIN).await;
    world.check_again().await;
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(received.len(), 2, "{received:?}");
    assert_eq!(
        (&received[0].outcome, &received[1].outcome),
        (&Outcome::Ignored, &Outcome::Applied)
    );
    assert_eq!(received[0].fields, received[1].fields);
}

/// TeleCloud cancels the order, and has it as cancelled.
async fn cancel(world: &World) {
    world
        .telecloud
        .put_order(Order::new(ACCOUNT, ORDER, ServiceStatus::Cancelled));
    let cancel = with(fields_of("cancel"), &[("order_number", ORDER)]);
    assert_succeeded(&world.post(&cancel).await, "");
}

#[tokio::test]
async fn an_order_that_telecloud_cancels_on_news_whose_answer_was_lost_needs_nobody() {
    let world = World::new().await;
    world.port_in().await;
    world
        .telecloud
        .always("", Behaviour::normal().delivered(Delivery::Closed));
    complete(&world).await;
    world.telecloud.wait_for_calls(1).await.expect("it is told");
    let job = world.job_at("telling").await;
    world.happened(&job, TRIED_IN_VAIN).await;
    assert_eq!(world.order().service_status, ServiceStatus::Active);
    cancel(&world).await;
    world.check_again().await;
    world.over().await;
    let sentence = "the carrier had finished the order before it was cancelled; TeleCloud need not be told any more";
    world.happened(&job, sentence).await;
    assert_eq!(world.order().service_status, ServiceStatus::Cancelled);
}

#[tokio::test]
async fn an_order_that_telecloud_suspends_on_news_whose_answer_was_lost_stays_suspended() {
    let world = World::new().await;
    world.port_in().await;
    world.telecloud.next(Behaviour::normal().delivered(Delivery::Closed));
    complete(&world).await;
    world.telecloud.wait_for_calls(1).await.expect("it is told");
    let job = world.job_at("telling").await;
    world.happened(&job, TRIED_IN_VAIN).await;
    world.telecloud.refuse_connections().await;
    world
        .telecloud
        .put_order(Order::new(ACCOUNT, ORDER, ServiceStatus::Suspended));
    assert_succeeded(&world.post(&fields_of("suspend")).await, "");
    world.telecloud.accept_connections().await.expect("it listens again");
    world.check_again().await;
    world.over().await;
    assert_eq!(world.order().service_status, ServiceStatus::Suspended);
    let received = world.telecloud.received();
    let last = news(received.last().expect("it is told the VARs"));
    assert_eq!(last, COMPLETED[..2], "and no state");
}

#[tokio::test]
async fn an_order_that_the_carrier_finishes_after_it_was_cancelled_is_a_persons_to_end() {
    let world = World::new().await;
    world.port_in().await;
    cancel(&world).await;
    complete(&world).await;
    let job = world.job_at("fallout").await;
    assert_eq!([&job["reason"], &job["was"]], ["cancelled-meanwhile", "telling"]);
    assert!(world.telecloud.received().is_empty(), "it is not active again");
    world.act(json!({"action": "done"})).await.ok().expect("it is taken");
    world.over().await;
}

#[tokio::test]
async fn without_access_to_telecloud_a_person_is_asked_to_set_it() {
    let world = World::without_access().await;
    world.port_in().await;
    complete(&world).await;
    let job = world.job_at("fallout").await;
    assert_eq!([&job["reason"], &job["was"]], ["no-telecloud", "telling"]);
    assert_eq!(
        job["why"],
        "there is news for TeleCloud, and the tenant's access to its API is not set"
    );
    world.give_access().await;
    world.check_again().await;
    world.over().await;
    assert_eq!(news(&world.telecloud.received()[0]), COMPLETED);
}

#[tokio::test]
async fn an_order_without_a_number_is_linked_by_a_later_post_about_it() {
    let world = World::new().await;
    let mut fields = fields_of("port-in-pending");
    fields.remove("order_number");
    world.post(&fields).await;
    complete(&world).await;
    let job = world.job_at("telling").await;
    assert_eq!(
        (&job["order_number"], &job["account_number"]),
        (&Value::Null, &json!(ACCOUNT))
    );

    // Another order of the same customer is not this one.
    let other = with(fields_of("suspend"), &[("order_number", "9ZU9"), ("VAR13", "A-9999")]);
    world.post(&other).await;
    assert_eq!(world.job().await["order_number"], Value::Null);
    assert!(world.telecloud.received().is_empty());

    // What TeleCloud has on the order is what it was answered with, not what it is about to hear.
    let later = with(fields_of("suspend"), &[("VAR13", "A-1001"), ("VAR15", "SUBMITTED")]);
    world.post(&later).await;
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(received[0].fields["order_number"], ORDER);
    assert_eq!(news(&received[0]), COMPLETED);
}

#[tokio::test]
async fn an_order_without_a_number_is_linked_by_hand() {
    let world = World::new().await;
    let mut fields = fields_of("port-in-pending");
    fields.remove("order_number");
    world.post(&fields).await;
    complete(&world).await;
    let job = world.job_at("telling").await;
    assert_eq!(job["actions"], json!(["check-again", "link", "done"]));
    let linked = world.act(json!({"action": "link", "order_number": ORDER})).await;
    linked.ok().expect("linked");
    world.over().await;
    assert_eq!(world.order().service_status, ServiceStatus::Active);
    assert_eq!(world.order().vars[&3], "2025550177");
}

#[tokio::test]
async fn what_a_person_says_is_told_and_ends_the_job() {
    let world = World::new().await;
    world.port_in().await;
    let told = world
        .act(json!({"action": "tell", "status": "failed", "error_text": "Ported away", "vars": {"15": "GONE"}}))
        .await;
    told.ok().expect("taken");
    world.over().await;
    let expected = [
        ("VAR15", "GONE"),
        ("error_text", "Ported away"),
        ("service_status", "FAILED"),
    ];
    assert_eq!(news(&world.telecloud.received()[0]), expected);
    assert_eq!(world.telecloud.refunds().len(), 1);
}

#[tokio::test]
async fn telecloud_may_post_from_inside_of_being_told() {
    let world = World::new().await;
    world.port_in().await;
    let gate = Gate::default();
    world.telecloud.next(Behaviour::normal().when(&gate));
    complete(&world).await;
    world.telecloud.wait_for_calls(1).await.expect("it is told");
    // Nothing is held while TeleCloud takes its time: another event of the order, and the same one again, are answered.
    assert!(!world.jobs().await.is_empty());
    let suspended = world.post(&with(fields_of("suspend"), &[("VAR3", "2025550177")])).await;
    assert_succeeded(&suspended, "");
    let again = world.port_in().await;
    let all = "<VAR3>2025550177</VAR3><VAR13>A-1001</VAR13><VAR15>COMPLETED</VAR15>";
    assert_succeeded(&again, all);
    gate.open();
    world.over().await;
    assert_eq!(world.telecloud.received().len(), 1);
}
