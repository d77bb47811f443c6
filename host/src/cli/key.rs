//! `patchbay key`

use clap::Subcommand;
use serde_json::json;

use super::Session;
use super::client::read;
use super::failure::Failure;
use super::input::{ValueSource, id};
use super::printer::{table, time};
use crate::api::{Key, Listing};
use crate::domain::name::TenantName;

pub(super) const EXAMPLES: &str = "Examples:
  pass telecloud/reseller-1234 | patchbay key add acme --label 'reseller 1234'
  patchbay key list acme

TeleCloud sends the API key of the account that an order was placed with, so each reseller has its own.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Accept one more key, from standard input unless stated
    Add {
        /// The tenant's name
        tenant: TenantName,
        /// Whose key it is
        #[arg(long, default_value = "")]
        label: String,
        #[command(flatten)]
        value: ValueSource,
    },
    /// List the keys that are accepted, without the keys themselves
    List {
        /// The tenant's name
        tenant: TenantName,
    },
    /// Stop accepting a key
    Remove {
        /// The tenant's name
        tenant: TenantName,
        /// The key's id, as it is listed
        #[arg(value_parser = id)]
        id: String,
    },
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Add { tenant, label, value } => {
            let body = json!({"label": label, "key": value.read(session)?});
            let path = ["tenants", tenant.as_str(), "telecloud-keys"];
            let added = session.client.post(&path, &body).await?;
            let key: Key = read(&added)?;
            session.printer.done(&added, &format!("key {} is accepted", key.id))
        }
        Command::List { tenant } => {
            let listing = session
                .client
                .get(&["tenants", tenant.as_str(), "telecloud-keys"])
                .await?;
            session.printer.show(&listing, |out| {
                let listing: Listing<Key> = read(&listing)?;
                let row = |key: Key| vec![key.id, key.label, time(key.created)];
                let rows = listing.items.into_iter().map(row).collect();
                table(
                    out,
                    &["KEY", "LABEL", "ADDED"],
                    rows,
                    "There are no keys: no call is accepted.",
                )
            })
        }
        Command::Remove { tenant, id } => {
            let path = ["tenants", tenant.as_str(), "telecloud-keys", id.as_str()];
            session.client.delete(&path).await?;
            session.printer.gone(&format!("key {id} is not accepted any more"))
        }
    }
}
