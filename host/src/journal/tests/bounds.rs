//! How much is kept of a call, whatever is sent, answered and logged.

use super::*;
use crate::domain::limits::CEILING;

/// Bytes that are stored of a call.
async fn stored(stores: &Stores, call: &CallLog) -> usize {
    let records = stores.log.call(&tenant("acme"), call.id().0.0).await.expect("read");
    records.iter().map(|(_, record)| record.len()).sum()
}

/// Begins a call that may log as much as there may be.
fn begin_chatty(stores: &Stores, seconds: i64) -> CallLog {
    begin_with(stores, seconds, None, CEILING.log_bytes)
}

fn large() -> RecordedRequest {
    RecordedRequest {
        body: "x".repeat(100_000),
        body_bytes: 100_000,
        ..request()
    }
}

#[tokio::test]
async fn bodies_are_cut_and_say_so() {
    let stores = Memory::stores();
    let call = begin(&stores, 0);
    for _ in 0..100 {
        denied(&call, &large(), "no grant").await;
    }
    let exchanges = call.record().exchanges;
    assert_eq!(exchanges[0].request.body.len(), BODY_BYTES_KEPT);
    assert_eq!(exchanges[0].request.headers, request().headers);
    let whole = exchanges
        .iter()
        .take_while(|exchange| !exchange.request.body.is_empty());
    let whole = whole.count();
    assert!(
        (whole + 1) * BODY_BYTES_KEPT > EXCHANGES_BYTES_KEPT - 100 * 500,
        "{whole}"
    );
    assert!(whole * BODY_BYTES_KEPT < EXCHANGES_BYTES_KEPT, "{whole}");
    for exchange in &exchanges[whole..] {
        let short = RecordedRequest {
            headers: vec![],
            body: String::new(),
            ..large()
        };
        let reason = "no grant".to_owned();
        assert_eq!(
            (&exchange.request, &exchange.end),
            (&short, &Some(ExchangeEnd::Denied { reason }))
        );
    }
}

/// What JSON needs six bytes for, and escaping seven.
const COSTLY: &str = "\u{1}";

/// Sends as much as a module can at the highest limits, all of it as costly to write as can be.
async fn flood(call: &CallLog, text: &str) {
    let request = RecordedRequest {
        method: text.into(),
        url: text.into(),
        headers: vec![(text.into(), text.into()); 10],
        body: text.into(),
        body_bytes: u64::MAX,
    };
    for number in 0..=CEILING.requests {
        let grant = (number % 50 == 0).then(|| "g".repeat(64));
        let number = call.exchange_started(grant.as_deref(), false, &request, second(1));
        let (number, reason) = (number.await.expect("kept"), text.to_owned());
        call.exchange_ended(number, u64::MAX, &ExchangeEnd::NoAnswer { reason });
    }
}

#[tokio::test]
async fn a_record_is_bounded_whatever_happens() {
    let stores = Memory::stores();
    for (number, text) in (0..).zip([COSTLY, "\"", "x", "pin=1&"]) {
        let call = begin_chatty(&stores, number);
        let text = text.repeat(20_000);
        let fields: serde_json::Map<_, _> = (0..2_000)
            .map(|field| (format!("field {field}"), text.as_str().into()))
            .collect();
        call.event(&text, &Document::new(fields.into()));
        flood(&call, &text).await;
        for _ in 0..200 {
            call.log("stdout", &text);
        }
        (0..40_000).for_each(|_| call.log("stdout", ""));
        let mut vars = Vars::default();
        (1..=20).for_each(|index| vars.set(index, text.clone()).expect("a VAR"));
        let reply = Reply::Success { pending: true, vars };
        call.finish(Some(&reply), Outcome::Pending, Some(&text), &Usage::under(&CEILING))
            .await
            .expect("kept");
        let bytes = stored(&stores, &call).await;
        assert!((EXCHANGES_BYTES_KEPT..=RECORD_BYTES_MAX).contains(&bytes), "{bytes}");
        let record = show(&stores, call.id()).await.expect("there");
        assert_eq!(record.exchanges.len(), 1_001);
    }
}

