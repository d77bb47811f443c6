//! Orders on record, on every store.

mod finding;
mod linking;
mod rig;

use self::rig::{CARD, MDN, Rig, create, each_store, event, number, vars};
use super::*;
use crate::domain::call::Outcome;
use crate::domain::event::{Action, ServiceStatus};
use crate::domain::order::OrderState;
use crate::domain::update::Update;
use crate::storage::Change;

#[tokio::test]
async fn an_order_is_kept_as_it_was_seen_and_changes_with_what_is_seen() {
    each_store(async |rig| {
        let call = rig.call();
        rig.see(call, &create(Some("4711"), &[(2, CARD)]), Outcome::Done, &[(3, MDN)])
            .await;
        let order = rig.order("4711").await.expect("on record");
        assert_eq!(order.record.state, OrderState::Active);
        assert_eq!(order.record.vars, vars(&[(2, CARD), (3, MDN)]));
        assert_eq!(order.record.created_by, Some(call));

        let suspend = event(Action::SetStatus(ServiceStatus::Suspended), Some("4711"), &[]);
        rig.see(rig.call(), &suspend, Outcome::Done, &[]).await;
        let update = Update::active(vars(&[(15, "COMPLETED")]));
        rig.tell(rig.call(), "4711", &update).await;
        let order = rig.order("4711").await.expect("on record");
        assert_eq!(order.record.state, OrderState::Active);
        assert_eq!(order.record.vars, vars(&[(2, CARD), (3, MDN), (15, "COMPLETED")]));
    })
    .await;
}

#[tokio::test]
async fn tenants_and_modules_have_orders_of_their_own() {
    each_store(async |rig| {
        rig.see(rig.call(), &create(Some("4711"), &[(2, CARD)]), Outcome::Done, &[])
            .await;
        let other = rig.of_tenant("other");
        assert_eq!(other.order("4711").await, None);
        assert!(other.find(&Query::default()).await.is_empty());
        let esim = rig.of_module("esim");
        assert_eq!(esim.order("4711").await, None);
        esim.see(rig.call(), &create(Some("4711"), &[]), Outcome::Pending, &[])
            .await;
        assert_eq!(
            rig.order("4711").await.expect("on record").record.state,
            OrderState::Active
        );
        assert_eq!(
            esim.order("4711").await.expect("on record").record.state,
            OrderState::Pending
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_that_an_order_says_is_stored_in_clear() {
    let stores = crate::storage::memory::Memory::stores();
    let rig = Rig::on(&stores);
    let secrets = [
        (1, "353535353535357"),
        (2, CARD),
        (5, "PORT-ACCOUNT"),
        (6, "PORT-PIN"),
        (8, "2025550199"),
    ];
    let mut posted = create(Some("ORDER-4711"), &secrets);
    posted.account_number = Some("ACCOUNT-100".to_owned());
    posted.carrier_product_id = Some("SOC-GOLD".to_owned());
    rig.see(rig.call(), &posted, Outcome::Done, &[(3, MDN)]).await;
    let mut unlinked = posted.clone();
    unlinked.order_number = None;
    rig.see(rig.call(), &unlinked, Outcome::Pending, &[(13, "ACTIVATION-1")])
        .await;
    let link = rig
        .orders
        .link(&rig.tenant, rig.latest(), "ORDER-4712")
        .await
        .expect("linked");
    rig.write(link.expect("an order without a number")).await;

    let documents = stores.documents.list("").await.expect("all");
    assert!(documents.len() > 12, "orders and what they are found by");
    let own = ["ORDER-471", "ACCOUNT-100", "SOC-GOLD", "ACTIVATION-1", MDN];
    for (key, stored) in documents {
        let written = [key.as_bytes(), &stored.value].concat();
        for text in own.into_iter().chain(secrets.map(|(_, value)| value)) {
            let found = written.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "{text} is in {key}");
        }
    }
}

#[tokio::test]
async fn only_what_has_changed_is_written() {
    let rig = Rig::on(&crate::storage::memory::Memory::stores());
    let first = rig
        .prepare(
            rig.call(),
            &create(Some("4711"), &[(2, CARD), (4, "NO")]),
            Outcome::Done,
            &[(3, MDN)],
        )
        .await;
    // The order, and what it is found by: its number, its account, two values of four characters or more.
    assert_eq!(first.changes.len(), 5);
    rig.write(first).await;

    let replenish = event(Action::Replenish, Some("4711"), &[(2, CARD)]);
    let second = rig.prepare(rig.call(), &replenish, Outcome::Done, &[]).await;
    assert_eq!(second.changes.len(), 1, "the order alone");
    rig.write(second).await;

    let swap = event(Action::Swap, Some("4711"), &[(2, "8901260000000000025")]);
    let third = rig.prepare(rig.call(), &swap, Outcome::Done, &[]).await;
    let deleted = third
        .changes
        .iter()
        .filter(|change| matches!(change, Change::Delete { .. }));
    assert_eq!(
        (third.changes.len(), deleted.count()),
        (3, 1),
        "the order, the old card, the new one"
    );
    drop(third);

    let refused = rig.prepare(rig.call(), &swap, Outcome::Refused, &[]).await;
    assert!(refused.changes.is_empty());
}

#[tokio::test]
async fn an_order_that_did_not_come_to_be_leaves_nothing_behind() {
    let stores = crate::storage::memory::Memory::stores();
    let rig = Rig::on(&stores);
    let call = rig.call();
    let posted = create(None, &[(2, CARD)]);
    rig.see(call, &posted, Outcome::Unknown, &[]).await;
    assert!(!stores.documents.list("").await.expect("all").is_empty());
    rig.see(call, &posted, Outcome::Rejected, &[]).await;
    assert_eq!(stores.documents.list("").await.expect("all"), []);
}

#[tokio::test]
async fn of_two_calls_about_one_order_neither_is_forgotten() {
    each_store(async |rig| {
        rig.see(rig.call(), &create(Some("4711"), &[]), Outcome::Done, &[])
            .await;
        let calls = (1..=20).map(|index| {
            let rig = rig.clone();
            tokio::spawn(async move {
                let value = number(index);
                let replenish = event(Action::Replenish, Some("4711"), &[(index, &value)]);
                rig.see(rig.call(), &replenish, Outcome::Done, &[]).await;
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.expect("seen");
        }
        let order = rig.order("4711").await.expect("on record");
        assert_eq!(order.record.vars.iter().count(), 20);
        for index in 1..=20 {
            assert_eq!(order.record.vars.get(index), Some(number(index).as_str()));
        }
    })
    .await;
}

#[tokio::test]
async fn a_record_that_was_changed_or_moved_is_damaged() {
    let stores = crate::storage::memory::Memory::stores();
    let rig = Rig::on(&stores);
    for number in ["4711", "4712"] {
        rig.see(rig.call(), &create(Some(number), &[]), Outcome::Done, &[])
            .await;
    }
    let keys = rig.orders.keys(&rig.tenant);
    let key = |number| keys.order(keys.id(&rig.module, number));
    let other = stores.documents.get(&key("4712")).await.expect("read").expect("there");
    let put = stores
        .documents
        .put(&key("4711"), other.value, crate::storage::Expect::Anything)
        .await;
    put.expect("written");
    let id = rig.orders.id(&rig.tenant, &rig.module, "4711");
    let read = rig.orders.get(&rig.tenant, id).await;
    assert!(matches!(read, Err(StorageError::Damaged { .. })), "{read:?}");
}
