//! What the journal promises, on both backends.

use serde_json::{Value, json};
use ulid::Ulid;

use super::*;
use crate::domain::answer::Reply;
use crate::domain::call::{ExchangeEnd, RecordedRequest, RecordedResponse, Usage};
use crate::domain::event::{Document, Vars};
use crate::domain::limits::Limits;
use crate::domain::secret::Secret;
use crate::storage::conformance::tenant;
use crate::storage::memory::Memory;
use crate::storage::{Change, Durability, Position, Revision, Stores};

mod bounds;
mod later;
mod listing;
mod secrets;
mod trouble;

/// Runs each promise on fresh stores of each backend.
macro_rules! on_both_backends {
    ($($promise:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise($crate::storage::memory::Memory::stores()).await;
            })*
        }
        mod sled {
            $(#[tokio::test]
            async fn $promise() {
                let folder = tempfile::tempdir().expect("a folder");
                super::$promise($crate::storage::Stores::open(folder.path()).expect("opened")).await;
            })*
        }
    };
}
use on_both_backends;
on_both_backends! {
    a_call_without_an_exchange_is_one_record, an_exchange_is_kept_before_it_leaves,
    a_denied_request_waits_for_the_next_write, what_comes_after_the_end_is_left_out,
    a_call_that_was_not_readable_is_recorded, a_damaged_record_is_reported,
    a_post_that_was_not_accepted_leaves_what_it_is_found_by, an_identity_is_completed_by_the_event,
}

/// A time in 2026, so many seconds after the first call of a test.
fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).expect("in range")
}

fn id_at(received: Timestamp, number: u128) -> CallId {
    let milliseconds = u64::try_from(received.as_millisecond()).expect("after 1970");
    CallId(Ulid::from_parts(milliseconds, number))
}

/// Begins a call of module `sim` that was received then.
fn begin(stores: &Stores, seconds: i64) -> CallLog {
    begin_about(stores, seconds, None)
}

fn begin_about(stores: &Stores, seconds: i64, about: Option<CallId>) -> CallLog {
    begin_with(stores, seconds, about, 1_000)
}

fn begin_with(stores: &Stores, seconds: i64, about: Option<CallId>, log_bytes: u64) -> CallLog {
    let received = second(seconds);
    Journal::new(stores.log.clone()).begin(NewCall {
        tenant: &tenant("acme"),
        module: &ModuleName::parse("sim").expect("a name"),
        version: Some(3),
        id: id_at(received, 7),
        about,
        durability: Durability::Synced,
        received,
        log_bytes,
        secrets: &Arc::default(),
    })
}

/// A request that no grant lets out.
async fn denied(call: &CallLog, request: &RecordedRequest, reason: &str) {
    let number = call
        .exchange_started(None, false, request, second(1))
        .await
        .expect("kept");
    let reason = reason.to_owned();
    call.exchange_ended(number, 0, &ExchangeEnd::Denied { reason });
}

fn order(number: &str) -> Document {
    Document::new(json!({"order_number": number, "Customer": {"account_number": "A1"}}))
}

fn request() -> RecordedRequest {
    RecordedRequest {
        method: "POST".into(),
        url: "https://api.carrier.example/v1/lines".into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: r#"{"plan":"P1"}"#.into(),
        body_bytes: 13,
    }
}

fn answered() -> ExchangeEnd {
    ExchangeEnd::Answered {
        response: RecordedResponse {
            status: 201,
            headers: vec![("content-type".into(), "application/json".into())],
            body: r#"{"line":"L1"}"#.into(),
            body_bytes: 13,
        },
    }
}

fn with_vars() -> Reply {
    let mut vars = Vars::default();
    vars.set(3, "2025550143".into()).expect("a VAR");
    vars.set(20, "x".into()).expect("a VAR");
    Reply::Success { pending: true, vars }
}

async fn show(stores: &Stores, id: CallId) -> Option<CallRecord> {
    Journal::new(stores.log.clone())
        .show(&tenant("acme"), id)
        .await
        .expect("readable")
}

