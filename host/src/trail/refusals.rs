//! What somebody tried and may not, counted: whoever tries the same thing a thousand times is four entries, and not a thousand.
//!
//! Who it was is known. What strangers try is guessing, and is counted where they are refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::name::TenantName;
use crate::domain::source;

/// Counting begins anew when nothing more was tried for so long.
const QUIET: Duration = Duration::from_secs(3_600);

/// Most things of one tenant that are counted at once. Those beyond are counted together: nobody can fill the memory, and
/// who tries everything hides what they try themselves, and not what others try.
const COUNTS_MAX: usize = 256;

#[derive(Debug)]
struct Count {
    tries: u64,
    last: Instant,
}

/// What is tried in vain at present, by tenant: by token, a tenant would be as many as it makes tokens. Grows by the tenants
/// that there ever were.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<Option<TenantName>, HashMap<String, Count>>>);

impl Refusals {
    /// Counts a try, and says how many of its kind there were if that is worth an entry: the first, the tenth, the hundredth,
    /// and so on.
    pub(super) fn count(
        &self,
        tenant: Option<&TenantName>,
        what: &str,
        from: Option<IpAddr>,
        now: Instant,
    ) -> Option<u64> {
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = tenants.entry(tenant.cloned()).or_default();
        let from = from.map_or_else(String::new, |from| source::of(from).to_string());
        let mut key = format!("{what} from {from}");
        if !counts.contains_key(&key) && counts.len() >= COUNTS_MAX {
            counts.retain(|_, count| now.duration_since(count.last) < QUIET);
            if counts.len() >= COUNTS_MAX {
                key = String::new();
            }
        }
        let count = counts.entry(key).or_insert(Count { tries: 0, last: now });
        if now.duration_since(count.last) >= QUIET {
            count.tries = 0;
        }
        count.tries = count.tries.saturating_add(1);
        count.last = now;
        power_of_ten(count.tries).then_some(count.tries)
    }
}

fn power_of_ten(mut number: u64) -> bool {
    while number >= 10 && number.is_multiple_of(10) {
        number /= 10;
    }
    number == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn a_thousand_tries_are_four_entries() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        let told: Vec<u64> = (0..1_000)
            .filter_map(|_| refusals.count(None, "calls", from("192.0.2.1"), now))
            .collect();
        assert_eq!(told, [1, 10, 100, 1_000]);
        assert_eq!(
            refusals.count(None, "calls", from("192.0.2.2"), now),
            Some(1),
            "somebody else"
        );
        assert_eq!(
            refusals.count(None, "grants", from("192.0.2.1"), now),
            Some(1),
            "something else"
        );
        assert_eq!(
            refusals.count(None, "calls", from("192.0.2.1"), now + QUIET),
            Some(1),
            "an hour later"
        );
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.count(None, "x", from("2001:db8::1"), now), Some(1));
        assert_eq!(refusals.count(None, "x", from("2001:db8::2:1"), now), None);
        assert_eq!(refusals.count(None, "x", from("2001:db8:0:1::1"), now), Some(1));
    }

    #[test]
    fn more_than_can_be_counted_by_themselves_are_counted_together() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for number in 0..COUNTS_MAX {
            assert_eq!(refusals.count(None, &number.to_string(), None, now), Some(1));
        }
        let more: Vec<u64> = (0..100)
            .filter_map(|number| refusals.count(None, &format!("more {number}"), None, now))
            .collect();
        assert_eq!(more, [1, 10, 100]);
        // An hour later there is room again.
        assert_eq!(refusals.count(None, "later", None, now + QUIET), Some(1));
        assert_eq!(refusals.count(None, "later still", None, now + QUIET), Some(1));
    }
    #[test]
    fn no_tenant_hides_what_others_try() {
        let tenant = |name: &str| TenantName::parse(name).expect("a name");
        let (acme, other) = (tenant("acme"), tenant("other"));
        let (refusals, now) = (Refusals::default(), Instant::now());
        for number in 0..10 * COUNTS_MAX {
            refusals.count(Some(&acme), &format!("route {number}"), None, now);
        }
        assert_eq!(
            refusals.count(Some(&acme), "secrets", None, now),
            None,
            "its own is hidden"
        );
        assert_eq!(refusals.count(Some(&other), "secrets", None, now), Some(1));
        let kept = refusals.0.lock().expect("no panic");
        assert_eq!(kept[&Some(acme)].len(), COUNTS_MAX + 1);
    }
}
