//! `patchbay call`

pub(super) mod story;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::Session;
use super::client::read;
use super::failure::Failure;
use super::input::{id, word};
use super::printer::{milliseconds, table, time, word as written};
use crate::api::{CallListing, CallQuery};
use crate::domain::call::Outcome;
use crate::domain::name::{ModuleName, TenantName};
use crate::journal::CallSummary;

pub(super) const EXAMPLES: &str = "Examples:
  patchbay call list acme --module sim --outcome unknown
  patchbay call list acme --order 4711 --from 2026-11-01T00:00:00Z
  patchbay call list acme --about 01KAJ3X0V5R7W2Q8N4M6B1C9DF    # what was done for its job
  patchbay call show acme        # the newest
  patchbay call show acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF

Secrets and personal data are masked in what is recorded.";

const OUTCOMES: &[&str] = &[
    "done",
    "pending",
    "rejected",
    "unreachable",
    "unknown",
    "repeated",
    "refused",
    "faulted",
    "running",
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List calls, newest first
    List {
        /// The tenant's name
        tenant: TenantName,
        #[command(flatten)]
        filter: Filter,
    },
    /// Show a call: the event, each exchange with a carrier, what the module logged, the answer, and what happened later
    Show {
        /// The tenant's name
        tenant: TenantName,
        /// The call's id, as it is listed; the newest call unless stated
        #[arg(value_parser = id)]
        id: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Calls of this module
    #[arg(long)]
    module: Option<ModuleName>,
    /// Calls about this order
    #[arg(long, value_name = "ORDER_NUMBER")]
    order: Option<String>,
    /// Calls with this SERVICE, such as Order/Create
    #[arg(long)]
    service: Option<String>,
    /// Calls that ended so
    #[arg(long, value_parser = word::<Outcome>(OUTCOMES))]
    outcome: Option<Outcome>,
    /// Calls that follow up this one: what was done for its job
    #[arg(long, value_name = "CALL", value_parser = id)]
    about: Option<String>,
    /// Calls received at this time or later, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Calls received before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Calls older than this one
    #[arg(long, value_name = "CALL", value_parser = id)]
    before: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::List { tenant, filter } => {
            let before = filter.before.map(|id| read(&id.into())).transpose()?;
            let query = CallQuery {
                module: filter.module,
                order_number: filter.order,
                service: filter.service,
                outcome: filter.outcome,
                about: filter.about.map(|id| read(&id.into())).transpose()?,
                from: filter.from,
                to: filter.to,
                before,
                limit: Some(filter.limit),
            };
            let path = ["tenants", tenant.as_str(), "calls"];
            let listing = session.client.query(&path, &query).await?;
            session.printer.show(&listing, |out| {
                let listing: CallListing = read(&listing)?;
                let rows = listing.items.into_iter().map(row).collect();
                let headings = ["CALL", "RECEIVED", "MODULE", "SERVICE", "ORDER", "OUTCOME", "TOOK"];
                table(out, &headings, rows, "There are no such calls here.")?;
                if let Some(next) = listing.next {
                    writeln!(out, "Older calls: the same command with --before {next}")?;
                }
                Ok(())
            })
        }
        Command::Show { tenant, id } => {
            let id = match id {
                Some(id) => id,
                None => newest(&tenant, session).await?,
            };
            let found = session
                .client
                .get(&["tenants", tenant.as_str(), "calls", id.as_str()])
                .await?;
            session
                .printer
                .show(&found, |out| Ok(story::tell(out, &tenant, &read(&found)?)?))
        }
    }
}

async fn newest(tenant: &TenantName, session: &Session<'_>) -> Result<String, Failure> {
    let query = CallQuery {
        limit: Some(1),
        ..CallQuery::default()
    };
    let listing = session
        .client
        .query(&["tenants", tenant.as_str(), "calls"], &query)
        .await?;
    let listing: CallListing = read(&listing)?;
    let newest = listing.items.first().map(|call| call.id.to_string());
    newest.ok_or_else(|| Failure::Declined(format!("no call of tenant {tenant} is recorded yet")))
}

fn row(call: CallSummary) -> Vec<String> {
    let version = call.version.map(|number| format!(" v{number}")).unwrap_or_default();
    vec![
        call.id.to_string(),
        time(call.received),
        format!("{}{version}", call.module),
        call.service,
        call.order_number.unwrap_or_else(|| "-".to_owned()),
        written(&call.outcome),
        milliseconds(call.micros),
    ]
}
