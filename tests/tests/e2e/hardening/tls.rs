//! Who may call himself a carrier, and what he is shown: a real module, TLS on real sockets, certificates made here. The
//! gateway trusts a test's authority as it would any private one: because a grant says so.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::{Deployment, Gateway};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use crate::e2e::hostile::{MODULE, Told, call, fetching};

const KEY: &str = "carrier-key";

struct Authority(CertifiedIssuer<'static, KeyPair>);

struct Certified {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    fn certify(&self, name: &str, change: impl Fn(&mut CertificateParams)) -> Result<Certified> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate()?;
        Ok(Certified {
            certificate: params.signed_by(&key, &*self.0)?,
            key,
        })
    }
}

fn self_signed(name: &str) -> Result<Certified> {
    let key = KeyPair::generate()?;
    Ok(Certified {
        certificate: CertificateParams::new(vec![name.to_owned()])?.self_signed(&key)?,
        key,
    })
}

/// Speaks TLS and passes on to a carrier what was said. Dropping it closes everything.
struct Front {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Front {
    /// Shows this certificate; wants to see one that `clients` signed, if that is stated.
    async fn of(carrier: &FakeCarrier, shows: &Certified, clients: Option<&Authority>) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone())?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                config.with_client_cert_verifier(verifier.build()?)
            }
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(shows.key.serialize_der()));
        let config = config.with_single_cert(vec![shows.certificate.der().clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, behind) = (listener.local_addr()?, carrier.address());
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(pass_on(acceptor.clone(), stream, behind));
            }
        });
        Ok(Self { address, task })
    }

    /// A module that asks here, by the name `localhost`, with these terms for TLS.
    fn asked(&self, tls: &Value) -> Result<Deployment> {
        let url = format!("https://localhost:{}/v1/a", self.address.port());
        let mut deployment = fetching(&url, json!({"method": "POST"}))?;
        deployment.grants[0]["tls"] = tls.clone();
        Ok(deployment)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own carrier")]
async fn pass_on(acceptor: TlsAcceptor, stream: TcpStream, behind: SocketAddr) {
    match acceptor.accept(stream).into_fallible().await {
        Ok(mut encrypted) => {
            let mut carrier = TcpStream::connect(behind).await.expect("it listens");
            // Whoever hangs up first has had enough.
            let _ = tokio::io::copy_bidirectional(&mut encrypted, &mut carrier).await;
        }
        // What is unread when a connection closes resets it, and the alert before it may get lost.
        Err((_, mut stream)) => {
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    }
}

async fn willing() -> Result<FakeCarrier> {
    let carrier = FakeCarrier::start().await?;
    carrier.always(
        "/",
        Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", "thanks")),
    );
    Ok(carrier)
}

/// One call of a module so set up, at a gateway that serves others as well.
async fn one_call(gateway: &Gateway, tenant: &str, deployment: Deployment) -> Result<(Told, Value)> {
    gateway.admin().deploy(tenant, MODULE, deployment).await?;
    let told = call(gateway, tenant).await?;
    Ok((told, gateway.admin().newest_call(tenant).await?))
}

/// Nothing was sent, for this reason, and TeleCloud may try again.
#[track_caller]
fn assert_not_sent((told, call): &(Told, Value), reason: &str) {
    let end = &call["exchanges"][0]["end"];
    assert_eq!(end["result"], "not-sent", "{call:#}");
    let recorded = end["reason"].as_str().expect("a reason");
    assert!(recorded.contains(reason), "{recorded}");
    assert_eq!(call["outcome"], "unreachable", "{call:#}");
    let sentence = "Carrier Error: carrier unreachable, nothing was changed. Please retry.";
    assert_eq!(told.error(), sentence);
}

#[tokio::test]
async fn a_carrier_that_cannot_prove_its_name_gets_nothing_and_the_record_says_why() -> Result<()> {
    let (known, stranger) = (Authority::new("known")?, Authority::new("stranger")?);
    let gateway = Gateway::start()?;
    let carrier = willing().await?;
    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    };
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(4000, 1, 1);
    let unsigned = "is not valid: none of the authorities in the grant's tls.ca signed it";
    let tls = json!({"ca": known.0.pem()});
    for (number, (shows, reason)) in [
        (
            known.certify("localhost", expired)?,
            "of localhost is not valid: it expired at 2021-01-01",
        ),
        (
            known.certify("localhost", early)?,
            "of localhost is not valid: it is not valid before 4000-01-01",
        ),
        (
            known.certify("other.example", |_| {})?,
            "it is for other.example, and not for localhost",
        ),
        (stranger.certify("localhost", |_| {})?, unsigned),
        (self_signed("localhost")?, unsigned),
    ]
    .into_iter()
    .enumerate()
    {
        let front = Front::of(&carrier, &shows, None).await?;
        let called = one_call(&gateway, &format!("tenant-{number}"), front.asked(&tls)?).await?;
        assert_not_sent(&called, reason);
    }
    assert_eq!(carrier.connections(), 0);

    let front = Front::of(&carrier, &known.certify("localhost", |_| {})?, None).await?;
    let (told, call) = one_call(&gateway, "right", front.asked(&tls)?).await?;
    assert_eq!(told.element("VAR1").as_deref(), Some("200"), "{call:#}");
    Ok(())
}

#[tokio::test]
async fn an_authority_that_one_tenant_trusts_is_trusted_by_no_other() -> Result<()> {
    let private = Authority::new("private")?;
    let carrier = willing().await?;
    let front = Front::of(&carrier, &private.certify("localhost", |_| {})?, None).await?;
    let gateway = Gateway::start()?;
    let (told, call) = one_call(&gateway, "acme", front.asked(&json!({"ca": private.0.pem()}))?).await?;
    assert_eq!(told.element("VAR1").as_deref(), Some("200"), "{call:#}");

    let other = one_call(&gateway, "other", front.asked(&json!(null))?).await?;
    assert_not_sent(&other, "no authority that is trusted here signed it");
    // Nor by another grant of the same tenant.
    let mut grants = front.asked(&json!({"ca": private.0.pem()}))?.grants;
    grants[0]["name"] = json!("look-up");
    grants[0]["methods"] = json!(["GET"]);
    let mut both = front.asked(&json!(null))?;
    both.grants.as_array_mut().expect("a list").push(grants[0].take());
    let again = one_call(&gateway, "third", both).await?;
    assert_not_sent(&again, "no authority that is trusted here signed it");
    assert_eq!(carrier.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_carrier_that_asks_for_a_certificate_gets_the_right_one_or_no_request() -> Result<()> {
    let (private, clients, others) = (
        Authority::new("private")?,
        Authority::new("clients")?,
        Authority::new("others")?,
    );
    let carrier = willing().await?;
    let front = Front::of(&carrier, &private.certify("localhost", |_| {})?, Some(&clients)).await?;
    let ca = private.0.pem();
    let showing = |shown: &Certified| -> Result<Deployment> {
        let tls = json!({"ca": ca, "client_certificate": shown.certificate.pem(), "client_key": KEY});
        Ok(Deployment {
            secrets: vec![(KEY.to_owned(), shown.key.serialize_pem())],
            ..front.asked(&tls)?
        })
    };
    let gateway = Gateway::start()?;
    let none = one_call(&gateway, "none", front.asked(&json!({"ca": ca}))?).await?;
    assert_not_sent(&none, "the carrier wants to see a client certificate");
    let wrong = one_call(&gateway, "wrong", showing(&others.certify("acme", |_| {})?)?).await?;
    assert_not_sent(&wrong, "the carrier does not accept the client certificate");
    assert_eq!(carrier.connections(), 0);

    let shown = clients.certify("acme", |_| {})?;
    let (told, call) = one_call(&gateway, "acme", showing(&shown)?).await?;
    assert_eq!(told.element("VAR1").as_deref(), Some("200"), "{call:#}");

    // It is still so after a restart, and the key is nowhere to be seen.
    let folder = gateway.kill()?;
    let gateway = Gateway::start_in(folder, &[])?;
    let fields = crate::e2e::hostile::order("another");
    let told = crate::e2e::hostile::call_with(&gateway, "acme", &fields).await?;
    assert_eq!(told.element("VAR1").as_deref(), Some("200"));
    let key = shown.key.serialize_pem();
    let part = key.lines().nth(1).expect("a line of it");
    let grants = gateway
        .admin()
        .get(&format!("/v1/tenants/acme/modules/{MODULE}/grants"))
        .await?;
    assert_eq!(grants[0]["tls"]["client_key"], KEY);
    let call = gateway.admin().newest_call("acme").await?;
    for text in [grants.to_string(), call.to_string(), gateway.log().join("\n")] {
        assert!(!text.contains(part), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn terms_that_cannot_work_are_refused_and_a_key_cannot_be_placed() -> Result<()> {
    let authority = Authority::new("clients")?;
    let shown = authority.certify("acme", |_| {})?;
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    let carrier = willing().await?;
    let front = Front::of(&carrier, &shown, None).await?;
    admin.deploy("acme", MODULE, front.asked(&json!(null))?).await?;
    let at = format!("/v1/tenants/acme/modules/{MODULE}");
    let made = json!({"scopes": ["grants", "deploy"]});
    let token = admin.post("/v1/tenants/acme/tokens", made).await?;
    let tenant = admin.with_token(token["value"].as_str().expect("a token"));
    let mut grant = front.asked(&json!(null))?.grants[0].take();
    // Only the platform admin may name a network.
    grant["network"] = json!(null);
    let put = async |tls: Value, secrets: Value| -> Result<(u16, String)> {
        let mut grant = grant.clone();
        (grant["tls"], grant["secrets"]) = (tls, secrets);
        let answer = tenant
            .send(Method::PUT, &format!("{at}/grants"), Some(&json!([grant])))
            .await?;
        let detail = answer.body["detail"].as_str().unwrap_or_default().to_owned();
        Ok((answer.status.as_u16(), detail))
    };
    let pem = shown.certificate.pem();
    let both = json!({"client_certificate": pem, "client_key": KEY});
    let (status, detail) = put(both.clone(), json!([])).await?;
    assert_eq!(status, 422);
    assert!(detail.contains("secret carrier-key is not set"), "{detail}");

    let other = KeyPair::generate()?.serialize_pem();
    for (value, expected) in [
        ("hunter2", "is not a private key in PEM"),
        (
            &*other,
            "secret carrier-key is not the private key of client_certificate",
        ),
    ] {
        tenant
            .put(&format!("{at}/secrets/{KEY}"), json!({"value": value}))
            .await?;
        let (status, detail) = put(both.clone(), json!([])).await?;
        assert_eq!(status, 422);
        assert!(detail.contains(expected) && !detail.contains("hunter2"), "{detail}");
    }
    tenant
        .put(
            &format!("{at}/secrets/{KEY}"),
            json!({"value": shown.key.serialize_pem()}),
        )
        .await?;
    for (tls, secrets, expected) in [
        (both.clone(), json!([KEY]), "which no request may carry"),
        (json!({"ca": "ca.pem"}), json!([]), "tls.ca: has no certificate in it"),
        (
            json!({"ca": shown.key.serialize_pem()}),
            json!([]),
            "tls.ca: has a private key in it",
        ),
        (json!({"cb": ""}), json!([]), "unknown field `cb`"),
    ] {
        let (status, detail) = put(tls, secrets).await?;
        assert_eq!(status, 422);
        assert!(detail.contains(expected), "{detail}");
    }
    assert_eq!(put(both, json!([])).await?.0, 200);
    let answer = tenant
        .send(Method::DELETE, &format!("{at}/secrets/{KEY}"), None)
        .await?;
    assert_eq!(answer.status.as_u16(), 422, "{answer:?}");
    Ok(())
}
