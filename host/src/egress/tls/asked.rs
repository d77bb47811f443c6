//! Whether a carrier asked for a certificate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio_rustls::{TlsConnector, rustls};

/// Shows what there is to show, and notes whether it was asked for. One for each connection.
#[derive(Debug)]
pub(super) struct Asked {
    shows: Arc<dyn ResolvesClientCert>,
    asked: AtomicBool,
}

impl Asked {
    /// What one connection is made with, and what notes whether the carrier asked.
    pub(super) fn watching(connector: &TlsConnector) -> (TlsConnector, Arc<Self>) {
        let mut config = ClientConfig::clone(connector.config());
        let asked = Arc::new(Self {
            shows: config.client_auth_cert_resolver,
            asked: AtomicBool::new(false),
        });
        config.client_auth_cert_resolver = Arc::<Self>::clone(&asked);
        (TlsConnector::from(Arc::new(config)), asked)
    }

    pub(super) fn get(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, root_hint_subjects: &[&[u8]], sigschemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.shows.resolve(root_hint_subjects, sigschemes)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.shows.only_raw_public_keys()
    }

    fn has_certs(&self) -> bool {
        self.shows.has_certs()
    }
}
