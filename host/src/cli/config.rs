//! `patchbay config`

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Subcommand;

use super::client::read;
use super::failure::Failure;
use super::printer::table;
use super::{ModuleArgs, Session};
use crate::domain::name::ConfigKey;

pub(super) const EXAMPLES: &str = "Examples:
  patchbay config set acme sim base_url=https://api.carrier.example region=west
  patchbay config unset acme sim region
  patchbay config list acme sim --json > settings.json
  patchbay config replace acme sim settings.json

Not for credentials: those are secrets, see patchbay secret.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set some settings; the others stay
    Set {
        #[command(flatten)]
        module: ModuleArgs,
        /// KEY=VALUE
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<(ConfigKey, String)>,
    },
    /// Remove some settings
    Unset {
        #[command(flatten)]
        module: ModuleArgs,
        /// Their keys
        #[arg(required = true)]
        keys: Vec<ConfigKey>,
    },
    /// List the settings
    List {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// Replace all settings by those in a file
    Replace {
        #[command(flatten)]
        module: ModuleArgs,
        /// A JSON object of texts; - for standard input
        file: PathBuf,
    },
}

fn setting(text: &str) -> Result<(ConfigKey, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    let key = ConfigKey::parse(key).map_err(|error| error.to_string())?;
    Ok((key, value.to_owned()))
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Set { module, settings } => {
            let mut config = current(&module, session).await?;
            config.extend(settings.into_iter().map(|(key, value)| (key.into(), value)));
            let now = session.client.put(&module.path(&["config"]), &config).await?;
            session.printer.done(&now, "set; the next event gets it")
        }
        Command::Unset { module, keys } => {
            let mut config = current(&module, session).await?;
            for key in keys {
                if config.remove(key.as_str()).is_none() {
                    return Err(Failure::Declined(format!(
                        "there is no setting {key}; nothing was changed"
                    )));
                }
            }
            let now = session.client.put(&module.path(&["config"]), &config).await?;
            session.printer.done(&now, "removed")
        }
        Command::List { module } => {
            let found = session.client.get(&module.path(&["config"])).await?;
            session.printer.show(&found, |out| {
                let config: BTreeMap<String, String> = read(&found)?;
                let rows = config.into_iter().map(|(key, value)| vec![key, value]).collect();
                table(out, &["KEY", "VALUE"], rows, "There are no settings yet.")
            })
        }
        Command::Replace { module, file } => {
            let config = session.json_file(&file)?;
            let now = session.client.put(&module.path(&["config"]), &config).await?;
            session.printer.done(&now, "replaced; the next event gets it")
        }
    }
}

async fn current(module: &ModuleArgs, session: &Session<'_>) -> Result<BTreeMap<String, String>, Failure> {
    read(&session.client.get(&module.path(&["config"])).await?)
}
