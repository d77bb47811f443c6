use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

use super::*;

/// A certificate of this name that ends with the year 2030, and its key.
fn made(name: &str) -> (String, String) {
    let mut params = CertificateParams::new(vec!["carrier.example".to_owned()]).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_after = date_time_ymd(2031, 1, 1);
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("signed").pem(), key.serialize_pem())
}

#[test]
fn whose_it_is_and_until_when_is_read_of_each() {
    let text = format!("# our carrier\n{}\n\n{}", made("Root").0, made("Second").0);
    let read = Certificate::read(&text).expect("certificates");
    let told: Vec<_> = read
        .iter()
        .map(|certificate| (certificate.subject.as_str(), certificate.until.to_string()))
        .collect();
    let until = "2031-01-01T00:00:00Z".to_owned();
    assert_eq!(told, [("CN=Root", until.clone()), ("CN=Second", until)]);
}

#[test]
fn a_fingerprint_is_the_sha_256_of_the_bytes() {
    let certificate = Certificate {
        der: b"abc".to_vec(),
        subject: String::new(),
        until: Timestamp::UNIX_EPOCH,
    };
    // The first example of FIPS 180-2.
    let expected = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
    assert_eq!(certificate.fingerprint().to_string(), expected);
}

#[test]
fn what_is_no_certificate_is_refused_with_the_reason() {
    let (certificate, key) = made("Root");
    let cut = certificate.replace("-----END CERTIFICATE-----", "");
    let damaged = certificate.replacen("MII", "MIA", 1);
    let request = certificate.replace("CERTIFICATE", "CERTIFICATE REQUEST");
    for (text, expected) in [
        ("", "has no certificate in it"),
        ("/etc/ssl/carrier.pem", "has no certificate in it"),
        (&format!("{certificate}{key}"), "has a private key in it"),
        (&key.replace("PRIVATE", "ENCRYPTED PRIVATE"), "has a private key in it"),
        (&request, "has a \"CERTIFICATE REQUEST\" in it"),
        (&cut, "is not PEM"),
        (
            &format!("{certificate}{damaged}"),
            "number 2 in it, that cannot be read",
        ),
    ] {
        let error = Certificate::read(text).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains(&key[30..60]), "nothing of the key is repeated");
    }
}

#[test]
fn no_text_makes_reading_panic() {
    let mut text = made("Root").0;
    for at in (0..text.len()).step_by(7) {
        let mut changed = text.clone().into_bytes();
        changed[at] = changed[at].wrapping_add(1) & 0x7f;
        let _ = Certificate::read(&String::from_utf8_lossy(&changed));
    }
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    assert!(Certificate::read(&text).is_err());
}
