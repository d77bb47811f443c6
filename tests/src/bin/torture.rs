//! Does to one gateway what hostile tenants may do, for as long as is wanted, and prints what came of it.
//! `cargo xtask torture` builds what this needs and runs it.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Parser;
use patchbay_tests::torture::{Plan, run};

/// Does to one gateway what hostile tenants may do, and prints what came of it
#[derive(Parser)]
struct Arguments {
    /// How long it goes on; less than five minutes say little
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// What is tried follows from this; another one each time unless stated
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Arguments { seconds, seed } = Arguments::parse();
    let seed = match seed {
        Some(seed) => seed,
        None => u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?,
    };
    println!("seed {seed}: {seconds} seconds\n");
    let plan = Plan {
        time: Duration::from_secs(seconds),
        seed,
    };
    let report = run(plan, |part| println!("==> {part}")).await?;
    println!("\n| what | figure | goal |\n|---|---|---|");
    for row in report.rows() {
        println!("| {} | {} | {} |", row.what, row.figure, row.goal);
    }
    let missed: Vec<_> = report
        .rows()
        .into_iter()
        .filter(|row| !row.met)
        .map(|row| row.what)
        .collect();
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nnot as it should be: {}", missed.join("; "));
    Ok(ExitCode::FAILURE)
}
