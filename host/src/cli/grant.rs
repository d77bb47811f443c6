//! `patchbay grant`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::client::read;
use super::failure::Failure;
use super::printer::{table, time, word};
use super::{ModuleArgs, Session, input};
use crate::domain::certificate::Certificate;
use crate::domain::event::ActionKind;
use crate::domain::grant::{Grant, GrantTls, Scheme};
use crate::domain::name::{ConfigKey, NetworkName, SecretName};

pub(super) const EXAMPLES: &str = "Examples:
  patchbay grant add acme sim carrier-api --host api.carrier.example \\
      --method GET --method POST --path '/v1/lines/{mdn}' --path '/v1/orders/**' --secret carrier-token
  patchbay grant add acme sim lab --host lab.carrier.example --method POST --path '/**' --ca carrier-ca.pem \
      --client-certificate acme.pem --client-key carrier-key
  patchbay grant list acme sim --json > grants.json
  patchbay grant replace acme sim grants.json

A module reaches only what a grant allows. `patchbay call show` says what was denied and which grant was missing.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a grant; the others stay
    Add {
        #[command(flatten)]
        module: ModuleArgs,
        #[command(flatten)]
        grant: Box<GrantArgs>,
    },
    /// Remove a grant
    Remove {
        #[command(flatten)]
        module: ModuleArgs,
        /// Its name
        name: ConfigKey,
    },
    /// List the grants
    List {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// Replace all grants by those in a file
    Replace {
        #[command(flatten)]
        module: ModuleArgs,
        /// A JSON list of grants; - for standard input
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct GrantArgs {
    /// Its name, unique in the module
    name: ConfigKey,
    /// A host name, one with a wildcard label (*.carrier.example), or an address
    #[arg(long)]
    host: String,
    /// A method; may be repeated
    #[arg(long = "method", value_name = "METHOD", required = true)]
    methods: Vec<String>,
    /// A path: literal segments, {name} for any one, a final /** for any rest; may be repeated
    #[arg(long = "path", value_name = "PATH", required = true)]
    paths: Vec<String>,
    /// How to connect
    #[arg(long, value_parser = input::word::<Scheme>(&["https", "http"]), default_value = "https")]
    scheme: Scheme,
    /// The scheme's own port unless stated
    #[arg(long)]
    port: Option<u16>,
    /// An action during which the grant holds; may be repeated; all of them unless stated
    #[arg(long = "action", value_name = "ACTION", value_parser = input::word::<ActionKind>(ACTIONS))]
    actions: Vec<ActionKind>,
    /// A secret that may be placed into these requests; may be repeated
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<SecretName>,
    /// Most requests under this grant in one call
    #[arg(long, value_name = "N")]
    requests: Option<u32>,
    /// Milliseconds from dialling to the last byte of the answer
    #[arg(long, value_name = "MS", default_value_t = 15_000)]
    timeout_ms: u64,
    /// The carrier changes nothing on these requests, whatever their method
    #[arg(long)]
    read_only: bool,
    /// The network that the destination is in, if not the internet; takes the platform admin's token
    #[arg(long, value_name = "NETWORK")]
    network: Option<NetworkName>,
    /// PEM file with the certificates of the carrier's own authorities; only these are trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// PEM file with the certificate to show the carrier, and those between it and the carrier's authority
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// The secret that is the certificate's private key; set it before
    #[arg(long, value_name = "NAME", requires = "client_certificate")]
    client_key: Option<SecretName>,
}

const ACTIONS: &[&str] = &[
    "create",
    "replenish",
    "set-status",
    "swap",
    "cancel",
    "usage-limit",
    "change-password",
    "other",
    "completion",
    "reconcile",
    "usage",
    "audit",
];

impl GrantArgs {
    fn grant(self) -> Result<Grant, Failure> {
        let text = |path: Option<PathBuf>| path.map(|path| input::file(&path)).transpose();
        let tls = GrantTls {
            ca: text(self.ca)?,
            client_certificate: text(self.client_certificate)?,
            client_key: self.client_key,
        };
        let says_something = tls.ca.is_some() || tls.client_certificate.is_some();
        Ok(Grant {
            name: self.name,
            scheme: self.scheme,
            host: self.host,
            port: self.port,
            methods: self.methods.into_iter().collect(),
            paths: self.paths,
            actions: self.actions.into_iter().collect(),
            secrets: self.secrets.into_iter().collect(),
            requests: self.requests,
            timeout_ms: self.timeout_ms,
            read_only: self.read_only,
            network: self.network,
            tls: says_something.then_some(tls),
        })
    }
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Add { module, grant } => {
            let mut grants = current(&module, session).await?;
            let grant = grant.grant()?;
            if grants.iter().any(|other| other.name == grant.name) {
                return Err(Failure::Declined(format!("there is a grant {} already", grant.name)));
            }
            grants.push(grant);
            let now = session.client.put(&module.path(&["grants"]), &grants).await?;
            session.printer.done(&now, "granted")
        }
        Command::Remove { module, name } => {
            let mut grants = current(&module, session).await?;
            let before = grants.len();
            grants.retain(|grant| grant.name != name);
            if grants.len() == before {
                return Err(Failure::Declined(format!("there is no grant {name}")));
            }
            let now = session.client.put(&module.path(&["grants"]), &grants).await?;
            session.printer.done(&now, "removed")
        }
        Command::List { module } => {
            let found = session.client.get(&module.path(&["grants"])).await?;
            session.printer.show(&found, |out| {
                let grants: Vec<Grant> = read(&found)?;
                let mut headings = vec!["GRANT", "DESTINATION", "METHODS", "PATHS", "ACTIONS", "SECRETS"];
                // Few carriers want more than the ordinary, and what they want takes room.
                if grants.iter().any(|grant| grant.tls.is_some()) {
                    headings.push("TLS");
                }
                let rows = grants.into_iter().map(row).collect();
                table(out, &headings, rows, "There are no grants: the module reaches nothing.")
            })
        }
        Command::Replace { module, file } => {
            let grants = session.json_file(&file)?;
            let now = session.client.put(&module.path(&["grants"]), &grants).await?;
            session.printer.done(&now, "replaced")
        }
    }
}

fn row(grant: Grant) -> Vec<String> {
    let port = grant.port.map(|port| format!(":{port}")).unwrap_or_default();
    let network = grant
        .network
        .map(|network| format!(" in {network}"))
        .unwrap_or_default();
    let actions: BTreeSet<String> = grant.actions.iter().map(ToString::to_string).collect();
    let or_all = |actions: BTreeSet<String>| match actions.is_empty() {
        true => "all".to_owned(),
        false => Vec::from_iter(actions).join(" "),
    };
    let mut cells = vec![
        grant.name.to_string(),
        format!("{}://{}{port}{network}", word(&grant.scheme), grant.host),
        Vec::from_iter(grant.methods).join(" "),
        grant.paths.join(" "),
        or_all(actions),
        grant
            .secrets
            .iter()
            .map(SecretName::as_str)
            .collect::<Vec<_>>()
            .join(" "),
    ];
    cells.extend(grant.tls.map(|tls| terms(&tls)));
    cells
}

/// Whom a grant trusts and what it shows: each certificate by what tells it from others, and until when. Never the key.
fn terms(tls: &GrantTls) -> String {
    let mut lines = Vec::new();
    for (says, pem) in [("trusts only", &tls.ca), ("shows", &tls.client_certificate)] {
        let Some(pem) = pem else { continue };
        match Certificate::read(pem) {
            Ok(certificates) => lines.extend(certificates.iter().flat_map(|certificate| {
                [
                    format!("{says} {} until {}", certificate.subject, time(certificate.until)),
                    format!("  SHA-256 {}", certificate.fingerprint()),
                ]
            })),
            // The gateway has taken it; a command of another version may not know why.
            Err(error) => lines.push(format!("{says} what {error}")),
        }
    }
    lines.extend(tls.client_key.iter().map(|key| format!("its key is secret {key}")));
    lines.join("\n")
}

async fn current(module: &ModuleArgs, session: &Session<'_>) -> Result<Vec<Grant>, Failure> {
    read(&session.client.get(&module.path(&["grants"])).await?)
}
