//! Runs the acceptance scenarios against a gateway: the real one, over real sockets.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use reqwest::Client;

use crate::carrier::{FakeCarrier, TOKEN, script_for};
use crate::gateway::{Deployment, Gateway};
use crate::telecloud::{Posted, Scenario, client, get, post, post_empty, scenarios};

/// The module that the scenarios are about.
pub const MODULE: &str = "sim-activation";

/// Scenarios that need what the gateway does not do yet: answering duplicates from the record, going on past the deadline,
/// finishing pending orders.
const WAITING: [&str; 5] = [
    "port-in-completes",
    "port-in-rejected",
    "duplicate-after",
    "duplicate-during",
    "carrier-slow-create",
];

/// How one scenario went.
#[derive(Debug)]
pub struct Row {
    /// The scenario.
    pub scenario: Scenario,
    /// The body that came back; empty if the scenario was not run.
    pub got: String,
    /// Requests that the carrier received.
    pub carrier_requests: usize,
    /// From the post to the answer.
    pub took: Duration,
    /// How it ended.
    pub end: End,
}

/// How a scenario ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Byte for byte.
    Passed,
    /// Expected against found.
    Failed(String),
    /// Not run, and why.
    Skipped(&'static str),
}

/// Runs every scenario, each with a tenant of its own, and tells `each` as it goes.
///
/// # Errors
/// When the surroundings fail; a scenario that fails is a row.
pub async fn run_all(gateway: &Gateway, mut each: impl FnMut(&Row)) -> Result<Vec<Row>> {
    let carrier = FakeCarrier::start().await?;
    let client = client()?;
    let mut rows = Vec::new();
    for scenario in scenarios()? {
        let row = if WAITING.contains(&scenario.id.as_str()) {
            let end = End::Skipped("waits for durable orders");
            Row {
                scenario,
                got: String::new(),
                carrier_requests: 0,
                took: Duration::ZERO,
                end,
            }
        } else {
            run(gateway, &carrier, &client, scenario).await?
        };
        each(&row);
        rows.push(row);
    }
    Ok(rows)
}

async fn run(gateway: &Gateway, carrier: &FakeCarrier, client: &Client, scenario: Scenario) -> Result<Row> {
    gateway
        .admin()
        .deploy(&scenario.id, MODULE, Deployment::sim_activation(&carrier.url(), TOKEN)?)
        .await?;
    let script = script_for(&scenario.id, carrier).await?;
    let url = gateway.url(&scenario.id, MODULE);
    let began = Instant::now();
    let posted = if scenario.fields.is_empty() {
        // A test request comes in two shapes, and each is answered alike.
        let (first, second) = (get(client, &url).await?, post_empty(client, &url).await?);
        ensure!(
            first == second,
            "GET was answered with {first:?}, an empty POST with {second:?}"
        );
        second
    } else {
        post(client, &url, scenario.encoding, &scenario.fields).await?
    };
    let took = began.elapsed();
    let end = compare(&scenario, &posted).and_then(|()| script.check(carrier));
    Ok(Row {
        got: posted.body,
        carrier_requests: carrier.requests().len(),
        took,
        end: end.map_or_else(|error| End::Failed(error.to_string()), |()| End::Passed),
        scenario,
    })
}

fn compare(scenario: &Scenario, posted: &Posted) -> Result<()> {
    ensure!(
        posted.status == 200,
        "HTTP status 200 expected, {} found",
        posted.status
    );
    let content_type = posted.content_type.as_deref().unwrap_or_default();
    ensure!(
        content_type == "text/xml; charset=utf-8",
        "text/xml; charset=utf-8 expected, {content_type} found"
    );
    let expected = scenario.expect.as_deref().unwrap_or_default();
    ensure!(
        posted.body == expected,
        "{expected:?} expected, {:?} found",
        posted.body
    );
    Ok(())
}

/// The line that closes a run.
#[must_use]
pub fn closing_line(rows: &[Row]) -> String {
    let count = |wanted: fn(&End) -> bool| rows.iter().filter(|row| wanted(&row.end)).count();
    format!(
        "{} passed, {} failed, {} skipped",
        count(|end| *end == End::Passed),
        count(|end| matches!(end, End::Failed(_))),
        count(|end| matches!(end, End::Skipped(_)))
    )
}
