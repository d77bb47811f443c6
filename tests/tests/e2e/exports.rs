//! What a module is asked beside its orders: every export of a Rust component, in the sandbox that the gateway has.

mod rig;
mod sample;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use patchbay::domain::answer::Answer;
use patchbay::domain::event::{ServiceStatus, Vars};
use patchbay::domain::progress::{Callback, Finding, Notice, Progress};
use patchbay::domain::usage::{Subscription, UsageKind};
use patchbay::sandbox::{Check, Export, Fault, Find, Handle, ListSubscribers, Over, ReadUsage, Receive};
use serde_json::json;
use tokio::net::TcpListener;

use rig::{Record, Rig, TIME, order, vars};

fn check() -> Check {
    let (event, call) = order();
    let state = "A-1".to_owned();
    Check { event, call, state }
}

fn find() -> Find {
    let (event, call) = order();
    Find { event, call }
}

#[tokio::test]
async fn a_pending_order_is_asked_about_under_its_own_call() -> Result<()> {
    let rig = Rig::of("hostile", &[]).await?;
    let asked = check();
    let waiting = Progress::Waiting {
        vars: vars(&[(1, &asked.call.to_string())]),
        state: "A-1+".to_owned(),
        check_after: None,
    };
    assert_eq!(rig.ask(asked).await, Ok(Ok(waiting)));

    let rig = Rig::of("hostile", &[("progress", "rejected")]).await?;
    let asked = check();
    let rejected = Progress::Rejected {
        text: "so it says".to_owned(),
        vars: vars(&[(1, &asked.call.to_string())]),
    };
    assert_eq!(rig.ask(asked).await, Ok(Ok(rejected)));

    let rig = Rig::of("hostile", &[("progress", "the carrier is closed")]).await?;
    assert_eq!(rig.ask(check()).await, Ok(Err("the carrier is closed".to_owned())));
    Ok(())
}

