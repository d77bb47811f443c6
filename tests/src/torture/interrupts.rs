//! How far a module gets past its limits of time, with both cores busy.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::latency::Latency;
use crate::gateway::{Deployment, Gateway, guest};
use crate::telecloud::{Encoding, Fields, client, post};

/// Milliseconds of computing that the one may have.
const CPU_MS: u64 = 50;

/// Milliseconds until the other has to be over.
const DEADLINE_MS: u64 = 100;

/// Modules that compute all the time beside the one that is measured: one for each core.
const NEIGHBOURS: usize = 2;

/// What was measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupts {
    /// Past the limit of computing, in computing.
    pub(super) cpu: Latency,
    /// Past the deadline, on the clock.
    pub(super) deadline: Latency,
}

/// Has modules compute for ever until `until`, and reads from their records when they were stopped.
///
/// # Errors
/// When a call did not end by the limit that it was to end by.
pub(super) async fn interrupts(gateway: &Gateway, until: Instant) -> Result<Interrupts> {
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
        found.cpu.add(Duration::from_micros(used - CPU_MS * 1_000));

        call(gateway, "spinning", "by-deadline", &format!("D-{round}")).await?;
        let record = gateway.admin().newest_call("spinning").await?;
        let took = number(&record["micros"])?;
        ensure!(took >= DEADLINE_MS * 1_000, "it took {took} us only: {record}");
        found.deadline.add(Duration::from_micros(took - DEADLINE_MS * 1_000));
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
    ensure!(
        posted.status == 200 && posted.body.contains("<SUCCESS>N"),
        "{}",
        posted.body
    );
    Ok(())
}
