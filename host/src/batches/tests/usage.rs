//! What TeleCloud is told of usage, and when.

use super::*;

#[tokio::test]
async fn totals_are_reported_and_saved_and_every_reading_is_accounted_for() {
    let rig = Rig::new().await;
    rig.order("O-1", &[(3, "2025550101")]).await;
    rig.order("O-2", &[]).await;
    rig.order("O-3", &[]).await;
    rig.observe("O-4", Update::failed("Carrier Error: no", Vars::default()))
        .await;
    let mut unknown = reading("O-2", "7", "5");
    unknown.kind = UsageKind::Other("ROLLOVER".to_owned());
    let mut with_var = reading("O-1", "8", "5");
    with_var.vars = vars_of(&[(12, "8.00")]);
    let run = rig
        .usage(vec![page(
            vec![
                reading("O-1", "7", "12345"),
                with_var,
                reading("O-1", "9", "60"),
                unknown,
                reading("O-2", "99", "1"),
                reading("O-9", "7", "1"),
            ],
            None,
        )])
        .await;
    assert_eq!(
        rig.told(),
        [
            "report 9105012 O-1 7 =12.3",
            "report 9105012 O-1 8 +5",
            "update 9105012 O-1 9=60 11=12.3 12=8.00",
        ]
    );
    assert_eq!(
        rig.results(run.id).await,
        [
            "O-1 7 report",
            "O-1 8 report",
            "O-1 9 report",
            "O-2 7 unknown-kind",
            "O-2 99 no-such-component",
            "O-9 7 no-such-order",
        ]
    );
    let counts: Vec<_> = run.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(
        counts,
        [
            ("no_such_component", 1),
            ("no_such_order", 1),
            ("orders", 3),
            ("readings", 6),
            ("reported", 2),
            ("saved", 3),
            ("silent", 1),
            ("to_report", 3),
            ("unknown_kind", 1),
        ]
    );
}

#[tokio::test]
async fn a_total_that_has_not_changed_is_not_told_again() {
    let rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    let same = || {
        page(
            vec![
                reading("O-1", "7", "12345"),
                reading("O-1", "8", "5"),
                reading("O-1", "9", "60"),
            ],
            None,
        )
    };
    rig.usage(vec![same()]).await;
    assert_eq!(rig.told().len(), 3);
    let run = rig.usage(vec![same()]).await;
    assert_eq!(rig.told(), Vec::<String>::new());
    assert_eq!(run.counts["unchanged"], 3);
    let run = rig
        .usage(vec![page(
            vec![reading("O-1", "7", "12999"), reading("O-1", "8", "9")],
            None,
        )])
        .await;
    assert_eq!(
        rig.told(),
        [
            "report 9105012 O-1 7 =12.9",
            "report 9105012 O-1 8 +4",
            "update 9105012 O-1 11=12.9"
        ]
    );
    assert_eq!(run.counts["reported"], 2);
}

#[tokio::test]
async fn a_dry_run_tells_nothing_and_remembers_nothing() {
    let rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    let readings = || {
        page(
            vec![
                reading("O-1", "7", "12345"),
                reading("O-1", "8", "5"),
                reading("O-1", "9", "60"),
            ],
            None,
        )
    };
    rig.far.script().usage.push_back(Ok(readings()));
    let id = rig.start(BatchKind::Usage, true).await;
    let run = rig.carry_on(id).await;
    assert_eq!((run.status, run.counts["to_report"]), (RunStatus::Done, 3));
    assert_eq!(rig.told(), Vec::<String>::new());
    let results = rig.batches.results(&rig.path, id, None).await.expect("results").items;
    let dry = |result: &UsageResult| result.saved == Some(crate::domain::batch::Sent::DryRun);
    assert!(results.iter().all(dry), "{results:?}");
    rig.usage(vec![readings()]).await;
    assert_eq!(rig.told().len(), 3, "the real run tells all of it");
}

#[tokio::test]
async fn a_lower_total_is_held_until_a_person_has_settled_it() {
    let rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    rig.usage(vec![page(vec![reading("O-1", "7", "12345")], None)]).await;
    rig.told();
    let lower = || page(vec![reading("O-1", "7", "2000")], None);
    let run = rig.usage(vec![lower()]).await;
    assert_eq!((rig.told(), run.counts["held"]), (Vec::new(), 1));
    let zero = "0".parse().expect("an amount");
    rig.batches
        .settle(&rig.path, "O-1", "7", zero, &platform())
        .await
        .expect("settled");
    rig.usage(vec![lower()]).await;
    assert_eq!(rig.told(), ["report 9105012 O-1 7 =2", "update 9105012 O-1 11=2"]);
    for (order, component) in [("O-2", "7"), ("O-1", "99")] {
        let settled = rig.batches.settle(&rig.path, order, component, zero, &platform()).await;
        assert!(settled.is_err(), "{order} {component}");
    }
}

