//! Checks what a power failure left of a store, then writes to it until it is killed. Prints what is there of each worker,
//! and each batch that was acknowledged: worker and number, one a line.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use patchbay::storage::Stores;
use patchbay_tests::power::Work;
use tokio::task::JoinSet;

#[derive(Parser)]
struct Arguments {
    /// The data directory.
    data: PathBuf,
    /// What is written follows from this.
    seed: u64,
    /// How many write at once.
    workers: u64,
    /// How many batches of each worker were acknowledged, from the first worker on; none of those that are not named.
    acknowledged: Vec<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let stores = Stores::open(&arguments.data)?;
    let work = Work { seed: arguments.seed };
    let mut tasks = JoinSet::new();
    for worker in 0..arguments.workers {
        let (stores, acknowledged) = (stores.clone(), arguments.acknowledged.clone());
        tasks.spawn(async move {
            let acknowledged = acknowledged.get(usize::try_from(worker)?).copied().unwrap_or(0);
            let there = work.check(&stores, worker, acknowledged).await?;
            say(worker, there)?;
            work.go_on(&stores, worker, there, |batches| say(worker, batches)).await
        });
    }
    tasks.join_next().await.context("there are workers")??
}

/// In one piece, and out of this process before anything else happens.
fn say(worker: u64, batches: u64) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{worker} {batches}\n").as_bytes())?;
    Ok(out.flush()?)
}
