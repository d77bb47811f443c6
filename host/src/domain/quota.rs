//! What one tenant may have of the machine that all share.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use super::limits::{CEILING, InvalidLimit, Limits};

/// A tenant's quota, which only the platform admin sets. Each value has a default that suits an ordinary tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// The most that a limit of the tenant's modules counts for, whatever it is set to. A limit that is left out is the
    /// highest that there is.
    #[serde(deserialize_with = "ceiling")]
    pub ceiling: Limits,
    /// Events and carriers' callbacks whose modules are at work at once; 1 to 1,000. However many are allowed, no tenant
    /// takes more than half of the gateway's places.
    pub concurrent_calls: u32,
    /// Events that wait for one of these places; 0 to 1,000. One more is answered with busy at once.
    pub waiting: u32,
    /// Events and carriers' callbacks that are run in a second, in the long run; 1 to 100,000. One more is answered with busy
    /// at once.
    pub calls_per_second: u32,
    /// How many are run at once after a quiet time, whatever `calls_per_second` says; 1 to 100,000.
    pub burst: u32,
    /// Bytes that are written down of its calls, orders, jobs and runs in a second, in the long run; 16 KiB to 1 GiB. What is
    /// not used is saved up for ten seconds. Once more was written, events and callbacks are answered with busy until that is
    /// made up for, and questions about earlier ones and pages of runs wait.
    pub record_bytes_per_second: u64,
    /// Connections to carriers at once; 1 to 1,000. Carriers allow their customers tens.
    pub connections: u32,
    /// Jobs that are worked on at once; 1 to 16. However many are allowed, no tenant takes more than half of all.
    pub jobs_at_once: u32,
    /// Bytes of the components that are kept of all versions of all modules; 1 MiB to 1 TiB. The same bytes count once,
    /// however many versions they are.
    pub component_bytes: u64,
    /// Bytes of machine code in memory, of what serves in all modules; 16 MiB to 64 GiB. The same component counts once,
    /// however many modules it serves in.
    pub code_bytes: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            ceiling: CEILING,
            concurrent_calls: 32,
            waiting: 64,
            calls_per_second: 100,
            burst: 1_000,
            record_bytes_per_second: 1 << 20,
            connections: 32,
            jobs_at_once: 8,
            component_bytes: 4 << 30,
            code_bytes: 1 << 30,
        }
    }
}

/// A quota that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuota {
    /// A value is out of range.
    #[error(transparent)]
    Value(InvalidLimit),
    /// A limit of the ceiling is out of range.
    #[error("ceiling: {0}")]
    Ceiling(InvalidLimit),
}

/// A limit above its tenant's ceiling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("limits.{name} must be at most {most}, which is this tenant's ceiling, and {given} is not")]
pub struct OverCeiling {
    name: String,
    most: u64,
    given: u64,
}

impl Quota {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// The first one that is out of range, by name.
    pub fn check(&self) -> Result<(), InvalidQuota> {
        let rows = [
            ("concurrent_calls", 1, 1_000, u64::from(self.concurrent_calls)),
            ("waiting", 0, 1_000, u64::from(self.waiting)),
            ("calls_per_second", 1, 100_000, u64::from(self.calls_per_second)),
            ("burst", 1, 100_000, u64::from(self.burst)),
            (
                "record_bytes_per_second",
                16 << 10,
                1 << 30,
                self.record_bytes_per_second,
            ),
            ("connections", 1, 1_000, u64::from(self.connections)),
            ("jobs_at_once", 1, 16, u64::from(self.jobs_at_once)),
            ("component_bytes", 1 << 20, 1 << 40, self.component_bytes),
            ("code_bytes", 16 << 20, 64 << 30, self.code_bytes),
        ];
        for (name, least, most, given) in rows {
            InvalidLimit::check(name, least, most, given).map_err(InvalidQuota::Value)?;
        }
        self.ceiling.check().map_err(InvalidQuota::Ceiling)
    }

    /// Checks the limits that a module is given. One that was not named, and so is the default, or that stays what it was
    /// may be above the ceiling: it does not count for more than that, see [`Self::effective`].
    ///
    /// # Errors
    /// The first limit above the ceiling, by name.
    pub fn check_limits(&self, limits: &Limits, before: Option<&Limits>) -> Result<(), OverCeiling> {
        let standard = rows(&Limits::default());
        let before = before.map(rows).unwrap_or_default();
        for (name, Held { set, counts }) in self.held_down(limits) {
            if standard.get(&name) != Some(&set) && before.get(&name) != Some(&set) {
                return Err(OverCeiling {
                    name,
                    most: counts,
                    given: set,
                });
            }
        }
        Ok(())
    }

    /// What a module's limits count for: each is the lower one of what is set and the ceiling.
    #[must_use]
    pub fn effective(&self, limits: &Limits) -> Limits {
        let ceiling = rows(&self.ceiling);
        let lower = rows(limits).into_iter().map(|(name, set)| {
            let most = ceiling.get(&name).copied().unwrap_or(set);
            (name, json!(set.min(most)))
        });
        from_rows(lower.collect()).unwrap_or_else(|error| unreachable!("they are those of limits: {error}"))
    }

