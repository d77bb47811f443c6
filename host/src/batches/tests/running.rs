//! How runs begin, go on, wait and end.

use std::collections::BTreeSet;

use super::*;
use crate::domain::schedule::Schedule;

/// More orders than a module is asked about at once.
const MANY: usize = 120;

async fn many_orders(rig: &Rig) {
    for number in 0..MANY {
        rig.order(&format!("O-{number:03}"), &[]).await;
    }
}

#[tokio::test]
async fn every_order_is_asked_about_once() {
    let rig = Rig::new().await;
    many_orders(&rig).await;
    let run = rig.usage(Vec::new()).await;
    let asked = std::mem::take(&mut rig.far.script().asked);
    let numbers: Vec<_> = asked.iter().flat_map(|(numbers, _)| numbers).collect();
    assert_eq!(numbers.len(), MANY);
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), MANY);
    assert!(asked.len() > 1, "in several parts");
    let many = MANY as u64;
    assert_eq!((run.counts["orders"], run.counts["silent"]), (many, many));
}

#[tokio::test]
async fn a_run_goes_on_where_it_was_after_a_restart() {
    let mut rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    rig.order("O-2", &[]).await;
    let stop = CancellationToken::new();
    {
        let mut script = rig.far.script();
        script
            .usage
            .push_back(Ok(page(vec![reading("O-1", "8", "5")], Some("second"))));
        script.stop_at = Some((1, stop.clone()));
    }
    let id = rig.start(BatchKind::Usage, false).await;
    let run = rig.carry_on_until(id, &stop).await;
    assert_eq!((run.status, run.pages), (RunStatus::Running, 1));

    rig.restart().await;
    let path = rig.path.clone();
    assert_eq!(rig.batches.under_way().get(&(path, BatchKind::Usage)), Some(&id));
    rig.far
        .script()
        .usage
        .push_back(Ok(page(vec![reading("O-2", "8", "6")], None)));
    let run = rig.carry_on(id).await;
    assert_eq!((run.status, run.pages), (RunStatus::Done, 2));
    assert_eq!(rig.told(), ["report 9105012 O-1 8 +5", "report 9105012 O-2 8 +6"]);
    let cursors: Vec<_> = rig
        .far
        .script()
        .asked
        .iter()
        .map(|(_, cursor)| cursor.clone())
        .collect();
    assert_eq!(cursors, [None, Some("second".to_owned())]);
    assert_eq!(run.counts["reported"], 2);
    assert!(rig.batches.under_way().is_empty());
}

#[tokio::test]
async fn a_page_that_telecloud_did_not_get_whole_is_told_the_rest_later() {
    let mut rig = Rig::new().await;
    let numbers = ["O-1", "O-2", "O-3"];
    for number in numbers {
        rig.order(number, &[]).await;
    }
    {
        let all = page(numbers.map(|number| reading(number, "8", "5")).into(), None);
        let mut script = rig.far.script();
        script.usage.extend([Ok(all.clone()), Ok(all)]);
        let down = NotTold::NotSent("TeleCloud is down".to_owned());
        script.answers.push(("O-2".to_owned(), down));
    }
    let id = rig.start(BatchKind::Usage, false).await;
    let run = rig.carry_on(id).await;
    assert!(matches!(&run.status, RunStatus::Waiting { attempts: 1, why, .. } if why == "TeleCloud is down"));
    assert_eq!(run.pages, 0);
    assert_eq!(rig.told().len(), 3);
    // Not before its time.
    assert_eq!(rig.carry_on(id).await, run);
    rig.restart().await;
    rig.hurry(id).await;
    let run = rig.carry_on(id).await;
    assert_eq!(run.status, RunStatus::Done);
    assert_eq!(
        rig.told(),
        ["report 9105012 O-2 8 +5"],
        "the others were not told twice"
    );
    assert_eq!(run.counts["reported"], 3);
}

