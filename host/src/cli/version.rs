//! `patchbay version`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;

use super::client::read;
use super::failure::Failure;
use super::printer::{table, time};
use super::upload::upload;
use super::{ModuleArgs, Session};
use crate::api::{Activation, Listing};
use crate::domain::module::{Digest, Module, Version};

pub(super) const EXAMPLES: &str = "Examples:
  patchbay version upload acme sim module.wasm --activate
  patchbay version list acme sim
  patchbay version activate acme sim 1        # the way back
  patchbay version remove acme sim 1          # makes room for others

The next event runs the version that was activated. Calls that are running end with the one they began with.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Upload a component as the module's next version
    Upload {
        #[command(flatten)]
        module: ModuleArgs,
        /// The component
        file: PathBuf,
        /// Activate it, too
        #[arg(long)]
        activate: bool,
    },
    /// List the versions of a module; the one that serves is marked, and so are those that were removed
    List {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// Make a version serve
    Activate {
        #[command(flatten)]
        module: ModuleArgs,
        /// Its number, or its digest
        // Not called `version`, which is the option that every command has.
        #[arg(value_name = "VERSION")]
        which: String,
    },
    /// Remove a version that does not serve: its component goes, its number stays taken
    Remove {
        #[command(flatten)]
        module: ModuleArgs,
        /// Its number
        #[arg(value_name = "VERSION")]
        number: u32,
    },
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Upload { module, file, activate } => {
            let component =
                std::fs::read(&file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
            let path = module.path(&["versions"]);
            let uploaded = upload(session, &path, component.into()).await?;
            let version: Version = read(&uploaded)?;
            let mut line = format!(
                "version {} of {}/{}\ndigest   {}\nexports  {}\nimports  {}",
                version.number,
                module.tenant,
                module.module,
                version.digest,
                version.exports.join(", "),
                version.imports.join(", "),
            );
            if activate {
                let activation = Activation {
                    version: Some(version.number),
                    digest: None,
                };
                session.client.put(&module.path(&["active"]), &activation).await?;
                line.push_str("\nit serves");
            }
            session.printer.done(&uploaded, &line)
        }
        Command::List { module } => {
            let listing = session.client.get(&module.path(&["versions"])).await?;
            let found: Module = read(&session.client.get(&module.path(&[])).await?)?;
            session.printer.show(&listing, |out| {
                let listing: Listing<Version> = read(&listing)?;
                let row = |version: Version| {
                    let mark = match version.removed {
                        Some(_) => "removed",
                        None if found.active == Some(version.number) => "active",
                        None => "",
                    };
                    vec![
                        version.number.to_string(),
                        mark.to_owned(),
                        version.bytes.to_string(),
                        time(version.created),
                        version.exports.join(", "),
                        version.digest.to_string(),
                    ]
                };
                let rows = listing.items.into_iter().map(row).collect();
                let headings = ["VERSION", "", "BYTES", "UPLOADED", "EXPORTS", "DIGEST"];
                table(out, &headings, rows, "There are no versions yet.")
            })
        }
        Command::Activate { module, which } => {
            let activated = activate(&module, &which, session).await?;
            session.printer.done(&activated, &format!("version {which} serves"))
        }
        Command::Remove { module, number } => {
            let number = number.to_string();
            session.client.delete(&module.path(&["versions", &number])).await?;
            session.printer.gone(&format!(
                "version {number} of {}/{} removed",
                module.tenant, module.module
            ))
        }
    }
}

async fn activate(module: &ModuleArgs, version: &str, session: &Session<'_>) -> Result<Value, Failure> {
    let activation = if let Ok(number) = version.parse() {
        Activation {
            version: Some(number),
            digest: None,
        }
    } else {
        let digest = Digest::try_from(version.to_owned()).map_err(|_| {
            Failure::Usage(format!(
                "{version} is neither a number nor a digest of 64 hexadecimal digits"
            ))
        })?;
        Activation {
            version: None,
            digest: Some(digest),
        }
    };
    session.client.put(&module.path(&["active"]), &activation).await
}
