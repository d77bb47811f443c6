//! Which of the calls in which no module ran are put on record. Anybody can post to a public URL: a flood of such calls would
//! fill the disk, and each of them would wait for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::name::TenantName;
use crate::fair::{Rate, Rates};

/// For each tenant. An operator who tries things out, or a TeleCloud that repeats a day's orders, stays below it.
const RATE: Rate = Rate {
    per_second: 10,
    burst: 200,
};

/// How often the log says how many there were.
const SAID: Duration = Duration::from_secs(1);

/// Which of them are on record, and how many are not.
#[derive(Debug, Default)]
pub(super) struct OnRecord {
    rates: Rates,
    left_out: Mutex<HashMap<TenantName, LeftOut>>,
}

#[derive(Debug)]
struct LeftOut {
    calls: u64,
    since: Instant,
}

impl OnRecord {
    /// Whether one more is put on record. What is not is counted, and the log says how many there were.
    pub(super) fn takes(&self, tenant: &TenantName) -> bool {
        let taken = self.rates.take(tenant, RATE);
        if !taken && let Some(calls) = self.leave_out(tenant, Instant::now()) {
            tracing::warn!(%tenant, calls, "more calls that no module ran for than are put on record");
        }
        taken
    }

    /// How many are to be spoken of, if it is time.
    fn leave_out(&self, tenant: &TenantName, now: Instant) -> Option<u64> {
        let mut tenants = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let left_out = tenants
            .entry(tenant.clone())
            .or_insert(LeftOut { calls: 0, since: now });
        left_out.calls += 1;
        if now.duration_since(left_out.since) < SAID {
            return None;
        }
        left_out.since = now;
        Some(std::mem::take(&mut left_out.calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_those_that_are_left_out_the_log_says_once_a_second_how_many_there_were() {
        let (on_record, tenant) = (OnRecord::default(), TenantName::parse("acme").expect("a name"));
        let begin = Instant::now();
        for _ in 0..700 {
            assert_eq!(on_record.leave_out(&tenant, begin), None, "it is too soon");
        }
        assert_eq!(on_record.leave_out(&tenant, begin + SAID), Some(701));
        assert_eq!(on_record.leave_out(&tenant, begin + SAID), None);
    }
}