async fn a_call_without_an_exchange_is_one_record(stores: Stores) {
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("1001"));
    call.log("info", "starting\n");
    assert_eq!(show(&stores, call.id()).await, None);
    let used = Usage {
        cpu_micros: 1_200,
        memory_bytes: 65_536,
        requests: 100,
        ..Usage::under(&Limits::default())
    };
    call.finish(Some(&with_vars()), Outcome::Pending, Some("as it should"), &used)
        .await
        .expect("kept");
    assert_eq!(
        stores
            .log
            .call(&tenant("acme"), call.id().0.0)
            .await
            .expect("read")
            .len(),
        1
    );
    let shown = show(&stores, call.id()).await.expect("there");
    assert_eq!(shown, call.record());
    assert_eq!(
        (shown.version, shown.received, shown.outcome),
        (Some(3), second(0), Outcome::Pending)
    );
    assert_eq!(
        (shown.event.service.as_str(), shown.event.order_number.as_deref()),
        ("Order/Create", Some("1001"))
    );
    assert_eq!(shown.event.account_number.as_deref(), Some("A1"));
    assert_eq!(shown.event.request, *order("1001").tree());
    assert_eq!(
        (shown.log[0].level.as_str(), shown.log[0].message.as_str()),
        ("info", "starting\\n")
    );
    assert_eq!(
        (shown.reply, shown.detail.as_deref()),
        (Some(with_vars()), Some("as it should"))
    );
    let counted = Usage {
        log_bytes: 9,
        requests: 0,
        ..used
    };
    assert_eq!(shown.usage, counted, "log lines and requests are counted here");
}

async fn an_exchange_is_kept_before_it_leaves(stores: Stores) {
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("1001"));
    let read = call
        .exchange_started(Some("api"), true, &request(), second(1))
        .await
        .expect("kept");
    call.exchange_ended(read, 10, &answered());
    let number = call
        .exchange_started(Some("api"), false, &request(), second(2))
        .await
        .expect("kept");

    let crashed = show(&stores, call.id()).await.expect("there");
    assert_eq!(
        (crashed.outcome, crashed.reply, crashed.exchanges.len()),
        (Outcome::Running, None, 2)
    );
    assert_eq!(
        (crashed.exchanges[0].micros, &crashed.exchanges[0].end),
        (10, &Some(answered()))
    );
    assert_eq!(crashed.exchanges[1].request, request());
    assert_eq!(
        (crashed.exchanges[1].grant.as_deref(), crashed.exchanges[1].started),
        (Some("api"), second(2))
    );
    assert_eq!(crashed.exchanges[1].end, None);

    call.exchange_ended(number, 1_500, &answered());
    call.finish(Some(&Reply::success()), Outcome::Done, None, &Usage::default())
        .await
        .expect("kept");
    let shown = show(&stores, call.id()).await.expect("there");
    assert_eq!(
        (shown.exchanges[1].micros, &shown.exchanges[1].end),
        (1_500, &Some(answered()))
    );
    assert_eq!((shown.outcome, shown.usage.requests), (Outcome::Done, 2));
    assert_eq!(shown, call.record());
    assert_eq!(
        stores
            .log
            .call(&tenant("acme"), call.id().0.0)
            .await
            .expect("read")
            .len(),
        3
    );
}

async fn a_denied_request_waits_for_the_next_write(stores: Stores) {
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("1001"));
    denied(&call, &request(), "no grant allows it").await;
    assert_eq!(show(&stores, call.id()).await, None);
    call.finish(
        Some(&Reply::failure("x")),
        Outcome::Unreachable,
        None,
        &Usage::default(),
    )
    .await
    .expect("kept");
    let shown = show(&stores, call.id()).await.expect("there");
    let reason = "no grant allows it".to_owned();
    assert_eq!(shown.exchanges[0].end, Some(ExchangeEnd::Denied { reason }));
}

async fn what_comes_after_the_end_is_left_out(stores: Stores) {
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("1001"));
    let number = call
        .exchange_started(None, false, &request(), second(1))
        .await
        .expect("kept");
    call.finish(Some(&Reply::failure("x")), Outcome::Unknown, None, &Usage::default())
        .await
        .expect("kept");
    call.log("info", "late");
    call.exchange_ended(number, 1, &answered());
    let late = call.exchange_started(None, false, &request(), second(2)).await;
    assert!(matches!(late, Err(JournalError::Ended)));
    call.finish(Some(&Reply::success()), Outcome::Done, None, &Usage::default())
        .await
        .expect("nothing to do");
    let shown = show(&stores, call.id()).await.expect("there");
    assert_eq!(
        (shown.outcome, shown.log.len(), shown.exchanges.len()),
        (Outcome::Unknown, 0, 1)
    );
    assert_eq!(shown.exchanges[0].end, None);
}

