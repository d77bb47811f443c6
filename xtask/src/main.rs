//! What a developer runs: `cargo xtask <command>`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for developers speaks to their terminal"
)]

mod guests;

use std::path::Path;

use anyhow::Context;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the modules of examples/ and tests/guests/ as components, into target/guests/
    Guests,
}

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = root.parent().context("xtask/ is a folder of the workspace")?;
    match Args::parse().command {
        Command::Guests => {
            for guest in guests::build_all(root)? {
                println!("{:<16} {:>9} bytes  {}", guest.name, guest.bytes, guest.path.display());
            }
        }
    }
    Ok(())
}
