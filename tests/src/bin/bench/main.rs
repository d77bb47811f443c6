//! What the gateway costs, next to a bare handler that does nothing but parse and answer. `cargo xtask bench` builds what
//! this needs and runs it.
//!
//! Machines differ and are shared, so what counts are ratios from one run: rounds of the two are interleaved, and of each
//! figure the median is taken.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

mod instance;
mod load;
mod process;
mod servers;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use patchbay_tests::gateway::{Deployment, Gateway, guest};
use serde_json::json;

use load::Measured;
use process::Helper;

/// Measures the gateway beside a bare handler
#[derive(Parser)]
struct Arguments {
    /// Two-second rounds instead of ten-second ones; under three minutes in all
    #[arg(long)]
    quick: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// The processes of a measurement, each started by the one that the user starts.
#[derive(Subcommand)]
#[command(hide = true)]
enum Part {
    /// A handler that parses a form and answers; asks a carrier first if it has one
    Bare { carrier: Option<String> },
    /// A carrier that answers at once
    Carrier,
    /// Posts orders to a URL
    Load { url: String, seconds: u64 },
}

/// Rounds of each. Five medians leave out two bad moments on either side.
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments.part {
        Some(Part::Bare { carrier }) => runtime.block_on(servers::bare(carrier)),
        Some(Part::Carrier) => runtime.block_on(servers::carrier()),
        Some(Part::Load { url, seconds }) => load::run(&url, Duration::from_secs(seconds)),
        None => compare(&runtime, if arguments.quick { 2 } else { 10 }),
    }
}

/// One thing to post to, and what came of it so far.
struct Lane {
    name: &'static str,
    url: String,
    pid: u32,
    rounds: Vec<Round>,
}

struct Round {
    measured: Measured,
    /// Microseconds of computing by the server, per request.
    cpu: f64,
}

fn compare(runtime: &tokio::runtime::Runtime, seconds: u64) -> Result<()> {
    println!("fresh instance + call, in process");
    instance::measure(&guest("hello")?)?;

    let carrier = Helper::start(&["carrier"])?;
    let bare = Helper::start(&["bare"])?;
    let bare_exchange = Helper::start(&["bare", carrier.url()])?;
    let gateway = Gateway::start()?;
    runtime.block_on(deploy(&gateway, carrier.url()))?;
    let mut lanes = [
        Lane::new("bare handler", bare.url(), bare.pid()),
        Lane::new("gateway, no-op module", &gateway.url("bench", "no-op"), gateway.pid()),
        Lane::new("bare handler, one exchange", bare_exchange.url(), bare_exchange.pid()),
        Lane::new(
            "gateway, one exchange",
            &gateway.url("bench", "exchange"),
            gateway.pid(),
        ),
    ];
    println!(
        "\n{ROUNDS} interleaved rounds of {seconds} s each, {} connections",
        load::CONNECTIONS
    );
    for lane in &mut lanes {
        lane.round(1)?;
        lane.rounds.clear();
    }
    for _ in 0..ROUNDS {
        for lane in &mut lanes {
            lane.round(seconds)?;
        }
    }
    println!(
        "{:<28} {:>12} {:>10} {:>10} {:>14} {:>8}",
        "", "requests/s", "p50 ms", "p99 ms", "CPU us/request", "failed"
    );
    for lane in &lanes {
        let failed: u64 = lane.rounds.iter().map(|round| round.measured.failed).sum();
        println!(
            "{:<28} {:>12.0} {:>10.2} {:>10.2} {:>14.1} {failed:>8}",
            lane.name,
            lane.median(|round| round.measured.per_second),
            lane.median(|round| round.measured.p50_ms),
            lane.median(|round| round.measured.p99_ms),
            lane.median(|round| round.cpu),
        );
    }
    let [bare, noop, bare_exchange, exchange] = &lanes;
    println!();
    ratio("no-op module / bare handler", noop, bare);
    ratio("one exchange / bare handler with one", exchange, bare_exchange);
    Ok(())
}

/// Rounds that stand next to each other are compared, then the median is taken: both had the same neighbours.
fn ratio(name: &str, gateway: &Lane, bare: &Lane) {
    let pairs = gateway.rounds.iter().zip(&bare.rounds);
    let ratios = pairs
        .map(|(gateway, bare)| gateway.measured.per_second / bare.measured.per_second)
        .collect();
    println!("{name:<40} {:.2} of its requests/s", median(ratios));
}

impl Lane {
    fn new(name: &'static str, url: &str, pid: u32) -> Self {
        Self {
            name,
            url: url.to_owned(),
            pid,
            rounds: Vec::new(),
        }
    }

    fn round(&mut self, seconds: u64) -> Result<()> {
        let before = process::cpu(self.pid)?;
        let measured = load::spawn(&self.url, seconds)?;
        let used = process::cpu(self.pid)?.saturating_sub(before);
        let cpu = used.as_secs_f64() * 1e6 / (measured.requests.max(1) as f64);
        self.rounds.push(Round { measured, cpu });
        Ok(())
    }

    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

async fn deploy(gateway: &Gateway, carrier: &str) -> Result<()> {
    gateway
        .admin()
        .deploy("bench", "no-op", Deployment::of(guest("hello")?))
        .await?;
    // What one tenant may have of the machine is not what is measured.
    let all = json!({
        "concurrent_calls": 1_000, "waiting": 1_000, "calls_per_second": 100_000, "burst": 100_000,
        "record_bytes_per_second": 1 << 30,
    });
    gateway.admin().put("/v1/tenants/bench/quota", all).await?;
    let port: u16 = carrier
        .rsplit(':')
        .next()
        .and_then(|port| port.trim_end_matches('/').parse().ok())
        .context("a port")?;
    let grant = json!({
        "name": "carrier", "scheme": "http", "host": "127.0.0.1", "port": port, "methods": ["POST"], "paths": ["/**"],
        "network": "loopback",
    });
    let deployment = Deployment {
        config: json!({ "mode": "fetch", "method": "POST", "url": carrier }),
        grants: json!([grant]),
        ..Deployment::of(guest("hostile")?)
    };
    gateway.admin().deploy("bench", "exchange", deployment).await
}
