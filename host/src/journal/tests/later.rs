//! What is recorded besides a call's own course: the answer at the deadline, what happened later, documents written along.

use super::*;
use crate::domain::job::{After, By};
use crate::storage::{Change, Expect};

on_both_backends! {
    the_answer_at_the_deadline_and_what_it_came_to_are_both_kept, what_happened_later_is_part_of_the_call,
    documents_are_written_with_the_first_request_or_not_at_all, later_changes_stand_in_the_place_of_earlier_ones,
}

fn put(key: &str, value: &'static str) -> Change {
    Change::Put {
        key: key.to_owned(),
        value: Bytes::from_static(value.as_bytes()),
        expect: Expect::Anything,
    }
}

async fn value(stores: &Stores, key: &str) -> Option<Bytes> {
    let stored = stores.documents.get(key).await.expect("readable");
    stored.map(|stored| stored.value)
}

fn pending() -> Reply {
    Reply::Success {
        pending: true,
        vars: Vars::default(),
    }
}

async fn the_answer_at_the_deadline_and_what_it_came_to_are_both_kept(stores: Stores) {
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("O1"));
    call.told(&pending(), Vec::new()).await.expect("kept");
    let so_far = show(&stores, call.id()).await.expect("on record");
    assert_eq!(so_far.outcome, Outcome::Running, "the module is still at it");
    assert_eq!(so_far.told.map(|told| told.reply), Some(pending()));
    call.finish(Some(&with_vars()), Outcome::Done, None, &Usage::default())
        .await
        .expect("kept");
    let whole = show(&stores, call.id()).await.expect("on record");
    assert_eq!((whole.outcome, whole.told.is_some()), (Outcome::Done, true));
    assert_eq!(whole.reply, Some(with_vars()));
}

async fn what_happened_later_is_part_of_the_call(stores: Stores) {
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("O1"));
    call.finish(Some(&pending()), Outcome::Pending, None, &Usage::default())
        .await
        .expect("kept");
    let after = |number: i64, what: &str, outcome| After {
        at: second(number),
        by: By::Gateway,
        what: what.to_owned(),
        run: Some(id_at(second(number), 9)),
        outcome,
    };
    let steps = [
        after(60, "asked the carrier: it is not finished yet", Outcome::Pending),
        after(120, "the carrier has finished it", Outcome::Done),
    ];
    for (number, after) in (0..).zip(&steps) {
        let step = Step {
            number,
            after,
            micros: 77,
            requests: 3,
        };
        let records = vec![step.record(call.id())];
        let tenant = tenant("acme");
        let written = stores.log.append(&tenant, records, Vec::new(), Durability::Synced);
        written.await.expect("kept");
    }
    let whole = show(&stores, call.id()).await.expect("on record");
    assert_eq!((whole.outcome, &whole.after[..]), (Outcome::Done, &steps[..]));
    let page = Page {
        before: None,
        limit: 10,
    };
    let listed = Journal::new(stores.log.clone())
        .list(&tenant("acme"), &Filter::default(), page)
        .await
        .expect("readable");
    let listed: Vec<_> = listed
        .calls
        .iter()
        .map(|call| (call.outcome, call.micros, call.requests))
        .collect();
    assert_eq!(listed, [(Outcome::Done, 77, 3)]);
}

async fn documents_are_written_with_the_first_request_or_not_at_all(stores: Stores) {
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("O1"));
    call.along(vec![put("work/acme/jobs/1", "running")]);
    denied(&call, &request(), "no grant").await;
    assert_eq!(
        value(&stores, "work/acme/jobs/1").await,
        None,
        "nothing is about to leave"
    );
    let request = request();
    let started = call.exchange_started(Some("api"), false, &request, second(1));
    started.await.expect("kept");
    assert_eq!(
        value(&stores, "work/acme/jobs/1").await.as_deref(),
        Some(&b"running"[..])
    );
}

async fn later_changes_stand_in_the_place_of_earlier_ones(stores: Stores) {
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("O1"));
    call.along(vec![put("work/acme/jobs/1", "running")]);
    call.along(vec![put("work/acme/answered/1", "done")]);
    call.finish(Some(&pending()), Outcome::Done, None, &Usage::default())
        .await
        .expect("kept");
    assert_eq!(value(&stores, "work/acme/jobs/1").await, None);
    assert_eq!(
        value(&stores, "work/acme/answered/1").await.as_deref(),
        Some(&b"done"[..])
    );
}
