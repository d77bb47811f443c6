//! Grants with terms of their own for TLS.

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

use super::Gateway;
use crate::domain::certificate::Certificate;

fn certificate(name: &str) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_after = date_time_ymd(2999, 1, 1);
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("signed").pem(), key.serialize_pem())
}

#[tokio::test]
async fn certificates_come_from_files_and_are_listed_by_name_fingerprint_and_end() {
    let gateway = Gateway::start().await;
    let plain = gateway.run("grant list acme sim").await.output;
    assert!(!plain.contains("TLS"), "{plain}");

    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let ((root, _), (client, key)) = (certificate("Carrier Root"), certificate("acme"));
    let (ca, shown, key_file) = (file("ca.pem", &root), file("acme.pem", &client), file("key.pem", &key));
    let set = format!("secret set acme sim carrier-key --from-file {key_file}");
    assert_eq!(gateway.run(&set).await.code, 0);
    let add = format!(
        "grant add acme sim lab --host lab.example --method POST --path /** --ca {ca} --client-certificate {shown} \
         --client-key carrier-key"
    );
    let grants = gateway.json(&add).await;
    assert_eq!(grants[1]["tls"]["ca"], root);
    assert_eq!(grants[1]["tls"]["client_certificate"], client);
    assert_eq!(grants[1]["tls"]["client_key"], "carrier-key");

    let listed = gateway.run("grant list acme sim").await.output;
    let fingerprint = |pem: &str| Certificate::read(pem).expect("a certificate")[0].fingerprint();
    for line in [
        "trusts only CN=Carrier Root until 2999-01-01 00:00:00Z".to_owned(),
        format!("SHA-256 {}", fingerprint(&root)),
        "shows CN=acme until 2999-01-01 00:00:00Z".to_owned(),
        format!("SHA-256 {}", fingerprint(&client)),
        "its key is secret carrier-key".to_owned(),
    ] {
        assert!(listed.contains(&line), "{line} in\n{listed}");
    }
    // Neither whole nor in part.
    let part = key.lines().nth(1).expect("a line of it");
    for text in [listed, gateway.json("grant list acme sim").await.to_string()] {
        assert!(!text.contains(part), "{text}");
    }

    let missing = gateway
        .run(&add.replace("lab ", "lab2 ").replace(&ca, "/nowhere/ca.pem"))
        .await;
    assert_eq!(missing.code, 2);
    assert!(missing.errors.contains("/nowhere/ca.pem"), "{}", missing.errors);
}
