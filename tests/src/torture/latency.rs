//! How long answers took.

use std::time::Duration;

/// Times of calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Latency(Vec<Duration>);

impl Latency {
    /// Adds one.
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// How many there are.
    #[must_use]
    pub(super) fn calls(&self) -> usize {
        self.0.len()
    }

    /// What `per_mille` of a thousand calls stayed within; none, if there were no calls.
    #[must_use]
    pub(super) fn within(&self, per_mille: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * per_mille).div_ceil(1_000).max(1);
        sorted.get(place - 1).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_calls_of_a_thousand_stayed_within_it() {
        let mut latency = Latency::default();
        assert_eq!(latency.within(990), Duration::ZERO);
        for number in (1..=200).rev() {
            latency.add(Duration::from_millis(number));
        }
        let rows = [(0, 1), (500, 100), (990, 198), (1_000, 200)];
        for (per_mille, expected) in rows {
            assert_eq!(
                latency.within(per_mille),
                Duration::from_millis(expected),
                "{per_mille}"
            );
        }
    }
}
