//! Writes that are synced within some time, and those that are not to wait.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::disk::{Script, with_disk};
use super::*;

/// As long as a write may wait: none of these tests takes that long.
const LATER: Durability = Durability::Within(Duration::from_secs(60));

const SOON: Durability = Durability::Within(Duration::from_millis(1));

impl Script {
    fn syncs(&self) -> u64 {
        self.0.syncs.load(Ordering::SeqCst)
    }

    /// Waits until there has been a sync, which nobody else asks for.
    async fn synced(&self, times: u64) {
        while self.syncs() < times {
            tokio::task::yield_now().await;
        }
    }
}

async fn write(log: &dyn Log, call: u128, durability: Durability) -> Result<(), StorageError> {
    let acme = tenant("acme");
    let kept = log.append(&acme, record(call, "x"), Vec::new(), durability);
    kept.await.map(drop)
}

async fn calls(log: &dyn Log) -> Vec<u128> {
    let newest = log.newest(&tenant("acme"), None, 1_000).await.expect("read");
    newest.iter().rev().map(|ends| ends.call).collect()
}

#[tokio::test]
async fn a_write_that_may_wait_is_acknowledged_and_read_before_it_is_synced() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    for call in 0..10 {
        write(&sled, call, LATER).await.expect("applied");
    }
    assert_eq!(calls(&sled).await, (0..10).collect::<Vec<_>>());
    assert_eq!(script.syncs(), 0);
}

#[tokio::test]
async fn its_time_brings_the_sync_once_although_nobody_writes() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    write(&sled, 0, SOON).await.expect("applied");
    script.synced(1).await;
    // Nothing is left to sync: the next one is that of the next write.
    write(&sled, 1, Durability::Synced).await.expect("kept");
    assert_eq!(script.syncs(), 2);
    drop(sled);
    assert_eq!(script.syncs(), 2);
}

#[tokio::test]
async fn later_writes_do_not_put_off_the_sync_of_the_first() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    write(&sled, 0, Durability::Within(Duration::from_millis(20)))
        .await
        .expect("applied");
    let mut call = 1;
    while script.syncs() == 0 {
        write(&sled, call, LATER).await.expect("applied");
        call += 1;
    }
}

#[tokio::test]
async fn a_shorter_time_brings_the_sync_forward() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    write(&sled, 0, LATER).await.expect("applied");
    write(&sled, 1, SOON).await.expect("applied");
    script.synced(1).await;
}

#[tokio::test]
async fn a_strict_write_makes_all_before_it_durable_with_one_sync() {
    let (stores, folder) = fresh();
    for call in 0..50 {
        write(&*stores.log, call, LATER).await.expect("applied");
    }
    write(&*stores.log, 50, Durability::Synced).await.expect("kept");
    write(&*stores.log, 51, LATER).await.expect("applied");
    let copies = tempfile::tempdir().expect("a folder");
    copy(folder.path(), copies.path());
    let after = Stores::open(copies.path()).expect("opened after the crash");
    // The last one was in the process's memory only, and that is what may be lost.
    assert_eq!(calls(&*after.log).await, (0..=50).collect::<Vec<_>>());

    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    for call in 0..50 {
        write(&sled, call, LATER).await.expect("applied");
    }
    write(&sled, 50, Durability::Synced).await.expect("kept");
    assert_eq!(script.syncs(), 1);
}

#[tokio::test]
async fn no_time_to_wait_is_a_sync_before_long() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    write(&sled, 0, Durability::Within(Duration::ZERO))
        .await
        .expect("applied");
    script.synced(1).await;
    // However long the time, it is bounded.
    write(&sled, 1, Durability::Within(Duration::MAX))
        .await
        .expect("applied");
    assert_eq!(script.syncs(), 1);
}

#[tokio::test]
async fn a_sync_that_fails_after_the_answer_is_told_to_the_next() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    write(&sled, 0, SOON).await.expect("applied");
    script.synced(1).await;
    script.0.fails.store(true, Ordering::SeqCst);
    write(&sled, 1, SOON).await.expect("applied");
    script.synced(2).await;
    for (call, durability) in [(2, SOON), (3, Durability::Synced)] {
        let error = write(&sled, call, durability)
            .await
            .expect_err("it has stopped")
            .to_string();
        assert!(error.contains("on fire") && error.contains("restarted"), "{error}");
    }
    assert_eq!(calls(&sled).await, [0, 1]);
    script.0.fails.store(false, Ordering::SeqCst);
    drop(sled);
    assert_eq!(script.syncs(), 2);
}

#[tokio::test]
async fn dropping_the_stores_syncs_what_was_to_be_synced_later() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    write(&sled, 0, LATER).await.expect("applied");
    drop(sled);
    assert_eq!(script.syncs(), 1);

    let (stores, folder) = fresh();
    write(&*stores.log, 0, LATER).await.expect("applied");
    drop(stores);
    let stores = Stores::open(folder.path()).expect("opened again");
    assert_eq!(calls(&*stores.log).await, [0]);
}

#[tokio::test]
async fn a_conflict_says_so_however_long_the_write_may_wait() {
    let script = Script::default();
    let (_folder, sled) = with_disk(script.clone());
    let put = || Change::Put {
        key: "a".to_owned(),
        value: "x".into(),
        expect: Expect::Absent,
    };
    sled.write(vec![put()], LATER).await.expect("applied");
    let again = sled.write(vec![put()], LATER).await;
    assert!(matches!(again, Err(StorageError::Conflict { .. })));
    assert_eq!(script.syncs(), 0);
}
