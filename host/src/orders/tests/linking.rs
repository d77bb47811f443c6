//! Orders that were created without a number get theirs.

use super::rig::{CARD, MDN, Rig, create, each_store, event, vars};
use crate::domain::call::{CallId, Outcome};
use crate::domain::event::{Action, Event, ServiceStatus};
use crate::domain::order::{Order, OrderId, OrderState};
use crate::orders::Query;
use crate::orders::writing::LOOKALIKES_MAX;

fn suspend(number: &str, of: &[(u8, &str)]) -> Event {
    event(Action::SetStatus(ServiceStatus::Suspended), Some(number), of)
}

async fn unlinked(rig: &Rig, call: CallId) -> Option<Order> {
    rig.orders
        .get(&rig.tenant, OrderId::unlinked(call))
        .await
        .expect("read")
}

#[tokio::test]
async fn a_later_event_with_a_number_links_the_order_that_it_can_only_be_about() {
    each_store(async |rig| {
        let call = rig.call();
        let posted = create(None, &[(2, CARD)]);
        rig.see(call, &posted, Outcome::Pending, &[(13, "A-100")]).await;
        let order = unlinked(&rig, call).await.expect("on record by its call");
        assert_eq!(order.record.order_number, None);

        let later = rig
            .prepare(rig.call(), &suspend("4711", &[(13, "A-100")]), Outcome::Done, &[])
            .await;
        assert_eq!(later.linked, Some(call));
        rig.write(later).await;
        let order = rig.order("4711").await.expect("on record by its number");
        assert_eq!(order.record.state, OrderState::Suspended);
        assert_eq!(order.record.created_by, Some(call));
        assert_eq!(order.record.vars, vars(&[(2, CARD), (13, "A-100")]));
        assert_eq!(
            unlinked(&rig, call).await.as_ref(),
            Some(&order),
            "the old id leads to it"
        );
        assert_eq!(rig.find(&Query::default()).await, [order], "and it is there once");

        // What is found out later of the first event is about the same order.
        rig.see(call, &posted, Outcome::Done, &[(3, MDN)]).await;
        let order = rig.order("4711").await.expect("on record");
        assert_eq!(order.record.vars.get(3), Some(MDN));
        assert_eq!(rig.find(&Query::default()).await, [order]);
    })
    .await;
}

#[tokio::test]
async fn the_link_is_written_although_the_event_itself_came_to_nothing() {
    each_store(async |rig| {
        let call = rig.call();
        rig.see(call, &create(None, &[]), Outcome::Done, &[(3, MDN)]).await;
        rig.see(rig.call(), &suspend("4711", &[(3, MDN)]), Outcome::Rejected, &[])
            .await;
        let order = rig.order("4711").await.expect("on record");
        assert_eq!(
            (order.record.state, order.record.created_by),
            (OrderState::Active, Some(call))
        );
    })
    .await;
}

#[tokio::test]
async fn where_two_orders_could_be_meant_none_is_linked() {
    each_store(async |rig| {
        let calls = [rig.call(), rig.call()];
        for call in calls {
            rig.see(call, &create(None, &[(16, "GOLD"), (17, "same")]), Outcome::Done, &[])
                .await;
        }
        let later = rig
            .prepare(rig.call(), &suspend("4711", &[(16, "GOLD")]), Outcome::Done, &[])
            .await;
        assert_eq!(later.linked, None);
        rig.write(later).await;
        for call in calls {
            let order = unlinked(&rig, call).await.expect("on record");
            assert_eq!(order.record.order_number, None);
        }
        let order = rig.order("4711").await.expect("on record by itself");
        assert_eq!(
            (order.record.created_by, order.record.state),
            (None, OrderState::Suspended)
        );
    })
    .await;
}

#[tokio::test]
async fn by_a_value_that_very_many_orders_have_none_is_recognised() {
    each_store(async |rig| {
        let card = |number: usize| format!("{:019}", 8_901_260_000_000_000_000_u64 + number as u64);
        let mut calls = Vec::new();
        for number in 0..=LOOKALIKES_MAX {
            let call = rig.call();
            let posted = create(None, &[(2, &card(number)), (16, "GOLD"), (17, &number.to_string())]);
            rig.see(call, &posted, Outcome::Done, &[]).await;
            calls.push(call);
        }
        // It speaks of the seventh alone, but only by telling it from all others that have the value.
        let gold = suspend("4711", &[(16, "GOLD"), (17, "7")]);
        let gold = rig.prepare(rig.call(), &gold, Outcome::Done, &[]).await;
        assert_eq!(gold.linked, None);
        drop(gold);
        let both = suspend("4711", &[(2, &card(7)), (16, "GOLD"), (17, "7")]);
        let both = rig.prepare(rig.call(), &both, Outcome::Done, &[]).await;
        assert_eq!(both.linked, Some(calls[7]));
    })
    .await;
}

#[tokio::test]
async fn an_order_is_linked_by_hand_and_joined_with_what_was_seen_under_its_number() {
    each_store(async |rig| {
        let call = rig.call();
        rig.see(call, &create(None, &[(2, CARD)]), Outcome::Pending, &[(13, "A-100")])
            .await;
        rig.see(rig.call(), &suspend("4711", &[(3, MDN)]), Outcome::Done, &[])
            .await;

        let link = rig.orders.link(&rig.tenant, call, "4711").await.expect("read");
        let link = link.expect("an order without a number");
        assert_eq!(link.linked, Some(call));
        rig.write(link).await;
        let order = rig.order("4711").await.expect("on record");
        assert_eq!(order.record.state, OrderState::Suspended);
        assert_eq!(order.record.vars, vars(&[(2, CARD), (3, MDN), (13, "A-100")]));
        assert_eq!(order.record.created_by, Some(call));
        assert_eq!(rig.find(&Query::default()).await, [order]);

        let again = rig.orders.link(&rig.tenant, call, "4712").await.expect("read");
        assert!(again.is_none(), "it has its number");
        let never = rig.orders.link(&rig.tenant, rig.call(), "4711").await.expect("read");
        assert!(never.is_none(), "there is no such order");
    })
    .await;
}

#[tokio::test]
async fn of_many_events_at_once_each_order_is_linked_by_its_own() {
    each_store(async |rig| {
        let mut calls = Vec::new();
        for number in 10..40 {
            let call = rig.call();
            let id = format!("A-{number}");
            rig.see(call, &create(None, &[]), Outcome::Pending, &[(13, &id)]).await;
            calls.push((call, number));
        }
        // Two for each, of which one comes first.
        let events = calls.iter().chain(&calls).map(|(_, number)| {
            let (rig, number) = (rig.clone(), *number);
            tokio::spawn(async move {
                let id = format!("A-{number}");
                let later = suspend(&number.to_string(), &[(13, &id)]);
                rig.see(rig.call(), &later, Outcome::Done, &[]).await;
            })
        });
        for event in events.collect::<Vec<_>>() {
            event.await.expect("seen");
        }
        for (call, number) in calls {
            let order = rig.order(&number.to_string()).await.expect("on record");
            assert_eq!(order.record.created_by, Some(call));
            assert_eq!(order.record.vars.get(13), Some(format!("A-{number}").as_str()));
        }
        assert_eq!(rig.find(&Query::default()).await.len(), 30);
    })
    .await;
}
