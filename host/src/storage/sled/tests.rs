//! What is true of the embedded backend only: a restart, damage, a failing disk, one process at a time.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;

mod disk;
mod interval;

use self::disk::{Script, with_disk};
use super::super::conformance::{conformance, keep, tenant};
use super::super::{Expect, Stores};
use super::*;

conformance!(fresh());

fn fresh() -> (Stores, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (Stores::open(folder.path()).expect("opened"), folder)
}

fn record(call: u128, text: &str) -> Vec<(Position, Bytes)> {
    vec![(Position { call, part: 0 }, Bytes::copy_from_slice(text.as_bytes()))]
}

/// Keeps records, durably, and changes nothing else.
async fn append(log: &dyn Log, tenant: &TenantName, records: Vec<(Position, Bytes)>) -> Result<(), StorageError> {
    let kept = log.append(tenant, records, Vec::new(), Durability::Synced);
    kept.await.map(drop)
}

/// Copies a data directory as it is at this moment, as a crash would leave it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart_and_revisions_go_on() {
    let (stores, folder) = fresh();
    let acme = tenant("acme");
    let first = stores
        .documents
        .put("a", "1".into(), Expect::Absent)
        .await
        .expect("put");
    keep(&stores, &acme, record(1, "x")).await;
    let digest = stores.blobs.put("component".into()).await.expect("kept");
    drop(stores);
    let stores = Stores::open(folder.path()).expect("opened again");
    assert_eq!(
        stores.documents.get("a").await.expect("read").expect("there").revision,
        first
    );
    assert_eq!(stores.log.call(&acme, 1).await.expect("read"), record(1, "x"));
    assert_eq!(stores.blobs.get(&digest).await.expect("read"), Some("component".into()));
    let second = stores
        .documents
        .put("a", "2".into(), Expect::Unchanged(first))
        .await
        .expect("put");
    assert!(second.0 > first.0);
}

#[tokio::test]
async fn a_revision_that_a_crash_took_is_not_given_again() {
    let (stores, folder) = fresh();
    let put = |value: &'static str| Change::Put {
        key: "a".to_owned(),
        value: value.into(),
        expect: Expect::Anything,
    };
    let copies = tempfile::tempdir().expect("a folder");
    let mut seen = Vec::new();
    let mut stores = Some(stores);
    for round in 0..3 {
        let documents = stores.take().expect("opened").documents;
        // What a crash leaves, before the writes that somebody sees all the same.
        let left = copies.path().join(round.to_string());
        let from = if round == 0 {
            folder.path().to_owned()
        } else {
            copies.path().join((round - 1).to_string())
        };
        copy(&from, &left);
        for _ in 0..5 {
            let write = documents.write(vec![put("seen")], Durability::Within(Duration::from_secs(60)));
            seen.push(write.await.expect("applied").expect("a put").0);
        }
        drop(documents);
        stores = Some(Stores::open(&left).expect("opened after the crash"));
    }
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), 15, "{seen:?}");
}