    /// The ceiling, limit by limit.
    #[must_use]
    pub fn ceilings(&self) -> BTreeMap<String, u64> {
        rows(&self.ceiling)
    }

    /// The limits that the ceiling holds down, by name.
    #[must_use]
    pub fn held_down(&self, limits: &Limits) -> BTreeMap<String, Held> {
        let ceiling = rows(&self.ceiling);
        let held = rows(limits).into_iter().filter_map(|(name, set)| {
            let counts = *ceiling.get(&name)?;
            (set > counts).then_some((name, Held { set, counts }))
        });
        held.collect()
    }
}

/// A limit that its tenant's ceiling holds down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Held {
    /// What it is set to.
    pub set: u64,
    /// What it counts for.
    pub counts: u64,
}

/// Limits by name, as in JSON: what holds for one holds for each, whichever there are.
fn rows(limits: &Limits) -> BTreeMap<String, u64> {
    let Value::Object(fields) = json!(limits) else {
        return BTreeMap::new();
    };
    let numbers = fields.into_iter();
    numbers
        .filter_map(|(name, value)| Some((name, value.as_u64()?)))
        .collect()
}

fn from_rows(rows: Map<String, Value>) -> serde_json::Result<Limits> {
    serde_json::from_value(Value::Object(rows))
}

/// A ceiling holds what it names. The defaults of limits are no ceiling.
fn ceiling<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limits, D::Error> {
    let named = Map::<String, Value>::deserialize(deserializer)?;
    let mut all: Map<String, Value> = rows(&CEILING)
        .into_iter()
        .map(|(name, most)| (name, json!(most)))
        .collect();
    all.extend(named);
    from_rows(all).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(value: Value) -> Quota {
        serde_json::from_value(value).expect("a quota")
    }

    #[test]
    fn the_default_is_in_range_and_holds_no_module_down() {
        assert_eq!(Quota::default().check(), Ok(()));
        assert_eq!(Quota::default().effective(&CEILING), CEILING);
        assert_eq!(quota(json!({})), Quota::default());
    }

    #[test]
    fn a_ceiling_holds_what_it_names_and_nothing_else() {
        let quota = quota(json!({ "ceiling": { "cpu_ms": 500 } }));
        let expected = Limits { cpu_ms: 500, ..CEILING };
        assert_eq!(quota.ceiling, expected);
        assert_eq!(
            serde_json::from_value::<Quota>(json!(quota)).expect("as it was written"),
            quota
        );
        for wrong in [
            json!({ "cpu": 500 }),
            json!({ "cpu_ms": "500" }),
            json!([]),
            json!(null),
        ] {
            let read = serde_json::from_value::<Quota>(json!({ "ceiling": wrong }));
            assert!(read.is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        for (value, why) in [
            (
                json!({ "concurrent_calls": 0 }),
                "concurrent_calls must be 1 to 1000, and 0 is not",
            ),
            (
                json!({ "jobs_at_once": 17 }),
                "jobs_at_once must be 1 to 16, and 17 is not",
            ),
            (
                json!({ "record_bytes_per_second": 16_383 }),
                "record_bytes_per_second must be 16384 to 1073741824, and 16383 is not",
            ),
            (
                json!({ "component_bytes": 0 }),
                "component_bytes must be 1048576 to 1099511627776, and 0 is not",
            ),
            (
                json!({ "code_bytes": 16_777_215 }),
                "code_bytes must be 16777216 to 68719476736, and 16777215 is not",
            ),
            (
                json!({ "ceiling": { "cpu_ms": 1 } }),
                "ceiling: limits.cpu_ms must be 10 to 30000, and 1 is not",
            ),
        ] {
            assert_eq!(quota(value).check().expect_err(why).to_string(), why);
        }
    }

    #[test]
    fn every_limit_counts_for_no_more_than_its_ceiling() {
        let standard = rows(&Limits::default());
        for (name, set) in &standard {
            let quota = quota(json!({ "ceiling": { name.as_str(): set - 1 } }));
            let mut expected = standard.clone();
            expected.insert(name.clone(), set - 1);
            assert_eq!(rows(&quota.effective(&Limits::default())), expected);
            let held = Held {
                set: *set,
                counts: set - 1,
            };
            assert_eq!(
                quota.held_down(&Limits::default()),
                BTreeMap::from([(name.clone(), held)])
            );
        }
    }

    #[test]
    fn a_limit_above_the_ceiling_is_refused_unless_nobody_has_just_set_it() {
        let quota = quota(json!({ "ceiling": { "cpu_ms": 500 } }));
        let with = |cpu_ms| Limits {
            cpu_ms,
            ..Limits::default()
        };
        let (over, before) = (with(501), with(900));
        let why = "limits.cpu_ms must be at most 500, which is this tenant's ceiling, and 501 is not";
        for before in [None, Some(&before)] {
            let error = quota.check_limits(&over, before).expect_err("too much");
            assert_eq!(error.to_string(), why);
        }
        assert_eq!(quota.check_limits(&with(500), None), Ok(()));
        assert_eq!(quota.check_limits(&Limits::default(), None), Ok(()), "the default");
        assert_eq!(quota.check_limits(&before, Some(&before)), Ok(()), "as it was");
    }
}