#[tokio::test]
async fn two_totals_of_one_component_are_held_on_one_page_and_on_two() {
    let rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    let twice = vec![reading("O-1", "8", "5"), reading("O-1", "8", "7")];
    let run = rig.usage(vec![page(twice, None)]).await;
    assert_eq!((rig.told(), run.counts["held"]), (Vec::new(), 2));
    let pages = vec![
        page(vec![reading("O-1", "8", "5")], Some("2")),
        page(vec![reading("O-1", "8", "7")], None),
    ];
    let run = rig.usage(pages).await;
    assert_eq!(rig.told(), ["report 9105012 O-1 8 +5"]);
    assert_eq!(run.counts["held"], 1);
}

#[tokio::test]
async fn what_telecloud_refuses_is_in_the_results_and_tried_by_the_next_run() {
    let rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    rig.order("O-2", &[]).await;
    let readings = || page(vec![reading("O-1", "8", "5"), reading("O-2", "8", "6")], None);
    rig.far
        .script()
        .answers
        .push(("O-1".to_owned(), NotTold::Refused("no such component".to_owned())));
    let run = rig.usage(vec![readings()]).await;
    assert_eq!((run.counts["reported"], run.counts["not_reported"]), (1, 1));
    rig.told();
    rig.usage(vec![readings()]).await;
    assert_eq!(rig.told(), ["report 9105012 O-1 8 +5"]);
}

#[tokio::test]
async fn units_that_may_have_been_added_are_never_sent_twice() {
    let mut rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    rig.far
        .script()
        .answers
        .push(("O-1".to_owned(), NotTold::Unclear("no answer".to_owned())));
    rig.usage(vec![page(vec![reading("O-1", "8", "5")], None)]).await;
    assert_eq!(rig.told(), ["report 9105012 O-1 8 +5"]);
    rig.restart().await;
    let run = rig.usage(vec![page(vec![reading("O-1", "8", "9")], None)]).await;
    assert_eq!((rig.told(), run.counts["held"]), (Vec::new(), 1));
    // A person has seen at TeleCloud that they were added.
    rig.batches
        .settle(&rig.path, "O-1", "8", "5".parse().expect("an amount"), &platform())
        .await
        .expect("settled");
    rig.usage(vec![page(vec![reading("O-1", "8", "9")], None)]).await;
    assert_eq!(rig.told(), ["report 9105012 O-1 8 +4"]);
}

#[tokio::test]
async fn a_total_whose_answer_was_lost_is_told_again() {
    let rig = Rig::new().await;
    rig.order("O-1", &[(11, "12.3")]).await;
    rig.far
        .script()
        .answers
        .push(("O-1".to_owned(), NotTold::Unclear("no answer".to_owned())));
    let readings = || page(vec![reading("O-1", "7", "12345")], None);
    rig.usage(vec![readings()]).await;
    rig.usage(vec![readings()]).await;
    assert_eq!(rig.told(), ["report 9105012 O-1 7 =12.3", "report 9105012 O-1 7 =12.3"]);
}

#[tokio::test]
async fn a_replenished_order_counts_from_nothing() {
    use crate::domain::call::Outcome;
    use crate::domain::event::{Action, Document, Event};
    let rig = Rig::new().await;
    rig.order("O-1", &[]).await;
    rig.usage(vec![page(vec![reading("O-1", "8", "900")], None)]).await;
    rig.told();
    let event = Event {
        service: "Order/Replenish".to_owned(),
        action: Action::Replenish,
        account_number: Some("9105012".to_owned()),
        order_number: Some("O-1".to_owned()),
        parent_order_number: None,
        carrier_product_id: None,
        new_state: None,
        vars: Vars::default(),
        document: Document::default(),
    };
    let observation = Observation {
        module: &rig.path.module,
        call: CallId(Ulid::generate()),
        at: Timestamp::now(),
        seen: Seen::Event {
            event: &event,
            outcome: Outcome::Done,
            answered: &Vars::default(),
        },
    };
    let observed = rig.batches.orders.observe(&rig.path.tenant, observation).await;
    rig.batches
        .store
        .write(observed.expect("observed").changes.clone())
        .await
        .expect("written");
    rig.usage(vec![page(vec![reading("O-1", "8", "3")], None)]).await;
    assert_eq!(rig.told(), ["report 9105012 O-1 8 +3"]);
}
