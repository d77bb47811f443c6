//! Runs the acceptance scenarios against a gateway: the real one, over real sockets.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;
use serde_json::json;

use crate::carrier::{FakeCarrier, Script, TOKEN, script_for};
use crate::gateway::{Deployment, Gateway};
use crate::telecloud::{
    FakeTelecloud, Order, Posted, Scenario, ServiceStatus, Then, client, get, post_at_once, post_empty, scenarios,
};

/// The module that the scenarios are about.
pub const MODULE: &str = "sim-activation";

/// A deadline that a test can wait for, and that is not over before the carrier was asked, also on a busy machine.
const SHORT_DEADLINE_MS: u64 = 3_000;

/// How long work that goes on after an answer is waited for. Far longer than it takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often to look whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How one scenario went.
#[derive(Debug)]
pub struct Row {
    /// The scenario.
    pub scenario: Scenario,
    /// The body that came back; empty if only what came later counts.
    pub got: String,
    /// What TeleCloud heard afterwards.
    pub heard: Vec<Then>,
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
    Skipped(String),
}

/// Runs every scenario, each with a tenant of its own, and tells `each` as it goes.
///
/// # Errors
/// When the surroundings fail; a scenario that fails is a row.
pub async fn run_all(gateway: &Gateway, mut each: impl FnMut(&Row)) -> Result<Vec<Row>> {
    let carrier = FakeCarrier::start().await?;
    let client = client()?;
    let all = scenarios()?;
    let mut rows = Vec::new();
    for scenario in &all {
        let telecloud = FakeTelecloud::start().await?;
        let stage = Stage {
            gateway,
            carrier: &carrier,
            telecloud: &telecloud,
            client: &client,
            tenant: &scenario.id,
        };
        stage.deploy(scenario).await?;
        let row = match stage.comes_after(scenario, &all).await? {
            Ok(()) => stage.run(scenario).await?,
            Err(why) => Row {
                scenario: scenario.clone(),
                got: String::new(),
                heard: Vec::new(),
                carrier_requests: 0,
                took: Duration::ZERO,
                end: End::Skipped(why),
            },
        };
        each(&row);
        rows.push(row);
    }
    Ok(rows)
}

/// What one scenario is run with.
struct Stage<'s> {
    gateway: &'s Gateway,
    carrier: &'s FakeCarrier,
    telecloud: &'s FakeTelecloud,
    client: &'s Client,
    tenant: &'s str,
}

impl Stage<'_> {
    async fn deploy(&self, scenario: &Scenario) -> Result<()> {
        let mut deployment = Deployment::sim_activation(&self.carrier.url(), TOKEN)?;
        let outlasts_the_deadline = scenario.after.is_none() && !scenario.then.is_empty();
        if outlasts_the_deadline {
            deployment.limits = json!({"deadline_ms": SHORT_DEADLINE_MS});
        }
        let admin = self.gateway.admin();
        admin.deploy(self.tenant, MODULE, deployment).await?;
        admin.set_telecloud(self.tenant, &self.telecloud.url()).await?;
        let field = |name| scenario.fields.get(name).map(String::as_str);
        if let (Some(account), Some(number)) = (field("Customer[account_number]"), field("order_number")) {
            let order = Order::new(account, number, ServiceStatus::Pending);
            self.telecloud.put_order(order);
        }
        Ok(())
    }

    /// Runs what has to come first, if something has; it may fail.
    async fn comes_after(&self, scenario: &Scenario, all: &[Scenario]) -> Result<Result<(), String>> {
        let Some(id) = &scenario.after else {
            return Ok(Ok(()));
        };
        let before = all.iter().find(|other| other.id == *id);
        let before = self
            .run(before.context("there is no scenario that has to come first")?)
            .await?;
        Ok(match before.end {
            End::Passed => Ok(()),
            End::Failed(why) | End::Skipped(why) => Err(format!("{id}, which comes first: {why}")),
        })
    }

    async fn run(&self, scenario: &Scenario) -> Result<Row> {
        let script = script_for(&scenario.id, self.carrier).await?;
        let requests = self.carrier.requests().len();
        let began = Instant::now();
        let posted = self.post(scenario).await?;
        let took = began.elapsed();
        let end = match self.compare(scenario, &posted, &script).await {
            Ok(()) => End::Passed,
            Err(error) => End::Failed(format!("{error:#}")),
        };
        Ok(Row {
            got: posted.into_iter().next().map(|posted| posted.body).unwrap_or_default(),
            heard: self.heard(),
            carrier_requests: self.carrier.requests().len() - requests,
            took,
            end,
            scenario: scenario.clone(),
        })
    }

    /// Posts what the scenario says. Nothing is posted where only what comes later counts.
    async fn post(&self, scenario: &Scenario) -> Result<Vec<Posted>> {
        let url = self.gateway.url(self.tenant, MODULE);
        if scenario.expect.is_none() {
            return Ok(Vec::new());
        }
        if scenario.fields.is_empty() {
            // A test request comes in two shapes, and each is answered alike.
            return Ok(vec![
                get(self.client, &url).await?,
                post_empty(self.client, &url).await?,
            ]);
        }
        let (encoding, fields) = (scenario.encoding, &scenario.fields);
        post_at_once(self.client, &url, encoding, fields, scenario.at_once).await
    }

    async fn compare(&self, scenario: &Scenario, posted: &[Posted], script: &Script) -> Result<()> {
        for posted in posted {
            answered(scenario, posted)?;
        }
        if let Some(gate) = &script.gate {
            gate.open();
        }
        if !scenario.then.is_empty() {
            self.settle().await?;
        }
        let heard = self.heard();
        ensure!(
            heard == scenario.then,
            "TeleCloud was to hear {:?}, and heard {heard:?}",
            scenario.then
        );
        script.check(self.carrier)
    }

    /// Has pending orders looked at before their time, and waits until nothing is left to be done.
    async fn settle(&self) -> Result<()> {
        let admin = self.gateway.admin();
        for job in admin.jobs(self.tenant).await? {
            if job["stage"] == "pending" {
                let asked = admin.act(self.tenant, &job, json!({"action": "check-again"}));
                asked.await?.ok()?;
            }
        }
        let began = Instant::now();
        loop {
            let jobs = admin.jobs(self.tenant).await?;
            if jobs.is_empty() {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                bail!("after {PATIENCE:?} there is still work to be done: {jobs:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn heard(&self) -> Vec<Then> {
        let heard = |call: crate::telecloud::ReceivedCall| Then {
            telecloud_call: call.service_action,
            fields: call.fields,
        };
        self.telecloud.received().into_iter().map(heard).collect()
    }
}

fn answered(scenario: &Scenario, posted: &Posted) -> Result<()> {
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
