//! How long to wait before the next attempt. Pure but for the jitter.

use crate::domain::job::Stage;

/// Seconds between attempts once a person has been told.
pub(super) const IN_FALLOUT_S: u64 = 6 * 3_600;

/// Seconds to the next check that a module may ask for: a second, so that no carrier is asked without pause, to a day, so
/// that no order is forgotten.
pub(super) fn asked_for(seconds: u32) -> u64 {
    u64::from(seconds).clamp(1, 86_400)
}

/// Seconds to the first attempt, and the most between two.
fn bounds(stage: Stage) -> (u64, u64) {
    match stage {
        // The carrier may be a moment behind with its own record of what it was doing.
        Stage::Unknown => (2, 10 * 60),
        // Ports take hours to weeks; a module that knows better says when to ask.
        Stage::Pending => (60, 3_600),
        Stage::Again => (5, 10 * 60),
        // An answer that waits to be fetched is looked at for its age only.
        Stage::Found => (60, 3_600),
        Stage::Telling => (5, 15 * 60),
        Stage::Running | Stage::Fallout => (IN_FALLOUT_S, IN_FALLOUT_S),
    }
}

/// Seconds to wait after so many attempts in this stage: twice as long each time, up to a most.
pub(super) fn seconds(stage: Stage, attempts: u32) -> u64 {
    let (first, most) = bounds(stage);
    first
        .saturating_mul(1_u64.checked_shl(attempts).unwrap_or(u64::MAX))
        .min(most)
}

/// Of 100, how many the jitter takes off or adds at most.
const JITTER: u64 = 20;

/// Spreads waiting times by up to a fifth, so that what failed together is not tried together. Takes random bits.
pub(super) fn jittered(milliseconds: u64, random: u64) -> u64 {
    let spread = milliseconds / 100 * JITTER;
    if spread == 0 {
        return milliseconds;
    }
    milliseconds - spread + random % (2 * spread + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_a_most() {
        let waits: Vec<_> = (0..12).map(|attempts| seconds(Stage::Telling, attempts)).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]);
        assert_eq!(seconds(Stage::Pending, 1_000), 3_600);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        for random in [0, 1, 7, u64::MAX / 3, u64::MAX] {
            let spread = jittered(10_000, random);
            assert!((8_000..=12_000).contains(&spread), "{spread}");
        }
        assert_eq!(jittered(50, 9), 50);
    }
}
