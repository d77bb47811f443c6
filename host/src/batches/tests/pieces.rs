//! Pages that are too large for one write.

use super::super::store::{Folder, PIECE_BYTES, Store};
use super::*;
use crate::domain::batch::Progress;
use crate::domain::subscriber::Subscriber;
use crate::storage::{Change, Documents, Durability, Revision, StorageError, Stored};

/// Passes on all writes, and notes the keys and bytes of each.
struct Watched {
    documents: Arc<dyn Documents>,
    writes: Mutex<Vec<(Vec<String>, usize)>>,
}

#[async_trait]
impl Documents for Watched {
    async fn get(&self, key: &str) -> Result<Option<Stored>, StorageError> {
        self.documents.get(key).await
    }

    async fn write(&self, changes: Vec<Change>, durability: Durability) -> Result<Option<Revision>, StorageError> {
        let keys = changes.iter().map(|change| change.key().to_owned()).collect();
        let bytes = changes.iter().map(Change::bytes).sum();
        self.writes.lock().expect("no test has failed").push((keys, bytes));
        self.documents.write(changes, durability).await
    }

    async fn delete(&self, prefix: &str) -> Result<usize, StorageError> {
        self.documents.delete(prefix).await
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<(String, Stored)>, StorageError> {
        self.documents.page(prefix, after, most).await
    }
}

fn subscribers(number: usize) -> Vec<Subscriber> {
    let subscriber = |number| Subscriber {
        id: format!("S-{number}"),
        mdn: None,
        iccid: None,
        status: None,
        carrier_product_id: None,
    };
    (0..number).map(subscriber).collect()
}

#[tokio::test]
async fn a_large_page_is_written_in_pieces_and_how_far_the_run_is_comes_last() {
    let rig = Rig::new().await;
    let id = rig.start(BatchKind::Audit, false).await;
    let documents = Arc::new(Watched {
        documents: Arc::clone(&rig.stores.documents),
        writes: Mutex::default(),
    });
    let store = Store::new(documents.clone(), vault());
    let mut record = store.record(&rig.path, id).await.expect("a store").expect("a run");
    record.progress = Progress {
        pages: 1,
        ..Progress::default()
    };
    let listed = subscribers(10_000);
    let changes = store.put_page(&rig.path, id, Folder::Listed, 0, &listed).await;
    let changes = changes.expect("a page");
    let total: usize = changes.iter().map(Change::bytes).sum();
    let last = store.put_record(&rig.path, &record).expect("a document");
    store.write_in_pieces(changes, vec![last]).await.expect("written");
    let writes = std::mem::take(&mut *documents.writes.lock().expect("no test has failed"));
    let most = 2 * PIECE_BYTES;
    assert!(
        total > 3 * most && writes.iter().all(|(_, bytes)| *bytes < most),
        "{total} bytes, in {:?}",
        writes.iter().map(|(_, bytes)| bytes).collect::<Vec<_>>()
    );
    let with_record = writes
        .iter()
        .position(|(keys, _)| keys.iter().any(|key| key.contains("/runs/")));
    assert_eq!(with_record, Some(writes.len() - 1));
    let found: Vec<Subscriber> = store.list(&rig.path, id, Folder::Listed).await.expect("a list");
    assert!(found == listed, "all of it is there, in order");
}

#[tokio::test]
async fn what_a_crash_left_of_a_larger_page_is_no_part_of_the_one_that_takes_its_place() {
    let rig = Rig::new().await;
    let id = rig.start(BatchKind::Audit, false).await;
    let store = &rig.batches.store;
    let changes = store
        .put_page(&rig.path, id, Folder::Listed, 0, &subscribers(1_000))
        .await;
    store.write(changes.expect("a page")).await.expect("written");
    let page = SubscriberPage {
        subscribers: subscribers(101),
        next: None,
    };
    rig.far.script().subscribers.push_back(Ok(page));
    let run = rig.carry_on(id).await;
    assert_eq!((run.status, run.counts["missing_here"]), (RunStatus::Done, 101));
}
