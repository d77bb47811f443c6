//! How much of something a tenant may use, where it is known only afterwards how much it was.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::name::TenantName;

/// What is not used is saved up for so long.
const SAVED: Duration = Duration::from_secs(10);

/// So much a second, in the long run. Who has used more than it had makes up for all of it before there is something again.
#[derive(Debug)]
pub struct Allowance(Mutex<Used>);

#[derive(Debug)]
struct Used {
    per_second: u64,
    /// When everything that was used would have been, at that rate.
    due: Instant,
}

impl Allowance {
    /// One at least.
    #[must_use]
    pub fn per_second(units: u64) -> Self {
        Self(Mutex::new(Used {
            per_second: units.max(1),
            due: Instant::now(),
        }))
    }

    /// Changes the rate. What was used at another one is forgotten.
    pub fn set_per_second(&self, units: u64) {
        let mut used = self.used();
        if used.per_second != units.max(1) {
            *used = Used {
                per_second: units.max(1),
                due: Instant::now(),
            };
        }
    }

    /// Counts what was used, whether or not there was so much.
    pub fn spend(&self, units: usize) {
        self.spend_at(Instant::now(), units);
    }

    /// Whether there is nothing left.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.is_used_up_at(Instant::now())
    }

    fn spend_at(&self, now: Instant, units: usize) {
        let mut used = self.used();
        let nanos = units as u128 * 1_000_000_000 / u128::from(used.per_second);
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        used.due = used.due.max(now) + takes;
    }

    fn is_used_up_at(&self, now: Instant) -> bool {
        self.used().due >= now + SAVED
    }

    /// A panic elsewhere leaves it whole.
    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The allowance of each tenant. Grows by the tenants that ever were.
#[derive(Debug, Default)]
pub struct Allowances(Mutex<HashMap<TenantName, Arc<Allowance>>>);

impl Allowances {
    /// A tenant's own: always the same one. Nothing uses it up before its rate is set.
    #[must_use]
    pub fn of(&self, tenant: &TenantName) -> Arc<Allowance> {
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = tenants.get(tenant) {
            return Arc::clone(own);
        }
        let own = tenants.entry(tenant.clone());
        Arc::clone(own.or_insert_with(|| Arc::new(Allowance::per_second(u64::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_up_can_be_used_at_once_and_what_was_used_beyond_is_made_up_for() {
        let allowance = Allowance::per_second(1_000);
        let begin = Instant::now();
        allowance.spend_at(begin, 9_999);
        assert!(!allowance.is_used_up_at(begin));
        allowance.spend_at(begin, 5_001);
        assert!(allowance.is_used_up_at(begin + Duration::from_secs(5)));
        assert!(!allowance.is_used_up_at(begin + Duration::from_millis(5_001)));
    }

    #[test]
    fn in_the_long_run_it_is_so_much_a_second() {
        let allowance = Allowance::per_second(1_000);
        let begin = Instant::now();
        // Once it is used up: twice as much is wanted as there is.
        allowance.spend_at(begin, 10_000);
        let times = (1..=1_000).map(|n| begin + n * Duration::from_millis(100));
        let used = times.filter(|now| {
            let may = !allowance.is_used_up_at(*now);
            if may {
                allowance.spend_at(*now, 200);
            }
            may
        });
        assert_eq!(used.count(), 500, "200 each, 1,000 a second for 100 s");
    }

    #[test]
    fn a_tenant_keeps_its_own_and_another_rate_begins_anew() {
        let allowances = Allowances::default();
        let [north, south] = ["north", "south"].map(|name| TenantName::parse(name).expect("a name"));
        allowances.of(&north).spend(1 << 40);
        assert!(!allowances.of(&north).is_used_up(), "it has no rate");
        for tenant in [&north, &south] {
            allowances.of(tenant).set_per_second(1_000);
        }
        allowances.of(&north).spend(1 << 40);
        allowances.of(&north).set_per_second(1_000);
        assert!(allowances.of(&north).is_used_up(), "the rate is the same");
        assert!(!allowances.of(&south).is_used_up());
        allowances.of(&north).set_per_second(2_000);
        assert!(!allowances.of(&north).is_used_up());
    }

    #[test]
    fn what_is_not_used_is_saved_up_for_ten_seconds() {
        let allowance = Allowance::per_second(1_000);
        let later = Instant::now() + Duration::from_secs(3_600);
        allowance.spend_at(later, 10_000);
        assert!(allowance.is_used_up_at(later));
    }
}
