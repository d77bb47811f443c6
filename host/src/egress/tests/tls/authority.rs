//! Authorities, certificates, and carriers that have them.

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::egress::tests::rig::Carrier;

/// Who signs certificates.
pub(in crate::egress::tests) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(in crate::egress::tests) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(in crate::egress::tests) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("an authority");
        roots
    }

    /// A certificate for these names, after `change` was made to it.
    pub(super) fn certify(&self, names: &[&str], change: impl Fn(&mut CertificateParams)) -> Certified {
        let (params, key) = request(names, change);
        let certificate = params.signed_by(&key, &*self.0).expect("signed");
        Certified { certificate, key }
    }
}

/// A certificate that signed itself.
pub(super) fn self_signed(names: &[&str]) -> Certified {
    let (params, key) = request(names, |_| {});
    let certificate = params.self_signed(&key).expect("signed");
    Certified { certificate, key }
}

fn request(names: &[&str], change: impl Fn(&mut CertificateParams)) -> (CertificateParams, KeyPair) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("parameters");
    change(&mut params);
    (params, KeyPair::generate().expect("a key"))
}

pub(super) struct Certified {
    certificate: rcgen::Certificate,
    pub(super) key: KeyPair,
}

impl Certified {
    pub(super) fn pem(&self) -> String {
        self.certificate.pem()
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }
}

pub(super) const MODERN: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// One that came to its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Handshake {
    /// The name that the carrier was asked for.
    pub(super) name: Option<String>,
    /// Whether it began anew.
    pub(super) kind: HandshakeKind,
}

/// A carrier that answers 204 to whatever it reads over TLS, and what it noticed.
pub(super) struct Encrypted {
    pub(super) carrier: Carrier,
    pub(super) handshakes: Arc<Mutex<Vec<Handshake>>>,
    /// Requests that it read.
    pub(super) requests: Arc<Mutex<usize>>,
}

impl Encrypted {
    /// Shows this certificate; wants to see one that `clients` signed, if that is stated.
    pub(super) async fn start(
        certified: &Certified,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Authority>,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions");
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(authority.roots().into(), provider);
                config.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let config = config.with_single_cert(certified.chain(), key).expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (handshakes, requests) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (seen, read) = (Arc::clone(&handshakes), Arc::clone(&requests));
        let carrier = Carrier::start(move |stream| {
            let (acceptor, seen, read) = (acceptor.clone(), Arc::clone(&seen), Arc::clone(&read));
            async move {
                let mut stream = match acceptor.accept(stream).into_fallible().await {
                    Ok(stream) => stream,
                    Err((error, mut stream)) => {
                        // What is unread when a connection closes resets it, and the alert before it may get lost.
                        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                        return Err(error);
                    }
                };
                let connection = stream.get_ref().1;
                let kind = connection.handshake_kind().expect("it is over");
                let name = connection.server_name().map(str::to_owned);
                seen.lock().expect("a lock").push(Handshake { name, kind });
                let mut request = [0; 4096];
                let length = stream.read(&mut request).await?;
                assert!(request[..length].starts_with(b"POST /v1/lines HTTP/1.1\r\n"));
                *read.lock().expect("a lock") += 1;
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
                stream.shutdown().await
            }
        })
        .await;
        Self {
            carrier,
            handshakes,
            requests,
        }
    }

    pub(super) fn requests(&self) -> usize {
        *self.requests.lock().expect("a lock")
    }
}
