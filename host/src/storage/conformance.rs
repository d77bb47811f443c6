//! What every backend must do. Each backend runs each of these on fresh stores.

mod batches;
mod log;

use bytes::Bytes;

pub(crate) use self::batches::*;
pub(crate) use self::log::*;
use super::{Change, Durability, Expect, Position, StorageError, Stores};
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
            changes_are_made_together, a_conflict_leaves_a_batch_undone, a_conflict_disturbs_nobody_else,
            a_document_twice_in_a_batch_is_refused, changes_of_one_document_take_effect_in_order,
            a_large_value_is_replaced_and_removed_in_batches, no_two_batches_share_a_revision,
            an_empty_batch_changes_nothing, what_is_written_of_a_tenant_counts, pages_follow_each_other, a_page_goes_on_where_a_document_was_removed,
            blobs_go_by_their_digest, blobs_are_listed_and_removed,
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

/// Keeps records, and changes nothing else.
pub(crate) async fn keep(stores: &Stores, tenant: &TenantName, records: Vec<(Position, Bytes)>) {
    let append = stores.log.append(tenant, records, Vec::new(), Durability::Synced);
    assert_eq!(append.await.expect("kept"), None);
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
    // More than go in one step.
    let many = (0..1_100).map(|number| Change::Put {
        key: format!("many/{number}"),
        value: "x".into(),
        expect: Expect::Absent,
    });
    let written = stores.documents.write(many.collect(), Durability::Synced).await;
    written.expect("written");
    assert_eq!(stores.documents.delete("many/").await.expect("deleted"), 1_100);
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

pub(crate) async fn blobs_go_by_their_digest(stores: &Stores) {
    for bytes in [Bytes::new(), "component".into(), mebibyte(1)] {
        assert_eq!(stores.blobs.get(&Digest::of(&bytes)).await.expect("read"), None);
        for _ in 0..2 {
            assert_eq!(stores.blobs.put(bytes.clone()).await.expect("put"), Digest::of(&bytes));
        }
        assert!(stores.blobs.get(&Digest::of(&bytes)).await.expect("read") == Some(bytes));
    }
}

pub(crate) async fn blobs_are_listed_and_removed(stores: &Stores) {
    let blobs = &stores.blobs;
    let listed = async || {
        let mut listed = blobs.list().await.expect("listed");
        listed.sort();
        listed
    };
    assert_eq!(listed().await, []);
    let mut digests = Vec::new();
    for text in ["one", "two", "three", "one"] {
        digests.push(blobs.put(text.into()).await.expect("put"));
    }
    let [one, two, three, _] = digests[..] else { panic!() };
    let mut all = vec![one, two, three];
    all.sort();
    assert_eq!(listed().await, all);

    // What is not there is removed already.
    blobs
        .remove(&[one, Digest::of(b"never"), three])
        .await
        .expect("removed");
    assert_eq!(listed().await, [two]);
    assert_eq!(blobs.get(&one).await.expect("read"), None);
    assert_eq!(blobs.get(&two).await.expect("read"), Some("two".into()));
    blobs.put("one".into()).await.expect("put");
    assert_eq!(blobs.get(&one).await.expect("read"), Some("one".into()));
}
