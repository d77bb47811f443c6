//! What every backend must do. Each backend runs each of these on fresh stores.

use bytes::Bytes;

use super::{Expect, Position, StorageError, Stores};
use crate::domain::module::Digest;
use crate::domain::name::TenantName;

/// Makes a module of tests: one for each promise below, on the stores that the expression makes. Its value may hold more
/// than the stores, such as the folder they are in.
macro_rules! conformance {
    ($stores:expr) => {
        $crate::storage::conformance::conformance! { $stores;
            what_was_put_is_there, absent_is_kept, unchanged_is_kept, one_of_many_writers_wins,
            a_revision_never_comes_back, documents_are_listed_by_key, documents_are_deleted_by_prefix,
            a_document_of_a_mebibyte_shrinks_and_grows, a_call_comes_back_in_order, a_position_is_replaced,
            tenants_are_apart, the_newest_come_first, a_log_is_deleted, records_of_a_mebibyte_are_whole,
            blobs_go_by_their_digest,
        }
    };
    ($stores:expr; $($promise:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $promise() {
            let (stores, _kept) = $stores;
            $crate::storage::conformance::$promise(&stores).await;
        })*
    };
}
pub(crate) use conformance;

pub(crate) fn tenant(name: &str) -> TenantName {
    TenantName::parse(name).expect("a tenant's name")
}

fn at(call: u128, part: u32) -> Position {
    Position { call, part }
}

/// Bytes without a pattern that could hide a chunk out of place.
fn mebibyte(seed: u32) -> Bytes {
    let numbers = (0..1 << 18).map(|n: u32| n.wrapping_add(seed).wrapping_mul(2_654_435_761));
    numbers.flat_map(u32::to_be_bytes).collect()
}

pub(crate) async fn what_was_put_is_there(stores: &Stores) {
    let documents = &stores.documents;
    assert_eq!(documents.get("a").await.expect("read"), None);
    for value in ["", "one", "two"] {
        let revision = documents.put("a", value.into(), Expect::Anything).await.expect("put");
        let stored = documents.get("a").await.expect("read").expect("it was put");
        assert_eq!((stored.value, stored.revision), (Bytes::from(value), revision));
    }
    assert_eq!(documents.get("a/b").await.expect("read"), None);
}

pub(crate) async fn absent_is_kept(stores: &Stores) {
    let documents = &stores.documents;
    documents
        .put("a", "first".into(), Expect::Absent)
        .await
        .expect("there is none");
    let refused = documents.put("a", "second".into(), Expect::Absent).await;
    assert!(matches!(refused, Err(StorageError::Conflict { key }) if key == "a"));
    assert_eq!(documents.get("a").await.expect("read").expect("there").value, "first");
}

pub(crate) async fn unchanged_is_kept(stores: &Stores) {
    let documents = &stores.documents;
    let first = documents.put("a", "1".into(), Expect::Absent).await.expect("put");
    let second = documents
        .put("a", "2".into(), Expect::Unchanged(first))
        .await
        .expect("it is unchanged");
    let late = documents.put("a", "3".into(), Expect::Unchanged(first)).await;
    assert!(matches!(late, Err(StorageError::Conflict { .. })));
    documents
        .put("a", "4".into(), Expect::Unchanged(second))
        .await
        .expect("it is unchanged");
    let gone = documents.put("b", "1".into(), Expect::Unchanged(first)).await;
    assert!(matches!(gone, Err(StorageError::Conflict { .. })));
}

pub(crate) async fn one_of_many_writers_wins(stores: &Stores) {
    let tasks = (0..16).map(|n: u32| {
        let documents = stores.documents.clone();
        tokio::spawn(async move { documents.put("a", n.to_string().into(), Expect::Absent).await.is_ok() })
    });
    let mut won = 0;
    for task in tasks.collect::<Vec<_>>() {
        won += u32::from(task.await.expect("no panic"));
    }
    assert_eq!(won, 1);
}

pub(crate) async fn a_revision_never_comes_back(stores: &Stores) {
    let documents = &stores.documents;
    let first = documents.put("a", "1".into(), Expect::Absent).await.expect("put");
    documents.delete("a").await.expect("deleted");
    let second = documents.put("a", "1".into(), Expect::Absent).await.expect("put");
    assert_ne!(first, second);
    let stale = documents.put("a", "2".into(), Expect::Unchanged(first)).await;
    assert!(matches!(stale, Err(StorageError::Conflict { .. })));
}

