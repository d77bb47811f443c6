//! What a hostile tenant tries in numbers: for the end-to-end tests a share of it, for `cargo xtask torture` all, for hours. Each
//! part gives figures, and fails when something happens that must not.

mod addresses;
mod components;
mod interrupts;
mod latency;
mod mutation;
mod neighbours;
mod overload;
mod process;
mod report;
mod spellings;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

pub use self::addresses::{Addresses, Share, addresses};
pub use self::report::{Report, Row};
use crate::gateway::{Deployment, Gateway, guest};
use crate::hostile;

/// How long the gateway has nothing to do before its memory is read for the last time: idle threads and connections go.
const REST: Duration = Duration::from_secs(15);

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long all of it may take, but for the addresses, of which there are as many as there are.
    pub time: Duration,
    /// What is tried follows from this.
    pub seed: u64,
}

/// Does it, on one gateway but for the addresses: those need one with names of their own. `part` is told what comes next.
///
/// # Errors
/// When the gateway is not there any more, does not answer, or answers what it must not.
pub async fn run(plan: Plan, part: impl Fn(&str)) -> Result<Report> {
    let share = |percent: u32| plan.time * percent / 100;
    part("addresses");
    let addresses = addresses(Share::All).await?;

    let gateway = Gateway::start_in(Arc::new(tempfile::tempdir()?), &[])?;
    let pid = gateway.pid();
    gateway
        .admin()
        .deploy("ordinary", "hello", Deployment::of(guest("hello")?))
        .await?;
    part("overload");
    let overload = overload::overload(&gateway, share(10)).await?;
    // After honest load: what it holds from here on is what hostile tenants left behind.
    let memory_before = process::memory(pid)?;
    part("interrupts");
    let interrupts = interrupts::interrupts(&gateway, Instant::now() + share(25)).await?;
    part("neighbours");
    let neighbours = neighbours::neighbours(&gateway, share(30)).await?;
    part("components");
    let written: Vec<_> = hostile::all()?.into_iter().map(|hostile| hostile.component).collect();
    let components = components::components(&gateway, &written, Instant::now() + share(35), plan.seed).await?;
    part("rest");
    sleep(REST).await;
    ensure!(process::is_alive(pid), "the gateway's process has ended");
    Ok(Report {
        addresses,
        interrupts,
        neighbours,
        overload,
        components,
        memory_before,
        memory_after: process::memory(pid)?,
    })
}
