//! What is promised of changes that are made together, and of reading many documents.

use bytes::Bytes;

use super::super::{Change, Durability, Expect, Revision, StorageError, Stored, Stores};
use super::{at, keep, mebibyte, tenant};
use crate::domain::name::TenantName;

fn put(key: &str, value: impl Into<Bytes>, expect: Expect) -> Change {
    Change::Put {
        key: key.to_owned(),
        value: value.into(),
        expect,
    }
}

fn delete(key: &str, expect: Expect) -> Change {
    Change::Delete {
        key: key.to_owned(),
        expect,
    }
}

async fn write(stores: &Stores, changes: Vec<Change>) -> Result<Option<Revision>, StorageError> {
    stores.documents.write(changes, Durability::Synced).await
}

/// All documents, by key.
async fn all(stores: &Stores) -> Vec<(String, Bytes)> {
    let found = stores.documents.list("").await.expect("listed");
    found.into_iter().map(|(key, stored)| (key, stored.value)).collect()
}

fn keys(page: &[(String, Stored)]) -> Vec<&str> {
    page.iter().map(|(key, _)| key.as_str()).collect()
}

pub(crate) async fn changes_are_made_together(stores: &Stores) {
    let acme = tenant("acme");
    let documents = &stores.documents;
    documents.put("b", "old".into(), Expect::Absent).await.expect("put");
    let changes = vec![
        put("a", "1", Expect::Absent),
        delete("b", Expect::Anything),
        put("c", "3", Expect::Anything),
    ];
    let records = vec![(at(1, 0), "x".into()), (at(1, 1), "y".into())];
    let append = stores.log.append(&acme, records.clone(), changes, Durability::Synced);
    let revision = append.await.expect("kept").expect("documents were put");
    for key in ["a", "c"] {
        let stored = documents.get(key).await.expect("read").expect("it was put");
        assert_eq!(stored.revision, revision);
    }
    assert_eq!(all(stores).await, [("a".into(), "1".into()), ("c".into(), "3".into())]);
    assert_eq!(stores.log.call(&acme, 1).await.expect("read"), records);
}

pub(crate) async fn a_conflict_leaves_a_batch_undone(stores: &Stores) {
    let acme = tenant("acme");
    let first = stores
        .documents
        .put("a", "1".into(), Expect::Absent)
        .await
        .expect("put");
    let second = stores
        .documents
        .put("b", "1".into(), Expect::Absent)
        .await
        .expect("put");
    let refused = [
        put("a", "2", Expect::Absent),
        put("a", "2", Expect::Unchanged(second)),
        put("none", "2", Expect::Unchanged(first)),
        delete("a", Expect::Absent),
        delete("a", Expect::Unchanged(second)),
        delete("none", Expect::Unchanged(first)),
    ];
    for (round, wrong) in (0..).zip(refused) {
        let right = [put("c", "2", Expect::Absent), delete("b", Expect::Unchanged(second))];
        // At the beginning, in the middle and at the end.
        for place in 0..=right.len() {
            let mut changes = right.to_vec();
            changes.insert(place, wrong.clone());
            let records = vec![(at(round, 0), "x".into())];
            let append = stores.log.append(&acme, records, changes, Durability::Synced).await;
            assert!(
                matches!(&append, Err(StorageError::Conflict { key }) if key == wrong.key()),
                "{wrong:?} at {place}: {append:?}"
            );
            assert_eq!(stores.log.call(&acme, round).await.expect("read"), []);
        }
    }
    assert_eq!(all(stores).await, [("a".into(), "1".into()), ("b".into(), "1".into())]);
}

