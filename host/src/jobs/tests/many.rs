//! A hundred thousand open jobs.

use std::time::Duration;

use tokio::time::Instant;
use ulid::Ulid;

use super::super::index::{Index, JobKey};
use super::*;
use crate::domain::job::Stage;
use crate::domain::name::TenantName;

const JOBS: u64 = 100_000;

#[tokio::test]
async fn what_has_been_due_for_longest_goes_first() {
    let tenant = TenantName::parse("acme").expect("a name");
    let key = |number: u64| JobKey {
        tenant: tenant.clone(),
        call: CallId(Ulid::from_parts(1, number.into())),
    };
    let mut job = begun(&create()).job;
    job.stage = Stage::Pending;
    job.written = Timestamp::now();
    let (mut index, began) = (Index::default(), Instant::now());
    // By a number that shares no factor with theirs, each time comes up once and in no order.
    let time = |number: u64| number * 7_919 % JOBS;
    for number in 0..JOBS {
        job.call = key(number).call;
        job.identity.0[..8].copy_from_slice(&number.to_be_bytes());
        index.put_off(&key(number), &job, Duration::from_millis(1 + time(number)));
    }
    assert_eq!(index.len(), usize::try_from(JOBS).expect("few"));
    let mut last = None;
    for _ in 0..JOBS {
        let due = index.next(began, |_, _| true).err().flatten();
        assert!(due >= last, "an earlier one comes later");
        last = due.or(last);
        let taken = index
            .next(began + Duration::from_secs(3_600), |_, _| true)
            .expect("one is left");
        index.remove(&taken.key);
    }
    assert_eq!(index.len(), 0);
}
