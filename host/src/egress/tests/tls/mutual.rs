//! Carriers with authorities of their own, and carriers that want to see a certificate.

use std::collections::BTreeMap;

use rcgen::{CertificateParams, DnType, date_time_ymd};
use serde_json::{Value, json};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::authority::{Authority, Certified, Encrypted, MODERN};
use super::{NAME, rig};
use crate::domain::name::SecretName;
use crate::domain::secret::Secret;
use crate::egress::connect::connect;
use crate::egress::policy::Policy;
use crate::egress::target::Host;
use crate::egress::tests::rig::{Rig, local};
use crate::egress::tls::Terms;
use crate::egress::{DoorError, Tls};

const KEY: &str = "carrier-key";

fn named(name: &'static str) -> impl Fn(&mut CertificateParams) {
    move |params| params.distinguished_name.push(DnType::CommonName, name)
}

/// The rig with a grant that says this about TLS, and with this key as a secret.
fn with_terms(mut rig: Rig, tls: Value, key: &str) -> Rig {
    let name = SecretName::parse(KEY).expect("a name");
    rig.secrets.insert(name, Secret::new(key.to_owned()));
    rig.with_grant("tls", tls)
}

fn showing(rig: Rig, certified: &Certified) -> Rig {
    let tls = json!({"client_certificate": certified.pem(), "client_key": KEY});
    with_terms(rig, tls, &certified.key.serialize_pem())
}

#[tokio::test]
async fn a_carrier_that_wants_a_certificate_is_shown_the_grants() {
    let (carriers, clients) = (Authority::new("carriers"), Authority::new("clients"));
    let client = clients.certify(&[], named("acme"));
    for version in MODERN {
        let there = Encrypted::start(&carriers.certify(&[NAME], |_| {}), &[version], Some(&clients)).await;
        let rig = showing(rig(&there.carrier, &carriers), &client);
        let response = rig.send(rig.post("{}")).await.expect("an answer");
        assert_eq!(response.status(), 204);
        assert_eq!(there.requests(), 1);
    }
}

#[tokio::test]
async fn without_the_certificate_that_it_wants_a_carrier_reads_nothing_and_the_error_says_what_to_do() {
    let (carriers, clients) = (Authority::new("carriers"), Authority::new("clients"));
    let other = Authority::new("others").certify(&[], named("acme"));
    for version in MODERN {
        let there = Encrypted::start(&carriers.certify(&[NAME], |_| {}), &[version], Some(&clients)).await;
        let none = rig(&there.carrier, &carriers);
        let of_another = showing(rig(&there.carrier, &carriers), &other);
        for (rig, expected) in [
            (
                none,
                "the carrier wants to see a client certificate: set tls.client_certificate and tls.client_key of the grant",
            ),
            (
                of_another,
                "the carrier does not accept the client certificate, or that there is none, and says UnknownCA: see \
                 tls.client_certificate of the grant",
            ),
        ] {
            let error = rig.send(rig.post("{}")).await.expect_err("not accepted");
            assert_eq!(error, DoorError::TlsFailed(expected.to_owned()), "{version:?}");
            assert!(!error.was_sent());
            assert_eq!(rig.end(), format!("not sent: {expected}"));
        }
        assert_eq!(there.requests(), 0);
    }
}

#[tokio::test]
async fn only_tls_1_3_and_who_asked_for_a_certificate_still_judges_when_the_request_is_sent() {
    let (carriers, clients) = (Authority::new("carriers"), Authority::new("clients"));
    let client = clients.certify(&[], named("acme"));
    let tls = serde_json::from_value(json!({"client_certificate": client.pem(), "client_key": KEY}));
    let mut terms = Terms::read(&tls.expect("terms")).expect("a certificate");
    let key = Secret::new(client.key.serialize_pem());
    let keys = BTreeMap::from([(SecretName::parse(KEY).expect("a name"), key)]);
    terms.unlock(&keys).expect("its key");
    let tls = Tls::trusting(carriers.roots());
    for (version, asks, shown, judged_late) in [
        (&TLS12, None, None, false),
        (&TLS12, None, Some(&terms), false),
        (&TLS12, Some(&clients), Some(&terms), false),
        (&TLS13, None, None, false),
        (&TLS13, None, Some(&terms), false),
        (&TLS13, Some(&clients), None, true),
        (&TLS13, Some(&clients), Some(&terms), true),
    ] {
        let there = Encrypted::start(&carriers.certify(&[NAME], |_| {}), &[version], asks).await;
        let stream = connect(local(there.carrier.port)).await.expect("connected");
        let agreed = tls.handshake(&Host::Name(NAME.to_owned()), shown, stream).await;
        let case = format!("{version:?}, asks {}, shown {}", asks.is_some(), shown.is_some());
        assert_eq!(agreed.expect("encrypted").judged_late, judged_late, "{case}");
    }
}

