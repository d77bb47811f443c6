//! What is promised of the log alone.

use super::super::Stores;
use super::{at, keep, mebibyte, tenant};

pub(crate) async fn a_call_comes_back_in_order(stores: &Stores) {
    let acme = tenant("acme");
    let log = &stores.log;
    keep(stores, &acme, vec![(at(7, 0), "a".into())]).await;
    keep(stores, &acme, vec![(at(8, 0), "x".into())]).await;
    keep(stores, &acme, vec![(at(7, 1), "b".into()), (at(7, 2), "c".into())]).await;
    let records = log.call(&acme, 7).await.expect("read");
    assert_eq!(
        records,
        [(at(7, 0), "a".into()), (at(7, 1), "b".into()), (at(7, 2), "c".into())]
    );
    assert_eq!(log.call(&acme, 9).await.expect("read"), []);
}

pub(crate) async fn a_position_is_replaced(stores: &Stores) {
    let acme = tenant("acme");
    keep(stores, &acme, vec![(at(1, 0), mebibyte(1))]).await;
    keep(stores, &acme, vec![(at(1, 0), "short".into())]).await;
    assert_eq!(
        stores.log.call(&acme, 1).await.expect("read"),
        [(at(1, 0), "short".into())]
    );
}

pub(crate) async fn tenants_are_apart(stores: &Stores) {
    // Names that are prefixes of each other, and bytes of ids that look like separators.
    for (name, call) in [("a", 0), ("a-", u128::MAX), ("aa", 1), ("a0", 1 << 120)] {
        keep(stores, &tenant(name), vec![(at(call, 0), name.into())]).await;
    }
    for (name, call) in [("a", 0), ("a-", u128::MAX), ("aa", 1), ("a0", 1 << 120)] {
        let newest = stores.log.newest(&tenant(name), None, 10).await.expect("read");
        let found: Vec<_> = newest.iter().map(|ends| (ends.call, &ends.first[..])).collect();
        assert_eq!(found, [(call, name.as_bytes())]);
    }
    stores.log.delete(&tenant("a")).await.expect("deleted");
    assert_eq!(stores.log.newest(&tenant("a"), None, 10).await.expect("read"), []);
    assert_eq!(stores.log.newest(&tenant("aa"), None, 10).await.expect("read").len(), 1);
}

pub(crate) async fn the_newest_come_first(stores: &Stores) {
    let acme = tenant("acme");
    for call in [30, 10, 20] {
        let records = (0..call / 10).map(|n| (at(u128::from(call), n), format!("{call}.{n}").into()));
        keep(stores, &acme, records.collect()).await;
    }
    let rows = [
        (
            None,
            9,
            vec![(30, "30.0", "30.2"), (20, "20.0", "20.1"), (10, "10.0", "10.0")],
        ),
        (None, 2, vec![(30, "30.0", "30.2"), (20, "20.0", "20.1")]),
        (Some(30), 1, vec![(20, "20.0", "20.1")]),
        (Some(25), 1, vec![(20, "20.0", "20.1")]),
        (Some(10), 9, vec![]),
        (None, 0, vec![]),
    ];
    for (before, calls, expected) in rows {
        let newest = stores.log.newest(&acme, before, calls).await.expect("read");
        let found: Vec<_> = newest
            .iter()
            .map(|ends| {
                (
                    ends.call,
                    std::str::from_utf8(&ends.first),
                    std::str::from_utf8(&ends.last),
                )
            })
            .collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(call, first, last)| (call, Ok(first), Ok(last)))
            .collect();
        assert_eq!(found, expected, "before {before:?}, {calls} calls");
    }
}

pub(crate) async fn a_log_is_deleted(stores: &Stores) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    for call in 0..700 {
        keep(stores, &acme, vec![(at(call, 0), "x".into())]).await;
    }
    keep(stores, &acme, vec![(at(700, 0), mebibyte(1))]).await;
    keep(stores, &other, vec![(at(1, 0), "y".into())]).await;
    stores.log.delete(&acme).await.expect("deleted");
    assert_eq!(stores.log.newest(&acme, None, 9).await.expect("read"), []);
    assert_eq!(stores.log.call(&acme, 700).await.expect("read"), []);
    assert_eq!(stores.log.call(&other, 1).await.expect("read").len(), 1);
}

pub(crate) async fn records_of_a_mebibyte_are_whole(stores: &Stores) {
    let acme = tenant("acme");
    for call in 0..20 {
        let seed = u32::try_from(call).expect("small");
        let records = vec![(at(call, 0), mebibyte(seed)), (at(call, 1), "end".into())];
        keep(stores, &acme, records).await;
    }
    for call in 0..20 {
        let records = stores.log.call(&acme, call).await.expect("read");
        assert!(records[0].1 == mebibyte(u32::try_from(call).expect("small")));
        assert_eq!(records.len(), 2);
    }
}