#[tokio::test]
async fn a_run_that_never_gets_on_is_given_up_and_the_next_one_can_begin() {
    let rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    let id = rig.start(BatchKind::Usage, false).await;
    let mut tries = 0;
    let why = loop {
        rig.far.script().usage.push_back(Err(passing()));
        match rig.carry_on(id).await.status {
            RunStatus::Waiting { attempts, .. } => {
                tries += 1;
                assert_eq!(attempts, tries);
                rig.hurry(id).await;
            }
            RunStatus::GivenUp { why } => break why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((why.as_str(), tries), ("the carrier is down", 13));
    rig.usage(vec![page(vec![reading("O-1", "8", "5")], None)]).await;
    assert_eq!(rig.told(), ["report 9105012 O-1 8 +5"]);
}

#[tokio::test]
async fn trouble_that_stays_ends_a_run_at_once() {
    let rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    let not_exported = Trouble::Final("the module does not export usage".to_owned());
    let stuck = page(Vec::new(), Some("x"));
    for pages in [vec![Err(not_exported)], vec![Ok(stuck.clone()), Ok(stuck)]] {
        rig.far.script().usage.extend(pages);
        let id = rig.start(BatchKind::Usage, false).await;
        let run = rig.carry_on(id).await;
        assert!(matches!(run.status, RunStatus::GivenUp { .. }), "{run:?}");
    }
}

#[tokio::test]
async fn a_run_goes_with_its_module() {
    let rig = Rig::new().await;
    let id = rig.start(BatchKind::Usage, false).await;
    rig.registry
        .delete_module(&rig.path, &platform())
        .await
        .expect("removed");
    let carried = rig
        .batches
        .carry_on(&rig.path, BatchKind::Usage, id, &CancellationToken::new())
        .await;
    carried.expect("the store is there");
    let record = rig.batches.store.record(&rig.path, id).await.expect("a store");
    assert!(
        record.is_none(),
        "the next module of this name has nothing to do with it"
    );
    assert!(rig.batches.under_way().is_empty());
}

#[tokio::test]
async fn no_two_runs_of_one_kind_are_under_way_and_missed_ones_are_counted() {
    let rig = Rig::new().await;
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let schedule: Schedule = serde_json::from_value(json!({ "cron": "30 4 * * *" })).expect("a schedule");
    let look = async |now: &str| {
        let begun = rig
            .batches
            .begin_if_due(&rig.path, BatchKind::Usage, &schedule, at(now))
            .await;
        begun.expect("the store is there");
    };
    let newest = async || {
        rig.batches
            .runs(&rig.path, Some(BatchKind::Usage))
            .await
            .expect("runs")
            .into_iter()
            .next()
    };
    look("2026-11-20T12:00:00Z").await;
    assert_eq!(newest().await, None, "a new schedule is not due at once");
    look("2026-11-21T04:30:00Z").await;
    let first = newest().await.expect("due");
    let time = at("2026-11-21T04:30:00Z");
    assert_eq!(first.trigger, Trigger::Schedule { time, missed: 0 });
    // It takes more than two days.
    look("2026-11-22T04:30:00Z").await;
    look("2026-11-23T04:30:00Z").await;
    assert_eq!(newest().await, Some(first.clone()));
    let started = rig
        .batches
        .start(&rig.path, BatchKind::Usage, false, &holder("operator", &[]))
        .await;
    assert!(matches!(started, Err(BatchError::UnderWay(id)) if id == first.id));
    rig.start(BatchKind::Audit, false).await;
    rig.carry_on(first.id).await;
    look("2026-11-23T04:31:00Z").await;
    let time = at("2026-11-23T04:30:00Z");
    let second = newest().await.expect("due");
    assert_eq!(second.trigger, Trigger::Schedule { time, missed: 1 });
}

#[tokio::test]
async fn of_many_runs_the_newest_are_kept() {
    let rig = Rig::new().await;
    let mut latest = None;
    for _ in 0..RUNS_KEPT + 2 {
        let id = rig.start(BatchKind::Usage, false).await;
        rig.carry_on(id).await;
        latest = Some(id);
    }
    let kept = rig.batches.runs(&rig.path, None).await.expect("runs");
    assert_eq!(kept.len(), RUNS_KEPT);
    assert!(kept.iter().any(|run| Some(run.id) == latest));
}

#[tokio::test]
async fn the_worker_carries_a_run_that_was_begun_by_hand_to_its_end_and_stops() {
    let rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    rig.far
        .script()
        .usage
        .push_back(Ok(page(vec![reading("O-1", "8", "5")], None)));
    let stop = CancellationToken::new();
    let worker = tokio::spawn(Worker::new(Arc::clone(&rig.batches)).run(stop.clone()));
    let id = rig.start(BatchKind::Usage, false).await;
    let done = async {
        while rig.get(id).await.status.is_open() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), done)
        .await
        .expect("it ends");
    assert_eq!(rig.told(), ["report 9105012 O-1 8 +5"]);
    stop.cancel();
    worker.await.expect("it ends");
}

#[tokio::test]
async fn nothing_of_a_customer_is_stored_in_clear() {
    let rig = Rig::new().await;
    rig.order("O-1", &[(3, "2025550101")]).await;
    let mut with_var = reading("O-1", "7", "98765432");
    with_var.vars = vars_of(&[(12, "canary-balance")]);
    rig.usage(vec![
        page(vec![with_var], Some("canary-cursor")),
        page(Vec::new(), None),
    ])
    .await;
    let documents = rig.stores.documents.list("work/acme/batches/").await.expect("a store");
    assert!(documents.len() > 2);
    for (key, stored) in documents {
        let text = format!("{key} {}", String::from_utf8_lossy(&stored.value));
        for canary in ["2025550101", "98765432", "canary", "O-1"] {
            assert!(!text.contains(canary), "{key}");
        }
    }
}
