//! The one place that writes to standard output: tables and texts for people, JSON for programs.

use std::io::{self, Write};

use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;

/// Writes what a command has to say.
pub(super) struct Printer<'o> {
    output: &'o mut dyn Write,
    json: bool,
}

impl<'o> Printer<'o> {
    pub(super) fn new(output: &'o mut dyn Write, json: bool) -> Self {
        Self { output, json }
    }

    /// The gateway's JSON for programs; what `people` writes for people.
    pub(super) fn show(
        &mut self,
        value: &Value,
        people: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.json {
            writeln!(self.output, "{value:#}")?;
            return Ok(());
        }
        people(self.output)
    }

    /// The gateway's JSON for programs; a line that says what was done for people.
    pub(super) fn done(&mut self, value: &Value, line: &str) -> Result<(), Failure> {
        self.show(value, |out| Ok(writeln!(out, "{}", plain(line))?))
    }

    /// Something is gone: nothing for programs, a line for people.
    pub(super) fn gone(&mut self, line: &str) -> Result<(), Failure> {
        if !self.json {
            writeln!(self.output, "{}", plain(line))?;
        }
        Ok(())
    }
}

/// Writes columns below their headings; says `none` when there is nothing.
pub(super) fn table(out: &mut dyn Write, headings: &[&str], rows: Vec<Vec<String>>, none: &str) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(writeln!(out, "{none}")?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings.to_vec());
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)).collect::<Vec<_>>());
    }
    for line in table.lines() {
        // The first column needs no room before it.
        writeln!(out, "{}", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()))?;
    }
    Ok(())
}

/// Writes names and values, the values in one column.
pub(super) fn fields(out: &mut dyn Write, fields: &[(&str, String)]) -> io::Result<()> {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in fields {
        writeln!(out, "{}", format!("{name:width$}  {}", plain(value)).trim_end())?;
    }
    Ok(())
}

/// Makes control characters visible but line breaks: what a carrier sent must not command the terminal.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => plain.push('\n'),
            character if character.is_control() => plain.extend(character.escape_default()),
            character => plain.push(character),
        }
    }
    plain
}

/// To the second, in UTC.
pub(super) fn time(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A value that JSON writes as a word.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// Microseconds as milliseconds.
pub(super) fn milliseconds(micros: u64) -> String {
    format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
}
