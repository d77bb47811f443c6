//! `patchbay tenant quota`

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};

use super::super::Session;
use super::super::client::read;
use super::super::failure::Failure;
use super::super::printer::fields;
use crate::domain::name::TenantName;
use crate::domain::quota::Quota;

/// What is not named stays.
#[derive(Debug, Args)]
#[group(multiple = true)]
pub struct QuotaArgs {
    /// Events and callbacks whose modules are at work at once
    #[arg(long, value_name = "N")]
    concurrent_calls: Option<u32>,
    /// Events that wait for their turn; one more is answered with busy
    #[arg(long, value_name = "N")]
    waiting: Option<u32>,
    /// Events in a second, in the long run; one more is answered with busy
    #[arg(long, value_name = "N")]
    calls_per_second: Option<u32>,
    /// Events at once after a quiet time, whatever the rate
    #[arg(long, value_name = "N")]
    burst: Option<u32>,
    /// Bytes written down of calls and orders in a second, in the long run; beyond it events are answered with busy
    #[arg(long, value_name = "N")]
    record_bytes_per_second: Option<u64>,
    /// Connections to carriers at once
    #[arg(long, value_name = "N")]
    connections: Option<u32>,
    /// Jobs that are worked on at once
    #[arg(long, value_name = "N")]
    jobs_at_once: Option<u32>,
    /// Bytes of the components of all versions together, the same ones counted once
    #[arg(long, value_name = "N")]
    component_bytes: Option<u64>,
    /// Bytes of machine code in memory of what serves in all modules, the same component counted once
    #[arg(long, value_name = "N")]
    code_bytes: Option<u64>,
    /// The most that a limit of the tenant's modules counts for, such as cpu_ms=500; again for more limits
    #[arg(long, value_name = "LIMIT=N", value_parser = limit)]
    ceiling: Vec<(String, u64)>,
}

fn limit(text: &str) -> Result<(String, u64), String> {
    let (name, most) = text.split_once('=').ok_or("a limit and its most, such as cpu_ms=500")?;
    let most = most.parse().map_err(|error| format!("{most:?}: {error}"))?;
    Ok((name.replace('-', "_"), most))
}

impl QuotaArgs {
    fn is_empty(&self) -> bool {
        self.changes().next().is_none() && self.ceiling.is_empty()
    }

    fn changes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let rows = [
            ("concurrent_calls", self.concurrent_calls.map(u64::from)),
            ("waiting", self.waiting.map(u64::from)),
            ("calls_per_second", self.calls_per_second.map(u64::from)),
            ("burst", self.burst.map(u64::from)),
            ("record_bytes_per_second", self.record_bytes_per_second),
            ("connections", self.connections.map(u64::from)),
            ("jobs_at_once", self.jobs_at_once.map(u64::from)),
            ("component_bytes", self.component_bytes),
            ("code_bytes", self.code_bytes),
        ];
        rows.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// The gateway says which limits there are.
    fn over(&self, quota: &mut Value) {
        for (name, value) in self.changes() {
            quota[name] = json!(value);
        }
        for (name, most) in &self.ceiling {
            quota["ceiling"][name] = json!(most);
        }
    }
}

/// Shows a tenant's quota, or changes what is named.
pub(super) async fn run(tenant: &TenantName, change: &QuotaArgs, session: &mut Session<'_>) -> Result<(), Failure> {
    let path = ["tenants", tenant.as_str(), "quota"];
    let mut quota = session.client.get(&path).await?;
    if change.is_empty() {
        return session
            .printer
            .show(&quota, |out| Ok(show(out, tenant, &read(&quota)?)?));
    }
    change.over(&mut quota);
    let changed = session.client.put(&path, &quota).await?;
    session.printer.done(&changed, "quota changed")
}

fn show(out: &mut dyn Write, tenant: &TenantName, quota: &Quota) -> io::Result<()> {
    let ceiling = quota.ceilings();
    let names: Vec<String> = ceiling.keys().map(|name| format!("ceiling {name}")).collect();
    let mut rows = vec![
        ("tenant", tenant.to_string()),
        ("concurrent calls", quota.concurrent_calls.to_string()),
        ("waiting", quota.waiting.to_string()),
        ("calls per second", quota.calls_per_second.to_string()),
        ("burst", quota.burst.to_string()),
        ("record bytes per second", quota.record_bytes_per_second.to_string()),
        ("connections", quota.connections.to_string()),
        ("jobs at once", quota.jobs_at_once.to_string()),
        ("component bytes", quota.component_bytes.to_string()),
        ("code bytes", quota.code_bytes.to_string()),
    ];
    let most = ceiling.values().map(u64::to_string);
    rows.extend(names.iter().map(String::as_str).zip(most));
    fields(out, &rows)
}
