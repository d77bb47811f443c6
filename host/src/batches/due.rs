//! Whether scheduled work is due. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::schedule::Schedule;

/// The last time of a schedule that was seen to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Last {
    /// The schedule that it is a time of.
    schedule: String,
    /// Everything up to here has been seen to.
    time: Timestamp,
}

impl Last {
    pub(super) fn of(schedule: &Schedule, time: Timestamp) -> Self {
        Self {
            schedule: format!("{} {}", schedule.cron, schedule.time_zone),
            time,
        }
    }
}

/// What is to be done about a schedule now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// The schedule is new, or the clock was set back behind what was seen to: count from now on.
    Count,
    /// Nothing before this time.
    Wait(Timestamp),
    /// A run is due.
    Start {
        /// Its time in the schedule.
        time: Timestamp,
        /// How many times before it went by without a run.
        missed: u32,
    },
}

/// Decides. `whose` run it is spreads the load; see [`Schedule::delay`].
pub(super) fn decide(schedule: &Schedule, last: Option<&Last>, whose: &str, now: Timestamp) -> Decision {
    let Some(last) = last.filter(|last| **last == Last::of(schedule, last.time) && last.time <= now) else {
        return Decision::Count;
    };
    let delayed = |time: Timestamp| time.saturating_add(schedule.delay(whose, time)).unwrap_or(time);
    match schedule.due(last.time, now) {
        Some(due) if delayed(due.latest) <= now => Decision::Start {
            time: due.latest,
            missed: due.count - 1,
        },
        Some(due) => Decision::Wait(delayed(due.latest)),
        None => Decision::Wait(schedule.next(last.time).map_or(Timestamp::MAX, delayed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn schedule(cron: &str, jitter_s: u64) -> Schedule {
        let schedule = serde_json::json!({ "cron": cron, "jitter_s": jitter_s });
        serde_json::from_value(schedule).expect("a schedule")
    }

    #[test]
    fn a_run_is_due_at_its_time_and_what_was_missed_is_counted() {
        let daily = schedule("30 4 * * *", 0);
        let seen = Last::of(&daily, at("2026-11-20T04:30:00Z"));
        for (now, decision) in [
            ("2026-11-20T04:30:00Z", Decision::Wait(at("2026-11-21T04:30:00Z"))),
            ("2026-11-21T04:29:59Z", Decision::Wait(at("2026-11-21T04:30:00Z"))),
            (
                "2026-11-21T04:30:00Z",
                Decision::Start {
                    time: at("2026-11-21T04:30:00Z"),
                    missed: 0,
                },
            ),
            (
                "2026-11-24T03:00:00Z",
                Decision::Start {
                    time: at("2026-11-23T04:30:00Z"),
                    missed: 2,
                },
            ),
        ] {
            assert_eq!(
                decide(&daily, Some(&seen), "acme/sim/usage", at(now)),
                decision,
                "{now}"
            );
        }
    }

    #[test]
    fn a_schedule_that_is_new_or_changed_is_never_due_at_once() {
        let now = at("2026-11-21T12:00:00Z");
        let (old, new) = (schedule("30 4 * * *", 0), schedule("0 6 * * *", 0));
        let seen = Last::of(&old, at("2026-11-20T04:30:00Z"));
        assert_eq!(decide(&new, None, "x", now), Decision::Count);
        assert_eq!(decide(&new, Some(&seen), "x", now), Decision::Count);
        let begun = Last::of(&new, now);
        assert_eq!(
            decide(&new, Some(&begun), "x", now),
            Decision::Wait(at("2026-11-22T06:00:00Z"))
        );
    }

    #[test]
    fn a_clock_that_was_set_back_puts_nothing_off_for_as_long() {
        let daily = schedule("30 4 * * *", 0);
        let seen = Last::of(&daily, at("2036-11-20T04:30:00Z"));
        assert_eq!(
            decide(&daily, Some(&seen), "x", at("2026-11-21T12:00:00Z")),
            Decision::Count
        );
    }

    #[test]
    fn a_run_is_put_off_by_its_own_delay() {
        let daily = schedule("30 4 * * *", 3_600);
        let time = at("2026-11-21T04:30:00Z");
        let seen = Last::of(&daily, at("2026-11-20T04:30:00Z"));
        let whose = "acme/sim/usage";
        let start = time + daily.delay(whose, time);
        assert!(start > time, "this module has a delay on that day");
        assert_eq!(decide(&daily, Some(&seen), whose, time), Decision::Wait(start));
        assert_eq!(
            decide(&daily, Some(&seen), whose, start),
            Decision::Start { time, missed: 0 }
        );
    }
}
