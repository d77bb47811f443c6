use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tempfile::TempDir;

use super::*;
use crate::domain::secret::Secret;
use crate::domain::trail::Verb;
use crate::storage::memory::Memory;
use crate::storage::{Change, Durability, Revision};
use crate::trail::{Book, Filter, Page, Trail};

/// More than one page of the sweep.
const DOCUMENTS: usize = 450;

fn place(number: usize) -> String {
    format!("tenants/acme/modules/sim/secrets/s{number}/sealed")
}

fn value(number: usize) -> String {
    format!("secret {number}")
}

struct World {
    documents: Arc<dyn Documents>,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            documents: Memory::stores().documents,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn source(&self, name: &str) -> KeySource {
        KeySource::File(self.path(name))
    }

    /// Secrets that were sealed, some with a line in the open before them, and a document without any.
    async fn fill(&self) {
        let vault = open(&*self.documents, &self.source("old")).await.expect("opened");
        for number in 0..DOCUMENTS {
            let sealed = vault.seal(&place(number), &Secret::new(value(number)));
            let line: &[u8] = if number % 3 == 0 { b"{\"open\":1}\n" } else { b"" };
            self.put(&place(number), [line, &sealed].concat()).await;
        }
        self.put("tenants/acme/tenant", b"{\"name\":\"acme\"}".to_vec()).await;
    }

    async fn put(&self, key: &str, value: Vec<u8>) {
        let written = self.documents.put(key, value.into(), Expect::Anything);
        written.await.expect("written");
    }

    /// Everything, as it is kept.
    async fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let listed = self.documents.list("").await.expect("a listing");
        listed
            .into_iter()
            .map(|(key, stored)| (key, stored.value.to_vec()))
            .collect()
    }

    /// That every secret opens with this root key, and that the document without one is as it was.
    async fn assert_whole(&self, source: &KeySource) {
        let vault = open(&*self.documents, source).await.expect("opened");
        let all = self.all().await;
        for number in 0..DOCUMENTS {
            let value_there = &all[&place(number)];
            let sealed = value_there.strip_prefix(b"{\"open\":1}\n").unwrap_or(value_there);
            let opened = vault.open_sealed(&place(number), sealed).expect("it opens");
            assert_eq!(opened.expose(), value(number));
        }
        assert_eq!(all["tenants/acme/tenant"], b"{\"name\":\"acme\"}");
    }

    /// What the platform's trail says was replaced, the latest first. It is whole.
    async fn rotations(&self, source: &KeySource) -> Vec<String> {
        let vault = open(&*self.documents, source).await.expect("opened");
        let trail = Trail::new(Arc::clone(&self.documents), Arc::new(vault));
        let whole = trail.verify(&Book::Platform).await.expect("a trail");
        assert_eq!(whole.trouble, None);
        let page = Page {
            before: None,
            limit: 200,
        };
        let listing = trail.list(&Book::Platform, &Filter::default(), page).await;
        let entries = listing.expect("a listing").entries.into_iter();
        entries
            .map(|kept| {
                assert_eq!(kept.entry.verb, Verb::Rotate);
                kept.entry.object
            })
            .collect()
    }

    /// That there is one entry for each data key that is gone, and none for one that is still there.
    async fn assert_written_down(&self, source: &KeySource) {
        let ids = self.ids(source).await;
        let gone = usize::try_from(ids[0]).expect("few") - 1;
        assert_eq!(self.rotations(source).await, vec!["vault/data-key"; gone], "{ids:?}");
    }

    async fn ids(&self, source: &KeySource) -> Vec<u32> {
        let stored = stored(&*self.documents).await.expect("there");
        let keys = unwrap(&read(source).expect("read"), source, &stored).expect("its key");
        keys.data_keys().iter().map(|key| key.id).collect()
    }
}

/// Documents whose write of a certain number fails, before anything was written or after all of it was.
struct Failing {
    documents: Arc<dyn Documents>,
    at: usize,
    after: bool,
    writes: AtomicUsize,
}

#[async_trait]
impl Documents for Failing {
    async fn get(&self, key: &str) -> Result<Option<Stored>, StorageError> {
        self.documents.get(key).await
    }

    async fn write(&self, changes: Vec<Change>, durability: Durability) -> Result<Option<Revision>, StorageError> {
        let fails = self.writes.fetch_add(1, Ordering::Relaxed) == self.at;
        if !fails || self.after {
            let written = self.documents.write(changes, durability).await?;
            if !fails {
                return Ok(written);
            }
        }
        Err(StorageError::Unavailable {
            doing: "writing".to_owned(),
            source: "the power failed".into(),
        })
    }