#[tokio::test]
async fn a_callback_is_read_by_the_module() -> Result<()> {
    let rig = Rig::of("hostile", &[("progress", "completed")]).await?;
    let callback = Callback {
        method: "POST".to_owned(),
        path_with_query: "/ports?now=1".to_owned(),
        headers: vec![("content-type".to_owned(), b"text/plain".to_vec())],
        body: b"A-1".to_vec(),
    };
    let notice = Notice {
        state: "A-1".to_owned(),
        progress: Progress::Completed(Vars::default()),
    };
    assert_eq!(rig.ask(Receive { callback }).await, Ok(Ok(vec![notice])));
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_is_found() -> Result<()> {
    let rig = Rig::of("hostile", &[("finding", "happened")]).await?;
    let asked = find();
    let lost = Answer::Done(vars(&[(1, &asked.call.to_string())]));
    assert_eq!(rig.ask(asked).await, Ok(Ok(Finding::Happened(lost))));
    for (set, finding) in [
        ("did-not-happen", Ok(Finding::DidNotHappen)),
        ("undecided", Ok(Finding::Undecided)),
        ("try later", Err("try later".to_owned())),
    ] {
        let rig = Rig::of("hostile", &[("finding", set)]).await?;
        assert_eq!(rig.ask(find()).await, Ok(finding));
    }
    Ok(())
}

#[tokio::test]
async fn usage_and_subscribers_come_page_by_page() -> Result<()> {
    let rig = Rig::of("hostile", &[("total", "512.50")]).await?;
    let subscriptions = || {
        vec![Subscription {
            account_number: "9105012".to_owned(),
            order_number: "4617ZU4617".to_owned(),
            vars: vars(&[(3, "2025550143")]),
        }]
    };
    let first = ReadUsage {
        subscriptions: subscriptions(),
        cursor: None,
    };
    let first = rig.ask(first).await?.expect("a page");
    assert_eq!(first.readings.len(), 1);
    let reading = &first.readings[0];
    assert_eq!(
        (reading.order_number.as_str(), reading.component_id.as_str()),
        ("4617ZU4617", "C-1")
    );
    assert_eq!(
        (&reading.kind, reading.total.to_string().as_str()),
        (&UsageKind::Recurring, "512.5")
    );
    assert_eq!(reading.vars, vars(&[(3, "2025550143")]));
    let second = ReadUsage {
        subscriptions: subscriptions(),
        cursor: first.next,
    };
    let second = rig.ask(second).await?.expect("a page");
    assert_eq!((second.readings.len(), second.next), (0, None));

    let (mut cursor, mut listed) = (None, Vec::new());
    loop {
        let page = rig.ask(ListSubscribers { cursor }).await?.expect("a page");
        listed.extend(page.subscribers.into_iter().map(|one| (one.id, one.status)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(
        listed,
        [
            ("S-1".to_owned(), Some(ServiceStatus::Active)),
            ("S-2".to_owned(), Some(ServiceStatus::Suspended))
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_word_that_is_none_is_a_fault() -> Result<()> {
    let rig = Rig::of("hostile", &[("progress", "var-21"), ("total", "1 GB")]).await?;
    let why = "VAR21 is not one of VAR1 to VAR20".to_owned();
    assert_eq!(rig.ask(check()).await, Err(Fault::Answer(why)));
    let read = ReadUsage {
        subscriptions: vec![Subscription {
            account_number: String::new(),
            order_number: String::new(),
            vars: Vars::default(),
        }],
        cursor: None,
    };
    let Err(Fault::Answer(why)) = rig.ask(read).await else {
        panic!("a total that is no number")
    };
    assert!(why.starts_with("the total \"1 GB\" is not a decimal number"), "{why}");
    Ok(())
}

#[tokio::test]
async fn what_a_module_does_not_export_is_not_in_its_component() -> Result<()> {
    let rig = Rig::of("hello", &[]).await?;
    for export in [Export::Completion, Export::Reconcile, Export::Usage, Export::Audit] {
        assert!(!rig.prepared.exports(export), "{export}");
    }
    assert_eq!(rig.ask(check()).await, Err(Fault::NotExported(Export::Completion)));
    assert_eq!(rig.ask(find()).await, Err(Fault::NotExported(Export::Reconcile)));
    let list = ListSubscribers { cursor: None };
    let fault = rig.ask(list).await.expect_err("not exported");
    assert_eq!(fault.to_string(), "does not export the interface audit");
    let (event, call) = order();
    assert!(
        rig.ask(Handle { event, call }).await.is_ok(),
        "what it has can be asked"
    );
    Ok(())
}

#[tokio::test]
async fn a_component_exports_what_its_module_lists_and_no_more() -> Result<()> {
    let rig = Rig::of("sim-activation", &[]).await?;
    for (export, listed) in [
        (Export::Completion, true),
        (Export::Reconcile, true),
        (Export::Usage, false),
        (Export::Audit, false),
    ] {
        assert_eq!(rig.prepared.exports(export), listed, "{export}");
    }
    let why = "This module's setting carrier_url is not set".to_owned();
    assert_eq!(rig.ask(check()).await, Ok(Err(why.clone())));
    assert_eq!(rig.ask(find()).await, Ok(Err(why)));
    Ok(())
}

#[tokio::test]
async fn a_module_that_only_looks_cannot_change_anything() -> Result<()> {
    let mut rig = Rig::of(
        "hostile",
        &[("ask_url", "https://carrier.example/lines"), ("ask_method", "POST")],
    )
    .await?;
    rig.grants = vec![serde_json::from_value(json!({
        "name": "lines", "host": "carrier.example", "methods": ["POST"], "paths": ["/lines"],
    }))?];
    let denied = "POST https://carrier.example/lines: the gateway denied it; the record of the call says why";
    assert_eq!(rig.ask(find()).await, Ok(Err(denied.to_owned())));
    let ends = rig.record.ends();
    let expected =
        "denied: no grant allows POST https://carrier.example/lines during reconcile: grant \"lines\" lets it out";
    assert!(ends.len() == 1 && ends[0].starts_with(expected), "{ends:?}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_stopped_leaves_no_exchange_open() -> Result<()> {
    // It takes the connection and never says a word.
    let carrier = TcpListener::bind("127.0.0.1:0").await?;
    let port = carrier.local_addr()?.port();
    let mut rig = Rig::of("hostile", &[("ask_url", &format!("http://127.0.0.1:{port}/lines"))]).await?;
    rig.grants = vec![serde_json::from_value(json!({
        "name": "lines", "scheme": "http", "host": "127.0.0.1", "port": port, "methods": ["GET"], "paths": ["/lines"],
        "network": "loopback",
    }))?];
    rig.record = Arc::new(Record::that_stops(&rig.stop));
    assert_eq!(rig.ask(find()).await, Err(Fault::Deadline(Over::Stopped)));
    assert_eq!(rig.record.ends().len(), 1, "{:?}", rig.record.ends());
    Ok(())
}

#[tokio::test]
async fn a_fault_says_which_time_was_over() -> Result<()> {
    for mode in ["sleep", "spin"] {
        let mut rig = Rig::of("hostile", &[("mode", mode)]).await?;
        rig.time = Duration::from_millis(100);
        let fault = rig.ask(check()).await.expect_err("it does not end by itself");
        assert_eq!(
            fault.to_string(),
            "was not finished within its deadline of 100 ms, which `patchbay module limits --deadline-ms` sets",
            "{mode}"
        );

        rig.time = TIME;
        rig.stop.cancel();
        let fault = rig.ask(check()).await.expect_err("it does not end by itself");
        assert_eq!(fault.to_string(), "was stopped before it was finished", "{mode}");
    }
    Ok(())
}
