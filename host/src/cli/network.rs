//! `patchbay network`

use clap::Subcommand;

use super::Session;
use super::client::read;
use super::failure::Failure;
use super::printer::table;
use crate::api::{Listing, NetworkSettings};
use crate::domain::name::NetworkName;
use crate::domain::network::{Block, Network};

pub(super) const EXAMPLES: &str = "Examples:
  patchbay network set lab 10.20.0.0/16 fd12::/48
  patchbay grant add acme sim carrier-api --host 10.20.0.7 --method GET --path '/**' --network lab
  patchbay network list

A grant that names a network reaches the addresses in it and no others. These commands take the platform admin's token.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Name a network, or change what it is; grants that name it follow at once
    Set {
        /// Its name: [a-z0-9-]{1,63}
        network: NetworkName,
        /// Its blocks of addresses, such as 10.20.0.0/16
        #[arg(required = true, value_name = "BLOCK")]
        blocks: Vec<Block>,
    },
    /// List all networks
    List,
    /// Remove a network that nothing names any more
    Remove {
        /// Its name
        network: NetworkName,
    },
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Set { network, blocks } => {
            let path = ["networks", network.as_str()];
            let set = session.client.put(&path, &NetworkSettings { blocks }).await?;
            session.printer.done(&set, &format!("network {network} set"))
        }
        Command::List => {
            let listing = session.client.get(&["networks"]).await?;
            session.printer.show(&listing, |out| {
                let listing: Listing<Network> = read(&listing)?;
                let row = |network: Network| {
                    let blocks: Vec<String> = network.blocks.iter().map(Block::to_string).collect();
                    vec![network.name.to_string(), blocks.join(" ")]
                };
                let rows = listing.items.into_iter().map(row).collect();
                table(
                    out,
                    &["NETWORK", "BLOCKS"],
                    rows,
                    "There are no networks: modules reach the internet only.",
                )
            })
        }
        Command::Remove { network } => {
            session.client.delete(&["networks", network.as_str()]).await?;
            session.printer.gone(&format!("network {network} removed"))
        }
    }
}
