//! `patchbay token`

use clap::Subcommand;
use jiff::Timestamp;

use super::Session;
use super::client::read;
use super::failure::Failure;
use super::input::{id, word};
use super::printer::{plain, table, time};
use crate::api::{CreatedToken, Listing, NewToken, Token};
use crate::domain::name::TenantName;
use crate::domain::tenant::Scope;

pub(super) const EXAMPLES: &str = "Examples:
  patchbay token create acme --scope read,deploy --label 'deployment pipeline'
  patchbay token create acme --scope calls --expires 2027-01-01T00:00:00Z
  patchbay token revoke acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF

Scopes:
  read     see tenant, modules, versions, settings, grants
  calls    see recorded calls and orders, which hold customers' data
  deploy   upload and activate versions; set settings, secrets and limits; make and remove modules
  grants   set grants: where modules may reach
  operate  step in: jobs, change of password, batches
  access   make and revoke the tenant's tokens and TeleCloud keys; read its trail";

const SCOPES: &[&str] = &["read", "calls", "deploy", "grants", "operate", "access"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token for a tenant; it is shown once
    Create {
        /// The tenant's name
        tenant: TenantName,
        /// What it may do, separated by commas
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', required = true, value_parser = word::<Scope>(SCOPES))]
        scopes: Vec<Scope>,
        /// Who has it
        #[arg(long, default_value = "")]
        label: String,
        /// When it stops working, such as 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
    },
    /// List a tenant's tokens, without the tokens themselves
    List {
        /// The tenant's name
        tenant: TenantName,
    },
    /// Revoke a token; it stops working at once
    Revoke {
        /// The tenant's name
        tenant: TenantName,
        /// The token's id, as it is listed
        #[arg(value_parser = id)]
        id: String,
    },
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Create {
            tenant,
            scopes,
            label,
            expires,
        } => {
            let new = NewToken {
                label,
                scopes: scopes.into_iter().collect(),
                expires,
            };
            let path = ["tenants", tenant.as_str(), "tokens"];
            let made = session.client.post(&path, &new).await?;
            session.printer.show(&made, |out| {
                let made: CreatedToken = read(&made)?;
                writeln!(out, "{}", plain(&made.value))?;
                writeln!(
                    out,
                    "This is token {}. Keep it now: it is shown only once.",
                    made.token.id
                )?;
                Ok(())
            })
        }
        Command::List { tenant } => {
            let listing = session.client.get(&["tenants", tenant.as_str(), "tokens"]).await?;
            session.printer.show(&listing, |out| {
                let listing: Listing<Token> = read(&listing)?;
                let row = |token: Token| {
                    let scopes: Vec<String> = token.scopes.iter().map(ToString::to_string).collect();
                    let expires = token.expires.map_or_else(|| "never".to_owned(), time);
                    vec![token.id, token.label, scopes.join(" "), time(token.created), expires]
                };
                let rows = listing.items.into_iter().map(row).collect();
                let headings = ["TOKEN", "LABEL", "SCOPES", "MADE", "EXPIRES"];
                table(out, &headings, rows, "There are no tokens yet.")
            })
        }
        Command::Revoke { tenant, id } => {
            session
                .client
                .delete(&["tenants", tenant.as_str(), "tokens", id.as_str()])
                .await?;
            session.printer.gone(&format!("token {id} works no more"))
        }
    }
}
