//! `patchbay usage`

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Subcommand;

use super::client::read;
use super::failure::Failure;
use super::input::id;
use super::printer::{fields, table, time, word as written};
use super::{ModuleArgs, Session};
use crate::api::{Listing, NewRun, ResultListing, ResultQuery, RunQuery, Settlement};
use crate::domain::batch::{BatchKind, Run, RunStatus, Sent, Trigger, UsageResult};
use crate::domain::metering::Verdict;
use crate::domain::usage::Amount;

pub(super) const EXAMPLES: &str = "Examples:
  patchbay usage run acme sim --dry-run
  patchbay usage run acme sim
  patchbay usage show acme sim           # the newest run, and what came of each reading
  patchbay usage list acme sim
  patchbay usage settle acme sim 4617ZU4617 8417871 0

A run asks the module what each order in service has used, and tells TeleCloud. It goes on by itself,
also after a restart of the gateway. A total that is lower than before is held: look at the carrier,
then settle it by saying which total TeleCloud has; 0 says that the count starts anew.
When runs are due, and in which units they report, is set with patchbay schedule.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin a run now
    Run {
        #[command(flatten)]
        module: ModuleArgs,
        /// Tell TeleCloud nothing: only show what it would be told
        #[arg(long)]
        dry_run: bool,
    },
    /// List the runs, the newest first
    List {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// Show a run and what came of each reading, the newest run unless one is named
    Show {
        #[command(flatten)]
        module: ModuleArgs,
        /// Its id, as it is listed
        #[arg(value_parser = id)]
        run: Option<String>,
        /// The part of the results that follows this one
        #[arg(long, value_name = "PART")]
        after: Option<String>,
    },
    /// Say which total TeleCloud has, where one was held or is in doubt; nothing is sent
    Settle {
        #[command(flatten)]
        module: ModuleArgs,
        /// The order's number
        order: String,
        /// The component's id at TeleCloud
        component: String,
        /// In the unit that the module reads; 0 says that the count starts anew
        total: Amount,
    },
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Run { module, dry_run } => begin(&module, BatchKind::Usage, dry_run, session).await,
        Command::List { module } => list(&module, BatchKind::Usage, session).await,
        Command::Show { module, run, after } => {
            let run = named(&module, BatchKind::Usage, run, session).await?;
            let path = ["runs", &run];
            let found = session.client.get(&module.path(&path)).await?;
            let query = ResultQuery { after };
            let path = ["runs", &run, "results"];
            let mut results = session.client.query(&module.path(&path), &query).await?;
            results["run"] = found;
            session.printer.show(&results, |out| {
                header(out, &read(&results["run"])?)?;
                writeln!(out)?;
                let listing: ResultListing = read(&results)?;
                let headings = [
                    "ORDER",
                    "COMPONENT",
                    "KIND",
                    "TOTAL",
                    "UNITS",
                    "WHAT",
                    "REPORTED",
                    "SAVED",
                ];
                let rows = listing.items.iter().map(row).collect();
                table(out, &headings, rows, "There are no readings here.")?;
                if let Some(next) = listing.next {
                    writeln!(out, "More readings: the same command with --after {next}")?;
                }
                Ok(())
            })
        }
        Command::Settle {
            module,
            order,
            component,
            total,
        } => {
            let settlement = Settlement {
                order_number: order,
                component_id: component,
                total,
            };
            session.client.post(&module.path(&["settlements"]), &settlement).await?;
            session.printer.gone("settled; the next run compares with it")
        }
    }
}

/// Begins a run.
pub(super) async fn begin(
    module: &ModuleArgs,
    kind: BatchKind,
    dry_run: bool,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let new = NewRun { kind, dry_run };
    let begun = session.client.post(&module.path(&["runs"]), &new).await?;
    let run: Run = read(&begun)?;
    let line = format!("run {} has begun; patchbay {kind} show tells how far it is", run.id);
    session.printer.done(&begun, &line)
}

