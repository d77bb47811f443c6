//! Refused tries, as episodes: whoever tries the same thing a thousand times is four entries, and not a thousand.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An episode is over when nothing more was tried for so long.
const QUIET: Duration = Duration::from_secs(3_600);

/// Most episodes at once. Those beyond are counted together, so that a thousand addresses cannot fill the memory.
const EPISODES_MAX: usize = 1_024;

#[derive(Debug)]
struct Episode {
    tries: u64,
    last: Instant,
}

/// What is tried in vain at present.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<String, Episode>>);

impl Refusals {
    /// Counts a try, and says how many there were in its episode if that is worth an entry: the first, the tenth, the
    /// hundredth, and so on.
    pub(super) fn count(&self, what: &str, from: Option<IpAddr>, now: Instant) -> Option<u64> {
        let mut episodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = format!("{what} from {}", from.map_or_else(String::new, network));
        if !episodes.contains_key(&key) && episodes.len() >= EPISODES_MAX {
            episodes.retain(|_, episode| now.duration_since(episode.last) < QUIET);
            if episodes.len() >= EPISODES_MAX {
                key = String::new();
            }
        }
        let episode = episodes.entry(key).or_insert(Episode { tries: 0, last: now });
        if now.duration_since(episode.last) >= QUIET {
            episode.tries = 0;
        }
        episode.tries = episode.tries.saturating_add(1);
        episode.last = now;
        power_of_ten(episode.tries).then_some(episode.tries)
    }
}

fn power_of_ten(mut number: u64) -> bool {
    while number >= 10 && number.is_multiple_of(10) {
        number /= 10;
    }
    number == 1
}

/// One customer of a provider has a whole network of addresses.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
    }
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
            .filter_map(|_| refusals.count("token", from("192.0.2.1"), now))
            .collect();
        assert_eq!(told, [1, 10, 100, 1_000]);
        assert_eq!(
            refusals.count("token", from("192.0.2.2"), now),
            Some(1),
            "somebody else"
        );
        assert_eq!(
            refusals.count("grants", from("192.0.2.1"), now),
            Some(1),
            "something else"
        );
        assert_eq!(
            refusals.count("token", from("192.0.2.1"), now + QUIET),
            Some(1),
            "an hour later"
        );
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.count("x", from("2001:db8::1"), now), Some(1));
        assert_eq!(refusals.count("x", from("2001:db8::2:1"), now), None);
        assert_eq!(refusals.count("x", from("2001:db8:0:1::1"), now), Some(1));
    }

    #[test]
    fn more_episodes_than_can_be_kept_are_counted_together() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for number in 0..EPISODES_MAX {
            assert_eq!(refusals.count(&number.to_string(), None, now), Some(1));
        }
        let more: Vec<u64> = (0..100)
            .filter_map(|number| refusals.count(&format!("more {number}"), None, now))
            .collect();
        assert_eq!(more, [1, 10, 100]);
        // An hour later there is room again.
        assert_eq!(refusals.count("later", None, now + QUIET), Some(1));
        assert_eq!(refusals.count("later still", None, now + QUIET), Some(1));
    }
}
