//! A hundred thousand open jobs: the gateway starts with them, and goes on as with a few.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use patchbay::keyring;
use patchbay::storage::{Change, Durability, Expect, Stores};
use patchbay::vault::KeySource;
use patchbay_tests::gateway::Gateway;
use serde_json::{Value, json};
use ulid::Ulid;

use super::super::stage::{Stage, TENANT, assert_succeeded};
use super::{COMPLETED, PATIENCE, World, activation, news};

const JOBS: u64 = 100_000;

/// Jobs that are written in one go.
const BATCH: u64 = 1_000;

/// For the gateway to be there again, in a debug build on a busy machine.
const START: Duration = Duration::from_secs(20);

/// What an open job may add to the memory of the process, all told: what it is found by, and what the store keeps of it.
const JOB_BYTES_MAX: u64 = 4 << 10;

/// Jobs of a page of a listing.
const PAGE: usize = 200;

/// Jobs that are listed, from the first one on.
const LISTED: u64 = 1_000;

/// Jobs that a listing looks at for one page.
const SCAN: u64 = 5_000;

/// Memory of the process that is in use, in bytes.
fn resident(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<u64>().ok()).expect("a size") << 10
}

/// Whether the test has a closer look at this job.
fn is_looked_at(number: u64) -> bool {
    number <= LISTED || number == JOBS - 1
}

/// Multiplies the only job: the others came an hour before it and are due in an hour. The last of them needs a person.
///
/// What is sealed is sealed anew for jobs that are looked at only, because that takes time: a start reads what stands in the
/// open, and would fail here if it read more.
async fn multiply(folder: &std::path::Path) {
    let stores = Stores::open(&folder.join("data")).expect("its data directory");
    let key = KeySource::File(folder.join("data.key"));
    let vault = keyring::open(&*stores.documents, &key).await.expect("its key");
    let prefix = format!("work/{TENANT}/jobs/");
    let jobs = stores.documents.list(&prefix).await.expect("a listing");
    assert_eq!(jobs.len(), 1);
    let (place, stored) = &jobs[0];
    // The job stands in the open, on a line of its own; what it is about is sealed for its place.
    let end = stored.value.iter().position(|byte| *byte == b'\n').expect("a line");
    let mut job: Value = serde_json::from_slice(&stored.value[..end]).expect("a job");
    let sealed = stored.value[end + 1..].to_vec();
    let matter = vault.open_sealed(place, &sealed).expect("it was sealed for this place");

    let call = job["call"].as_str().and_then(|call| Ulid::from_string(call).ok());
    let first = call.expect("an id").timestamp_ms() - 3_600_000;
    let now = Timestamp::now();
    let keep = |value: Vec<u8>, key: String| Change::Put {
        key,
        value: value.into(),
        expect: Expect::Anything,
    };
    let line = |job: &Value| {
        let mut line = job.to_string().into_bytes();
        line.push(b'\n');
        line
    };
    let original = {
        let mut job = job.clone();
        job["due"] = json!(now);
        [line(&job), sealed.clone()].concat()
    };
    let mut changes = vec![keep(original, place.clone())];
    job["note"] = Value::Null;
    job["written"] = json!(now);
    job["due"] = json!(now + SignedDuration::from_hours(1));
    for number in 1..JOBS {
        let call = Ulid::from_parts(first + number / 1_000, number.into());
        job["call"] = json!(call);
        job["run"] = json!(call);
        job["identity"] = json!(format!("{number:064x}"));
        job["order_number"] = json!(format!("order {number}"));
        if number == JOBS - 1 {
            job["stage"] = json!("fallout");
            job["fallout"] = json!(["still-pending", "pending"]);
        }
        let key = format!("{prefix}{call}");
        let sealed = if is_looked_at(number) {
            vault.seal(&key, &matter)
        } else {
            sealed.clone()
        };
        let value = [line(&job), sealed].concat();
        changes.push(keep(value, key));
        if number % BATCH == 0 || number == JOBS - 1 {
            let written = stores
                .documents
                .write(std::mem::take(&mut changes), Durability::Within(PATIENCE));
            written.await.expect("written");
        }
    }
}

impl World {
    async fn listed(&self, query: &str) -> (Vec<Value>, Option<String>) {
        let path = format!("/v1/tenants/{TENANT}/jobs?{query}");
        let mut page = self.stage.gateway.admin().get(&path).await.expect("a page");
        let items = serde_json::from_value(page["items"].take()).expect("a list");
        (items, page["next"].as_str().map(str::to_owned))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_goes_on_with_a_hundred_thousand_open_jobs() {
    let world = World::new().await;
    world.port_in().await;
    assert!(world.carrier().complete_port("A-1001", None));
    let World { stage, telecloud } = world;
    let folder = stage.gateway.kill().expect("it was running");
    let gateway = Gateway::start_in(Arc::clone(&folder), &[]).expect("it starts again");
    let before = resident(&gateway);
    drop(gateway.kill().expect("it was running"));
    multiply(folder.path()).await;

    let began = Instant::now();
    let gateway = Gateway::start_in(folder, &[]).expect("it starts with all of them");
    let started = began.elapsed();
    assert!(started < START, "{started:?}");
    let per_job = resident(&gateway).saturating_sub(before) / JOBS;
    assert!(per_job < JOB_BYTES_MAX, "{per_job} bytes for each job");
    let world = World {
        stage: Stage { gateway, ..stage },
        telecloud,
    };

    // The one that is due is the last of them by its id, and waits for none of the others.
    world.telecloud.wait_for_calls(1).await.expect("TeleCloud is told");
    assert_eq!(news(&world.telecloud.received()[0]), COMPLETED);

    // An event is answered.
    let vars = "<VAR3>2025550143</VAR3><VAR13>A-1002</VAR13><VAR14>S-2001</VAR14>";
    assert_succeeded(&world.post(&activation()).await, vars);

    // Each page is full and begins where the one before has ended.
    let (mut after, mut seen) = (String::new(), Vec::new());
    while seen.len() as u64 != LISTED {
        let (page, next) = world.listed(&format!("limit={PAGE}{after}")).await;
        assert_eq!(page.len(), PAGE);
        seen.extend(page.into_iter().map(|job| job["order_number"].clone()));
        after = format!("&after={}", next.expect("there are more"));
    }
    let expected: Vec<_> = (1..=LISTED).map(|number| json!(format!("order {number}"))).collect();
    assert_eq!(seen, expected);

    // What needs a person is found behind all the others, in pages that are bounded in what they look at.
    let (mut after, mut pages, mut found) = (String::new(), 0, Vec::new());
    loop {
        let (page, next) = world.listed(&format!("stage=fallout{after}")).await;
        found.extend(page);
        pages += 1;
        match next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["order_number"], format!("order {}", JOBS - 1));
    assert!(pages <= JOBS / SCAN + 1, "{pages} pages");
}