async fn a_call_that_was_not_readable_is_recorded(stores: Stores) {
    let call = begin(&stores, 0);
    assert_eq!(call.record().outcome, Outcome::Running);
    call.finish(
        Some(&Reply::failure("Unreadable")),
        Outcome::Refused,
        Some("no UTF-8"),
        &Usage::default(),
    )
    .await
    .expect("kept");
    let shown = show(&stores, call.id()).await.expect("there");
    assert_eq!(
        (
            shown.event.service.as_str(),
            shown.event.request,
            shown.event.order_number
        ),
        ("", Value::Null, None)
    );
    assert_eq!(shown.outcome, Outcome::Refused);
}

fn with_a_pin() -> Document {
    Document::new(json!({
        "order_number": "1001", "Customer": {"account_number": "hunter2", "password": "hunter2", "last_name": "Doe"},
    }))
}

async fn a_post_that_was_not_accepted_leaves_what_it_is_found_by(stores: Stores) {
    let call = begin(&stores, 0);
    call.identity("Order/Create", &with_a_pin());
    call.finish(
        Some(&Reply::failure("x")),
        Outcome::Refused,
        Some("wrong key"),
        &Usage::default(),
    )
    .await
    .expect("kept");
    let shown = show(&stores, call.id()).await.expect("there");
    assert_eq!(shown, call.record());
    assert_eq!(shown.event.service, "Order/Create");
    assert_eq!(shown.event.order_number.as_deref(), Some("1001"));
    assert_eq!(shown.event.account_number.as_deref(), Some("***"));
    assert_eq!(shown.event.request, Value::Null);
}

async fn an_identity_is_completed_by_the_event(stores: Stores) {
    let both = begin(&stores, 0);
    both.identity("Order/Create", &with_a_pin());
    both.identity("Order/Other", &order("1002"));
    both.event("Order/Create", &with_a_pin());
    both.event("Order/Create", &order("1003"));
    both.log("info", "with hunter2");
    both.finish(Some(&Reply::success()), Outcome::Done, None, &Usage::default())
        .await
        .expect("kept");
    let shown = show(&stores, both.id()).await.expect("there");
    assert_eq!(shown.event.request["Customer"]["last_name"], "Doe");
    assert_eq!(shown.log[0].message, "with ***");

    let event = begin(&stores, 0);
    event.event("Order/Create", &with_a_pin());
    assert_eq!(event.record().event, shown.event);
}

async fn a_damaged_record_is_reported(stores: Stores) {
    let acme = tenant("acme");
    let journal = Journal::new(stores.log.clone());
    for record in [
        "nonsense",
        "",
        "\"x\"\n",
        r#"{"ended":{"exchange":0,"micros":1,"end":{"result":"answered"}}}"#,
    ] {
        let position = Position { call: 9, part: 0 };
        stores
            .log
            .append(&acme, vec![(position, record.into())], Vec::new(), Durability::Synced)
            .await
            .expect("kept");
        let shown = journal.show(&acme, CallId(Ulid(9))).await;
        assert!(
            matches!(shown, Err(JournalError::Storage(StorageError::Damaged { .. }))),
            "{record}"
        );
        let listed = journal
            .list(&acme, &Filter::default(), Page { before: None, limit: 1 })
            .await;
        assert!(
            matches!(listed, Err(JournalError::Storage(StorageError::Damaged { .. }))),
            "{record}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_run_at_the_same_time_are_whole_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let stores = Stores::open(folder.path()).expect("opened");
    let tasks = (0..64_i64).map(|task| {
        let stores = stores.clone();
        tokio::spawn(async move {
            let mut records = Vec::new();
            for round in 0..4 {
                let call = begin(&stores, task * 100 + round);
                call.event("Order/Create", &order(&format!("{task}-{round}")));
                let both = [call.clone(), call.clone()].map(|call| async move {
                    let number = call
                        .exchange_started(Some("api"), false, &request(), second(1))
                        .await
                        .expect("kept");
                    call.log("info", &format!("exchange {number}"));
                    call.exchange_ended(number, 5, &answered());
                });
                futures_util::future::join_all(both).await;
                call.finish(Some(&with_vars()), Outcome::Done, None, &Usage::default())
                    .await
                    .expect("kept");
                records.push(call.record());
            }
            records
        })
    });
    let mut records = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        records.extend(task.await.expect("no panic"));
    }
    drop(stores);
    let stores = Stores::open(folder.path()).expect("opened again");
    assert_eq!(records.len(), 256);
    for record in records {
        assert_eq!(
            record
                .exchanges
                .iter()
                .filter(|exchange| exchange.end == Some(answered()))
                .count(),
            2
        );
        assert_eq!(show(&stores, record.id).await, Some(record));
    }
}
