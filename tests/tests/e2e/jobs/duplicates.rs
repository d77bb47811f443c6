//! The same event posted again: while it runs, after, after a crash, after the deadline.

use std::time::Duration;

use patchbay_tests::carrier::{Behaviour, Change, Gate, Line};
use patchbay_tests::telecloud::Encoding;

use super::super::stage::{assert_failed, assert_succeeded, fields_of};
use super::{ACTIVATED, ORDER, SHORT_DEADLINE_MS, UNKNOWN, World, activation, news};

const DONE: &str = "<VAR3>2025550143</VAR3><VAR13>A-1001</VAR13><VAR14>S-2001</VAR14>";

#[tokio::test]
async fn an_event_has_one_effect_however_often_it_is_posted() {
    let mut world = World::new().await;
    let gate = Gate::default();
    world.carrier().next(Behaviour::normal().when(&gate));
    let url = world.stage.url();
    let fields = activation();
    let posts = patchbay_tests::telecloud::post_at_once(&world.stage.client, &url, Encoding::Form, &fields, 5);
    let opening = async {
        world.carrier().wait_for_requests(1).await;
        gate.open();
    };
    let (answers, ()) = tokio::join!(posts, opening);
    for answer in answers.expect("whole answers") {
        assert_succeeded(&answer, DONE);
    }
    assert_succeeded(&world.post(&fields).await, DONE);
    world = world.crash().await;
    assert_succeeded(&world.post(&fields).await, DONE);
    assert_eq!(world.carrier().requests().len(), 1);
    let outcomes: Vec<_> = world
        .stage
        .calls()
        .await
        .iter()
        .map(|call| call["outcome"].clone())
        .collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "done").count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "repeated").count(), 6);
    assert!(world.telecloud.received().is_empty());
}

#[tokio::test]
async fn an_event_that_newer_ones_have_undone_is_no_duplicate() {
    let world = World::new().await;
    world.carrier().put_line(Line::active(ORDER));
    let (suspend, restore) = (fields_of("suspend"), fields_of("restore"));
    for _ in 0..2 {
        assert_succeeded(&world.post(&suspend).await, "");
        assert_succeeded(&world.post(&suspend).await, "");
        assert_succeeded(&world.post(&restore).await, "");
    }
    let changes: Vec<_> = world
        .carrier()
        .history()
        .into_iter()
        .map(|(_, change)| change)
        .collect();
    let once = [Change::Suspended, Change::Restored];
    assert_eq!(changes, [&once[..], &once[..]].concat());
}

#[tokio::test]
async fn an_order_that_outlasts_its_deadline_is_pending_and_finished_later() {
    let world = World::in_a_hurry().await;
    let gate = Gate::default();
    world.carrier().next(Behaviour::normal().when(&gate));
    assert_succeeded(&world.post(&activation()).await, "<STATUS>PENDING</STATUS>");
    // Its duplicate hears the same, and does not reach the carrier.
    assert_succeeded(&world.post(&activation()).await, "<STATUS>PENDING</STATUS>");
    assert!(world.telecloud.received().is_empty());
    gate.open();
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(news(&received[0]), ACTIVATED);
    assert_eq!(world.carrier().requests().len(), 1);
    // Now the duplicate is told how it ended.
    assert_succeeded(&world.post(&activation()).await, DONE);
    assert_eq!(world.carrier().requests().len(), 1);
}

#[tokio::test]
async fn an_event_that_outlasts_its_deadline_is_unknown_until_it_is_posted_again() {
    let world = World::in_a_hurry().await;
    world.carrier().put_line(Line::active(ORDER));
    let gate = Gate::default();
    world.carrier().next(Behaviour::normal().when(&gate));
    let suspend = fields_of("suspend");
    assert_failed(&world.post(&suspend).await, UNKNOWN);
    gate.open();
    let job = world.job_at("found").await;
    assert_eq!([&job["told"], &job["outcome"]], ["unknown", "done"]);
    assert_succeeded(&world.post(&suspend).await, "");
    world.over().await;
    assert_eq!(world.carrier().requests().len(), 1);
    // And once more, from memory.
    assert_succeeded(&world.post(&suspend).await, "");
    assert_eq!(world.carrier().requests().len(), 1);
}

#[tokio::test]
async fn a_retry_joins_the_event_that_has_outlasted_its_deadline() {
    let world = World::in_a_hurry().await;
    world.carrier().put_line(Line::active(ORDER));
    let gate = Gate::default();
    world.carrier().next(Behaviour::normal().when(&gate));
    let suspend = fields_of("suspend");
    assert_failed(&world.post(&suspend).await, UNKNOWN);
    let retry = world.post(&suspend);
    let opening = async {
        // A call that only waits is not on record yet, so there is nothing to see of it. If it is late, it finds the answer
        // that is kept, which is the same.
        tokio::time::sleep(Duration::from_millis(SHORT_DEADLINE_MS / 4)).await;
        gate.open();
    };
    let (answer, ()) = tokio::join!(retry, opening);
    assert_succeeded(&answer, "");
    world.over().await;
    assert_eq!(world.carrier().requests().len(), 1);
}
