//! Who may call himself a carrier.

use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::rig::{Carrier, Rig};
use crate::egress::DoorError;

/// Who signs the carrier's certificate.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("an authority");
        roots
    }

    /// A certificate for a carrier, after `change` was made to it.
    fn certify(&self, name: &str, change: impl Fn(&mut CertificateParams)) -> Certified {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let chain = vec![params.signed_by(&key, &*self.0).expect("signed").der().clone()];
        Certified { chain, key }
    }
}

/// A certificate that a carrier signed itself.
fn self_signed(name: &str) -> Certified {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let chain = vec![params.self_signed(&key).expect("signed").der().clone()];
    Certified { chain, key }
}

struct Certified {
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: KeyPair,
}

/// A carrier that answers 204 to whatever it reads over TLS.
async fn carrier(certified: Certified, versions: &[&'static SupportedProtocolVersion]) -> Carrier {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certified.chain, key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Carrier::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await?;
            assert_eq!(stream.get_ref().1.server_name(), Some("api.carrier.example"));
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await?;
            assert!(request[..read].starts_with(b"POST /v1/lines HTTP/1.1\r\n"));
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            stream.shutdown().await
        }
    })
    .await
}

fn rig(carrier: &Carrier, authority: &Authority) -> Rig {
    let mut rig = Rig::to(carrier.port).with_grant("scheme", json!("https"));
    rig.roots = authority.roots();
    rig
}

const MODERN: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

#[tokio::test]
async fn a_carrier_with_a_valid_certificate_is_talked_to_over_tls_1_2_and_1_3() {
    let authority = Authority::new("known");
    for version in MODERN {
        let certified = authority.certify("api.carrier.example", |_| {});
        let carrier = carrier(certified, &[version]).await;
        let rig = rig(&carrier, &authority);
        let response = rig.send(rig.post("{}")).await.expect("an answer");
        assert_eq!(response.status(), 204);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_ends_it_before_anything_is_sent() {
    let (authority, stranger) = (Authority::new("known"), Authority::new("stranger"));
    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    };
    for (certified, expected) in [
        (authority.certify("api.carrier.example", expired), "expired"),
        (authority.certify("other.example", |_| {}), "not valid for name"),
        (authority.certify("*.example", |_| {}), "not valid for name"),
        (stranger.certify("api.carrier.example", |_| {}), "UnknownIssuer"),
        (self_signed("api.carrier.example"), "UnknownIssuer"),
    ] {
        let carrier = carrier(certified, MODERN).await;
        let rig = rig(&carrier, &authority);
        let error = rig.send(rig.post("{}")).await.expect_err(expected);
        assert!(!error.was_sent());
        let DoorError::CertificateInvalid(why) = error else {
            panic!("{expected}: {error:?}");
        };
        assert!(
            why.starts_with("the certificate of api.carrier.example is not valid: "),
            "{why}"
        );
        assert!(why.contains(expected), "{why}");
        assert_eq!(rig.end(), format!("not sent: {why}"));
    }
}

#[tokio::test]
async fn a_carrier_that_speaks_no_modern_tls_is_not_talked_to() {
    // What a server of TLS 1.0 says to a client that wants 1.2: alert 70, protocol version.
    let old: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];
    let clear: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let silent: &[u8] = b"";
    for says in [old, clear, silent] {
        let carrier = Carrier::start(move |mut stream| async move {
            let mut hello = [0; 4096];
            let read = stream.read(&mut hello).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            stream.write_all(says).await?;
            stream.shutdown().await
        })
        .await;
        let rig = rig(&carrier, &Authority::new("known"));
        let error = rig.send(rig.post("{}")).await.expect_err("no TLS");
        assert!(!error.was_sent());
        assert!(matches!(&error, DoorError::TlsFailed(_)), "{error:?}");
        assert_eq!(carrier.accepted(), 1, "nothing weaker is tried");
    }
}

#[tokio::test]
async fn without_root_certificates_tls_fails_and_says_why() {
    let authority = Authority::new("known");
    let carrier = carrier(authority.certify("api.carrier.example", |_| {}), MODERN).await;
    let mut rig = rig(&carrier, &authority);
    rig.roots = RootCertStore::empty();
    let error = rig.send(rig.post("{}")).await.expect_err("no roots");
    assert_eq!(
        error.to_string(),
        "this machine has no root certificates to check a carrier's by: install ca-certificates, or name a file of them in \
         SSL_CERT_FILE"
    );
    assert!(!error.was_sent());
}
