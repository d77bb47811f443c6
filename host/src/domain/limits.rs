//! What one call of a module may use.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A module's limits. Each has a default that suits an ordinary carrier, and a most that no module may exceed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Milliseconds from when the event's body was read to the answer, whatever the module is waiting for. How long
    /// TeleCloud waits is not documented; 20 s is what HTTP clients commonly allow, less some room.
    pub deadline_ms: u64,
    /// Milliseconds of computing: the processor's time, whatever else the machine does meanwhile. An ordinary call needs
    /// less than one.
    pub cpu_ms: u64,
    /// Bytes over all of the instance's memories and tables together, and of what the gateway holds for it in requests that
    /// are not sent yet. A Python module needs 20 MiB.
    pub memory_bytes: u64,
    /// Resources that are held open at once: streams, requests, pollables, and those that the component makes itself. Some
    /// come in twos, such as a timer and waiting for it, and one that is lent for a call counts again. A module with ten
    /// requests under way holds fewer than a hundred.
    pub handles: u64,
    /// Bytes that are handed to the gateway in one go: the texts and lists of one call of its functions, or of the answer. The
    /// gateway holds them in its own memory, besides the module's. Items of lists count as they are held here, which is
    /// more than their text: 48 bytes for a header.
    pub host_call_bytes: u64,
    /// Requests to carriers in one call. Grants may allow fewer.
    pub requests: u32,
    /// Bytes of one request's body to a carrier.
    pub request_bytes: u64,
    /// Bytes of one response's body from a carrier.
    pub response_bytes: u64,
    /// Bytes of all bodies of one call together, both ways. The gateway holds them while the module does.
    pub traffic_bytes: u64,
    /// Bytes of log lines kept of one call; the rest is counted and dropped.
    pub log_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline_ms: 20_000,
            cpu_ms: 2_000,
            memory_bytes: 64 << 20,
            handles: 1_000,
            host_call_bytes: 16 << 20,
            requests: 20,
            request_bytes: 1 << 20,
            response_bytes: 4 << 20,
            traffic_bytes: 32 << 20,
            log_bytes: 64 << 10,
        }
    }
}

/// The most that a module may be given. `memory_bytes` is also the size of a slot in the sandbox's pool.
pub const CEILING: Limits = Limits {
    deadline_ms: 120_000,
    cpu_ms: 30_000,
    memory_bytes: 128 << 20,
    handles: 10_000,
    host_call_bytes: 64 << 20,
    requests: 1_000,
    request_bytes: 16 << 20,
    response_bytes: 16 << 20,
    traffic_bytes: 128 << 20,
    log_bytes: 1 << 20,
};

/// Names one of the [`Limits`], as its field is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described where the limit is")]
pub enum LimitName {
    DeadlineMs,
    CpuMs,
    MemoryBytes,
    Handles,
    HostCallBytes,
    Requests,
    RequestBytes,
    ResponseBytes,
    TrafficBytes,
    LogBytes,
}

/// All that differs from limit to limit.
struct Row {
    name: &'static str,
    /// With less than this, no module could answer at all, or the limit could not be kept exactly.
    least: u64,
    /// After a number.
    unit: &'static str,
    value: fn(&Limits) -> u64,
}

