//! One grant's own terms for TLS: whom it trusts, and what it shows.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, RootCertStore};
use tokio_rustls::{TlsConnector, rustls};

use crate::domain::certificate::Certificate;
use crate::domain::grant::GrantTls;
use crate::domain::name::SecretName;
use crate::domain::secret::Secret;

/// Which field is wrong, and what is wrong with it.
type Wrong = (&'static str, String);

/// One grant's own terms. What connections are made with is built once, with the first of them: nobody else has it.
pub(in crate::egress) struct Terms {
    roots: Option<Arc<RootCertStore>>,
    identity: Option<Identity>,
    connector: OnceLock<Result<TlsConnector, String>>,
}

/// What the carrier is shown.
struct Identity {
    chain: Vec<Certificate>,
    key_name: SecretName,
    /// Certificates and key, once the key was there.
    shown: Option<Arc<SingleCertAndKey>>,
}

impl Terms {
    /// Reads what a grant says. The key of its certificate is still missing.
    ///
    /// # Errors
    /// When a certificate cannot be read, or something is missing.
    pub(in crate::egress) fn read(tls: &GrantTls) -> Result<Self, Wrong> {
        let roots = tls.ca.as_deref().map(roots).transpose()?;
        let identity = match (&tls.client_certificate, &tls.client_key) {
            (None, None) => None,
            (Some(pem), Some(key_name)) => Some(Identity {
                chain: read("tls.client_certificate", pem)?,
                key_name: key_name.clone(),
                shown: None,
            }),
            (Some(_), None) => {
                let why = "has to name the secret that is the private key of client_certificate";
                return Err(("tls.client_key", why.to_owned()));
            }
            (None, Some(_)) => {
                let why = "has to be the certificate that client_key is the private key of, PEM";
                return Err(("tls.client_certificate", why.to_owned()));
            }
        };
        if roots.is_none() && identity.is_none() {
            let why = "says nothing: state ca, or client_certificate and client_key, or leave it out";
            return Err(("tls", why.to_owned()));
        }
        Ok(Self {
            roots,
            identity,
            connector: OnceLock::new(),
        })
    }

    /// Takes the private key from among the module's secrets.
    ///
    /// # Errors
    /// When it is not set, is no private key, or is not that of the certificate. No error has anything of it.
    pub(in crate::egress) fn unlock(&mut self, secrets: &BTreeMap<SecretName, Secret>) -> Result<(), String> {
        let Some(identity) = &mut self.identity else {
            return Ok(());
        };
        let name = &identity.key_name;
        let secret = secrets
            .get(name)
            .ok_or_else(|| format!("secret {name} is not set: set it before the grant"))?;
        let key = PrivateKeyDer::from_pem_slice(secret.expose().as_bytes()).map_err(|_| {
            format!("secret {name} is not a private key in PEM without a password: `openssl pkey` makes it one")
        })?;
        let chain = identity.chain.iter().map(|certificate| der(certificate)).collect();
        let shown = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider());
        let shown = shown.map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                format!(
                    "secret {name} is not the private key of client_certificate, or that is not the first in its PEM"
                )
            }
            error => format!(
                "secret {name} cannot be used as the private key of client_certificate: it has to be RSA of 2,048 bits or more, \
                 P-256, P-384 or Ed25519 ({error})"
            ),
        })?;
        identity.shown = Some(Arc::new(SingleCertAndKey::from(shown)));
        self.connector = OnceLock::new();
        Ok(())
    }

    /// Whether the grant itself says whom it trusts.
    pub(super) fn has_roots(&self) -> bool {
        self.roots.is_some()
    }

    /// What connections by this grant are made with; `otherwise` are the authorities if it names none.
    pub(super) fn connector(&self, otherwise: &Arc<RootCertStore>, now: Timestamp) -> Result<TlsConnector, String> {
        let shown = match &self.identity {
            None => None,
            Some(identity) => Some(identity.shown_at(now)?),
        };
        let roots = self.roots.as_ref().unwrap_or(otherwise);
        self.connector.get_or_init(|| super::connector(roots, shown)).clone()
    }

    /// Whether all certificates are of use still.
    ///
    /// # Errors
    /// The first that is not, with the field that it is in.
    pub(in crate::egress) fn check_dates(tls: &GrantTls, now: Timestamp) -> Result<(), Wrong> {
        let fields = [("tls.ca", &tls.ca), ("tls.client_certificate", &tls.client_certificate)];
        for (field, pem) in fields {
            let Some(pem) = pem else { continue };
            if let Some(old) = read(field, pem)?.iter().find(|certificate| certificate.until < now) {
                return Err((field, format!("{} expired at {}", old.subject, old.until)));
            }
        }
        Ok(())
    }
}

impl Identity {
    fn shown_at(&self, now: Timestamp) -> Result<Arc<dyn ResolvesClientCert>, String> {
        if let Some(old) = self.chain.iter().find(|certificate| certificate.until < now) {
            let Certificate { subject, until, .. } = old;
            return Err(format!(
                "the grant's client certificate {subject} expired at {until}: set a new one as its tls.client_certificate"
            ));
        }
        match &self.shown {
            Some(shown) => Ok(Arc::<SingleCertAndKey>::clone(shown)),
            None => Err(format!(
                "secret {}, the key of the client certificate, is not set",
                self.key_name
            )),
        }
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subjects: Vec<_> = self.identity.iter().flat_map(|identity| &identity.chain).collect();
        f.debug_struct("Terms")
            .field("own_roots", &self.has_roots())
            .field("shows", &subjects)
            .finish_non_exhaustive()
    }
}

fn roots(pem: &str) -> Result<Arc<RootCertStore>, Wrong> {
    let mut roots = RootCertStore::empty();
    for certificate in read("tls.ca", pem)? {
        let added = roots.add(der(&certificate));
        added.map_err(|error| {
            (
                "tls.ca",
                format!("{} cannot be an authority: {error}", certificate.subject),
            )
        })?;
    }
    Ok(Arc::new(roots))
}

fn read(field: &'static str, pem: &str) -> Result<Vec<Certificate>, Wrong> {
    Certificate::read(pem).map_err(|error| (field, error.to_string()))
}

fn der(certificate: &Certificate) -> CertificateDer<'static> {
    CertificateDer::from(certificate.der.clone())
}
