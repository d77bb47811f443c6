//! Audits: what is compared, and what a repair does.

use super::*;
use crate::domain::audit::Difference;
use crate::domain::batch::Sent;
use crate::domain::event::ServiceStatus;
use crate::domain::subscriber::Subscriber;

fn subscriber(id: &str, mdn: &str) -> Subscriber {
    Subscriber {
        id: id.to_owned(),
        mdn: Some(mdn.to_owned()),
        iccid: None,
        status: Some(ServiceStatus::Active),
        carrier_product_id: None,
    }
}

fn listed(subscribers: Vec<Subscriber>, next: Option<&str>) -> Result<SubscriberPage, Trouble> {
    Ok(SubscriberPage {
        subscribers,
        next: next.map(str::to_owned),
    })
}

/// Two orders whose numbers have changed at the carrier, one that is gone there, and a subscriber that is not here.
async fn audited() -> (Rig, RunId) {
    let rig = Rig::new().await;
    rig.order("O-1", &[(14, "S-1"), (3, "2025550101")]).await;
    rig.order("O-2", &[(14, "S-2"), (3, "2025550102")]).await;
    rig.order("O-3", &[(14, "S-3")]).await;
    rig.far.script().subscribers.extend([
        listed(vec![subscriber("S-1", "2025550111")], Some("second")),
        listed(
            vec![subscriber("S-2", "2025550122"), subscriber("S-9", "2025550109")],
            None,
        ),
    ]);
    let id = rig.start(BatchKind::Audit, false).await;
    let run = rig.carry_on(id).await;
    assert_eq!(run.status, RunStatus::Done);
    (rig, id)
}

async fn differences(rig: &Rig, id: RunId) -> Vec<(u32, Difference)> {
    let report = rig.batches.report(&rig.path, id).await.expect("a report");
    report.iter().map(|row| (row.number, row.row.difference)).collect()
}

#[tokio::test]
async fn all_pages_are_compared_and_the_differences_are_counted() {
    let (rig, id) = audited().await;
    assert_eq!(
        differences(&rig, id).await,
        [
            (1, Difference::Number),
            (2, Difference::Number),
            (3, Difference::MissingThere),
            (4, Difference::MissingHere),
        ]
    );
    let run = rig.get(id).await;
    let counts: Vec<_> = run.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(
        counts,
        [
            ("missing_here", 1),
            ("missing_there", 1),
            ("number", 2),
            ("orders", 3),
            ("subscribers", 3)
        ]
    );
    assert_eq!(rig.told(), Vec::<String>::new(), "an audit repairs nothing by itself");
    let listed = format!("work/acme/batches/sim/listed/{id}/");
    assert_eq!(rig.stores.documents.list(&listed).await.expect("a store"), []);
}

#[tokio::test]
async fn a_list_that_is_too_large_to_compare_ends_the_audit() {
    let rig = Rig::new().await;
    let large = "S".repeat(8 << 20);
    let pages = (0..9).map(|page| listed(vec![subscriber(&large, "2025550111")], Some(&page.to_string())));
    rig.far.script().subscribers.extend(pages);
    let id = rig.start(BatchKind::Audit, false).await;
    let run = rig.carry_on(id).await;
    let RunStatus::GivenUp { why } = &run.status else {
        panic!("{run:?}");
    };
    assert!(why.contains("more subscribers than can be compared"), "{why}");
    assert_eq!(run.counts.get("subscribers"), Some(&7), "the eighth goes over it");
}

