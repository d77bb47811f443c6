//! Orders are found by what people have at hand.

use super::rig::{CARD, MDN, Rig, create, each_store, event, number};
use crate::domain::call::Outcome;
use crate::domain::event::Action;
use crate::domain::name::ModuleName;
use crate::domain::order::Order;
use crate::orders::{PAGE_ORDERS_MAX, Page, Query, SCAN_ORDERS_MAX};

fn numbers(orders: &[Order]) -> Vec<&str> {
    let mut numbers: Vec<&str> = orders
        .iter()
        .filter_map(|order| order.record.order_number.as_deref())
        .collect();
    numbers.sort_unstable();
    numbers
}

fn asked(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Queries, and the orders that they find.
#[rustfmt::skip]
fn queries() -> Vec<(&'static str, Query, Vec<&'static str>)> {
    let by = Query::default;
    let of_both = |account| Query { mdn: asked("12025550143"), account_number: asked(account), ..by() };
    vec![
        ("nothing in particular", by(), vec!["4711", "4712", "4713"]),
        ("number", Query { order_number: asked("4712"), ..by() }, vec!["4712"]),
        ("account", Query { account_number: asked("100"), ..by() }, vec!["4711", "4713"]),
        ("VAR3", Query { mdn: asked("12025550143"), ..by() }, vec!["4711"]),
        ("a number in another VAR", Query { mdn: asked("2025550199"), ..by() }, vec!["4711"]),
        ("another order's number", Query { mdn: asked(MDN), ..by() }, vec!["4712"]),
        ("VAR2", Query { iccid: asked(CARD), ..by() }, vec!["4711"]),
        ("a card in another VAR", Query { iccid: asked("89012600000000000330"), ..by() }, vec!["4712"]),
        ("no card is a telephone number", Query { mdn: asked("89012600000000000330"), ..by() }, vec![]),
        ("no telephone number is a card", Query { iccid: asked(MDN), ..by() }, vec![]),
        ("any value", Query { value: asked("PLAN-7"), ..by() }, vec!["4711"]),
        ("a value that is not shown", Query { value: asked("OLD-7"), ..by() }, vec![]),
        ("that of an order", Query { order_number: asked("4711"), value: asked("OLD-7"), ..by() }, vec![]),
        ("a short value", Query { value: asked("NO"), ..by() }, vec!["4711", "4713"]),
        ("a part of a value", Query { value: asked("OLD"), ..by() }, vec![]),
        ("all of it", of_both("100"), vec!["4711"]),
        ("not all of it", of_both("101"), vec![]),
        ("a short value and the account", Query { value: asked("NO"), ..of_both("100") }, vec!["4711"]),
        ("another module", Query { module: ModuleName::parse("esim").ok(), ..of_both("100") }, vec![]),
    ]
}

#[tokio::test]
async fn an_order_is_found_by_its_number_its_account_and_its_values() {
    each_store(async |rig| {
        let posted = create(
            Some("4711"),
            &[(2, CARD), (4, "NO"), (5, "OLD-7"), (8, "2025550199"), (10, "PLAN-7")],
        );
        rig.see(rig.call(), &posted, Outcome::Done, &[(3, "12025550143")]).await;
        let mut other = create(
            Some("4712"),
            &[(2, "8901260000000000025"), (12, MDN), (16, "89012600000000000330")],
        );
        other.account_number = asked("101");
        rig.see(rig.call(), &other, Outcome::Done, &[]).await;
        rig.see(
            rig.call(),
            &create(Some("4713"), &[(4, "NO"), (9, "2025")]),
            Outcome::Done,
            &[],
        )
        .await;

        for (name, query, expected) in queries() {
            assert_eq!(numbers(&rig.find(&query).await), expected, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_order_is_not_found_by_what_it_had_before() {
    each_store(async |rig| {
        rig.see(rig.call(), &create(Some("4711"), &[(2, CARD)]), Outcome::Done, &[])
            .await;
        let swap = event(Action::Swap, Some("4711"), &[(2, "8901260000000000025")]);
        rig.see(rig.call(), &swap, Outcome::Done, &[]).await;
        let card = |text| Query {
            iccid: asked(text),
            ..Query::default()
        };
        assert!(rig.find(&card(CARD)).await.is_empty());
        assert_eq!(numbers(&rig.find(&card("8901260000000000025")).await), ["4711"]);
    })
    .await;
}

#[tokio::test]
async fn pages_put_together_are_all_orders_once() {
    each_store(async |rig| {
        let esim = rig.of_module("esim");
        let mut expected = Vec::new();
        for index in 0..25 {
            let name = number(index);
            rig.see(rig.call(), &create(Some(&name), &[]), Outcome::Done, &[]).await;
            esim.see(rig.call(), &create(Some(&name), &[]), Outcome::Done, &[])
                .await;
            expected.push(name);
        }
        expected.sort_unstable();
        let of_module = Query {
            module: Some(rig.module.clone()),
            ..Query::default()
        };
        let of_account = Query {
            account_number: asked("100"),
            ..of_module.clone()
        };
        for query in [of_module, of_account] {
            let (mut after, mut all) = (None, Vec::new());
            loop {
                let page = Page { after, limit: 4 };
                let found = rig.orders.search(&rig.tenant, &query, page).await.expect("read");
                assert!(found.orders.len() <= 4);
                all.extend(found.orders);
                after = found.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(numbers(&all), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn a_search_looks_at_no_more_than_it_may_and_says_where_to_go_on() {
    let rig = Rig::on(&crate::storage::memory::Memory::stores());
    let count = SCAN_ORDERS_MAX + 50;
    for index in 0..count {
        let name = format!("order-{index}");
        rig.see(rig.call(), &create(Some(&name), &[]), Outcome::Done, &[]).await;
    }
    let none = Query {
        module: ModuleName::parse("esim").ok(),
        ..Query::default()
    };
    let page = |after| Page {
        after,
        limit: PAGE_ORDERS_MAX,
    };
    let first = rig.orders.search(&rig.tenant, &none, page(None)).await.expect("read");
    assert!(first.orders.is_empty() && first.next.is_some());
    let rest = rig
        .orders
        .search(&rig.tenant, &none, page(first.next))
        .await
        .expect("read");
    assert_eq!((rest.orders.len(), rest.next), (0, None));
}
