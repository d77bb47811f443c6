//! Whose jobs are worked on, when more are due than can be.

use std::time::Duration;

use tokio::time::Instant;
use ulid::Ulid;

use super::super::index::{Index, JobKey, Taken};
use super::*;
use crate::domain::job::Stage;
use crate::domain::name::TenantName;

fn index(tenants: &[(&str, u64)]) -> Index {
    let mut job = begun(&create()).job;
    job.stage = Stage::Pending;
    let (mut index, mut number) = (Index::default(), 0_u64);
    for (tenant, jobs) in tenants {
        for _ in 0..*jobs {
            number += 1;
            job.call = CallId(Ulid::from_parts(1, number.into()));
            job.identity.0[..8].copy_from_slice(&number.to_be_bytes());
            let key = JobKey {
                tenant: TenantName::parse(tenant).expect("a name"),
                call: job.call,
            };
            index.put_off(&key, &job, Duration::from_millis(number));
        }
    }
    index
}

#[tokio::test]
async fn a_tenant_that_may_have_no_more_worked_on_holds_nobody_up_and_is_not_waited_for() {
    let mut index = index(&[("north", 100), ("south", 2)]);
    let later = Instant::now() + Duration::from_secs(3_600);
    let next = |index: &mut Index| index.next(later, |_, at_work| at_work < 3);
    let mut taken: Vec<Taken> = Vec::new();
    let end = loop {
        match next(&mut index) {
            Ok(job) => taken.push(job),
            Err(end) => break end,
        }
    };
    let of = |name: &str| taken.iter().filter(|job| job.key.tenant.as_str() == name).count();
    assert_eq!((of("north"), of("south")), (3, 2), "north's are due first");
    assert_eq!(end, None, "what may not be worked on is not due");

    let key = taken.swap_remove(0).key;
    index.remove(&key);
    index.done(&key, Duration::ZERO);
    let more = next(&mut index).expect("one more, for the one that is done");
    assert_eq!(more.key.tenant.as_str(), "north");
    assert!(next(&mut index).is_err());
}