impl LimitName {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::DeadlineMs,
        Self::CpuMs,
        Self::MemoryBytes,
        Self::Handles,
        Self::HostCallBytes,
        Self::Requests,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::TrafficBytes,
        Self::LogBytes,
    ];

    fn row(self) -> Row {
        let row = |name, least, unit, value| Row {
            name,
            least,
            unit,
            value,
        };
        match self {
            Self::DeadlineMs => row("deadline_ms", 100, "ms", |limits| limits.deadline_ms),
            Self::CpuMs => row("cpu_ms", 10, "ms of computing", |limits| limits.cpu_ms),
            Self::MemoryBytes => row("memory_bytes", 1 << 20, "bytes of memory", |limits| limits.memory_bytes),
            Self::Handles => row("handles", 20, "open resources", |limits| limits.handles),
            Self::HostCallBytes => row("host_call_bytes", 64 << 10, "bytes in one go", |limits| {
                limits.host_call_bytes
            }),
            Self::Requests => row("requests", 0, "requests", |limits| u64::from(limits.requests)),
            Self::RequestBytes => row("request_bytes", 0, "bytes", |limits| limits.request_bytes),
            Self::ResponseBytes => row("response_bytes", 0, "bytes", |limits| limits.response_bytes),
            Self::TrafficBytes => row("traffic_bytes", 0, "bytes", |limits| limits.traffic_bytes),
            Self::LogBytes => row("log_bytes", 0, "bytes", |limits| limits.log_bytes),
        }
    }

    /// As in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// What it counts, to stand after a number.
    #[must_use]
    pub fn unit(self) -> &'static str {
        self.row().unit
    }

    /// The option of `patchbay module limits` that sets it.
    #[must_use]
    pub fn option(self) -> String {
        format!("--{}", self.as_str().replace('_', "-"))
    }

    /// Its value among these.
    #[must_use]
    pub fn of(self, limits: &Limits) -> u64 {
        (self.row().value)(limits)
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A limit that is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {least} to {most}, and {given} is not")]
pub struct InvalidLimit {
    name: String,
    least: u64,
    most: u64,
    given: u64,
}

impl InvalidLimit {
    /// Checks one value against its range.
    pub(super) fn check(name: impl Into<String>, least: u64, most: u64, given: u64) -> Result<(), Self> {
        if (least..=most).contains(&given) {
            return Ok(());
        }
        Err(Self {
            name: name.into(),
            least,
            most,
            given,
        })
    }
}

impl Limits {
    /// Checks every limit against its range.
    ///
    /// # Errors
    /// The first limit that is out of range, by name.
    pub fn check(&self) -> Result<(), InvalidLimit> {
        self.check_against(&CEILING)
    }

    /// Checks every limit against its range, whose upper end is the value in `ceiling`.
    ///
    /// # Errors
    /// The first limit that is out of range, by name.
    pub fn check_against(&self, ceiling: &Self) -> Result<(), InvalidLimit> {
        LimitName::ALL.into_iter().try_for_each(|limit| {
            let name = format!("limits.{limit}");
            InvalidLimit::check(name, limit.row().least, limit.of(ceiling), limit.of(self))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_defaults_and_the_ceiling_are_in_range() {
        assert_eq!(Limits::default().check(), Ok(()));
        assert_eq!(CEILING.check(), Ok(()));
    }

    #[test]
    fn every_limit_has_a_name_and_the_name_leads_to_it() {
        let Value::Object(fields) = json!(Limits::default()) else {
            panic!("limits are an object");
        };
        assert_eq!(fields.len(), LimitName::ALL.len());
        for (at, limit) in LimitName::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, at, "{limit} is in its place");
            assert_eq!(json!(limit), limit.as_str());
            // Each has another value, so that none can be taken for another.
            let mut changed = fields.clone();
            changed.insert(limit.as_str().to_owned(), json!(4_711));
            let changed: Limits = serde_json::from_value(changed.into()).expect("limits");
            let differ = |other: &LimitName| other.of(&changed) != other.of(&Limits::default());
            assert_eq!(LimitName::ALL.into_iter().filter(differ).collect::<Vec<_>>(), [limit]);
            assert_eq!(limit.of(&changed), 4_711);
        }
    }

    #[test]
    fn a_limit_out_of_range_is_named() {
        let error = Limits {
            cpu_ms: 0,
            ..Limits::default()
        }
        .check()
        .expect_err("0 ms is too little");
        assert_eq!(error.to_string(), "limits.cpu_ms must be 10 to 30000, and 0 is not");
    }

    #[test]
    fn a_lower_ceiling_holds_for_each_limit_and_the_least_stays() {
        for limit in LimitName::ALL {
            let mut ceiling = json!(Limits::default());
            let lower = limit.of(&Limits::default()) - 1;
            ceiling[limit.as_str()] = json!(lower);
            let ceiling: Limits = serde_json::from_value(ceiling).expect("limits");
            let error = Limits::default().check_against(&ceiling).expect_err("over the ceiling");
            let (least, given) = (limit.row().least, lower + 1);
            let expected = format!("limits.{limit} must be {least} to {lower}, and {given} is not");
            assert_eq!(error.to_string(), expected);
            assert_eq!(ceiling.check_against(&Limits::default()), Ok(()), "{limit}");
        }
    }
}
