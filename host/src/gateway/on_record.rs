//! Which of the calls in which no module ran are put on record. Anybody can post to a public URL: a flood of such calls would
//! fill the disk, and each of them would wait for it. So how many are depends on what is known of their sender.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::name::TenantName;
use crate::fair::{Rate, Rates};

/// For each tenant, of those who have its key. An operator who tries things out, or a TeleCloud that repeats a day's orders,
/// stays below it.
const KNOWN: Rate = Rate {
    each: Duration::from_millis(100),
    burst: 200,
};

/// For each tenant, of all others together. Enough to see what is wrong, and too few to fill a disk: 9,000 a day at most.
const STRANGERS: Rate = Rate {
    each: Duration::from_secs(10),
    burst: 60,
};

/// How often the log says of a tenant how many there were.
const SAID: Duration = Duration::from_secs(60);

/// What is known of who posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// It has a key of the tenant's.
    Known,
    /// It sent a wrong key, or none, or what nobody could look for a key in.
    Stranger,
    /// Its key was not looked at, because too many wrong ones came from there: that is in the log and on the trail already.
    Refused,
}

/// Which of them are on record, and how many are not.
#[derive(Debug, Default)]
pub(super) struct OnRecord {
    known: Rates,
    strangers: Rates,
    left_out: Mutex<HashMap<TenantName, LeftOut>>,
}

#[derive(Debug, Default)]
struct LeftOut {
    calls: u64,
    said: Option<Instant>,
}

impl OnRecord {
    /// Whether one more is put on record. What is not is counted, and the log says how many there were.
    pub(super) fn takes(&self, tenant: &TenantName, sender: Sender) -> bool {
        let now = Instant::now();
        let taken = self.takes_at(now, tenant, sender);
        if !taken
            && sender != Sender::Refused
            && let Some(calls) = self.leave_out(tenant, now)
        {
            tracing::warn!(%tenant, calls, "more calls that no module ran for than are put on record");
        }
        taken
    }

    fn takes_at(&self, now: Instant, tenant: &TenantName, sender: Sender) -> bool {
        match sender {
            Sender::Known => self.known.take_at(now, tenant, KNOWN),
            Sender::Stranger => self.strangers.take_at(now, tenant, STRANGERS),
            Sender::Refused => false,
        }
    }

    /// How many are to be spoken of, if it is time.
    fn leave_out(&self, tenant: &TenantName, now: Instant) -> Option<u64> {
        let mut tenants = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let left_out = tenants.entry(tenant.clone()).or_default();
        left_out.calls += 1;
        if left_out.said.is_some_and(|said| now.duration_since(said) < SAID) {
            return None;
        }
        left_out.said = Some(now);
        Some(std::mem::take(&mut left_out.calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantName {
        TenantName::parse(name).expect("a name")
    }

    #[test]
    fn strangers_leave_few_records_and_take_none_from_those_who_have_a_key() {
        let (on_record, acme, other) = (OnRecord::default(), tenant("acme"), tenant("other"));
        let begin = Instant::now();
        let taken = |now, tenant, sender| (0..1_000).filter(|_| on_record.takes_at(now, tenant, sender)).count();
        assert_eq!(taken(begin, &acme, Sender::Refused), 0);
        assert_eq!(taken(begin, &acme, Sender::Stranger), 60);
        assert_eq!(taken(begin, &acme, Sender::Known), 200);
        assert_eq!(taken(begin, &other, Sender::Stranger), 60, "each tenant by itself");
        let later = begin + Duration::from_secs(10);
        assert_eq!(taken(later, &acme, Sender::Stranger), 1);
        assert_eq!(taken(later, &acme, Sender::Known), 100);
    }

    #[test]
    fn of_those_that_are_left_out_the_log_says_at_once_and_then_once_a_minute_how_many_there_were() {
        let (on_record, acme) = (OnRecord::default(), tenant("acme"));
        let begin = Instant::now();
        assert_eq!(on_record.leave_out(&acme, begin), Some(1));
        for _ in 0..700 {
            assert_eq!(on_record.leave_out(&acme, begin), None, "it is too soon");
        }
        assert_eq!(on_record.leave_out(&acme, begin + SAID), Some(701));
        assert_eq!(on_record.leave_out(&acme, begin + SAID), None);
        assert_eq!(on_record.leave_out(&tenant("other"), begin + SAID), Some(1));
    }
}
