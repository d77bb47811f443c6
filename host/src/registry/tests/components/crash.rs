//! The process ends at any moment between two writes.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::storage::{Blobs, Change, Documents, Durability, Revision, StorageError, Stored};

/// Stores that take so many writes and no more.
struct Mortal {
    stores: Stores,
    left: AtomicUsize,
}

impl Mortal {
    fn live(&self) -> Result<(), StorageError> {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| StorageError::Unavailable {
            doing: "writing".to_owned(),
            source: "the process has ended".into(),
        })
    }

    fn is_dead(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

#[async_trait]
impl Documents for Mortal {
    async fn get(&self, key: &str) -> Result<Option<Stored>, StorageError> {
        self.stores.documents.get(key).await
    }

    async fn write(&self, changes: Vec<Change>, durability: Durability) -> Result<Option<Revision>, StorageError> {
        self.live()?;
        self.stores.documents.write(changes, durability).await
    }

    async fn delete(&self, prefix: &str) -> Result<usize, StorageError> {
        self.live()?;
        self.stores.documents.delete(prefix).await
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StorageError> {
        self.stores.documents.page(prefix, after, limit).await
    }
}

#[async_trait]
impl Blobs for Mortal {
    async fn put(&self, bytes: Bytes) -> Result<Digest, StorageError> {
        self.live()?;
        self.stores.blobs.put(bytes).await
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, StorageError> {
        self.stores.blobs.get(digest).await
    }

    async fn list(&self) -> Result<Vec<Digest>, StorageError> {
        self.stores.blobs.list().await
    }

    async fn remove(&self, digests: &[Digest]) -> Result<(), StorageError> {
        self.live()?;
        self.stores.blobs.remove(digests).await
    }
}

const STEPS: [Step; 14] = [
    Step::Make("acme/sim"),
    Step::Make("acme/usage"),
    Step::Make("other/sim"),
    Step::Upload("acme/sim", "good one"),
    Step::Upload("other/sim", "good one"),
    Step::Upload("acme/usage", "good two"),
    Step::Activate("acme/usage", 1),
    Step::Upload("acme/sim", "good three"),
    Step::RemoveVersion("acme/sim", 1),
    Step::RemoveTenant("other"),
    Step::Upload("acme/sim", "good one"),
    Step::RemoveVersion("acme/sim", 2),
    Step::RemoveModule("acme/sim"),
    Step::RemoveModule("acme/usage"),
];

/// A registry on these stores that dies when it is told to, and the one to tell.
async fn start_mortal(stores: &Stores) -> (Arc<Registry>, Arc<Mortal>) {
    let mortal = Arc::new(Mortal {
        stores: stores.clone(),
        left: AtomicUsize::new(usize::MAX),
    });
    let Setup { registry, .. } = start(Stores {
        documents: mortal.clone(),
        blobs: mortal.clone(),
        ..stores.clone()
    })
    .await;
    (registry, mortal)
}

#[tokio::test]
async fn whenever_it_crashes_every_version_has_its_component_and_the_next_start_removes_the_others() {
    let (mut orphans, mut crashes) = (0, 0);
    loop {
        let stores = Memory::stores();
        let (registry, mortal) = start_mortal(&stores).await;
        mortal.left.store(crashes, Ordering::SeqCst);
        let mut whole = true;
        for todo in STEPS {
            whole &= step(&registry, todo).await.is_ok();
            if mortal.is_dead() {
                break;
            }
        }
        let before = kept(&stores).await;
        let again = start(stores).await;
        let named = named(&again.registry);
        assert!(
            named.is_subset(&before),
            "after {crashes} writes a version had no component"
        );
        assert_eq!(kept(&again.stores).await, named, "after {crashes} writes");
        orphans += usize::from(before != named);
        if whole && !mortal.is_dead() {
            break;
        }
        crashes += 1;
    }
    // Each upload of new bytes, and each removal of the last version that names some, can leave one behind.
    assert!(crashes > STEPS.len() && orphans >= 7, "{orphans} of {crashes}");
}

#[tokio::test]
async fn a_module_whose_removal_is_cut_off_leaves_no_totals_to_the_next_of_its_name() {
    let stores = Memory::stores();
    let (registry, mortal) = start_mortal(&stores).await;
    step(&registry, Step::Make("acme/sim")).await.expect("made");
    let of = |module: &str| format!("work/acme/batches/{module}/accounts/4711");
    for module in ["sim", "sim-2"] {
        let told = Bytes::from_static(b"told");
        stores
            .documents
            .put(&of(module), told, Expect::Absent)
            .await
            .expect("put");
    }
    // The module's removal itself, and nothing after it.
    mortal.left.store(1, Ordering::SeqCst);
    let removed = step(&registry, Step::RemoveModule("acme/sim")).await;
    assert!(matches!(removed, Err(RegistryError::Storage(_))), "{removed:?}");
    let again = start(stores).await;
    assert!(again.registry.module(&path("acme/sim")).is_err(), "it is removed");
    let left = again.stores.documents.list("work/").await.expect("documents");
    let left: Vec<_> = left.into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, [of("sim-2")], "what is another module's is kept");
}
