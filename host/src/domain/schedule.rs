//! When scheduled work is due: a cron expression, a time zone, and a delay that spreads the load.
//!
//! Clocks are changed by law, and the expression is about what they show. A run at a fixed time of day, such as
//! `30 2 * * *`, that falls into the hour which is left out takes place as soon as that hour is over; one that falls into the
//! hour which comes twice takes place in the first of the two. A run at an interval, such as `*/15 * * * *`, takes place
//! whenever the clock shows its minutes, in both.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::limits::InvalidLimit;

/// Most characters of a cron expression. Lists of minutes and hours stay below 100.
const EXPRESSION_CHARACTERS_MAX: usize = 200;

/// Most seconds by which a run may be put off.
const JITTER_S_MAX: u64 = 6 * 3_600;

/// Times that are counted before [`Due::count`] gives up: those of a minute's schedule over more than a week.
pub const COUNTED_MAX: u32 = 12_000;

/// A text that is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a cron expression has five fields (minute, hour, day of month, month, day of week), such as 30 4 * * 1, and {given:?} \
     cannot be taken: {why}"
)]
pub struct InvalidCron {
    given: String,
    why: String,
}

/// A cron expression of five fields, which comes true now and then.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CronExpression {
    text: String,
    /// Large, because each field is a table.
    cron: Box<Cron>,
}

impl CronExpression {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it has not five fields, a field is not understood, or the times that it names never come.
    pub fn parse(text: &str) -> Result<Self, InvalidCron> {
        let invalid = |why: String| InvalidCron {
            given: text.chars().take(80).collect(),
            why,
        };
        if text.chars().count() > EXPRESSION_CHARACTERS_MAX {
            return Err(invalid(format!(
                "it has more than {EXPRESSION_CHARACTERS_MAX} characters"
            )));
        }
        let fields = text.split_whitespace().count();
        if fields != 5 {
            return Err(invalid(format!("it has {fields}")));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(text).map_err(|error| invalid(error.to_string()))?;
        let any_time = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        cron.find_next_occurrence(&any_time, false)
            .map_err(|_| invalid("the times that it names never come".to_owned()))?;
        Ok(Self {
            text: text.to_owned(),
            cron: Box::new(cron),
        })
    }
}

impl PartialEq for CronExpression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CronExpression {}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for CronExpression {
    type Error = InvalidCron;
    fn try_from(text: String) -> Result<Self, InvalidCron> {
        Self::parse(&text)
    }
}

impl From<CronExpression> for String {
    fn from(expression: CronExpression) -> Self {
        expression.text
    }
}

/// A name that is not known as a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no time zone that this machine knows; write it as America/New_York, Europe/Berlin or UTC, and see that the \
     system has its time zone data (the package tzdata)"
)]
pub struct UnknownZone(String);

/// A time zone by its IANA name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Looks a time zone up.
    ///
    /// # Errors
    /// When the machine knows none of this name.
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        let zone = TimeZone::get(name).map_err(|_| UnknownZone(name.chars().take(80).collect()))?;
        Ok(Self {
            name: name.to_owned(),
            zone,
        })
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            name: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;
    fn try_from(name: String) -> Result<Self, UnknownZone> {
        Self::parse(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

/// When something is due again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Five fields: minute, hour, day of month, month, day of week.
    #[schema(value_type = String, example = "30 4 * * *")]
    pub cron: CronExpression,
    /// Whose clock the expression is about, by its IANA name.
    #[serde(default)]
    #[schema(value_type = String, example = "America/New_York")]
    pub time_zone: Zone,
    /// Most seconds by which a run is put off, so that many modules with one expression do not all start at once; 0 to
    /// 21,600. By how much is drawn for each run, and stays the same for it.
    #[serde(default)]
    pub jitter_s: u64,
}

/// The times of a schedule in some span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// How many there are; not counted beyond [`COUNTED_MAX`].
    pub count: u32,
    /// The latest that was counted.
    pub latest: Timestamp,
}

impl Schedule {
    /// The next time after `after`, before any delay. `None` only at the end of the calendar.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(self.time_zone.zone.clone());
        let next = self.cron.cron.find_next_occurrence(&after, false).ok()?;
        Some(next.timestamp())
    }

    /// The times after `after`, up to and including `until`. `None` when there are none.
    #[must_use]
    pub fn due(&self, after: Timestamp, until: Timestamp) -> Option<Due> {
        let mut due = None;
        let mut at = after;
        for count in 1..=COUNTED_MAX {
            match self.next(at) {
                Some(next) if next <= until => at = next,
                _ => break,
            }
            due = Some(Due { count, latest: at });
        }
        due
    }

    /// How long the run of `time` is put off: drawn from the time and `whose` run it is, so that it is the same after a
    /// restart.
    #[must_use]
    pub fn delay(&self, whose: &str, time: Timestamp) -> SignedDuration {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&time.as_second().to_le_bytes()).update(whose.as_bytes());
        let mut drawn = [0; 8];
        hasher.finalize_xof().fill(&mut drawn);
        let seconds = u64::from_le_bytes(drawn) % (self.jitter_s + 1);
        SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default())
    }

    /// Checks that the delay is in range. The rest of a schedule cannot be wrong.
    ///
    /// # Errors
    /// When it is not; `name` is the schedule's.
    pub fn check(&self, name: &str) -> Result<(), InvalidLimit> {
        InvalidLimit::check(format!("{name}.jitter_s"), 0, JITTER_S_MAX, self.jitter_s)
    }
}

#[cfg(test)]
mod tests;
