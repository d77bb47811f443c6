//! Who may call himself a carrier.

mod authority;
mod hello;
mod mutual;

use std::io;

use rcgen::{CertificateParams, date_time_ymd};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::{HandshakeKind, RootCertStore};

pub(super) use self::authority::Authority;
use self::authority::{Encrypted, Handshake, MODERN, self_signed};
use super::rig::{Carrier, Rig};
use crate::egress::DoorError;

const NAME: &str = "api.carrier.example";

fn rig(carrier: &Carrier, authority: &Authority) -> Rig {
    let mut rig = Rig::to(carrier.port).with_grant("scheme", json!("https"));
    rig.roots = authority.roots();
    rig
}

#[tokio::test]
async fn a_carrier_with_a_valid_certificate_is_talked_to_over_tls_1_2_and_1_3() {
    let authority = Authority::new("known");
    for version in MODERN {
        let there = Encrypted::start(&authority.certify(&[NAME], |_| {}), &[version], None).await;
        let rig = rig(&there.carrier, &authority);
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
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(4000, 1, 1);
    let unknown =
        "no authority that is trusted here signed it. If the carrier has one of its own, set it as tls.ca of the grant";
    let six = [
        "a.example",
        "b.example",
        "c.example",
        "d.example",
        "e.example",
        "f.example",
    ];
    for (certified, why) in [
        (
            authority.certify(&[NAME], expired),
            "it expired at 2021-01-01T00:00:00Z",
        ),
        (
            authority.certify(&[NAME], early),
            "it is not valid before 4000-01-01T00:00:00Z",
        ),
        (
            authority.certify(&["other.example", "127.0.0.1"], |_| {}),
            "it is for other.example, 127.0.0.1, and not for api.carrier.example",
        ),
        (
            authority.certify(&["*.example"], |_| {}),
            "it is for *.example, and not for api.carrier.example",
        ),
        (
            authority.certify(&six, |_| {}),
            "it is for a.example, b.example, c.example, d.example, e.example and 1 more, and not for api.carrier.example",
        ),
        (
            authority.certify(&[], |_| {}),
            "it is for no host, and not for api.carrier.example",
        ),
        (stranger.certify(&[NAME], |_| {}), unknown),
        (self_signed(&[NAME]), unknown),
    ] {
        let there = Encrypted::start(&certified, MODERN, None).await;
        let rig = rig(&there.carrier, &authority);
        let error = rig.send(rig.post("{}")).await.expect_err(why);
        let sentence = format!("the certificate of api.carrier.example is not valid: {why}");
        assert_eq!(error, DoorError::CertificateInvalid(sentence.clone()));
        assert!(!error.was_sent());
        assert_eq!(rig.end(), format!("not sent: {sentence}"));
        assert_eq!(there.requests(), 0);
    }
}

#[tokio::test]
async fn an_address_is_a_name_only_if_its_certificate_says_so() {
    let authority = Authority::new("known");
    for (certified, expected) in [
        (authority.certify(&["127.0.0.1"], |_| {}), None),
        (
            authority.certify(&["api.carrier.example", "127.0.0.2"], |_| {}),
            Some("it is for api.carrier.example, 127.0.0.2, and not for 127.0.0.1"),
        ),
    ] {
        let there = Encrypted::start(&certified, MODERN, None).await;
        let rig = rig(&there.carrier, &authority).with_grant("host", json!("127.0.0.1"));
        let url = format!("https://127.0.0.1:{}/v1/lines", there.carrier.port);
        let request = http::Request::post(url).body(Default::default()).expect("a request");
        match (rig.send(request).await, expected) {
            (Ok(response), None) => {
                assert_eq!(response.status(), 204);
                // Only names are asked for by name.
                assert_eq!(there.handshakes.lock().expect("a lock")[0].name, None);
            }
            (Err(error), Some(expected)) => assert!(error.to_string().ends_with(expected), "{error}"),
            (other, expected) => panic!("{other:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn every_connection_begins_anew() {
    let authority = Authority::new("known");
    for version in MODERN {
        let there = Encrypted::start(&authority.certify(&[NAME], |_| {}), &[version], None).await;
        let rig = rig(&there.carrier, &authority);
        let (door, passage) = (rig.door(), rig.passage());
        for _ in 0..3 {
            let sent = door.send(&passage, rig.post("{}"), crate::egress::Timeouts::default());
            sent.await.expect("an answer");
        }
        let full = Handshake {
            name: Some(NAME.to_owned()),
            kind: HandshakeKind::Full,
        };
        assert_eq!(*there.handshakes.lock().expect("a lock"), vec![full; 3]);
    }
}

#[tokio::test]
async fn a_carrier_that_speaks_no_modern_tls_is_not_talked_to() {
    // What a server of TLS 1.0 says to a client that wants 1.2: alert 70, protocol version.
    let alert: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];
    let hello_1_1 = hello::server_hello(0x0302);
    let hello_1_0 = hello::server_hello(0x0301);
    let clear: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    for says in [alert, &hello_1_1, &hello_1_0, clear, b""] {
        let says = says.to_vec();
        let carrier = Carrier::start(move |mut stream| {
            let says = says.clone();
            async move {
                let mut hello = [0; 4096];
                let read = stream.read(&mut hello).await?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                stream.write_all(&says).await?;
                stream.shutdown().await
            }
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
async fn a_reset_before_the_request_is_none_after_it() {
    // After a byte of the handshake, so that the connection is there.
    let carrier = Carrier::start(|mut stream| async move {
        stream.read_u8().await?;
        // With nothing to linger for, closing is a reset.
        stream.set_zero_linger()
    })
    .await;
    let rig = rig(&carrier, &Authority::new("known"));
    let error = rig.send(rig.post("{}")).await.expect_err("reset");
    assert!(matches!(&error, DoorError::TlsFailed(_)), "{error:?}");
    assert!(!error.was_sent());
    assert_eq!(rig.end(), format!("not sent: {error}"));
    assert_eq!(
        carrier.accepted(),
        1,
        "nothing was sent, and it is the module that may try again"
    );
}

#[tokio::test]
async fn without_root_certificates_tls_fails_and_says_why() {
    let authority = Authority::new("known");
    let there = Encrypted::start(&authority.certify(&[NAME], |_| {}), MODERN, None).await;
    let mut rig = rig(&there.carrier, &authority);
    rig.roots = RootCertStore::empty();
    let error = rig.send(rig.post("{}")).await.expect_err("no roots");
    assert_eq!(
        error.to_string(),
        "this machine has no root certificates to check a carrier's by: install ca-certificates, name a file of them in \
         SSL_CERT_FILE, or start with --tls-roots bundled"
    );
    assert!(!error.was_sent());

    // A grant with authorities of its own needs none.
    let rig = rig.with_grant("tls", json!({"ca": authority.pem()}));
    let response = rig.send(rig.post("{}")).await.expect("an answer");
    assert_eq!(response.status(), 204);
}

#[tokio::test]
async fn the_bundled_authorities_are_there_and_do_not_know_a_stranger() {
    let roots = crate::egress::Roots::Bundled.load();
    assert!(roots.len() > 50, "{}", roots.len());
    let there = Encrypted::start(&Authority::new("stranger").certify(&[NAME], |_| {}), MODERN, None).await;
    let mut rig = Rig::to(there.carrier.port).with_grant("scheme", json!("https"));
    rig.roots = roots;
    let error = rig.send(rig.post("{}")).await.expect_err("a stranger");
    assert!(matches!(error, DoorError::CertificateInvalid(_)), "{error}");
}
