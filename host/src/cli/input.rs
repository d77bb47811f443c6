//! What a command reads besides its arguments: files, standard input, the environment.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::DeserializeOwned;
use serde_json::Value;
use ulid::Ulid;

use super::Session;
use super::failure::Failure;

/// Where a secret value comes from. Never an argument: other users of the machine can see those.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct ValueSource {
    /// Read the value from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Read the value from this environment variable instead of standard input
    #[arg(long, value_name = "VARIABLE")]
    value_env: Option<String>,
}

impl ValueSource {
    /// The value. A line break at its end is not a part of it.
    pub(super) fn read(&self, session: &mut Session<'_>) -> Result<String, Failure> {
        let mut text = match (&self.from_file, &self.value_env) {
            (Some(path), _) => file(path)?,
            (None, Some(variable)) => {
                std::env::var(variable).map_err(|error| Failure::Usage(format!("{variable}: {error}")))?
            }
            (None, None) => session.standard_input()?,
        };
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

impl Session<'_> {
    fn standard_input(&mut self) -> Result<String, Failure> {
        if self.input_is_typed {
            let text = "standard input is a terminal: pipe the value in, or give --from-file or --value-env";
            return Err(Failure::Usage(text.to_owned()));
        }
        let mut text = String::new();
        self.input
            .read_to_string(&mut text)
            .map_err(|error| Failure::Usage(format!("standard input: {error}")))?;
        Ok(text)
    }

    /// A JSON file; `-` is standard input.
    pub(super) fn json_file(&mut self, path: &Path) -> Result<Value, Failure> {
        let text = if path == Path::new("-") {
            self.standard_input()?
        } else {
            file(path)?
        };
        serde_json::from_str(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
    }
}

/// A file's text.
pub(super) fn file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

/// Takes one of these words, as JSON would spell it.
pub(super) fn word<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    words: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words).try_map(|word| serde_json::from_value(Value::String(word)))
}

/// Takes an id as it is listed.
pub(super) fn id(text: &str) -> Result<String, String> {
    match Ulid::from_string(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("an id has 26 letters and digits, as it is listed".to_owned()),
    }
}
