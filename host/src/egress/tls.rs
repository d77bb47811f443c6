//! Encryption to carriers: TLS 1.2 or newer, the host's own name, the machine's root certificates.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

use super::connect::Watched;
use super::error::DoorError;
use super::target::Host;

/// What every encrypted connection is made with; built once. Without it, such connections fail and say why.
///
/// Nothing of a request is ever sent in TLS 1.3's early data, which could be played again.
pub struct Tls(Result<TlsConnector, String>);

impl Tls {
    /// Trusts the authorities that this machine trusts.
    #[must_use]
    pub fn native() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a root certificate of this machine cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Self::trusting(roots)
    }

    /// Trusts these authorities.
    #[must_use]
    pub fn trusting(roots: RootCertStore) -> Self {
        if roots.is_empty() {
            let why = "this machine has no root certificates to check a carrier's by: install ca-certificates, or name a file \
                       of them in SSL_CERT_FILE";
            return Self(Err(why.to_owned()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map(|builder| builder.with_root_certificates(roots).with_no_client_auth());
        Self(match config {
            Ok(mut config) => {
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                Ok(TlsConnector::from(Arc::new(config)))
            }
            Err(error) => Err(format!("TLS cannot be set up: {error}")),
        })
    }

    /// Agrees on encryption with whoever answered, if they can prove to be `host`.
    pub(super) async fn handshake(&self, host: &Host, stream: Watched) -> Result<TlsStream<Watched>, DoorError> {
        let connector = self.0.as_ref().map_err(|why| DoorError::TlsFailed(why.clone()))?;
        let name = match host {
            Host::Name(name) => ServerName::try_from(name.clone())
                .map_err(|_| DoorError::TlsFailed(format!("{name} is not a name that a certificate can have")))?,
            Host::Address(address) => ServerName::from(*address),
        };
        connector
            .connect(name, stream)
            .await
            .map_err(|error| failure(host, &error))
    }
}

fn failure(host: &Host, error: &io::Error) -> DoorError {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(why)) => {
            DoorError::CertificateInvalid(format!("the certificate of {host} is not valid: {why}"))
        }
        Some(rustls::Error::NoCertificatesPresented) => {
            DoorError::CertificateInvalid(format!("{host} showed no certificate"))
        }
        _ => DoorError::TlsFailed(format!("TLS with {host} failed: {error}")),
    }
}
