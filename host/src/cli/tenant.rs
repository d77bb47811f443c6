//! `patchbay tenant`

mod quota;

use clap::Subcommand;

use self::quota::QuotaArgs;
use super::Session;
use super::client::read;
use super::failure::Failure;
use super::printer::{fields, table, time};
use crate::api::{Listing, TenantSettings};
use crate::domain::name::TenantName;
use crate::domain::tenant::Tenant;

pub(super) const EXAMPLES: &str = "Examples:
  patchbay tenant create acme --title 'Acme Mobile'
  patchbay tenant list --json
  patchbay tenant quota acme
  patchbay tenant quota acme --concurrent-calls 8 --ceiling cpu_ms=500 --ceiling memory_bytes=33554432

These commands, but for show and quota without a change, take the platform admin's token.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a tenant
    Create {
        /// Its name in URLs: [a-z0-9-]{1,63}
        tenant: TenantName,
        /// Its name for people
        #[arg(long, default_value = "")]
        title: String,
    },
    /// List all tenants
    List,
    /// Show a tenant
    Show {
        /// Its name
        tenant: TenantName,
    },
    /// Show what a tenant may have of the machine, or change it; what is not named stays
    Quota {
        /// Its name
        tenant: TenantName,
        #[command(flatten)]
        change: QuotaArgs,
    },
    /// Remove a tenant with its modules, keys, tokens, recorded calls and orders, for good
    Delete {
        /// Its name
        tenant: TenantName,
    },
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Create { tenant, title } => {
            let path = ["tenants", tenant.as_str()];
            if session.client.find(&path).await?.is_some() {
                return Err(Failure::Declined(format!("tenant {tenant} is there already")));
            }
            let made = session.client.put(&path, &TenantSettings { title }).await?;
            session.printer.done(&made, &format!("tenant {tenant} made"))
        }
        Command::List => {
            let listing = session.client.get(&["tenants"]).await?;
            session.printer.show(&listing, |out| {
                let listing: Listing<Tenant> = read(&listing)?;
                let row = |tenant: Tenant| vec![tenant.name.to_string(), tenant.title, time(tenant.created)];
                let rows = listing.items.into_iter().map(row).collect();
                table(out, &["TENANT", "TITLE", "MADE"], rows, "There are no tenants yet.")
            })
        }
        Command::Show { tenant } => {
            let found = session.client.get(&["tenants", tenant.as_str()]).await?;
            session.printer.show(&found, |out| {
                let tenant: Tenant = read(&found)?;
                let rows = [
                    ("tenant", tenant.name.to_string()),
                    ("title", tenant.title),
                    ("made", time(tenant.created)),
                ];
                Ok(fields(out, &rows)?)
            })
        }
        Command::Quota { tenant, change } => quota::run(&tenant, &change, session).await,
        Command::Delete { tenant } => {
            session.client.delete(&["tenants", tenant.as_str()]).await?;
            session.printer.gone(&format!("tenant {tenant} removed"))
        }
    }
}
