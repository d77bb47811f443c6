//! `patchbay module`

mod handling;

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::handling::HandlingArgs;
use super::client::read;
use super::failure::Failure;
use super::printer::{fields, table, time, word};
use super::{ModuleArgs, Session};
use crate::api::{CallbackUrl, Listing, ModuleSettings, ModuleView};
use crate::domain::limits::Limits;
use crate::domain::module::{Module, ModuleStatus};
use crate::domain::name::TenantName;

pub(super) const EXAMPLES: &str = "Examples:
  patchbay module create acme sim --title 'SIM activation'
  patchbay module limits acme sim --deadline-ms 30000 --requests 40
  patchbay module handling acme sim --repeat-s 300 --repeat-s-for replenish=10
  patchbay module suspend acme sim
  patchbay module callback acme sim    # for the carrier; it is as good as a password

A module serves at /m/TENANT/MODULE of the public listener, once a version is uploaded and activated.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a module
    Create {
        #[command(flatten)]
        module: ModuleArgs,
        /// Its name for people
        #[arg(long, default_value = "")]
        title: String,
    },
    /// List a tenant's modules
    List {
        /// The tenant's name
        tenant: TenantName,
    },
    /// Show a module, its limits, and how its events are handled
    Show {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// Answer every event with a failure that says that the module is suspended
    Suspend {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// Take events again
    Resume {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// Change what one call may use; limits that are not named stay
    Limits {
        #[command(flatten)]
        module: ModuleArgs,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// Change how its events are handled around its calls: durability, duplicates, follow-up; what is not named stays
    Handling {
        #[command(flatten)]
        module: ModuleArgs,
        #[command(flatten)]
        handling: HandlingArgs,
    },
    /// Show the URL that the carrier calls when a pending order moves, below that of the public listener
    Callback {
        #[command(flatten)]
        module: ModuleArgs,
        /// Change it first: the old one leads nowhere from then on
        #[arg(long)]
        rotate: bool,
    },
    /// Remove a module with its versions, settings, grants and secrets, for good
    Delete {
        #[command(flatten)]
        module: ModuleArgs,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct LimitArgs {
    /// Milliseconds from when the event's body was read to the answer
    #[arg(long, value_name = "MS")]
    deadline_ms: Option<u64>,
    /// Milliseconds of computing
    #[arg(long, value_name = "MS")]
    cpu_ms: Option<u64>,
    /// Bytes of memory
    #[arg(long, value_name = "BYTES")]
    memory_bytes: Option<u64>,
    /// Resources that are held open at once
    #[arg(long, value_name = "N")]
    handles: Option<u64>,
    /// Bytes that are handed to the gateway in one go
    #[arg(long, value_name = "BYTES")]
    host_call_bytes: Option<u64>,
    /// Requests to carriers
    #[arg(long, value_name = "N")]
    requests: Option<u32>,
    /// Bytes of one request's body
    #[arg(long, value_name = "BYTES")]
    request_bytes: Option<u64>,
    /// Bytes of one response's body
    #[arg(long, value_name = "BYTES")]
    response_bytes: Option<u64>,
    /// Bytes of all bodies of one call together
    #[arg(long, value_name = "BYTES")]
    traffic_bytes: Option<u64>,
    /// Bytes of log lines that are kept
    #[arg(long, value_name = "BYTES")]
    log_bytes: Option<u64>,
}

impl LimitArgs {
    fn over(self, old: &Limits) -> Limits {
        Limits {
            deadline_ms: self.deadline_ms.unwrap_or(old.deadline_ms),
            cpu_ms: self.cpu_ms.unwrap_or(old.cpu_ms),
            memory_bytes: self.memory_bytes.unwrap_or(old.memory_bytes),
            handles: self.handles.unwrap_or(old.handles),
            host_call_bytes: self.host_call_bytes.unwrap_or(old.host_call_bytes),
            requests: self.requests.unwrap_or(old.requests),
            request_bytes: self.request_bytes.unwrap_or(old.request_bytes),
            response_bytes: self.response_bytes.unwrap_or(old.response_bytes),
            traffic_bytes: self.traffic_bytes.unwrap_or(old.traffic_bytes),
            log_bytes: self.log_bytes.unwrap_or(old.log_bytes),
        }
    }
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Create { module, title } => create(&module, title, session).await,
        Command::List { tenant } => {
            let listing = session.client.get(&["tenants", tenant.as_str(), "modules"]).await?;
            session.printer.show(&listing, |out| {
                let listing: Listing<Module> = read(&listing)?;
                let rows = listing.items.into_iter().map(row).collect();
                let headings = ["MODULE", "TITLE", "STATUS", "ACTIVE", "MADE"];
                table(out, &headings, rows, "There are no modules yet.")
            })
        }
        Command::Show { module } => {
            let found = session.client.get(&module.path(&[])).await?;
            session
                .printer
                .show(&found, |out| Ok(show(out, &module, read(&found)?)?))
        }
        Command::Suspend { module } => {
            let changed = change(&module, session, |settings| settings.status = ModuleStatus::Suspended).await?;
            session.printer.done(&changed, "suspended")
        }
        Command::Resume { module } => {
            let changed = change(&module, session, |settings| settings.status = ModuleStatus::Active).await?;
            session.printer.done(&changed, "takes events again")
        }
        Command::Limits { module, limits } => {
            let changed = change(&module, session, |settings| {
                settings.limits = limits.over(&settings.limits);
            });
            let changed = changed.await?;
            session.printer.done(&changed, "limits changed")
        }
        Command::Handling { module, handling } => {
            let changed = change(&module, session, |settings| {
                settings.handling = handling.over(&settings.handling);
            });
            let changed = changed.await?;
            session.printer.done(&changed, "handling changed")
        }
        Command::Callback { module, rotate } => {
            let url = if rotate {
                session
                    .client
                    .post(&module.path(&["callback-rotation"]), &json!({}))
                    .await?
            } else {
                session.client.get(&module.path(&["callback"])).await?
            };
            let CallbackUrl { path } = read(&url)?;
            session.printer.done(&url, &path)
        }
        Command::Delete { module } => {
            session.client.delete(&module.path(&[])).await?;
            let line = format!("module {}/{} removed", module.tenant, module.module);
            session.printer.gone(&line)
        }
    }
}

async fn create(module: &ModuleArgs, title: String, session: &mut Session<'_>) -> Result<(), Failure> {
    let (tenant, name) = (&module.tenant, &module.module);
    if session.client.find(&module.path(&[])).await?.is_some() {
        return Err(Failure::Declined(format!("module {tenant}/{name} is there already")));
    }
    let settings = ModuleSettings {
        title,
        ..ModuleSettings::default()
    };
    let made = session.client.put(&module.path(&[]), &settings).await?;
    let line = format!("module {tenant}/{name} made; it serves at /m/{tenant}/{name} once a version is active");
    session.printer.done(&made, &line)
}

/// Puts a module's settings back with one thing changed.
async fn change(
    module: &ModuleArgs,
    session: &Session<'_>,
    change: impl FnOnce(&mut ModuleSettings),
) -> Result<Value, Failure> {
    let found: Module = read(&session.client.get(&module.path(&[])).await?)?;
    let mut settings = ModuleSettings {
        title: found.title,
        status: found.status,
        limits: found.limits,
        handling: found.handling,
    };
    change(&mut settings);
    session.client.put(&module.path(&[]), &settings).await
}

fn active(module: &Module) -> String {
    module
        .active
        .map_or_else(|| "-".to_owned(), |number| number.to_string())
}

fn row(module: Module) -> Vec<String> {
    let active = active(&module);
    let (status, made) = (word(&module.status), time(module.created));
    vec![module.name.to_string(), module.title, status, active, made]
}

fn show(out: &mut dyn Write, at: &ModuleArgs, view: ModuleView) -> io::Result<()> {
    let ModuleView { module, held_down } = view;
    let active = active(&module);
    let telecloud = module.telecloud_module_id.map_or_else(|| "-".to_owned(), String::from);
    let limits = module.limits;
    let mut rows = vec![
        ("module", format!("{}/{}", at.tenant, module.name)),
        ("url", format!("/m/{}/{}", at.tenant, module.name)),
        ("title", module.title),
        ("status", word(&module.status)),
        ("active version", active),
        ("telecloud module", telecloud),
        ("made", time(module.created)),
        ("deadline", format!("{} ms", limits.deadline_ms)),
        ("computing", format!("{} ms", limits.cpu_ms)),
        ("memory", format!("{} bytes", limits.memory_bytes)),
        ("handles", limits.handles.to_string()),
        ("handed over", format!("{} bytes in one go", limits.host_call_bytes)),
        ("requests", limits.requests.to_string()),
        ("request body", format!("{} bytes", limits.request_bytes)),
        ("response body", format!("{} bytes", limits.response_bytes)),
        ("all bodies", format!("{} bytes", limits.traffic_bytes)),
        ("log", format!("{} bytes", limits.log_bytes)),
    ];
    let held_down = held_down.iter().map(|(name, held)| {
        let line = format!(
            "{name} counts for {}, the tenant's ceiling, and not for {}",
            held.counts, held.set
        );
        ("held down", line)
    });
    rows.extend(held_down);
    rows.extend(handling::rows(&module.handling));
    fields(out, &rows)
}