#[tokio::test]
async fn a_client_certificate_that_has_expired_is_not_shown() {
    let (carriers, clients) = (Authority::new("carriers"), Authority::new("clients"));
    let client = clients.certify(&[], |params| {
        named("acme")(params);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let there = Encrypted::start(&carriers.certify(&[NAME], |_| {}), MODERN, Some(&clients)).await;
    let rig = showing(rig(&there.carrier, &carriers), &client);
    let error = rig.send(rig.post("{}")).await.expect_err("too old");
    let expected = "the grant's client certificate CN=acme expired at 2021-01-01T00:00:00Z: set a new one as its \
                    tls.client_certificate";
    assert_eq!(error, DoorError::TlsFailed(expected.to_owned()));
    assert!(there.handshakes.lock().expect("a lock").is_empty());
}

#[tokio::test]
async fn an_authority_of_a_grant_counts_there_alone_and_instead_of_the_others() {
    let (public, private) = (Authority::new("public"), Authority::new("private"));
    let unknown = "none of the authorities in the grant's tls.ca signed it";
    for (signed_by, tls, expected) in [
        (&private, json!({"ca": private.pem()}), None),
        (&private, json!({"ca": public.pem() + &private.pem()}), None),
        (&public, json!(null), None),
        (&public, json!({"ca": private.pem()}), Some(unknown)),
        (
            &private,
            json!(null),
            Some("no authority that is trusted here signed it"),
        ),
    ] {
        let there = Encrypted::start(&signed_by.certify(&[NAME], |_| {}), MODERN, None).await;
        let rig = rig(&there.carrier, &public).with_grant("tls", tls);
        match (rig.send(rig.post("{}")).await, expected) {
            (Ok(response), None) => assert_eq!(response.status(), 204),
            (Err(DoorError::CertificateInvalid(why)), Some(expected)) => assert!(why.contains(expected), "{why}"),
            (other, expected) => panic!("{other:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn two_grants_to_one_carrier_do_not_share_what_they_show() {
    let (carriers, clients) = (Authority::new("carriers"), Authority::new("clients"));
    let client = clients.certify(&[], named("acme"));
    let there = Encrypted::start(&carriers.certify(&[NAME], |_| {}), MODERN, Some(&clients)).await;
    let mut rig = showing(rig(&there.carrier, &carriers), &client);
    // The first is for what it does not do; the second, which fits, shows nothing.
    let mut plain = rig.grants[0].clone();
    plain["tls"] = json!(null);
    plain["name"] = json!("plain");
    rig.grants[0]["methods"] = json!(["GET"]);
    rig.grants.push(plain);
    let (door, passage) = (rig.door(), rig.passage());
    let first = door.send(&passage, rig.get("/v1/lines"), crate::egress::Timeouts::default());
    // The carrier of these tests answers POST only, and hangs up: what matters is that it read it.
    first.await.expect_err("no answer");
    let second = door.send(&passage, rig.post("{}"), crate::egress::Timeouts::default());
    let error = second.await.expect_err("not accepted");
    assert!(matches!(error, DoorError::TlsFailed(_)), "{error:?}");
    assert_eq!(
        there.handshakes.lock().expect("a lock").len(),
        1,
        "the one that showed its certificate"
    );
}

/// The inner key of a PKCS#8 text: `EC PRIVATE KEY` in PEM.
fn sec1(pkcs8: &[u8]) -> String {
    // An octet string of three nested values is the last thing in it, and its length is one byte for these curves.
    let begin = pkcs8
        .windows(7)
        .position(|window| window[0] == 0x04 && window[2] == 0x30 && window[4..] == [2, 1, 1]);
    let begin = begin.expect("an inner key");
    let inner = &pkcs8[begin + 2..begin + 2 + usize::from(pkcs8[begin + 1])];
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, inner);
    format!("-----BEGIN EC PRIVATE KEY-----\n{base64}\n-----END EC PRIVATE KEY-----")
}

#[test]
fn what_cannot_work_is_refused_when_it_is_set() {
    let authority = Authority::new("clients");
    let (client, other) = (
        authority.certify(&[], named("acme")),
        authority.certify(&[], named("other")),
    );
    let (pem, key) = (client.pem(), client.key.serialize_pem());
    let both = json!({"client_certificate": pem, "client_key": KEY});
    let chain = json!({"client_certificate": authority.pem() + &pem, "client_key": KEY});
    let locked = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let rig = |tls: &Value, key: &str| {
        let rig = Rig::to(443)
            .with_grant("scheme", json!("https"))
            .with_grant("host", json!("api.carrier.example"));
        with_terms(rig, tls.clone(), key)
    };
    let why = |rig: &Rig| {
        let grants = serde_json::from_value(Value::Array(rig.grants.clone())).expect("grants");
        let policy = Policy::compile(grants).and_then(|policy| policy.with_keys(&rig.secrets));
        policy.err().map(|error| error.to_string())
    };
    let sec1 = sec1(&client.key.serialize_der());
    for good in [&key, &format!("a comment\n{key}\n\n"), &sec1] {
        assert_eq!(why(&rig(&both, good)), None, "{good}");
    }
    for (tls, key, expected) in [
        (
            json!({}),
            &*key,
            "tls: says nothing: state ca, or client_certificate and client_key, or leave it out",
        ),
        (json!({"ca": ""}), &key, "tls.ca: has no certificate in it"),
        (
            json!({"ca": pem.clone() + &key}),
            &key,
            "tls.ca: has a private key in it",
        ),
        (
            json!({"client_certificate": pem}),
            &key,
            "tls.client_key: has to name the secret",
        ),
        (
            json!({"client_key": KEY}),
            &key,
            "tls.client_certificate: has to be the certificate",
        ),
        (
            json!({"client_certificate": pem.clone() + &key, "client_key": KEY}),
            &key,
            "has a private key in it",
        ),
        (
            both.clone(),
            &other.key.serialize_pem(),
            "secret carrier-key is not the private key of client_certificate",
        ),
        (chain, &key, "or that is not the first in its PEM"),
        (
            both.clone(),
            "hunter2",
            "secret carrier-key is not a private key in PEM without a password",
        ),
        (both.clone(), &pem, "is not a private key in PEM"),
        (both.clone(), &locked, "is not a private key in PEM without a password"),
        (
            json!({"client_certificate": pem, "client_key": "missing"}),
            &key,
            "secret missing is not set",
        ),
    ] {
        let error = why(&rig(&tls, key)).expect(expected);
        assert!(
            error.starts_with("grant \"carrier-api\": tls") && error.contains(expected),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
    let clear = rig(&json!({"ca": authority.pem()}), &key).with_grant("scheme", json!("http"));
    assert_eq!(
        why(&clear).expect("refused"),
        "grant \"carrier-api\": tls: goes with the scheme https, and this grant is for http"
    );
}

#[test]
fn a_private_key_is_placed_nowhere() {
    let client = Authority::new("clients").certify(&[], named("acme"));
    let mut rig = showing(Rig::to(443).with_grant("scheme", json!("https")), &client);
    let mut other = rig.grants[0].clone();
    other["name"] = json!("other");
    other["tls"] = json!(null);
    other["secrets"] = json!([KEY]);
    rig.grants.push(other);
    let grants = serde_json::from_value(Value::Array(rig.grants)).expect("grants");
    assert_eq!(
        Policy::compile(grants).expect_err("refused").to_string(),
        "grant \"other\": secrets: carrier-key is the private key of a client certificate, which no request may carry"
    );
}
