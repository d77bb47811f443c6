//! Certificates as people write them down: PEM, of which this says whose they are and until when. Who is trusted is not
//! decided here.

use std::fmt::{self, Write};

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use x509_parser::parse_x509_certificate;
use x509_parser::pem::Pem;

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its bytes, DER.
    pub der: Vec<u8>,
    /// Whose it is, such as `CN=Carrier Root, O=Carrier`.
    pub subject: String,
    /// The last moment at which it is valid.
    pub until: Timestamp,
}

/// Why a text is not taken for certificates. Displays as what follows the name of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCertificates {
    /// There is none in it.
    #[error("has no certificate in it: it has to be PEM, which begins with -----BEGIN CERTIFICATE-----")]
    None,
    /// A private key would be kept, and shown, in clear.
    #[error("has a private key in it: that belongs into a secret, and only certificates belong here")]
    PrivateKey,
    /// Something else is in it.
    #[error("has a {0:?} in it, and only certificates belong here")]
    Other(String),
    /// The lines between two markers are not PEM.
    #[error("is not PEM: {0}")]
    NotPem(String),
    /// One of them cannot be read.
    #[error("has a certificate, number {number} in it, that cannot be read: {why}")]
    Unreadable {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl Certificate {
    /// Reads all certificates of a PEM text, at least one. Lines outside of the markers do not count.
    ///
    /// # Errors
    /// When there is none, there is anything else, or one cannot be read.
    pub fn read(pem: &str) -> Result<Vec<Self>, InvalidCertificates> {
        let mut certificates = Vec::new();
        for section in Pem::iter_from_buffer(pem.as_bytes()) {
            let Pem { label, contents } = section.map_err(|error| InvalidCertificates::NotPem(error.to_string()))?;
            if label.ends_with("PRIVATE KEY") {
                return Err(InvalidCertificates::PrivateKey);
            }
            if label != "CERTIFICATE" {
                return Err(InvalidCertificates::Other(label));
            }
            let read = Self::parse(contents);
            certificates.push(read.map_err(|why| InvalidCertificates::Unreadable {
                number: certificates.len() + 1,
                why,
            })?);
        }
        if certificates.is_empty() {
            return Err(InvalidCertificates::None);
        }
        Ok(certificates)
    }

    fn parse(der: Vec<u8>) -> Result<Self, String> {
        let (rest, certificate) = parse_x509_certificate(&der).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err(format!("{} bytes follow it", rest.len()));
        }
        let until = Timestamp::from_second(certificate.validity().not_after.timestamp());
        let until = until.map_err(|error| error.to_string())?;
        let subject = certificate.subject().to_string();
        Ok(Self { subject, until, der })
    }

    /// SHA-256 of its bytes.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.der).as_ref());
        Fingerprint(bytes)
    }
}

/// What people compare certificates by. Displays as `openssl x509 -fingerprint -sha256` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char(':')?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
