//! Kills the gateway under load, again and again, and holds what became of every order against what TeleCloud was told.
//! `cargo xtask crash` builds what this needs and runs it.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Parser;
use patchbay_tests::crash::{Plan, Progress, run};

/// Kills the gateway under load and finds out whether anything got lost or was done twice
#[derive(Parser)]
struct Arguments {
    /// How often it is killed
    #[arg(long, default_value_t = 50)]
    cycles: u64,
    /// What happens follows from this, as far as it does not follow from who is quicker; another one each time unless stated
    #[arg(long)]
    seed: Option<u64>,
    /// Let each kill be a power failure: of what was not synced, nothing or a part is left
    #[arg(long)]
    power: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Arguments { cycles, seed, power } = Arguments::parse();
    let seed = match seed {
        Some(seed) => seed,
        None => u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?,
    };
    let how = if power { ", each with a power failure" } else { "" };
    println!("seed {seed}: {cycles} cycles{how}\n");
    println!(
        "{:>7} {:>8} {:>8} {:>8} {:>6} {:>6} {:>8}",
        "cycle", "events", "answers", "effects", "jobs", "twice", "seconds"
    );
    let began = Instant::now();
    let plan = Plan { cycles, seed, power };
    let report = run(plan, |progress| {
        let Progress {
            cycle,
            events,
            answers,
            effects,
            jobs,
            twice,
        } = progress;
        println!(
            "{cycle:>7} {events:>8} {answers:>8} {effects:>8} {jobs:>6} {twice:>6} {:>8}",
            began.elapsed().as_secs()
        );
    })
    .await?;

    let figures = report.figures;
    let rows = [
        ("kills", usize::try_from(figures.kills)?),
        ("events", figures.events),
        ("posts", figures.posts),
        ("  answered Y", figures.done),
        ("  answered Y, PENDING", figures.pending),
        ("  answered N, nothing was changed", figures.not_done),
        ("  answered N, outcome unknown", figures.unknown),
        ("  not answered: the gateway was killed", figures.lost),
        ("requests at the carrier", figures.requests),
        ("changes at the carrier", figures.effects),
        ("updates that TeleCloud took", figures.updates),
        ("refunds", figures.refunds),
        ("calls on record", figures.calls),
        ("  follow-ups that a kill cut off", figures.cut_off),
        ("violations", report.violations.len()),
    ];
    println!();
    for (name, number) in rows {
        println!("{name:<40} {number:>8}");
    }
    for violation in &report.violations {
        println!("event {:?}: {}", violation.event, violation.what);
    }
    if let Some(story) = &report.story {
        println!("\nThe first of them, seed {seed}:\n\n{story}");
    }
    Ok(if report.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
