//! What the carrier has to do in each acceptance scenario, and what must have become of it.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http::StatusCode;

use super::{Behaviour, FakeCarrier, Gate, Line, Numbers};

/// What TeleCloud calls the order that the scenarios are about.
const REFERENCE: &str = "4617ZU4617";

/// How long a slow activation takes. Two posts of a test overlap easily in that time.
const SLOW: Duration = Duration::from_millis(500);

/// A scenario as the carrier sees it.
#[derive(Debug)]
pub struct Script {
    /// Holds the carrier's answer back until it is opened, in a scenario where that comes too late for the gateway.
    pub gate: Option<Gate>,
    may_be_called: bool,
    changes: usize,
    before: Counts,
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    connections: usize,
    requests: usize,
    changes: usize,
}

impl Counts {
    fn of(carrier: &FakeCarrier) -> Self {
        Self {
            connections: carrier.connections(),
            requests: carrier.requests().len(),
            changes: carrier.history().len(),
        }
    }
}

impl Script {
    /// Compares what became of the scenario at the carrier with what should have: whether it was called at all, and how
    /// often something was changed there.
    ///
    /// # Errors
    /// A sentence that says expected against found.
    pub fn check(&self, carrier: &FakeCarrier) -> Result<()> {
        let now = Counts::of(carrier);
        // A request may come over a connection from before, and a connection may bring no request.
        let connections = now.connections - self.before.connections;
        let requests = now.requests - self.before.requests;
        ensure!(
            self.may_be_called || (connections, requests) == (0, 0),
            "the carrier must not be called, and got {connections} connections and {requests} requests"
        );
        let changes = now.changes - self.before.changes;
        ensure!(
            changes == self.changes,
            "{} changes at the carrier expected, {changes} found: {:?}",
            self.changes,
            &carrier.history()[self.before.changes..]
        );
        Ok(())
    }
}

/// Prepares the carrier for a scenario, by its id. Scenarios that go on after another leave it as it is otherwise; all
/// others start from an empty carrier.
///
/// # Errors
/// For an id that is not known, and for a scenario whose predecessor has not been run.
pub async fn script_for(scenario: &str, carrier: &FakeCarrier) -> Result<Script> {
    let goes_on = matches!(scenario, "port-in-completes" | "port-in-rejected" | "duplicate-after");
    if !goes_on {
        carrier.reset().await.context("the carrier does not start again")?;
    }
    let mut gate = None;
    let (may_be_called, changes) = match scenario {
        "activate" | "json-under-form" => (true, 1),
        "port-in-pending" => {
            carrier.set_numbers(Numbers {
                activation: 1002,
                ..Numbers::default()
            });
            (true, 1)
        }
        "port-in-completes" => {
            let port = port_under_way(carrier)?;
            carrier.complete_port(&port, None);
            (true, 0)
        }
        "port-in-rejected" => {
            let port = port_under_way(carrier)?;
            carrier.reject_port(&port, "number not active at previous provider");
            (true, 0)
        }
        "suspend" | "swap-sim" | "replenish" | "top-up" | "cancel" => {
            carrier.put_line(Line::active(REFERENCE));
            (true, 1)
        }
        "suspend-again" => {
            carrier.put_line(Line::active(REFERENCE).suspended());
            (true, 0)
        }
        "restore" => {
            carrier.put_line(Line::active(REFERENCE).suspended());
            (true, 1)
        }
        "bad-state" | "swap-bad-imei" => {
            carrier.put_line(Line::active(REFERENCE));
            (false, 0)
        }
        "wrong-key" | "test-request" | "unknown-service" | "missing-service" | "no-plan" => (false, 0),
        "duplicate-after" => {
            ensure!(
                !carrier.history().is_empty(),
                "duplicate-after goes on after activate, which has not been run"
            );
            (false, 0)
        }
        "duplicate-during" => {
            carrier.always("/v1/activations", Behaviour::normal().after(SLOW));
            (true, 1)
        }
        "carrier-down" => {
            carrier.refuse_connections().await;
            (true, 0)
        }
        "carrier-slow-create" => {
            let held = gate.insert(Gate::default());
            carrier.always("/v1/activations", Behaviour::normal().when(held));
            (true, 1)
        }
        "xml-specials" => {
            let message = "Plan <5GB> & \"Max\" can't mix";
            let rejects = Behaviour::reject(StatusCode::UNPROCESSABLE_ENTITY, "PLAN_CONFLICT", message);
            carrier.always("/v1/activations", rejects);
            (true, 0)
        }
        other => bail!("no script for the scenario {other}: say in carrier/script.rs what the carrier does in it"),
    };
    Ok(Script {
        gate,
        may_be_called,
        changes,
        before: Counts::of(carrier),
    })
}

fn port_under_way(carrier: &FakeCarrier) -> Result<String> {
    let submitted = |port: &super::Port| port.status == super::PortStatus::Submitted;
    let port = carrier.ports().into_iter().find(submitted);
    let port = port.context("no port is under way: this scenario goes on after port-in-pending")?;
    Ok(port.line.activation_id)
}
