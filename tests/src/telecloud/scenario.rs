//! The scenarios of `scenarios.json`: what TeleCloud posts, and the bytes that it must get back.

use anyhow::Context;
use serde::Deserialize;

use super::{Encoding, Fields};

const FILE: &str = include_str!("../../scenarios.json");

/// One scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name, unique.
    pub id: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// How the order is posted.
    #[serde(default)]
    pub encoding: Encoding,
    /// What is posted. Nothing for a test request.
    #[serde(default)]
    pub fields: Fields,
    /// How the carrier behaves, in words.
    pub carrier: String,
    /// The whole body that comes back with status 200. `None` where only what comes later counts.
    pub expect: Option<String>,
    /// The scenario that has to come first.
    pub after: Option<String>,
    /// How many times it is posted at the same time.
    #[serde(default = "once")]
    pub at_once: usize,
    /// What TeleCloud hears afterwards, in order.
    #[serde(default)]
    pub then: Vec<Then>,
}

fn once() -> usize {
    1
}

/// A call that TeleCloud receives some time after the answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Then {
    /// Service and action, such as `Order/Update`.
    pub telecloud_call: String,
    /// All of its fields.
    pub fields: Fields,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    order: Fields,
    scenarios: Vec<Scenario>,
}

/// All scenarios, in the order in which they are to be run.
///
/// # Errors
/// When `scenarios.json` is not as described here.
pub fn scenarios() -> anyhow::Result<Vec<Scenario>> {
    let File {
        order, mut scenarios, ..
    } = serde_json::from_str(FILE).context("scenarios.json")?;
    for scenario in scenarios.iter_mut().filter(|scenario| !scenario.fields.is_empty()) {
        for (name, value) in &order {
            scenario.fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    Ok(scenarios)
}