#[tokio::test]
async fn each_byte_that_is_written_counts_once() {
    let stores = Memory::stores();
    // Ten times as much is saved up: enough for the record once, and not twice.
    let written = stores.written.of(&tenant("acme"));
    written.set_per_second(150_000);
    let call = begin_chatty(&stores, 0);
    call.event("Order/Create", &order("7"));
    for number in 0..50 {
        call.log("stdout", &format!("{number} {}", "x".repeat(9_000)));
    }
    let value = Bytes::from("x".repeat(450_000));
    call.along(vec![Change::Put {
        key: "work/acme/along".into(),
        value,
        expect: crate::storage::Expect::Absent,
    }]);
    let end = call.finish(None, Outcome::Done, None, &Usage::default()).await;
    end.expect("kept");
    let bytes = stored(&stores, &call).await + 450_000;
    assert!(
        bytes > 800_000 && !written.is_used_up(),
        "no byte counts twice: {bytes}"
    );
    let second = 150_000;
    written.spend(1_500_000 - bytes + second);
    assert!(
        written.is_used_up(),
        "each counts, of the record and of what goes along"
    );
}

#[tokio::test]
async fn of_a_call_that_is_refused_what_it_was_about_can_be_all_that_is_kept() {
    let stores = Memory::stores();
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("7"));
    call.without_request();
    call.finish(None, Outcome::Refused, Some("too much"), &Usage::default())
        .await
        .expect("kept");
    let record = show(&stores, call.id()).await.expect("there");
    assert_eq!(record.event.order_number.as_deref(), Some("7"));
    assert_eq!((record.event.request, record.outcome), (Value::Null, Outcome::Refused));
}

#[tokio::test]
async fn what_telecloud_is_told_is_cut_in_the_record() {
    let stores = Memory::stores();
    let long = format!("{}hunter2 {}", "x".repeat((2 << 10) - 3), "%41+".repeat(1 << 20));
    for number in 0..2 {
        let call = begin(&stores, number);
        call.event("Order/Create", &with_a_pin());
        let reply = match number {
            0 => {
                let mut vars = Vars::default();
                vars.set(8, long.clone()).expect("a VAR");
                Reply::Success { pending: false, vars }
            }
            _ => Reply::failure(long.clone()),
        };
        call.finish(Some(&reply), Outcome::Done, Some(&long), &Usage::default())
            .await
            .expect("kept");
        let record = call.record();
        let (kept, most) = match record.reply.expect("there") {
            Reply::Success { vars, .. } => (vars.get(8).expect("there").to_owned(), 2 << 10),
            Reply::Failure { error } => (error, 8 << 10),
        };
        assert!(kept.starts_with("xxx") && kept.contains("x***") && kept.ends_with("… (cut)"));
        assert!(kept.len() < most + 20, "{}", kept.len());
        assert!(record.detail.expect("there").len() < (8 << 10) + 20);
    }
}

#[tokio::test]
async fn what_a_call_is_found_by_is_cut() {
    let stores = Memory::stores();
    let call = begin(&stores, 0);
    let long = "é".repeat(1_000);
    call.identity(&long, &order(&long));
    let event = call.record().event;
    assert_eq!(
        (event.service.as_str(), event.order_number.as_deref()),
        (&long[..400], Some(&long[..400]))
    );
}

#[tokio::test]
async fn exchanges_can_be_seen_without_their_bodies() {
    let stores = Memory::stores();
    let call = begin(&stores, 0);
    denied(&call, &large(), "no grant").await;
    let number = call.exchange_started(Some("api"), true, &request(), second(1)).await;
    call.exchange_ended(number.expect("kept"), 10, &answered());
    let still_open = call.exchange_started(Some("api"), false, &request(), second(2)).await;
    still_open.expect("kept");
    let mut expected = call.record().exchanges;
    for exchange in &mut expected {
        exchange.request.headers.clear();
        exchange.request.body.clear();
        if let Some(ExchangeEnd::Answered { response }) = &mut exchange.end {
            response.headers.clear();
            response.body.clear();
        }
    }
    assert_eq!(call.exchanges(), expected);
}

#[tokio::test]
async fn what_the_door_placed_is_masked_from_then_on() {
    let stores = Memory::stores();
    let call = begin(&stores, 0);
    call.log("info", "dXNlcjpwYXNz");
    call.learn(&[Secret::new("dXNlcjpwYXNz".into())]);
    call.log("info", "got dXNlcjpwYXNz");
    let lines: Vec<_> = call.record().log.into_iter().map(|line| line.message).collect();
    assert_eq!(lines, ["dXNlcjpwYXNz", "got ***"]);
}
