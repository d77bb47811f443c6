//! How far a module gets past its limits of time, with both cores busy.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::gateway::{Deployment, Gateway, guest};
use crate::telecloud::{Encoding, Fields, client, post};

/// Milliseconds of computing that the one may have.
const CPU_MS: u64 = 50;

/// Milliseconds until the other has to be over.
const DEADLINE_MS: u64 = 100;

/// Modules that compute all the time beside the one that is measured: one for each core.
const NEIGHBOURS: usize = 2;

/// How far calls got past a limit, in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Overruns(Vec<u64>);

impl Overruns {
    /// Calls that were measured.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.len()
    }

    /// What `per_mille` of a thousand calls stayed within, in microseconds.
    #[must_use]
    pub fn within(&self, per_mille: usize) -> u64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * per_mille).div_ceil(1_000).max(1);
        sorted.get(place - 1).copied().unwrap_or_default()
    }
}

/// What was measured.
#[derive(Debug, Clone, Default)]
pub struct Interrupts {
    /// Past the limit of computing, in computing.
    pub cpu: Overruns,
    /// Past the deadline, on the clock.
    pub deadline: Overruns,
}

/// Has modules compute for ever until `until`, and reads from their records when they were stopped.
///
/// # Errors
/// When a call did not end by the limit that it was to end by.
pub async fn interrupts(gateway: &Gateway, until: Instant) -> Result<Interrupts> {
    let spinning = |limits: Value| -> Result<Deployment> {
        Ok(Deployment {
            config: json!({ "mode": "spin" }),
            limits,
            ..Deployment::of(guest("hostile")?)
        })
    };
    let admin = gateway.admin();
    let modules = [
        ("by-cpu", json!({ "cpu_ms": CPU_MS })),
        ("by-deadline", json!({ "cpu_ms": 30_000, "deadline_ms": DEADLINE_MS })),
        ("neighbour", json!({ "cpu_ms": 2_000 })),
    ];
    for (name, limits) in modules {
        let tenant = if name == "neighbour" { "busy" } else { "spinning" };
        admin.deploy(tenant, name, spinning(limits)?).await?;
    }
    let stop = CancellationToken::new();
    let neighbours = (0..NEIGHBOURS).map(|number| busy(gateway, number, &stop));
    let neighbours = futures_util::future::try_join_all(neighbours);
    let measured = async {
        let measured = measure(gateway, until).await;
        stop.cancel();
        measured
    };
    let (measured, _) = tokio::try_join!(measured, neighbours)?;
    Ok(measured)
}

/// Keeps one core busy.
async fn busy(gateway: &Gateway, number: usize, stop: &CancellationToken) -> Result<()> {
    let mut round = 0;
    while !stop.is_cancelled() {
        round += 1;
        call(gateway, "busy", "neighbour", &format!("B-{number}-{round}")).await?;
    }
    Ok(())
}

async fn measure(gateway: &Gateway, until: Instant) -> Result<Interrupts> {
    let mut found = Interrupts::default();
    let mut round = 0;
    while Instant::now() < until {
        round += 1;
        call(gateway, "spinning", "by-cpu", &format!("C-{round}")).await?;
        let record = gateway.admin().newest_call("spinning").await?;
        let used = number(&record["usage"]["cpu_micros"])?;
        ensure!(used >= CPU_MS * 1_000, "it computed for {used} us only: {record}");
        found.cpu.0.push(used - CPU_MS * 1_000);

        call(gateway, "spinning", "by-deadline", &format!("D-{round}")).await?;
        let record = gateway.admin().newest_call("spinning").await?;
        let took = number(&record["micros"])?;
        ensure!(took >= DEADLINE_MS * 1_000, "it took {took} us only: {record}");
        found.deadline.0.push(took - DEADLINE_MS * 1_000);
    }
    Ok(found)
}

fn number(value: &Value) -> Result<u64> {
    value.as_u64().with_context(|| format!("{value} is no number"))
}

async fn call(gateway: &Gateway, tenant: &str, module: &str, order: &str) -> Result<()> {
    let fields: Fields = [
        // Of an event that creates nothing, the deadline is the end.
        ("SERVICE", "Order/Cancel"),
        ("order_number", order),
        ("Customer[account_number]", "9105012"),
        ("APIAuth[API_KEY]", "key_good"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let posted = post(&client()?, &gateway.url(tenant, module), Encoding::Form, &fields).await?;
    ensure!(posted.status == 200 && posted.body.contains("<SUCCESS>N"), "{}", posted.body);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_stays_within_counts_from_below() {
        let overruns = Overruns((1..=1_000).rev().collect());
        assert_eq!(overruns.within(500), 500);
        assert_eq!(overruns.within(999), 999);
        assert_eq!(overruns.within(1_000), 1_000);
        assert_eq!(Overruns(vec![7]).within(999), 7);
        assert_eq!(Overruns::default().within(999), 0);
    }
}