#[tokio::test]
async fn an_audit_goes_on_after_a_restart_with_what_was_listed() {
    let mut rig = Rig::new().await;
    rig.order("O-1", &[(14, "S-1")]).await;
    rig.far.script().subscribers.extend([
        listed(vec![subscriber("S-1", "2025550101")], Some("second")),
        Err(passing()),
    ]);
    let id = rig.start(BatchKind::Audit, false).await;
    let run = rig.carry_on(id).await;
    assert!(matches!(run.status, RunStatus::Waiting { .. }));
    assert!(matches!(
        rig.batches.report(&rig.path, id).await,
        Err(BatchError::NotDone(_))
    ));
    rig.restart().await;
    rig.hurry(id).await;
    rig.far
        .script()
        .subscribers
        .push_back(listed(vec![subscriber("S-9", "2025550109")], None));
    assert_eq!(rig.carry_on(id).await.status, RunStatus::Done);
    assert_eq!(
        differences(&rig, id).await,
        [(1, Difference::Number), (2, Difference::MissingHere)]
    );
    let cursors: Vec<_> = rig
        .far
        .script()
        .asked
        .iter()
        .map(|(_, cursor)| cursor.clone())
        .collect();
    assert_eq!(cursors, [None, Some("second".to_owned()), Some("second".to_owned())]);
}

#[tokio::test]
async fn a_repair_saves_the_vars_of_the_rows_that_were_named() {
    let (rig, id) = audited().await;
    let repairs = rig
        .batches
        .repair(&rig.path, id, Some(&[2]), &holder("operator", &[]))
        .await
        .expect("repaired");
    assert_eq!(rig.told(), ["update 9105012 O-2 3=2025550122"]);
    assert!(matches!(repairs[0].result, Sent::Accepted { .. }));
    let report = rig.batches.report(&rig.path, id).await.expect("a report");
    assert_eq!(report[1].repaired.as_ref(), Some(&repairs[0]));
    assert_eq!(report[0].repaired, None);
    // The rest, and nothing twice.
    rig.batches
        .repair(&rig.path, id, None, &holder("operator", &[]))
        .await
        .expect("repaired");
    assert_eq!(rig.told(), ["update 9105012 O-1 3=2025550111"]);
    assert_eq!(
        rig.batches
            .repair(&rig.path, id, None, &holder("operator", &[]))
            .await
            .expect("none left"),
        []
    );
    // What TeleCloud has taken is on record.
    let order = rig.batches.orders.id(&rig.path.tenant, &rig.path.module, "O-1");
    let order = rig
        .batches
        .orders
        .get(&rig.path.tenant, order)
        .await
        .expect("a store")
        .expect("an order");
    assert_eq!(order.record.vars.get(3), Some("2025550111"));
}

#[tokio::test]
async fn a_row_whose_order_has_changed_since_is_left_alone() {
    let (rig, id) = audited().await;
    rig.observe("O-1", Update::vars(vars_of(&[(3, "2025550133")]))).await;
    let repairs = rig
        .batches
        .repair(&rig.path, id, Some(&[1]), &holder("operator", &[]))
        .await
        .expect("looked at");
    assert_eq!((repairs, rig.told()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_repair_that_telecloud_refused_can_be_tried_again() {
    let (rig, id) = audited().await;
    rig.far
        .script()
        .answers
        .push(("O-1".to_owned(), NotTold::Refused("locked".to_owned())));
    let repairs = rig
        .batches
        .repair(&rig.path, id, Some(&[1]), &holder("operator", &[]))
        .await
        .expect("tried");
    assert!(matches!(&repairs[0].result, Sent::Failed { unclear: false, .. }));
    rig.told();
    rig.batches
        .repair(&rig.path, id, Some(&[1]), &holder("operator", &[]))
        .await
        .expect("repaired");
    assert_eq!(rig.told(), ["update 9105012 O-1 3=2025550111"]);
}

#[tokio::test]
async fn what_cannot_be_repaired_by_vars_is_refused() {
    let (rig, id) = audited().await;
    for row in [3, 4, 5] {
        let repaired = rig
            .batches
            .repair(&rig.path, id, Some(&[1, row]), &holder("operator", &[]))
            .await;
        assert!(matches!(repaired, Err(BatchError::NoRepair(number)) if number == row));
    }
    assert_eq!(rig.told(), Vec::<String>::new());
    let usage = rig.start(BatchKind::Usage, false).await;
    rig.carry_on(usage).await;
    let report = rig.batches.report(&rig.path, usage).await;
    assert!(matches!(report, Err(BatchError::OtherKind(..))));
    let results = rig.batches.results(&rig.path, id, None).await;
    assert!(matches!(results, Err(BatchError::OtherKind(..))));
}
