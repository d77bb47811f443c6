//! `patchbay trail`

use std::io::Write;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;

use super::Session;
use super::client::read;
use super::failure::Failure;
use super::printer::{fields, table, time};
use crate::api::{TrailListing, TrailQuery};
use crate::domain::name::TenantName;
use crate::domain::trail::Entry;
use crate::trail::{Kept, Verification};

pub(super) const EXAMPLES: &str = "Examples:
  patchbay trail list                                  # the platform's: tenants made and removed, starts, tries in vain
  patchbay trail list acme --object modules/sim/grants --since 2026-11-01T00:00:00Z
  patchbay trail list acme --by 01KAJ3X0V5R7W2Q8N4M6B1C9DF
  patchbay trail show 12 acme                          # what it was before and after
  patchbay trail verify acme --expect 12:5f0c...       # a digest that was written down elsewhere

Each change is written together with who made it, and nothing is ever taken out, also when a tenant is removed.
Secrets go by their names. To notice whether the end was cut off, keep what verify prints somewhere else.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List entries, newest first
    List {
        /// The tenant's name; the platform's own trail unless stated
        tenant: Option<TenantName>,
        #[command(flatten)]
        filter: Filter,
    },
    /// Show an entry: who, when, from where, and what it was before and after
    Show {
        /// The entry's number, as it is listed
        number: u64,
        /// The tenant's name; the platform's own trail unless stated
        tenant: Option<TenantName>,
    },
    /// See whether a trail is as it was written, from its first entry to its last; for the platform admin
    Verify {
        /// The tenant's name; the platform's own trail unless stated
        tenant: Option<TenantName>,
        /// An entry that has to be in it, by what was printed of it earlier
        #[arg(long, value_name = "NUMBER:DIGEST", value_parser = expected)]
        expect: Option<(u64, String)>,
    },
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Entries written at this time or later, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Entries by those whose kind, id or label has this in it
    #[arg(long, value_name = "TEXT")]
    by: Option<String>,
    /// Entries about what has this in its path
    #[arg(long, value_name = "TEXT")]
    object: Option<String>,
    /// Entries with lower numbers than this
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

fn expected(text: &str) -> Result<(u64, String), String> {
    let wrong = || "must be a number, a colon and 64 hexadecimal digits".to_owned();
    let (number, digest) = text.split_once(':').ok_or_else(wrong)?;
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    match number.parse() {
        Ok(number) if is_digest && number > 0 => Ok((number, digest.to_ascii_lowercase())),
        _ => Err(wrong()),
    }
}

fn path<'a>(tenant: Option<&'a TenantName>, below: &[&'a str]) -> Vec<&'a str> {
    let mut path = tenant.map_or_else(Vec::new, |tenant| vec!["tenants", tenant.as_str()]);
    path.push("trail");
    path.extend(below);
    path
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::List { tenant, filter } => {
            let query = TrailQuery {
                since: filter.since,
                by: filter.by,
                object: filter.object,
                before: filter.before,
                limit: Some(filter.limit),
            };
            let listing = session.client.query(&path(tenant.as_ref(), &[]), &query).await?;
            session.printer.show(&listing, |out| {
                let listing: TrailListing = read(&listing)?;
                let rows = listing.items.into_iter().map(|kept| row(kept.entry)).collect();
                let headings = ["ENTRY", "WHEN", "BY", "FROM", "DID", "TO"];
                table(out, &headings, rows, "There are no such entries here.")?;
                if let Some(next) = listing.next {
                    writeln!(out, "Older entries: the same command with --before {next}")?;
                }
                Ok(())
            })
        }
        Command::Show { number, tenant } => {
            let (found, kept) = one(session, tenant.as_ref(), number).await?;
            session.printer.show(&found, |out| tell(out, &kept))
        }
        Command::Verify { tenant, expect } => {
            let verified = session.client.get(&path(tenant.as_ref(), &["verification"])).await?;
            let told: Verification = read(&verified)?;
            if let Some(trouble) = told.trouble {
                return Err(Failure::Declined(format!(
                    "the trail is whole up to entry {}, and not after it: {trouble}",
                    told.entries
                )));
            }
            if let Some((number, digest)) = expect {
                if number > told.entries {
                    return Err(Failure::Declined(format!(
                        "the trail ends with entry {}: it was cut off, or replaced by an older one",
                        told.entries
                    )));
                }
                let (_, kept) = one(session, tenant.as_ref(), number).await?;
                if kept.digest != digest {
                    return Err(Failure::Declined(format!(
                        "entry {number} is another one: its digest is {}",
                        kept.digest
                    )));
                }
            }
            session.printer.show(&verified, |out| {
                writeln!(out, "{} entries, all as they were written", told.entries)?;
                if told.entries > 0 {
                    writeln!(out, "Keep this somewhere else: {}:{}", told.entries, told.digest)?;
                }
                Ok(())
            })
        }
    }
}

async fn one(session: &Session<'_>, tenant: Option<&TenantName>, number: u64) -> Result<(Value, Kept), Failure> {
    let query = TrailQuery {
        before: Some(number.saturating_add(1)),
        limit: Some(1),
        ..TrailQuery::default()
    };
    let listing = session.client.query(&path(tenant, &[]), &query).await?;
    let items: TrailListing = read(&listing)?;
    match items.items.into_iter().next() {
        Some(kept) if kept.entry.number == number => Ok((listing["items"][0].clone(), kept)),
        _ => Err(Failure::Declined(format!("there is no entry {number} here"))),
    }
}

fn row(entry: Entry) -> Vec<String> {
    vec![
        entry.number.to_string(),
        time(entry.at),
        entry.by.to_string(),
        entry.from.map_or_else(|| "-".to_owned(), |from| from.to_string()),
        entry.verb.to_string(),
        entry.object,
    ]
}

fn tell(out: &mut dyn Write, kept: &Kept) -> Result<(), Failure> {
    let entry = &kept.entry;
    let json = |value: &Option<Value>| {
        value
            .as_ref()
            .map_or_else(|| "-".to_owned(), |value| format!("{value:#}"))
    };
    fields(
        out,
        &[
            ("Entry", entry.number.to_string()),
            ("When", entry.at.to_string()),
            ("By", entry.by.to_string()),
            (
                "From",
                entry.from.map_or_else(|| "-".to_owned(), |from| from.to_string()),
            ),
            ("Did", format!("{} {}", entry.verb, entry.object)),
            ("Digest", kept.digest.clone()),
            ("Previous", entry.previous.clone()),
            ("Before", json(&entry.before)),
            ("After", json(&entry.after)),
        ],
    )?;
    Ok(())
}