/// Lists runs.
pub(super) async fn list(module: &ModuleArgs, kind: BatchKind, session: &mut Session<'_>) -> Result<(), Failure> {
    let query = RunQuery { kind: Some(kind) };
    let found = session.client.query(&module.path(&["runs"]), &query).await?;
    session.printer.show(&found, |out| {
        let listing: Listing<Run> = read(&found)?;
        let rows = listing.items.iter().map(|run| {
            vec![
                run.id.to_string(),
                time(run.started),
                status(&run.status),
                why(&run.trigger),
                counts(&run.counts),
            ]
        });
        let headings = ["RUN", "BEGAN", "STATUS", "BECAUSE", "COUNTED"];
        table(out, &headings, rows.collect(), "There was no run yet.")
    })
}

/// The run that is meant: the newest unless one is named.
pub(super) async fn named(
    module: &ModuleArgs,
    kind: BatchKind,
    run: Option<String>,
    session: &Session<'_>,
) -> Result<String, Failure> {
    if let Some(run) = run {
        return Ok(run);
    }
    let query = RunQuery { kind: Some(kind) };
    let found = session.client.query(&module.path(&["runs"]), &query).await?;
    let listing: Listing<Run> = read(&found)?;
    match listing.items.first() {
        Some(newest) => Ok(newest.id.to_string()),
        None => Err(Failure::Declined(format!(
            "there was no {kind} run yet; patchbay {kind} run begins one"
        ))),
    }
}

/// What a run's page says first.
pub(super) fn header(out: &mut dyn Write, run: &Run) -> io::Result<()> {
    let mut rows = vec![
        ("run", run.id.to_string()),
        ("began", format!("{}, {}", time(run.started), why(&run.trigger))),
        ("status", status(&run.status)),
        ("pages", run.pages.to_string()),
        ("counted", counts(&run.counts)),
    ];
    if run.dry_run {
        rows.push(("dry run", "TeleCloud was told nothing".to_owned()));
    }
    fields(out, &rows)
}

fn status(status: &RunStatus) -> String {
    match status {
        RunStatus::Running => "running".to_owned(),
        RunStatus::Waiting { why, due, .. } => format!("waiting until {}: {why}", time(*due)),
        RunStatus::Done => "done".to_owned(),
        RunStatus::GivenUp { why } => format!("given up: {why}"),
    }
}

fn why(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Schedule { time: due, missed: 0 } => format!("due at {}", time(*due)),
        Trigger::Schedule { time: due, missed } => format!("due at {}, {missed} missed before", time(*due)),
        Trigger::Operator(who) => format!("begun by {who}"),
    }
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let counts: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{} {count}", name.replace('_', " ")))
        .collect();
    counts.join(", ")
}

fn row(result: &UsageResult) -> Vec<String> {
    let (units, what) = match &result.verdict {
        Verdict::Report { units, .. } => (units.to_string(), "to report".to_owned()),
        Verdict::Unchanged { total_units } => (total_units.to_string(), "unchanged".to_owned()),
        Verdict::Held { why } => (String::new(), format!("held: {}", written(why))),
        Verdict::UnknownKind => (String::new(), "unknown kind".to_owned()),
        Verdict::NoSuchComponent => (String::new(), "no such component in the settings".to_owned()),
        Verdict::NoSuchOrder => (String::new(), "no such order in service".to_owned()),
    };
    vec![
        result.order_number.clone(),
        result.component_id.clone(),
        result.kind.clone(),
        result.total.to_string(),
        units,
        what,
        result.reported.as_ref().map(sent).unwrap_or_default(),
        result.saved.as_ref().map(sent).unwrap_or_default(),
    ]
}

/// What became of something that was told.
pub(super) fn sent(sent: &Sent) -> String {
    match sent {
        Sent::Accepted { .. } => "yes".to_owned(),
        Sent::DryRun => "dry run".to_owned(),
        Sent::Failed { why, unclear, .. } => {
            let may = if *unclear { ", perhaps" } else { "" };
            format!("no{may}: {why}")
        }
    }
}
