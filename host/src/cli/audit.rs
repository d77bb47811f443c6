//! `patchbay audit`

use clap::Subcommand;

use super::client::read;
use super::failure::Failure;
use super::input::id;
use super::printer::{table, word as written};
use super::usage::{begin, header, list, named, sent};
use super::{ModuleArgs, Session};
use crate::api::{Listing, RepairOrder};
use crate::batches::NumberedRow;
use crate::domain::batch::{BatchKind, Repair, Run, RunStatus};

pub(super) const EXAMPLES: &str = "Examples:
  patchbay audit run acme sim
  patchbay audit show acme sim           # the newest report
  patchbay audit repair acme sim 01KAJ3X0V5R7W2Q8N4M6B1C9DF --row 3 --row 7
  patchbay audit repair acme sim 01KAJ3X0V5R7W2Q8N4M6B1C9DF --all

An audit lists the carrier's subscribers and compares them with the orders on record here. It changes
nothing. A repair saves on the order, at TeleCloud and here, the VARs that the report names for its row;
states and plans are for a person to put right.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin an audit now
    Run {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// List the audits, the newest first
    List {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// Show the report of an audit, the newest unless one is named
    Show {
        #[command(flatten)]
        module: ModuleArgs,
        /// Its id, as it is listed
        #[arg(value_parser = id)]
        run: Option<String>,
    },
    /// Save VARs on orders as a report suggests
    Repair {
        #[command(flatten)]
        module: ModuleArgs,
        /// The id of the audit
        #[arg(value_parser = id)]
        run: String,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The number of a row; may be given more than once
    #[arg(long, value_name = "N")]
    row: Vec<u32>,
    /// Every row that VARs can repair
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Run { module } => begin(&module, BatchKind::Audit, false, session).await,
        Command::List { module } => list(&module, BatchKind::Audit, session).await,
        Command::Show { module, run } => {
            let run = named(&module, BatchKind::Audit, run, session).await?;
            let mut found = session.client.get(&module.path(&["runs", &run])).await?;
            let status: Run = read(&found)?;
            // Until the end there is nothing to report.
            if status.status == RunStatus::Done {
                let report = session.client.get(&module.path(&["runs", &run, "report"])).await?;
                found["report"] = report["items"].clone();
            }
            session.printer.show(&found, |out| {
                header(out, &status)?;
                if status.status != RunStatus::Done {
                    return Ok(());
                }
                writeln!(out)?;
                let rows: Vec<NumberedRow> = read(&found["report"])?;
                let headings = [
                    "ROW",
                    "DIFFERENCE",
                    "ORDER",
                    "SUBSCRIBER",
                    "HERE",
                    "THERE",
                    "REPAIR",
                    "REPAIRED",
                ];
                table(
                    out,
                    &headings,
                    rows.iter().map(row).collect(),
                    "There is no difference.",
                )
            })
        }
        Command::Repair { module, run, which } => {
            let order = RepairOrder {
                rows: (!which.all).then_some(which.row),
            };
            let done = session
                .client
                .post(&module.path(&["runs", &run, "repairs"]), &order)
                .await?;
            session.printer.show(&done, |out| {
                let listing: Listing<Repair> = read(&done)?;
                let rows = listing.items.iter();
                let rows = rows
                    .map(|repair| vec![repair.row.to_string(), sent(&repair.result)])
                    .collect();
                let none = "Nothing was repaired: it was done before, or the orders have changed since the audit.";
                table(out, &["ROW", "REPAIRED"], rows, none)
            })
        }
    }
}

fn row(NumberedRow { number, row, repaired }: &NumberedRow) -> Vec<String> {
    let order =
        |order: &crate::domain::audit::OrderRef| order.order_number.clone().unwrap_or_else(|| order.id.to_string());
    let repair = row.repair.iter().map(|(index, value)| format!("{index}={value}"));
    vec![
        number.to_string(),
        written(&row.difference),
        row.orders.iter().map(order).collect::<Vec<_>>().join(" "),
        row.subscribers.join(" "),
        row.here.clone().unwrap_or_default(),
        row.there.clone().unwrap_or_default(),
        repair.collect::<Vec<_>>().join(" "),
        repaired.as_ref().map(|repair| sent(&repair.result)).unwrap_or_default(),
    ]
}
