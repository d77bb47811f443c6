//! The authorities that are trusted where a grant does not say.

use clap::ValueEnum;
use serde::Deserialize;
use tokio_rustls::rustls::RootCertStore;

/// Why encrypted connections fail where there are none.
pub(super) const NONE: &str = "this machine has no root certificates to check a carrier's by: install ca-certificates, name \
                               a file of them in SSL_CERT_FILE, or start with --tls-roots bundled";

/// Whose authorities are trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Roots {
    /// Those that this machine trusts.
    #[default]
    System,
    /// Those that Mozilla trusted when the gateway was built.
    Bundled,
}

impl Roots {
    /// Their certificates. Those of the machine that cannot be read, or that there are none, is logged.
    pub(in crate::egress) fn load(self) -> RootCertStore {
        match self {
            Self::System => system(),
            Self::Bundled => RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            },
        }
    }
}

fn system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a root certificate of this machine cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!("{NONE}; until then only grants with tls.ca reach carriers by https");
    }
    roots
}
