//! What one call of a module may use.

use serde::{Deserialize, Serialize};

/// A module's limits. Each has a default that suits an ordinary carrier, and a most that no module may exceed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Milliseconds from when the event's body was read to the answer, whatever the module is waiting for. How long
    /// TeleCloud waits is not documented; 20 s is what HTTP clients commonly allow, less some room.
    pub deadline_ms: u64,
    /// Milliseconds of computing. An ordinary call needs less than one.
    pub cpu_ms: u64,
    /// Bytes over all of the instance's memories and tables together. A Python module needs 20 MiB.
    pub memory_bytes: u64,
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
    requests: 1_000,
    request_bytes: 16 << 20,
    response_bytes: 16 << 20,
    traffic_bytes: 128 << 20,
    log_bytes: 1 << 20,
};

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
        let rows = [
            ("deadline_ms", 100, CEILING.deadline_ms, self.deadline_ms),
            ("cpu_ms", 10, CEILING.cpu_ms, self.cpu_ms),
            ("memory_bytes", 1 << 20, CEILING.memory_bytes, self.memory_bytes),
            ("requests", 0, u64::from(CEILING.requests), u64::from(self.requests)),
            ("request_bytes", 0, CEILING.request_bytes, self.request_bytes),
            ("response_bytes", 0, CEILING.response_bytes, self.response_bytes),
            ("traffic_bytes", 0, CEILING.traffic_bytes, self.traffic_bytes),
            ("log_bytes", 0, CEILING.log_bytes, self.log_bytes),
        ];
        rows.into_iter().try_for_each(|(name, least, most, given)| {
            InvalidLimit::check(format!("limits.{name}"), least, most, given)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_and_the_ceiling_are_in_range() {
        assert_eq!(Limits::default().check(), Ok(()));
        assert_eq!(CEILING.check(), Ok(()));
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
}