#[tokio::test]
async fn a_hundred_thousand_documents_are_read_while_others_have_their_turn() {
    let (stores, _folder) = fresh();
    let documents = &stores.documents;
    for thousand in 0..100 {
        let puts = (0..1_000).map(|n| Change::Put {
            key: format!("work/{:06}", thousand * 1_000 + n),
            value: "x".into(),
            expect: Expect::Absent,
        });
        let write = documents.write(puts.collect(), Durability::Within(Duration::from_secs(60)));
        write.await.expect("kept");
    }
    let turns = Arc::new(AtomicU64::new(0));
    let counted = turns.clone();
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(documents.list("work/").await.expect("listed").len(), 100_000);
    let during = turns.load(Ordering::SeqCst);
    assert!(during >= 100_000 / SCAN_STEP as u64, "{during}");
    // A page in the middle reads what is on it, and nothing else.
    let page = documents.page("work/", Some("work/050000"), 10).await.expect("read");
    assert_eq!((page.len(), &*page[0].0), (10, "work/050001"));
    assert!(turns.load(Ordering::SeqCst) <= during + 1);
    other.abort();
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash_at_any_moment() {
    let (stores, folder) = fresh();
    let copies = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    for round in 0..8_u128 {
        let text = "x".repeat(usize::try_from(round).expect("small") * 20_000);
        let tasks = (0..16).map(|n| {
            let (log, acme, text) = (stores.log.clone(), acme.clone(), text.clone());
            tokio::spawn(async move { append(&*log, &acme, record(round * 16 + n, &text)).await })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("no panic").expect("kept");
        }
        // Sled has bytes in memory all along; only what reached the files counts.
        let copied = copies.path().join(round.to_string());
        copy(folder.path(), &copied);
        let after = Stores::open(&copied).expect("opened after the crash");
        let found = after.log.newest(&acme, None, 1_000).await.expect("read");
        let calls: Vec<_> = found.iter().map(|ends| ends.call).collect();
        assert_eq!(calls, (0..(round + 1) * 16).rev().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn dropping_the_stores_writes_what_was_queued() {
    let (stores, folder) = fresh();
    let acme = tenant("acme");
    for call in 0..50 {
        // Polled once: queued, and nobody waits for the answer.
        let append = append(&*stores.log, &acme, record(call, "x"));
        assert!(
            futures_util::future::poll_immediate(append)
                .await
                .is_none_or(|kept| kept.is_ok())
        );
    }
    drop(stores);
    let stores = Stores::open(folder.path()).expect("opened again");
    assert_eq!(stores.log.newest(&acme, None, 100).await.expect("read").len(), 50);
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_the_directory() {
    let (stores, folder) = fresh();
    let error = Stores::open(folder.path()).err().expect("it is in use").to_string();
    assert!(error.contains("another patchbay process has it open"), "{error}");
    drop(stores);
    Stores::open(folder.path()).expect("it is free");
}

#[tokio::test]
async fn nobody_else_may_look_in_and_other_formats_are_refused() {
    let (stores, folder) = fresh();
    drop(stores);
    let path = folder.path().join("data");
    drop(Stores::open(&path).expect("made"));
    assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o700);
    std::fs::write(path.join("format"), "patchbay data, format 2\n").expect("written");
    let error = Stores::open(&path).err().expect("not known").to_string();
    assert!(
        error.contains("format 2") && error.contains("run the version that wrote it"),
        "{error}"
    );
}

#[tokio::test]
async fn no_page_goes_to_a_file_that_sled_does_not_sync() {
    let (stores, folder) = fresh();
    let acme = tenant("acme");
    let text = "x".repeat(layout::CHUNK_BYTES - 100);
    for call in 0..200 {
        keep(&stores, &acme, record(call, &text)).await;
    }
    keep(&stores, &acme, record(200, &"y".repeat(4 << 20))).await;
    drop(stores);
    let aside = std::fs::read_dir(folder.path().join("db/blobs")).expect("listed");
    assert_eq!(aside.count(), 0);
}

#[tokio::test]
async fn a_value_beyond_the_limit_is_refused_and_nothing_of_it_kept() {
    let (stores, _folder) = fresh();
    let acme = tenant("acme");
    let mut records = record(1, "small");
    records.push((
        Position { call: 1, part: 1 },
        vec![0; layout::VALUE_BYTES_MAX + 1].into(),
    ));
    let error = append(&*stores.log, &acme, records)
        .await
        .expect_err("too large")
        .to_string();
    assert!(error.contains("record 1, of acme"), "{error}");
    assert_eq!(stores.log.call(&acme, 1).await.expect("read"), []);
}

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("db/db")
}

/// Flips a bit at many places of a file, one at a time. Each time, every record is either as it was or reported. Says how
/// often something was reported.
async fn flip(folder: &TempDir, file: &str, expected: &[Vec<(Position, Bytes)>]) -> usize {
    let whole = std::fs::read(folder.path().join(file)).expect("read");
    let used = whole.iter().rposition(|byte| *byte != 0).expect("not empty");
    let mut reported = 0;
    for step in 0..40 {
        let damaged = tempfile::tempdir().expect("a folder");
        copy(folder.path(), damaged.path());
        let mut bytes = whole.clone();
        bytes[used * step / 40] ^= 0x10;
        std::fs::write(damaged.path().join(file), bytes).expect("written");
        let mut errors = Vec::new();
        match Stores::open(damaged.path()) {
            Err(error) => errors.push(error),
            Ok(stores) => {
                for records in expected {
                    match stores.log.call(&tenant("acme"), records[0].0.call).await {
                        Ok(found) => assert_eq!(found, *records, "{file}, step {step}"),
                        Err(error) => errors.push(error),
                    }
                }
            }
        }
        let damage = errors.iter().all(|error| matches!(error, StorageError::Damaged { .. }));
        assert!(damage, "{file}, step {step}: {errors:?}");
        reported += usize::from(!errors.is_empty());
    }
    reported
}

#[tokio::test]
async fn flipped_bytes_are_reported_and_never_silently_empty() {
    let (stores, folder) = fresh();
    let records: Vec<_> = (0..200).map(|call| record(call, &format!("{call:0>2000}"))).collect();
    for record in &records {
        keep(&stores, &tenant("acme"), record.clone()).await;
    }
    drop(stores);
    assert!(flip(&folder, "db/db", &records).await > 0);
    // Once it was opened again, sled has a snapshot of where its pages are, and reads them only when they are asked for.
    drop(Stores::open(folder.path()).expect("opened again"));
    assert!(flip(&folder, "db/db", &records).await > 0);
    assert_eq!(flip(&folder, "acknowledged", &records).await, 40);
}

#[tokio::test]
async fn a_database_that_was_cut_or_removed_is_reported() {
    let (stores, folder) = fresh();
    for call in 0..100 {
        keep(&stores, &tenant("acme"), record(call, &"x".repeat(1_000))).await;
    }
    drop(stores);
    let whole = std::fs::read(database(&folder)).expect("read");
    for length in [0, 1_000, 50_000] {
        let cut = tempfile::tempdir().expect("a folder");
        copy(folder.path(), cut.path());
        std::fs::write(database(&cut), &whole[..length]).expect("written");
        let error = Stores::open(cut.path()).err().expect("it is cut");
        assert!(matches!(error, StorageError::Damaged { .. }), "{length}: {error}");
    }
    let gone = tempfile::tempdir().expect("a folder");
    copy(folder.path(), gone.path());
    std::fs::remove_dir_all(gone.path().join("db")).expect("removed");
    let error = Stores::open(gone.path()).err().expect("it is gone").to_string();
    assert!(error.contains("acknowledged writes are missing"), "{error}");
}

#[tokio::test]
async fn a_value_with_a_wrong_checksum_is_damaged() {
    let (_folder, sled) = with_disk(Script::default());
    let acme = tenant("acme");
    append(&sled, &acme, record(1, "text")).await.expect("kept");
    let key = layout::log_key(&acme, Position { call: 1, part: 0 });
    let mut stored = sled.tree.get(&key).expect("read").expect("there").to_vec();
    *stored.last_mut().expect("not empty") ^= 1;
    sled.tree.insert(&key, stored).expect("written");
    let error = Log::call(&sled, &acme, 1).await.expect_err("it was changed");
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
    assert!(sled.newest(&acme, None, 1).await.is_err());
}

#[tokio::test]
async fn a_damaged_blob_is_reported_and_mended_by_keeping_it_again() {
    let (stores, folder) = fresh();
    let digest = stores.blobs.put("component".into()).await.expect("kept");
    let name = digest.to_string();
    let path = folder.path().join("blobs").join(&name[..2]).join(&name);
    std::fs::write(&path, "c0mponent").expect("written");
    let error = stores.blobs.get(&digest).await.expect_err("it was changed");
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
    stores.blobs.put("component".into()).await.expect("kept");
    assert_eq!(stores.blobs.get(&digest).await.expect("read"), Some("component".into()));
}

#[tokio::test]
async fn what_a_crash_left_of_a_blob_is_cleared_away() {
    let (stores, folder) = fresh();
    drop(stores);
    let unfinished = folder.path().join("blobs/unfinished/half");
    std::fs::write(&unfinished, "half").expect("written");
    drop(Stores::open(folder.path()).expect("opened"));
    assert!(!unfinished.exists());
}

#[test]
fn a_tenants_own_work_is_told_from_all_else() {
    let acme = Some(tenant("acme"));
    let rows: [(&[&str], Option<TenantName>); 6] = [
        (&["work/acme/jobs/1"], acme.clone()),
        (&["work/acme/jobs/1", "work/acme/orders/2"], acme.clone()),
        (&["work/acme/"], acme),
        (&["work/acme/jobs/1", "work/other/jobs/1"], None),
        (&["work/acme/jobs/1", "tenants/acme"], None),
        (&["tenants/acme", "work/acme/jobs/1"], None),
    ];
    for (keys, expected) in rows {
        assert_eq!(storage::owner(keys.iter().copied()), expected, "{keys:?}");
    }
}
