//! Encryption to carriers: TLS 1.2 or newer, the host's own name, authorities that are trusted.
//!
//! Revocation is not checked: it takes requests to third parties, and most authorities now rely on short lives instead.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::{ResolvesClientCert, Resumption, WantsClientCert};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, ProtocolVersion, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

use super::error::DoorError;
use super::target::Host;

use self::asked::Asked;
pub(super) use self::failure::client_refused;
pub use self::roots::Roots;
pub(super) use self::terms::Terms;

mod asked;
mod failure;
mod roots;
mod terms;

/// What every encrypted connection is made with, unless its grant has terms of its own. Built once.
///
/// Nothing of a request is ever sent in TLS 1.3's early data, which could be played again. No session is resumed: the next
/// connection may be another tenant's, and a resumed session would pass for whoever began it.
pub struct Tls {
    /// Authorities. Without any, connections by grants that have none of their own fail and say why.
    roots: Arc<RootCertStore>,
    connector: Result<TlsConnector, String>,
}

/// A connection on which encryption was agreed upon.
pub(super) struct Encrypted<S> {
    pub(super) stream: TlsStream<S>,
    /// Whether the carrier still has to judge our certificate, or that there is none, when the request is sent. With TLS 1.3 a
    /// carrier that asked for one learns of it after we are done. It judges before it reads on, and its verdict comes
    /// encrypted, so from itself. With TLS 1.2, and if it did not ask, there is nothing left to judge.
    pub(super) judged_late: bool,
}

impl Tls {
    /// Trusts these authorities.
    #[must_use]
    pub fn trusting(roots: RootCertStore) -> Self {
        let roots = Arc::new(roots);
        let connector = connector(&roots, None);
        Self { roots, connector }
    }

    /// Agrees on encryption with whoever answered, if they can prove to be `host`.
    pub(super) async fn handshake<S>(
        &self,
        host: &Host,
        terms: Option<&Terms>,
        stream: S,
    ) -> Result<Encrypted<S>, DoorError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = match terms {
            Some(terms) => terms.connector(&self.roots, Timestamp::now()),
            None => self.connector.clone(),
        };
        let connector = connector.map_err(DoorError::TlsFailed)?;
        let name = match host {
            Host::Name(name) => ServerName::try_from(name.clone())
                .map_err(|_| DoorError::TlsFailed(format!("{name} is not a name that a certificate can have")))?,
            Host::Address(address) => ServerName::from(*address),
        };
        let own_roots = terms.is_some_and(Terms::has_roots);
        let (connector, asked) = Asked::watching(&connector);
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|error| failure::handshake(host, own_roots, &error))?;
        let version = stream.get_ref().1.protocol_version();
        Ok(Encrypted {
            judged_late: version == Some(ProtocolVersion::TLSv1_3) && asked.get(),
            stream,
        })
    }
}

/// What connections are made with that trust these authorities and show this certificate.
fn connector(
    roots: &Arc<RootCertStore>,
    identity: Option<Arc<dyn ResolvesClientCert>>,
) -> Result<TlsConnector, String> {
    if roots.is_empty() {
        return Err(roots::NONE.to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder: ConfigBuilder<ClientConfig, WantsClientCert> = builder.with_root_certificates(Arc::clone(roots));
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}
