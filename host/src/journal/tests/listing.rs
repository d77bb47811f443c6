//! Listing calls: order, pages, filters, and how much one listing looks at.

use super::*;

on_both_backends! {
    the_newest_calls_come_first_page_by_page, a_listing_shows_only_what_matches, what_follows_up_a_call_is_found_by_it,
    another_tenants_call_is_not_there,
}

async fn the_newest_calls_come_first_page_by_page(stores: Stores) {
    for seconds in 0..7 {
        let call = begin(&stores, seconds);
        call.event("Order/Create", &order(&seconds.to_string()));
        call.finish(Some(&Reply::success()), Outcome::Done, None, &Usage::default())
            .await
            .expect("kept");
    }
    let journal = Journal::new(stores.log);
    let (mut before, mut pages) = (None, Vec::new());
    loop {
        let page = Page { before, limit: 3 };
        let listing = journal
            .list(&tenant("acme"), &Filter::default(), page)
            .await
            .expect("listed");
        pages.push(
            listing
                .calls
                .into_iter()
                .filter_map(|call| call.order_number)
                .collect::<Vec<_>>(),
        );
        before = listing.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec!["6", "5", "4"], vec!["3", "2", "1"], vec!["0"]]);
}

async fn a_listing_shows_only_what_matches(stores: Stores) {
    let rows = [
        (0, "Order/Create", "1", Outcome::Done),
        (10, "order/cancel", "1", Outcome::Rejected),
        (20, "Order/Create", "2", Outcome::Done),
    ];
    for (seconds, service, number, outcome) in rows {
        let call = begin(&stores, seconds);
        call.event(service, &order(number));
        call.finish(Some(&Reply::success()), outcome, None, &Usage::default())
            .await
            .expect("kept");
    }
    let running = begin(&stores, 30);
    running.event("Order/Swap", &order("3"));
    running
        .exchange_started(Some("api"), false, &request(), second(31))
        .await
        .expect("kept");

    let filter = Filter::default;
    let module = |name| ModuleName::parse(name).ok();
    let rows: [(Filter, &[i64]); 11] = [
        (filter(), &[30, 20, 10, 0]),
        (
            Filter {
                module: module("sim"),
                ..filter()
            },
            &[30, 20, 10, 0],
        ),
        (
            Filter {
                module: module("other"),
                ..filter()
            },
            &[],
        ),
        (
            Filter {
                order_number: Some("1".into()),
                ..filter()
            },
            &[10, 0],
        ),
        (
            Filter {
                service: Some("ORDER/CREATE".into()),
                ..filter()
            },
            &[20, 0],
        ),
        (
            Filter {
                outcome: Some(Outcome::Done),
                order_number: Some("2".into()),
                ..filter()
            },
            &[20],
        ),
        (
            Filter {
                outcome: Some(Outcome::Running),
                ..filter()
            },
            &[30],
        ),
        (
            Filter {
                from: Some(second(10)),
                ..filter()
            },
            &[30, 20, 10],
        ),
        (
            Filter {
                to: Some(second(20)),
                ..filter()
            },
            &[10, 0],
        ),
        (
            Filter {
                from: Some(second(1)),
                to: Some(second(11)),
                ..filter()
            },
            &[10],
        ),
        (
            Filter {
                from: Some(second(40)),
                ..filter()
            },
            &[],
        ),
    ];
    let journal = Journal::new(stores.log);
    for (filter, expected) in rows {
        let page = Page {
            before: None,
            limit: 10,
        };
        let listing = journal.list(&tenant("acme"), &filter, page).await.expect("listed");
        let found: Vec<_> = listing.calls.iter().map(|call| call.received).collect();
        let expected: Vec<_> = expected.iter().copied().map(second).collect();
        assert_eq!((found, listing.next), (expected, None), "{filter:?}");
    }
}

async fn what_follows_up_a_call_is_found_by_it(stores: Stores) {
    let mut ids = Vec::new();
    for (seconds, about) in [(0, None), (10, Some(0)), (20, None), (30, Some(2)), (40, Some(0))] {
        let about: Option<usize> = about;
        let call = begin_about(&stores, seconds, about.map(|number| ids[number]));
        call.finish(None, Outcome::Done, None, &Usage::default())
            .await
            .expect("kept");
        ids.push(call.id());
    }
    let journal = Journal::new(stores.log);
    for (about, expected) in [(0, vec![ids[4], ids[1]]), (2, vec![ids[3]]), (4, vec![])] {
        let filter = Filter {
            about: Some(ids[about]),
            ..Filter::default()
        };
        let page = Page {
            before: None,
            limit: 10,
        };
        let listing = journal.list(&tenant("acme"), &filter, page).await.expect("listed");
        let found: Vec<_> = listing.calls.iter().map(|call| call.id).collect();
        assert_eq!((found, listing.next), (expected, None), "about call {about}");
    }
}

async fn another_tenants_call_is_not_there(stores: Stores) {
    let call = begin(&stores, 0);
    call.finish(Some(&Reply::success()), Outcome::Done, None, &Usage::default())
        .await
        .expect("kept");
    let journal = Journal::new(stores.log);
    assert_eq!(journal.show(&tenant("other"), call.id()).await.expect("read"), None);
    let page = Page {
        before: None,
        limit: 10,
    };
    let listing = journal
        .list(&tenant("other"), &Filter::default(), page)
        .await
        .expect("listed");
    assert_eq!(
        listing,
        Listing {
            calls: vec![],
            next: None
        }
    );
}

#[tokio::test]
async fn one_listing_looks_at_a_bounded_number_of_calls() {
    let stores = Memory::stores();
    let beyond = i64::try_from(SCAN_CALLS_MAX).expect("small") + 50;
    for seconds in 0..beyond {
        let call = begin(&stores, seconds);
        call.event("Order/Create", &order(if seconds == 0 { "oldest" } else { "x" }));
        call.finish(Some(&Reply::success()), Outcome::Done, None, &Usage::default())
            .await
            .expect("kept");
    }
    let journal = Journal::new(stores.log);
    let filter = Filter {
        order_number: Some("oldest".into()),
        ..Filter::default()
    };
    let page = Page {
        before: None,
        limit: 10,
    };
    let first = journal.list(&tenant("acme"), &filter, page).await.expect("listed");
    assert_eq!((first.calls.len(), first.next), (0, Some(id_at(second(50), 7))));
    let page = Page {
        before: first.next,
        limit: 10,
    };
    let second_page = journal.list(&tenant("acme"), &filter, page).await.expect("listed");
    assert_eq!((second_page.calls.len(), second_page.next), (1, None));
}