pub(crate) async fn documents_are_listed_by_key(stores: &Stores) {
    for key in ["t/b", "t/a", "t/a/x", "s", "t0", "u"] {
        stores
            .documents
            .put(key, key.into(), Expect::Absent)
            .await
            .expect("put");
    }
    let keys = |found: Vec<(String, super::Stored)>| {
        assert!(found.iter().all(|(key, stored)| stored.value == key.as_bytes()));
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(
        keys(stores.documents.list("t/").await.expect("listed")),
        ["t/a", "t/a/x", "t/b"]
    );
    assert_eq!(keys(stores.documents.list("v").await.expect("listed")), [""; 0]);
    assert_eq!(stores.documents.list("").await.expect("listed").len(), 6);
}

pub(crate) async fn documents_are_deleted_by_prefix(stores: &Stores) {
    for key in ["t/a", "t/b", "t0", "t"] {
        stores
            .documents
            .put(key, mebibyte(1), Expect::Absent)
            .await
            .expect("put");
    }
    assert_eq!(stores.documents.delete("t/").await.expect("deleted"), 2);
    assert_eq!(stores.documents.delete("t/").await.expect("deleted"), 0);
    assert_eq!(stores.documents.get("t/a").await.expect("read"), None);
    assert_eq!(
        stores.documents.get("t0").await.expect("read").expect("there").value,
        mebibyte(1)
    );
    assert_eq!(stores.documents.list("").await.expect("listed").len(), 2);
}

pub(crate) async fn a_document_of_a_mebibyte_shrinks_and_grows(stores: &Stores) {
    let documents = &stores.documents;
    for value in [
        mebibyte(1),
        "small".into(),
        mebibyte(2),
        mebibyte(3).slice(..100_000),
        Bytes::new(),
    ] {
        documents.put("a", value.clone(), Expect::Anything).await.expect("put");
        assert!(documents.get("a").await.expect("read").expect("there").value == value);
    }
}

pub(crate) async fn a_call_comes_back_in_order(stores: &Stores) {
    let acme = tenant("acme");
    let log = &stores.log;
    log.append(&acme, vec![(at(7, 0), "a".into())]).await.expect("kept");
    log.append(&acme, vec![(at(8, 0), "x".into())]).await.expect("kept");
    log.append(&acme, vec![(at(7, 1), "b".into()), (at(7, 2), "c".into())])
        .await
        .expect("kept");
    let records = log.call(&acme, 7).await.expect("read");
    assert_eq!(
        records,
        [(at(7, 0), "a".into()), (at(7, 1), "b".into()), (at(7, 2), "c".into())]
    );
    assert_eq!(log.call(&acme, 9).await.expect("read"), []);
}

pub(crate) async fn a_position_is_replaced(stores: &Stores) {
    let acme = tenant("acme");
    stores
        .log
        .append(&acme, vec![(at(1, 0), mebibyte(1))])
        .await
        .expect("kept");
    stores
        .log
        .append(&acme, vec![(at(1, 0), "short".into())])
        .await
        .expect("kept");
    assert_eq!(
        stores.log.call(&acme, 1).await.expect("read"),
        [(at(1, 0), "short".into())]
    );
}

pub(crate) async fn tenants_are_apart(stores: &Stores) {
    // Names that are prefixes of each other, and bytes of ids that look like separators.
    for (name, call) in [("a", 0), ("a-", u128::MAX), ("aa", 1), ("a0", 1 << 120)] {
        stores
            .log
            .append(&tenant(name), vec![(at(call, 0), name.into())])
            .await
            .expect("kept");
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
        stores.log.append(&acme, records.collect()).await.expect("kept");
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
        stores
            .log
            .append(&acme, vec![(at(call, 0), "x".into())])
            .await
            .expect("kept");
    }
    stores
        .log
        .append(&acme, vec![(at(700, 0), mebibyte(1))])
        .await
        .expect("kept");
    stores
        .log
        .append(&other, vec![(at(1, 0), "y".into())])
        .await
        .expect("kept");
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
        stores.log.append(&acme, records).await.expect("kept");
    }
    for call in 0..20 {
        let records = stores.log.call(&acme, call).await.expect("read");
        assert!(records[0].1 == mebibyte(u32::try_from(call).expect("small")));
        assert_eq!(records.len(), 2);
    }
}

pub(crate) async fn blobs_go_by_their_digest(stores: &Stores) {
    for bytes in [Bytes::new(), "component".into(), mebibyte(1)] {
        assert_eq!(stores.blobs.get(&Digest::of(&bytes)).await.expect("read"), None);
        for _ in 0..2 {
            assert_eq!(stores.blobs.put(bytes.clone()).await.expect("put"), Digest::of(&bytes));
        }
        assert!(stores.blobs.get(&Digest::of(&bytes)).await.expect("read") == Some(bytes));
    }
}