    async fn delete(&self, prefix: &str) -> Result<usize, StorageError> {
        self.documents.delete(prefix).await
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StorageError> {
        self.documents.page(prefix, after, limit).await
    }
}

#[tokio::test]
async fn only_the_key_of_the_first_start_is_taken_and_a_lost_one_is_not_made_anew() {
    let world = World::new();
    let source = world.source("key");
    let first = open(&*world.documents, &source).await.expect("the first start");
    let again = open(&*world.documents, &source).await.expect("the same key");
    assert_eq!(first.hash("token"), again.hash("token"));

    let other = KeySource::Given(Secret::new("11".repeat(32)));
    let error = open(&*world.documents, &other).await.err().expect("another key");
    assert_eq!(
        error.to_string(),
        "PATCHBAY_KEY: the data was written with another key; put that one back"
    );

    std::fs::rename(world.path("key"), world.path("moved")).expect("moved");
    let error = open(&*world.documents, &source)
        .await
        .err()
        .expect("no key")
        .to_string();
    assert!(
        error.contains("the file is missing, and the data was written"),
        "{error}"
    );
    assert!(!world.path("key").exists(), "none was made in its place");
}

#[tokio::test]
async fn data_without_keys_is_refused_and_no_key_is_made_for_it() {
    let world = World::new();
    world.put("tenants/acme/tenant", b"{}".to_vec()).await;
    let error = open(&*world.documents, &world.source("key"))
        .await
        .err()
        .expect("refused");
    assert!(matches!(error, KeyringError::NoKeys), "{error}");
    assert!(!world.path("key").exists());
}

#[tokio::test]
async fn the_root_key_is_replaced_without_touching_what_is_sealed() {
    let world = World::new();
    world.fill().await;
    let (old, new) = (world.source("old"), world.source("new"));
    let mut before = world.all().await;
    assert_eq!(
        rotate_root_key(&world.documents, &old, &new).await.expect("rotated"),
        Rotated::Now
    );
    world.assert_whole(&new).await;
    let mut after = world.all().await;
    assert_ne!(before.remove(DOCUMENT), after.remove(DOCUMENT));
    after.retain(|place, _| !place.starts_with("trail/"));
    assert_eq!(before, after);
    assert!(
        open(&*world.documents, &old).await.is_err(),
        "the old one opens nothing"
    );
    assert_eq!(
        rotate_root_key(&world.documents, &old, &new).await.expect("once more"),
        Rotated::Before
    );
    let same = rotate_root_key(&world.documents, &new, &new).await.err();
    assert!(matches!(same, Some(KeyringError::SameKey)));
    let other = rotate_root_key(&world.documents, &old, &world.source("third")).await;
    assert!(other.is_err(), "neither key is the one");
    assert!(!world.path("third").exists());
}

#[tokio::test]
async fn a_rotation_of_the_root_key_that_is_cut_off_at_any_write_leaves_one_of_the_two_keys_good() {
    for after in [false, true] {
        let world = World::new();
        world.fill().await;
        let (old, new) = (world.source("old"), world.source("new"));
        let failing = Arc::new(Failing {
            documents: Arc::clone(&world.documents),
            at: 0,
            after,
            writes: AtomicUsize::new(0),
        });
        let documents: Arc<dyn Documents> = failing.clone();
        let cut_off = rotate_root_key(&documents, &old, &new).await;
        cut_off.expect_err("it was cut off");
        let left = if after { &new } else { &old };
        world.assert_whole(left).await;
        assert_eq!(world.rotations(left).await, vec!["vault/root-key"; usize::from(after)]);
        // The same command again does the rest, if there is any.
        let again = rotate_root_key(&documents, &old, &new).await;
        again.expect("to its end");
        world.assert_whole(&new).await;
        assert_eq!(world.rotations(&new).await, ["vault/root-key"]);
        assert!(failing.writes.load(Ordering::Relaxed) <= 2, "there is one write to cut");
    }
}

#[tokio::test]
async fn a_rotation_of_the_data_key_seals_everything_anew_and_forgets_the_old_key() {
    let world = World::new();
    world.fill().await;
    let source = world.source("old");
    let before = world.all().await;
    let mut told = Vec::new();
    let rotated = rotate_data_key(&world.documents, &source, |swept| told.push(swept)).await;
    let expected = Swept {
        seen: DOCUMENTS + 2,
        resealed: DOCUMENTS,
    };
    assert_eq!(rotated.expect("rotated"), expected);
    assert_eq!(told.last(), Some(&expected));
    assert_eq!(world.ids(&source).await, [2]);
    world.assert_whole(&source).await;

    // An older copy of what is sealed, put back, does not open any more.
    world.put(&place(1), before[&place(1)].clone()).await;
    let vault = open(&*world.documents, &source).await.expect("opened");
    assert_eq!(
        vault.open_sealed(&place(1), &before[&place(1)]),
        Err(VaultError::KeyGone(1))
    );
}

#[tokio::test]
async fn a_rotation_of_the_data_key_that_is_cut_off_at_any_write_loses_nothing_and_goes_on() {
    let mut writes = None;
    for after in [false, true] {
        for at in 0.. {
            let world = World::new();
            world.fill().await;
            let source = world.source("old");
            let failing: Arc<dyn Documents> = Arc::new(Failing {
                documents: Arc::clone(&world.documents),
                at,
                after,
                writes: AtomicUsize::new(0),
            });
            let rotated = rotate_data_key(&failing, &source, |_| ()).await;
            world.assert_whole(&source).await;
            world.assert_written_down(&source).await;
            if rotated.is_ok() {
                writes = Some(at);
                break;
            }
            rotate_data_key(&world.documents, &source, |_| ())
                .await
                .expect("to its end");
            world.assert_whole(&source).await;
            world.assert_written_down(&source).await;
            let ids = world.ids(&source).await;
            // It was done already if only the last acknowledgement was lost.
            assert!(ids == [2] || (after && ids == [3]), "cut at {at}: {ids:?}");
        }
    }
    // Both ends, and three pages of documents.
    assert_eq!(writes, Some(5));
}

#[tokio::test]
async fn a_document_that_does_not_open_keeps_the_old_data_key() {
    let world = World::new();
    world.fill().await;
    let (source, all) = (world.source("old"), world.all().await);
    world.put(&place(7), all[&place(8)].clone()).await;
    let error = rotate_data_key(&world.documents, &source, |_| ())
        .await
        .expect_err("refused");
    assert!(error.to_string().contains(&place(7)), "{error}");
    assert_eq!(world.ids(&source).await, [1, 2]);
    world.put(&place(7), all[&place(7)].clone()).await;
    world.assert_whole(&source).await;
}
