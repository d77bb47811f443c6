//! How often something may happen for each tenant.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::name::TenantName;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// From one to the next, in the long run.
    pub each: Duration,
    /// At once, after a quiet time.
    pub burst: u32,
}

impl Rate {
    /// So many a second, one at least.
    #[must_use]
    pub fn per_second(times: u32, burst: u32) -> Self {
        let each = Duration::from_secs(1) / times.max(1);
        Self { each, burst }
    }
}

/// How much of its rate each tenant has used up. Grows by the tenants that ever were, an instant each.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<TenantName, Instant>>);

impl Rates {
    /// Whether it may happen now. It then counts as having happened.
    pub fn take(&self, tenant: &TenantName, rate: Rate) -> bool {
        self.take_at(Instant::now(), tenant, rate)
    }

    /// The same, at this time.
    pub fn take_at(&self, now: Instant, tenant: &TenantName, rate: Rate) -> bool {
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // When everything that was let through would have happened, had it come at the rate of the long run.
        let due = match tenants.get_mut(tenant) {
            Some(due) => due,
            None => tenants.entry(tenant.clone()).or_insert(now),
        };
        let next = (*due).max(now) + rate.each;
        let may = next <= now + rate.each * rate.burst.max(1);
        if may {
            *due = next;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantName {
        TenantName::parse(name).expect("a name")
    }

    #[test]
    fn a_burst_goes_through_and_then_the_rate_holds_for_each_tenant_by_itself() {
        let rates = Rates::default();
        let (north, south) = (tenant("north"), tenant("south"));
        let begin = Instant::now();
        let rate = Rate::per_second(10, 3);
        let taken = |now, tenant| (0..10).filter(|_| rates.take_at(now, tenant, rate)).count();
        assert_eq!((taken(begin, &north), taken(begin, &south)), (3, 3));
        let times = (1..=100).map(|n| begin + n * Duration::from_millis(50));
        let went = times.filter(|now| rates.take_at(*now, &north, rate)).count();
        assert_eq!(went, 50, "10 a second for 5 s");
        let later = begin + Duration::from_secs(3_600);
        assert_eq!(
            taken(later, &north),
            3,
            "what was not used does not add up beyond the burst"
        );
    }
}
