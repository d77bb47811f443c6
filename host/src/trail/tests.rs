use serde_json::json;

use super::*;
use crate::domain::trail::{Actor, Verb};
use crate::storage::memory::Memory;

fn acme() -> Book {
    Book::Tenant(TenantName::parse("acme").expect("a name"))
}

fn trail() -> (Arc<dyn Documents>, Trail) {
    let documents = Memory::stores().documents;
    let vault = Arc::new(Vault::new(&[7; 32]));
    (Arc::clone(&documents), Trail::new(documents, vault))
}

fn admin() -> Signature {
    Signature {
        actor: Actor::PlatformAdmin {},
        from: Some([192, 0, 2, 7].into()),
    }
}

fn deed(object: &str) -> Deed {
    Deed::new(Verb::Change, object)
}

fn change(key: &str, expect: Expect) -> Change {
    Change::Put {
        key: key.to_owned(),
        value: "x".into(),
        expect,
    }
}

async fn fill(trail: &Trail, entries: usize) {
    for number in 1..=entries {
        let noted = trail.note(&acme(), &admin(), deed(&format!("object/{number}"))).await;
        noted.expect("noted");
    }
}

async fn numbers(trail: &Trail, filter: &Filter, before: Option<u64>, limit: usize) -> (Vec<u64>, Option<u64>) {
    let listing = trail
        .list(&acme(), filter, Page { before, limit })
        .await
        .expect("listed");
    let numbers = listing.entries.iter().map(|kept| kept.entry.number).collect();
    (numbers, listing.next)
}

#[tokio::test]
async fn a_change_and_its_entry_are_written_together() {
    let (documents, trail) = trail();
    let (book, by) = (acme(), admin());
    let changed = deed("a").before(&json!(1)).after(&json!(2));
    let written = trail.write(&book, &by, changed, vec![change("tenants/acme/x", Expect::Absent)]);
    written.await.expect("written");
    assert!(documents.get("tenants/acme/x").await.expect("a store").is_some());
    let listing = trail
        .list(&book, &Filter::default(), Page { before: None, limit: 9 })
        .await
        .expect("listed");
    let [kept] = &listing.entries[..] else {
        panic!("one entry: {listing:?}");
    };
    let entry = &kept.entry;
    assert_eq!(
        (entry.number, entry.object.as_str(), entry.verb),
        (1, "a", Verb::Change)
    );
    assert_eq!((&entry.before, &entry.after), (&Some(json!(1)), &Some(json!(2))));
    assert_eq!((entry.by.clone(), entry.from), (Actor::PlatformAdmin {}, admin().from));

    // Neither the one nor the other where the change cannot be made.
    let refused = trail.write(&book, &by, deed("b"), vec![change("tenants/acme/x", Expect::Absent)]);
    assert!(matches!(refused.await, Err(StorageError::Conflict { .. })));
    assert_eq!(trail.verify(&acme()).await.expect("read").entries, 1);
    // Nor where the entry cannot.
    let entries = documents.delete("trail/head/").await.expect("removed");
    assert_eq!(entries, 1);
    let refused = trail.write(&book, &by, deed("c"), vec![change("tenants/acme/y", Expect::Absent)]);
    assert!(matches!(refused.await, Err(StorageError::Damaged { .. })));
    assert!(documents.get("tenants/acme/y").await.expect("a store").is_none());
}

