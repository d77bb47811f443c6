//! `patchbay secret`

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::read;
use super::failure::Failure;
use super::input::ValueSource;
use super::printer::table;
use super::{ModuleArgs, Session};
use crate::api::{Listing, SecretInfo};
use crate::domain::name::SecretName;

pub(super) const EXAMPLES: &str = "Examples:
  pass carrier/token | patchbay secret set acme sim carrier-token
  patchbay secret set acme sim carrier-token --from-file token.txt
  patchbay secret set acme sim carrier-token --value-env CARRIER_TOKEN

The module sees a placeholder; the gateway puts the secret into requests whose grant names it.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set a secret, from standard input unless stated
    Set {
        #[command(flatten)]
        module: ModuleArgs,
        /// Its name
        name: SecretName,
        #[command(flatten)]
        value: ValueSource,
    },
    /// Remove a secret
    Remove {
        #[command(flatten)]
        module: ModuleArgs,
        /// Its name
        name: SecretName,
    },
    /// List the names of the secrets that are set
    List {
        #[command(flatten)]
        module: ModuleArgs,
    },
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Set { module, name, value } => {
            let body = json!({"value": value.read(session)?});
            let path = module.path(&["secrets", name.as_str()]);
            session.client.put(&path, &body).await?;
            session
                .printer
                .done(&json!({"name": name}), &format!("secret {name} set"))
        }
        Command::Remove { module, name } => {
            session.client.delete(&module.path(&["secrets", name.as_str()])).await?;
            session.printer.gone(&format!("secret {name} removed"))
        }
        Command::List { module } => {
            let listing: Value = session.client.get(&module.path(&["secrets"])).await?;
            session.printer.show(&listing, |out| {
                let listing: Listing<SecretInfo> = read(&listing)?;
                let rows = listing
                    .items
                    .iter()
                    .map(|secret| vec![secret.name.to_string()])
                    .collect();
                table(out, &["SECRET"], rows, "There are no secrets yet.")
            })
        }
    }
}