pub(crate) async fn a_conflict_disturbs_nobody_else(stores: &Stores) {
    stores
        .documents
        .put("taken", "".into(), Expect::Absent)
        .await
        .expect("put");
    let tasks = (0..64_u32).map(|n| {
        let log = stores.log.clone();
        tokio::spawn(async move {
            let mut changes = vec![put(&format!("task{n:02}"), "", Expect::Absent)];
            if n % 2 == 1 {
                changes.push(put("taken", "", Expect::Absent));
            }
            let records = vec![(at(n.into(), 0), "x".into())];
            let acme = tenant("acme");
            let append = log.append(&acme, records, changes, Durability::Synced);
            (n, append.await)
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let (n, written) = task.await.expect("no panic");
        match written {
            Ok(revision) => assert!(n % 2 == 0 && revision.is_some(), "{n}"),
            Err(StorageError::Conflict { key }) => assert!(n % 2 == 1 && key == "taken", "{n}"),
            Err(error) => panic!("{n}: {error}"),
        }
    }
    let even: Vec<_> = (0..64).step_by(2).map(|n| format!("task{n:02}")).collect();
    assert_eq!(keys(&stores.documents.list("task").await.expect("listed")), even);
    let calls = stores.log.newest(&tenant("acme"), None, 100).await.expect("read");
    assert_eq!(calls.len(), 32);
}

pub(crate) async fn a_document_twice_in_a_batch_is_refused(stores: &Stores) {
    let again = [put("a", "2", Expect::Anything), delete("a", Expect::Anything)];
    for again in again {
        let changes = vec![put("a", "1", Expect::Anything), put("b", "1", Expect::Anything), again];
        let error = write(stores, changes).await.expect_err("a guess");
        assert!(matches!(error, StorageError::Unavailable { .. }), "{error}");
    }
    assert_eq!(all(stores).await, []);
}

pub(crate) async fn changes_of_one_document_take_effect_in_order(stores: &Stores) {
    // Queued one after another before any is waited for, so that a backend may take them as one group.
    let writes = ["1", "2", "3"].map(|value| write(stores, vec![put("a", value, Expect::Anything)]));
    let last = write(stores, vec![delete("b", Expect::Absent), put("c", "", Expect::Absent)]);
    let gone = write(stores, vec![delete("c", Expect::Anything)]);
    let (written, last, gone) = futures_util::join!(futures_util::future::join_all(writes), last, gone);
    let revisions: Vec<_> = written.into_iter().map(|revision| revision.expect("put")).collect();
    assert!(last.expect("put").is_some());
    assert_eq!(gone.expect("removed"), None);
    let stored = stores.documents.get("a").await.expect("read").expect("there");
    assert_eq!((stored.value, Some(stored.revision)), ("3".into(), revisions[2]));
    assert_eq!(stores.documents.get("c").await.expect("read"), None);
}

pub(crate) async fn a_large_value_is_replaced_and_removed_in_batches(stores: &Stores) {
    let values = [
        mebibyte(1),
        mebibyte(2).slice(..100_000),
        mebibyte(3),
        Bytes::from("small"),
        mebibyte(4),
    ];
    for value in values {
        let other = delete("other", Expect::Anything);
        write(stores, vec![put("a", value.clone(), Expect::Anything), other])
            .await
            .expect("put");
        assert!(all(stores).await == [("a".to_owned(), value)]);
    }
    let moved = vec![delete("a", Expect::Anything), put("other", mebibyte(5), Expect::Absent)];
    write(stores, moved).await.expect("moved");
    assert!(all(stores).await == [("other".to_owned(), mebibyte(5))]);
    // Nothing of what was removed is found again.
    write(stores, vec![put("a", "", Expect::Absent)]).await.expect("put");
    assert_eq!(stores.documents.get("a").await.expect("read").expect("there").value, "");
}

pub(crate) async fn no_two_batches_share_a_revision(stores: &Stores) {
    let mut seen = Vec::new();
    for round in 0..20 {
        let writes = (0..8).map(|n| write(stores, vec![put(&n.to_string(), "", Expect::Anything)]));
        let written = futures_util::future::join_all(writes).await;
        seen.extend(
            written
                .into_iter()
                .map(|revision| revision.expect("put").expect("a put").0),
        );
        if round % 2 == 0 {
            let emptied = (0..8).map(|n| delete(&n.to_string(), Expect::Anything));
            assert_eq!(write(stores, emptied.collect()).await.expect("removed"), None);
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 20 * 8);
}

pub(crate) async fn an_empty_batch_changes_nothing(stores: &Stores) {
    let acme = tenant("acme");
    assert_eq!(write(stores, Vec::new()).await.expect("nothing to do"), None);
    let append = stores.log.append(&acme, Vec::new(), Vec::new(), Durability::Synced);
    assert_eq!(append.await.expect("nothing to do"), None);
    assert_eq!(all(stores).await, []);
    assert_eq!(stores.log.newest(&acme, None, 9).await.expect("read"), []);
}

pub(crate) async fn what_is_written_of_a_tenant_counts(stores: &Stores) {
    // Ten seconds' worth is saved up.
    let (second, less, more) = (1_000, 9_000, 15_000);
    let work = |tenant: &TenantName, bytes| put(&format!("work/{tenant}/a"), vec![0; bytes], Expect::Anything);
    for (name, bytes, used_up) in [("acme", less, false), ("other", more, true)] {
        let ways = ["document", "record", "along", "settings"].map(|way| tenant(&format!("{name}-{way}")));
        for way in &ways {
            stores.written.of(way).set_per_second(second);
        }
        let [document, record, along, settings] = &ways;
        write(stores, vec![work(document, bytes)]).await.expect("written");
        let records = vec![(at(1, 0), vec![0; bytes].into())];
        keep(stores, record, records).await;
        let append = stores
            .log
            .append(along, Vec::new(), vec![work(along, bytes)], Durability::Synced);
        append.await.expect("kept");
        let key = format!("tenants/{settings}");
        let change = put(&key, vec![0; bytes], Expect::Anything);
        write(stores, vec![change]).await.expect("written");
        for way in [document, record, along] {
            assert_eq!(stores.written.of(way).is_used_up(), used_up, "{way}");
        }
        assert!(!stores.written.of(settings).is_used_up(), "{settings}");
    }
}

pub(crate) async fn pages_follow_each_other(stores: &Stores) {
    let names = ["s", "t", "t/", "t/a", "t/a/x", "t/b", "t/c", "t/é", "t0", "u"];
    let puts = names.map(|key| put(key, key.to_owned(), Expect::Absent));
    write(stores, puts.to_vec()).await.expect("put");
    let rows: [(&str, Option<&str>, usize, &[&str]); 12] = [
        ("t/", None, 2, &["t/", "t/a"]),
        ("t/", Some("t/a"), 2, &["t/a/x", "t/b"]),
        ("t/", Some("t/b"), 2, &["t/c", "t/é"]),
        ("t/", Some("t/é"), 2, &[]),
        // Neither what comes after nor what the prefix says has to be there.
        ("t/", Some("t/a/"), 1, &["t/a/x"]),
        ("t/", Some("t/"), 1, &["t/a"]),
        ("t/", Some("a"), 1, &["t/"]),
        ("t/", Some("z"), 1, &[]),
        ("t/", None, 0, &[]),
        ("t/", None, usize::MAX, &["t/", "t/a", "t/a/x", "t/b", "t/c", "t/é"]),
        ("", Some("t0"), 9, &["u"]),
        ("v", None, 9, &[]),
    ];
    for (prefix, after, limit, expected) in rows {
        let page = stores.documents.page(prefix, after, limit).await.expect("read");
        assert_eq!(keys(&page), expected, "{prefix}, after {after:?}, {limit}");
        assert!(page.iter().all(|(key, stored)| stored.value == key.as_bytes()));
    }
}

pub(crate) async fn a_page_goes_on_where_a_document_was_removed(stores: &Stores) {
    let puts = (0..10).map(|n| put(&n.to_string(), mebibyte(n), Expect::Absent));
    write(stores, puts.collect()).await.expect("put");
    let page = stores.documents.page("", None, 4).await.expect("read");
    assert_eq!(keys(&page), ["0", "1", "2", "3"]);
    let removed = vec![
        delete("3", Expect::Unchanged(page[3].1.revision)),
        delete("4", Expect::Anything),
    ];
    write(stores, removed).await.expect("removed");
    let page = stores.documents.page("", Some("3"), 4).await.expect("read");
    assert_eq!(keys(&page), ["5", "6", "7", "8"]);
    assert!(page[0].1.value == mebibyte(5));
}
