//! The keys of a data directory, while no gateway has it open. No other command works without one that runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Terminal;
use super::failure::Failure;
use crate::config::{KEY, key_source};
use crate::domain::secret::Secret;
use crate::keyring::{self, Rotated};
use crate::storage::Stores;
use crate::vault::KeySource;

pub(super) const EXAMPLES: &str = "Examples, with the gateway stopped:
  patchbay vault rotate-root-key --data-dir /var/lib/patchbay/data --new-key-file /etc/patchbay/2027.key
  patchbay vault rotate-data-key --data-dir /var/lib/patchbay/data";

/// Has the new root key, if it is not to be in a file.
const NEW_KEY: &str = "PATCHBAY_NEW_KEY";

/// Documents between two signs of life.
const STEP: usize = 10_000;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replace the root key, which opens the data's own keys
    ///
    /// It takes one write, and what is sealed stays as it is. Start the gateway with the new key from then on. Backups that
    /// were made before open with the old key only, so keep it as long as them.
    RotateRootKey {
        #[command(flatten)]
        data: Data,
        /// File with the new root key; made if missing. Or set PATCHBAY_NEW_KEY to 64 hexadecimal digits
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
    },
    /// Replace the data key, and seal with the new one everything that is sealed
    ///
    /// An older copy of something sealed cannot be put back from then on. Interrupted, it goes on when it is run again.
    RotateDataKey {
        #[command(flatten)]
        data: Data,
    },
}

/// Which data, and its key.
#[derive(Debug, Args)]
pub struct Data {
    /// The gateway's data folder
    #[arg(
        long,
        env = "PATCHBAY_DATA_DIR",
        value_name = "FOLDER",
        default_value = "patchbay-data"
    )]
    data_dir: PathBuf,
    /// File with the root key. Or set PATCHBAY_KEY [default: the data folder's name with .key]
    #[arg(long, env = "PATCHBAY_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Data {
    fn open(&self) -> Result<Stores, Failure> {
        // A folder that is missing is a mistake here, and no reason to make one.
        if !self.data_dir.is_dir() {
            let text = format!("--data-dir {}: there is no such folder", self.data_dir.display());
            return Err(Failure::Usage(text));
        }
        Stores::open(&self.data_dir).map_err(declined)
    }

    fn key(&self) -> Result<KeySource, Failure> {
        Ok(key_source(self.key_file.clone(), variable(KEY)?, &self.data_dir))
    }
}

pub(super) async fn run(command: Command, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    match command {
        Command::RotateRootKey { data, new_key_file } => {
            let new = match (new_key_file, variable(NEW_KEY)?) {
                (Some(file), None) => KeySource::File(file),
                (None, Some(digits)) => KeySource::Given(digits),
                _ => {
                    let text = format!("give the new key either by --new-key-file or by {NEW_KEY}");
                    return Err(Failure::Usage(text));
                }
            };
            if new.is_inside(&data.data_dir) {
                let text = format!("--new-key-file: {}", crate::config::INSIDE);
                return Err(Failure::Usage(text));
            }
            let stores = data.open()?;
            let rotated = keyring::rotate_root_key(&stores.documents, &data.key()?, &new).await;
            let rotated = rotated.map_err(declined)?;
            let line = match rotated {
                Rotated::Now => "the root key was replaced; start the gateway with the new one",
                Rotated::Before => "this is the root key already; start the gateway with it",
            };
            writeln!(terminal.output, "{line}")?;
        }
        Command::RotateDataKey { data } => {
            let stores = data.open()?;
            let (source, errors, mut told) = (data.key()?, &mut *terminal.errors, 0);
            let swept = keyring::rotate_data_key(&stores.documents, &source, |swept| {
                if swept.seen / STEP > told {
                    told = swept.seen / STEP;
                    // A sign of life that nobody sees changes nothing.
                    let _ = writeln!(errors, "{} documents seen, {} sealed anew", swept.seen, swept.resealed);
                }
            });
            let swept = swept.await.map_err(declined)?;
            writeln!(
                terminal.output,
                "the data key was replaced; of {} documents {} were sealed anew",
                swept.seen, swept.resealed
            )?;
        }
    }
    terminal.output.flush().map_err(Failure::from)
}

fn variable(name: &str) -> Result<Option<Secret>, Failure> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(Secret::new(value))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(Failure::Usage(format!("{name}: {error}"))),
    }
}

fn declined(error: impl std::fmt::Display) -> Failure {
    Failure::Declined(error.to_string())
}
