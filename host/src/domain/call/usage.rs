//! What a call used, against what it could have used.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::CallRecord;
use crate::domain::limits::{LimitName, Limits};

/// What the call used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// Microseconds of computing: in the module, in the gateway's functions that it called, and for its requests.
    #[serde(default)]
    pub cpu_micros: u64,
    /// Most bytes over all of the instance's memories and tables, and of what the gateway held for its requests.
    pub memory_bytes: u64,
    /// Most of the gateway's resources that were held open at once. Those that the component made itself are not counted,
    /// unless it was ended at this limit.
    #[serde(default)]
    pub handles: u64,
    /// Bytes of the largest text or block that was handed to the gateway in one go: a log line, something printed, a part
    /// of a body, the name of a setting. Lists of headers and the answer are held to the limit, and not counted unless the
    /// module was ended at it.
    #[serde(default)]
    pub host_call_bytes: u64,
    /// Requests to carriers.
    pub requests: u32,
    /// Bytes of the largest body of a request.
    #[serde(default)]
    pub request_bytes: u64,
    /// Bytes of the largest body of a response, as far as it was read.
    #[serde(default)]
    pub response_bytes: u64,
    /// Bytes of the bodies of all requests.
    #[serde(default)]
    pub sent_bytes: u64,
    /// Bytes of the bodies of all responses, as far as they were read.
    #[serde(default)]
    pub received_bytes: u64,
    /// Bytes of log lines, kept and dropped.
    pub log_bytes: u64,
    /// Log lines that were dropped.
    pub log_lines_dropped: u64,
    /// The limits that held. Empty if no module ran.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub limits: BTreeMap<LimitName, u64>,
    /// The limits that the module ran into, whether or not it came to terms with that.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<LimitName>)]
    pub hit: BTreeSet<LimitName>,
}

impl Usage {
    /// Nothing yet, under these limits.
    #[must_use]
    pub fn under(limits: &Limits) -> Self {
        Self {
            limits: LimitName::ALL
                .into_iter()
                .map(|limit| (limit, limit.of(limits)))
                .collect(),
            ..Self::default()
        }
    }

    /// Notes the limit that the module was ended at. Of some, what was used is counted before it is allowed: it is as much
    /// as there was at least.
    pub fn run_into(&mut self, limit: LimitName) {
        let most = self.limits.get(&limit).copied().unwrap_or_default();
        match limit {
            LimitName::Handles => self.handles = self.handles.max(most),
            LimitName::HostCallBytes => self.host_call_bytes = self.host_call_bytes.max(most),
            _ => {}
        }
        self.hit.insert(limit);
    }
}

/// What was used of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which one.
    pub limit: LimitName,
    /// In its unit; milliseconds are those that were begun.
    pub used: u64,
    /// Its value.
    pub most: u64,
    /// The module ran into it.
    pub hit: bool,
}

impl CallRecord {
    /// What was used of each limit that held.
    pub fn shares(&self) -> impl Iterator<Item = Share> {
        self.usage.limits.iter().map(|(limit, most)| Share {
            limit: *limit,
            used: self.used(*limit),
            most: *most,
            hit: self.usage.hit.contains(limit),
        })
    }

    fn used(&self, limit: LimitName) -> u64 {
        let usage = &self.usage;
        match limit {
            LimitName::DeadlineMs => self.micros.div_ceil(1_000),
            LimitName::CpuMs => usage.cpu_micros.div_ceil(1_000),
            LimitName::MemoryBytes => usage.memory_bytes,
            LimitName::Handles => usage.handles,
            LimitName::HostCallBytes => usage.host_call_bytes,
            LimitName::Requests => u64::from(usage.requests),
            LimitName::RequestBytes => usage.request_bytes,
            LimitName::ResponseBytes => usage.response_bytes,
            LimitName::TrafficBytes => usage.sent_bytes.saturating_add(usage.received_bytes),
            LimitName::LogBytes => usage.log_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_older_gateway_has_written_can_be_read() {
        let old = json!({ "memory_bytes": 65_536, "log_bytes": 7, "log_lines_dropped": 4, "requests": 2 });
        let read: Usage = serde_json::from_value(old).expect("usage");
        let expected = Usage {
            memory_bytes: 65_536,
            log_bytes: 7,
            log_lines_dropped: 4,
            requests: 2,
            ..Usage::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn of_the_limit_that_a_module_was_ended_at_all_was_used() {
        let limits = Limits::default();
        let mut usage = Usage {
            memory_bytes: 7,
            handles: limits.handles - 1,
            ..Usage::under(&limits)
        };
        for limit in [LimitName::Handles, LimitName::HostCallBytes, LimitName::MemoryBytes] {
            usage.run_into(limit);
            assert!(usage.hit.contains(&limit), "{limit}");
        }
        assert_eq!(
            (usage.handles, usage.host_call_bytes, usage.memory_bytes),
            (limits.handles, limits.host_call_bytes, 7)
        );
    }

    #[test]
    fn what_is_written_can_be_read_with_the_limits_by_name() {
        let mut usage = Usage::under(&Limits::default());
        usage.hit.insert(LimitName::CpuMs);
        let written = json!(usage);
        assert_eq!(
            (&written["limits"]["cpu_ms"], &written["hit"]),
            (&json!(2_000), &json!(["cpu_ms"]))
        );
        assert_eq!(written["limits"], json!(Limits::default()));
        assert_eq!(serde_json::from_value::<Usage>(written).expect("usage"), usage);
    }
}
