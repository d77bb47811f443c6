use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use serde_json::json;

use super::*;

/// A client certificate that is valid until the end of a year, and its key.
fn identity(until: i32) -> (String, Secret) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, "acme");
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(until, 12, 31);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("signed").pem();
    (certificate, Secret::new(key.serialize_pem()))
}

fn showing(name: &str, certificate: &str, key: &str) -> Grant {
    let tls = json!({"client_certificate": certificate, "client_key": key});
    let mut grant = grant(name, None);
    grant.tls = Some(serde_json::from_value(tls).expect("terms"));
    grant
}

/// What the registry said, or nothing if it did it.
fn refusal<T>(result: Result<T, RegistryError>) -> Option<String> {
    result.err().map(|error| error.to_string())
}

#[tokio::test]
async fn a_client_certificate_has_its_key_from_the_first_moment_to_the_last() {
    let setup = with_module().await;
    let (registry, module, key) = (&setup.registry, path("acme/sim"), secret_name("carrier-key"));
    let by = platform();
    let (certificate, secret) = identity(2999);
    let grants = vec![grant("plain", None), showing("lab", &certificate, "carrier-key")];
    let put = |grants: Vec<Grant>| registry.put_grants(&module, grants, &by);

    let without = refusal(put(grants.clone()).await);
    let expected = "grant \"lab\": tls.client_key: secret carrier-key is not set: set it before the grant";
    assert_eq!(without.as_deref(), Some(expected));
    registry
        .put_secret(&module, &key, secret.clone(), &platform())
        .await
        .expect("set");
    put(grants.clone()).await.expect("set");

    let kept = "carrier-key is the private key of the client certificate of grant lab: set another key under another name, \
                change the grant, then remove this one";
    let (other_certificate, other_secret) = identity(2999);
    let other_key = secret_name("carrier-key-2");
    let replaced = registry
        .put_secret(&module, &key, other_secret.clone(), &platform())
        .await;
    assert_eq!(refusal(replaced).as_deref(), Some(kept));
    assert_eq!(
        refusal(registry.delete_secret(&module, &key, &platform()).await).as_deref(),
        Some(kept)
    );
    registry
        .put_secret(&module, &key, secret, &platform())
        .await
        .expect("it is the same");

    registry
        .put_secret(&module, &other_key, other_secret, &platform())
        .await
        .expect("set");
    put(vec![showing("lab", &other_certificate, "carrier-key-2")])
        .await
        .expect("set");
    registry
        .delete_secret(&module, &key, &platform())
        .await
        .expect("it is free");
}

#[tokio::test]
async fn an_old_client_certificate_is_refused_and_does_not_stand_in_the_way_of_others() {
    let setup = with_module().await;
    let (registry, module, key) = (&setup.registry, path("acme/sim"), secret_name("carrier-key"));
    let by = platform();
    let (certificate, secret) = identity(2020);
    registry
        .put_secret(&module, &key, secret, &platform())
        .await
        .expect("set");
    let old = showing("lab", &certificate, "carrier-key");
    let put = |grants: Vec<Grant>| registry.put_grants(&module, grants, &by);
    let expected = "grant \"lab\": tls.client_certificate: CN=acme expired at 2020-12-31T00:00:00Z";
    assert_eq!(refusal(put(vec![old.clone()]).await).as_deref(), Some(expected));

    // It was set while it was valid.
    let document = paths::encode(&vec![old.clone()]).expect("JSON");
    let place = paths::grants(&module);
    setup
        .stores
        .documents
        .put(&place, document, Expect::Anything)
        .await
        .expect("written");
    let setup = start(setup.stores).await;
    let put = |grants: Vec<Grant>| setup.registry.put_grants(&module, grants, &by);
    put(vec![old.clone(), grant("plain", None)])
        .await
        .expect("another beside it");
    let renamed = showing("other", &certificate, "carrier-key");
    assert!(
        refusal(put(vec![old, renamed]).await).is_some(),
        "a new one with it is refused"
    );
}
