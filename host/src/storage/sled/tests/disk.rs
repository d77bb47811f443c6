//! A disk that is full, that fails, and that many share a sync of.

use std::io::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

/// A disk that does as it is told.
#[derive(Clone, Default)]
pub(super) struct Script(pub(super) Arc<Told>);

#[derive(Default)]
pub(super) struct Told {
    pub(super) full: AtomicBool,
    pub(super) fails: AtomicBool,
    /// How often it was asked to sync.
    pub(super) syncs: AtomicU64,
    /// Keeps the writer in its sync.
    pub(super) held: AtomicBool,
}

impl Disk for Script {
    fn room(&mut self) -> std::io::Result<u64> {
        Ok(if self.0.full.load(Ordering::SeqCst) {
            5
        } else {
            u64::MAX
        })
    }

    fn sync(&mut self, _: u64) -> std::io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        while self.0.held.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        match self.0.fails.load(Ordering::SeqCst) {
            true => Err(Error::other("the disk is on fire")),
            false => Ok(()),
        }
    }
}

pub(super) fn with_disk(script: Script) -> (TempDir, Sled) {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = Arc::new(DataDirectory::open(folder.path()).expect("opened"));
    let sled = Sled::open_with(&directory, Arc::default(), |_| script).expect("opened");
    (folder, sled)
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    let acme = tenant("acme");
    script.0.full.store(true, Ordering::SeqCst);
    let error = append(&sled, &acme, record(1, "x")).await.expect_err("no room");
    let StorageError::Unavailable { source, .. } = error else {
        panic!("{error}")
    };
    assert!(
        source.to_string().contains("the disk is full: 5 bytes are free"),
        "{source}"
    );
    assert_eq!(Log::call(&sled, &acme, 1).await.expect("read"), []);
    script.0.full.store(false, Ordering::SeqCst);
    append(&sled, &acme, record(1, "x")).await.expect("there is room again");
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    let acme = tenant("acme");
    append(&sled, &acme, record(1, "x")).await.expect("kept");
    script.0.fails.store(true, Ordering::SeqCst);
    let error = append(&sled, &acme, record(2, "x"))
        .await
        .expect_err("not kept")
        .to_string();
    assert!(error.contains("on fire") && error.contains("restarted"), "{error}");
    script.0.fails.store(false, Ordering::SeqCst);
    let put = sled.put("a", "x".into(), Expect::Anything).await;
    assert!(matches!(put, Err(StorageError::Unavailable { .. })));
    assert_eq!(Log::call(&sled, &acme, 1).await.expect("reads go on"), record(1, "x"));
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_together_share_a_sync() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    let sled = Arc::new(sled);
    let append = |call| {
        let sled = sled.clone();
        tokio::spawn(async move { append(&*sled, &tenant("acme"), record(call, "x")).await })
    };
    script.0.held.store(true, Ordering::SeqCst);
    let mut tasks = vec![append(0)];
    while script.0.syncs.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    tasks.extend((1..=64).map(append));
    while sled.writer.queued() < 64 {
        tokio::task::yield_now().await;
    }
    script.0.held.store(false, Ordering::SeqCst);
    for task in tasks {
        task.await.expect("no panic").expect("kept");
    }
    assert_eq!(script.0.syncs.load(Ordering::SeqCst), 2);
}
