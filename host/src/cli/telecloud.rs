//! `patchbay telecloud`

mod register;

use std::io::{self, Write};

use clap::Subcommand;
use serde_json::json;

use super::Session;
use super::client::read;
use super::failure::Failure;
use super::input::ValueSource;
use super::printer::{fields, time};
use crate::domain::name::{NetworkName, TenantName};
use crate::domain::telecloud::{TelecloudAccess, UrlTemplate};

pub(super) const EXAMPLES: &str = "Examples:
  pass telecloud/api-key | patchbay telecloud set acme --api-id-key 1234
  patchbay telecloud set acme --api-id-key 1234 --from-file key.txt \\
      --api-url 'https://api.telecloud.app/{format}/{Service}/{Action}'
  patchbay telecloud show acme
  patchbay telecloud register acme sim --module-url https://gateway.example/m/acme/sim
  patchbay telecloud register acme sim --module-url https://gateway.example/m/acme/sim \\
      --product-group 75 --group-status unlocked --event order --event cancel --apply

By this, pending orders are finished at TeleCloud, usage is reported there, and modules are registered.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set how TeleCloud's API is reached, the key from standard input unless stated
    Set {
        /// The tenant's name
        tenant: TenantName,
        /// API_ID_KEY of each call: whose key it is
        #[arg(long, value_name = "ID")]
        api_id_key: String,
        /// What the URL of each call is made by; it has {Service} and {Action} in it
        #[arg(long, value_name = "TEMPLATE", default_value_t)]
        api_url: UrlTemplate,
        /// The network that the API is in, if not the internet; takes the platform admin's token
        #[arg(long, value_name = "NETWORK")]
        network: Option<NetworkName>,
        #[command(flatten)]
        value: ValueSource,
    },
    /// Show how TeleCloud's API is reached, without the key
    Show {
        /// The tenant's name
        tenant: TenantName,
    },
    /// Forget how TeleCloud's API is reached, and the key
    Unset {
        /// The tenant's name
        tenant: TenantName,
    },
    /// Make or change the module at TeleCloud, and have a product group call it; a dry run unless --apply is given
    Register(Box<register::RegisterArgs>),
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Set {
            tenant,
            api_id_key,
            api_url,
            network,
            value,
        } => {
            let body = json!({
                "url": api_url,
                "api_id_key": api_id_key,
                "api_key": value.read(session)?,
                "network": network,
            });
            let set = session
                .client
                .put(&["tenants", tenant.as_str(), "telecloud"], &body)
                .await?;
            let access: TelecloudAccess = read(&set)?;
            let line = format!("set; calls to TeleCloud go to {}", access.url);
            session.printer.done(&set, &line)
        }
        Command::Show { tenant } => {
            let found = session.client.get(&["tenants", tenant.as_str(), "telecloud"]).await?;
            session.printer.show(&found, |out| Ok(show(out, read(&found)?)?))
        }
        Command::Unset { tenant } => {
            session
                .client
                .delete(&["tenants", tenant.as_str(), "telecloud"])
                .await?;
            session.printer.gone("not set any more")
        }
        Command::Register(args) => register::run(*args, session).await,
    }
}

fn show(out: &mut dyn Write, access: TelecloudAccess) -> io::Result<()> {
    let rows = [
        ("url", access.url.to_string()),
        ("api id key", access.api_id_key),
        ("api key", "set; it is never shown".to_owned()),
        (
            "network",
            access.network.map_or_else(|| "the internet".to_owned(), String::from),
        ),
        ("set", time(access.set)),
    ];
    fields(out, &rows)
}
