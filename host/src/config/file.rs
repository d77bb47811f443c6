//! The file of settings.

use std::path::Path;

use super::{ConfigError, Settings};
use crate::domain::secret::MASK;

/// Reads it.
///
/// # Errors
/// When it cannot be read, or has what is no setting.
pub(super) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        message: what_is_wrong(&text, &error),
    })
}

/// The line, its key, and what is wrong with it. Not the line itself, as the parser would have it: it may hold a secret that
/// somebody put there by mistake.
fn what_is_wrong(text: &str, error: &toml::de::Error) -> String {
    let before = text
        .get(..error.span().map_or(0, |span| span.start))
        .unwrap_or_default();
    let number = before.matches('\n').count();
    let key = text.lines().nth(number).and_then(|line| line.split_once('='));
    let key = key.map(|(key, _)| format!("{}: ", key.trim())).unwrap_or_default();
    // A value is quoted by the message as well, in double quotes.
    let parts = error.message().split('"').enumerate();
    let parts: Vec<_> = parts.map(|(at, part)| if at % 2 == 0 { part } else { MASK }).collect();
    format!("line {}: {key}{}", number + 1, parts.join("\""))
}