#[tokio::test]
async fn entries_of_many_at_once_follow_each_other() {
    let (_, trail) = trail();
    let trail = Arc::new(trail);
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let trail = Arc::clone(&trail);
            tokio::spawn(async move { trail.note(&acme(), &admin(), deed(&number.to_string())).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("noted");
    }
    let whole = trail.verify(&acme()).await.expect("read");
    assert_eq!((whole.entries, whole.trouble), (50, None));
}

#[tokio::test]
async fn a_trail_is_listed_in_pages_the_newest_first() {
    let (_, trail) = trail();
    let all = Filter::default();
    assert_eq!(numbers(&trail, &all, None, 10).await, (vec![], None));
    fill(&trail, 250).await;
    assert_eq!(numbers(&trail, &all, None, 3).await, (vec![250, 249, 248], Some(248)));
    let (page, next) = numbers(&trail, &all, Some(248), 200).await;
    assert_eq!((page.len(), page[0], page[199], next), (200, 247, 48, Some(48)));
    let (page, next) = numbers(&trail, &all, next, 200).await;
    assert_eq!((page.len(), page[46], next), (47, 1, None));
    assert_eq!(numbers(&trail, &all, Some(1), 10).await, (vec![], None));
    assert_eq!(numbers(&trail, &all, Some(u64::MAX), 1).await, (vec![250], Some(250)));
}

#[tokio::test]
async fn a_trail_is_listed_by_who_by_what_and_by_when() {
    let (_, trail) = trail();
    fill(&trail, 1_200).await;
    let object = |text: &str| Filter {
        object: Some(text.to_owned()),
        ..Filter::default()
    };
    assert_eq!(
        numbers(&trail, &object("object/77"), None, 5).await,
        (vec![779, 778, 777, 776, 775], Some(775))
    );
    // A page is read within bounds, and may have nothing in it.
    assert_eq!(
        numbers(&trail, &object("object/1100"), Some(1_100), 5).await,
        (vec![], Some(100))
    );
    assert_eq!(
        numbers(&trail, &object("object/1100"), Some(100), 5).await,
        (vec![], None)
    );
    let by = |text: &str| Filter {
        by: Some(text.to_owned()),
        ..Filter::default()
    };
    assert_eq!(numbers(&trail, &by("admin"), None, 1).await.0, [1_200]);
    assert_eq!(numbers(&trail, &by("gateway"), None, 1).await.0, [] as [u64; 0]);
    let later = Filter {
        since: Some(trail.after_all(&acme()).await.expect("a time")),
        ..Filter::default()
    };
    assert_eq!(numbers(&trail, &later, None, 5).await, (vec![], None));
    trail.note(&acme(), &admin(), deed("later")).await.expect("noted");
    assert_eq!(numbers(&trail, &later, None, 5).await, (vec![1_201], None));
}

#[tokio::test]
async fn what_was_changed_or_removed_is_noticed() {
    let place = |number| acme().entry(number);
    let (documents, trail) = trail();
    fill(&trail, 5).await;
    let whole = trail.verify(&acme()).await.expect("read");
    let newest = trail
        .list(&acme(), &Filter::default(), Page { before: None, limit: 1 })
        .await
        .expect("listed");
    assert_eq!(
        (whole.entries, &whole.digest, whole.trouble),
        (5, &newest.entries[0].digest, None)
    );

    let stored = |number| {
        let documents = Arc::clone(&documents);
        async move {
            documents
                .get(&place(number))
                .await
                .expect("a store")
                .expect("an entry")
                .value
        }
    };
    let (third, fourth, head) = (
        stored(3).await,
        stored(4).await,
        documents
            .get(&acme().head())
            .await
            .expect("a store")
            .expect("a head")
            .value,
    );
    let mut flipped = third.to_vec();
    *flipped.last_mut().expect("bytes") ^= 1;
    for (what, bytes) in [("a bit was flipped", flipped.into()), ("another entry", fourth)] {
        documents.put(&place(3), bytes, Expect::Anything).await.expect("put");
        let broken = trail.verify(&acme()).await.expect("read");
        assert_eq!(broken.entries, 2, "{what}");
        assert!(broken.trouble.expect(what).starts_with("entry 3: "), "{what}");
    }
    documents.delete(&place(3)).await.expect("removed");
    let broken = trail.verify(&acme()).await.expect("read");
    assert_eq!(broken.trouble.as_deref(), Some("entry 3: it is missing"));
    documents.put(&place(3), third, Expect::Absent).await.expect("put back");
    assert_eq!(trail.verify(&acme()).await.expect("read").trouble, None);

    // An entry of an older copy of the data in the place of a newer one, both of our own making.
    let (other_documents, other) = self::trail();
    fill(&other, 5).await;
    let older = other_documents
        .get(&place(5))
        .await
        .expect("a store")
        .expect("an entry")
        .value;
    let fifth = stored(5).await;
    documents.put(&place(5), older, Expect::Anything).await.expect("put");
    let broken = trail.verify(&acme()).await.expect("read");
    assert_eq!(
        (broken.entries, broken.trouble.as_deref()),
        (4, Some("entry 5: it does not follow the entry before it"))
    );
    documents
        .put(&place(5), fifth, Expect::Anything)
        .await
        .expect("put back");

    // The end cut off, but for the word of how far it went; and that removed, too.
    documents.delete(&place(5)).await.expect("removed");
    assert_eq!(
        trail.verify(&acme()).await.expect("read").trouble.as_deref(),
        Some("entry 5: it is missing")
    );
    documents.delete(&acme().head()).await.expect("removed");
    let broken = trail.verify(&acme()).await.expect("read");
    assert!(
        broken
            .trouble
            .expect("trouble")
            .contains("it is missing, and there are entries")
    );
    documents
        .put(&acme().head(), head, Expect::Absent)
        .await
        .expect("put back");
}

#[tokio::test]
async fn one_trail_says_nothing_of_another() {
    let (documents, trail) = trail();
    fill(&trail, 3).await;
    let longer = Book::Tenant(TenantName::parse("acme-2").expect("a name"));
    for book in [&longer, &Book::Platform] {
        assert_eq!(trail.verify(book).await.expect("read").entries, 0);
        trail.note(book, &admin(), deed("x")).await.expect("noted");
        assert_eq!(trail.verify(book).await.expect("read").entries, 1);
    }
    assert_eq!(trail.verify(&acme()).await.expect("read").entries, 3);
    // What is kept tells nothing to who cannot open it.
    for (key, stored) in documents.list("trail/").await.expect("listed") {
        let shown = String::from_utf8_lossy(&stored.value);
        assert!(!shown.contains("object"), "{key}: {shown}");
    }
}

#[tokio::test]
async fn entries_are_never_older_than_those_before_them() {
    let (documents, trail) = trail();
    fill(&trail, 1).await;
    // As if the clock had been set back by an hour since.
    let ahead = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let (head, _) = trail.head(&acme()).await.expect("read");
    let head = Head { at: ahead, ..head };
    let put = trail.put(acme().head(), json(&head).expect("JSON"), Expect::Anything);
    documents.write(vec![put], Durability::Synced).await.expect("written");
    let since = trail.after_all(&acme()).await.expect("a time");
    assert!(since > ahead);
    fill(&trail, 1).await;
    // Whoever sees only what came since sees it.
    let filter = Filter {
        since: Some(since),
        ..Filter::default()
    };
    assert_eq!(numbers(&trail, &filter, None, 5).await, (vec![2], None));
}
