//! Why TLS failed, in sentences that say what to do.

use std::error::Error;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};
use tokio_rustls::rustls;

use crate::egress::error::DoorError;
use crate::egress::target::Host;

/// Why a handshake failed. `own_roots` says whether the grant names the authorities.
pub(super) fn handshake(host: &Host, own_roots: bool, error: &io::Error) -> DoorError {
    match cause(error) {
        Some(rustls::Error::InvalidCertificate(invalid)) => {
            let why = certificate(host, own_roots, invalid);
            DoorError::CertificateInvalid(format!("the certificate of {host} is not valid: {why}"))
        }
        Some(rustls::Error::NoCertificatesPresented) => {
            DoorError::CertificateInvalid(format!("{host} showed no certificate"))
        }
        Some(rustls::Error::AlertReceived(alert)) if is_about_client(*alert) => DoorError::TlsFailed(sentence(*alert)),
        _ => DoorError::TlsFailed(format!("TLS with {host} failed: {error}")),
    }
}

/// Why the carrier ended TLS instead of reading the request, if that is what this error says: for connections on which
/// [`Encrypted::judged_late`](super::Encrypted) holds.
pub(in crate::egress) fn client_refused(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && let Some(rustls::Error::AlertReceived(alert)) = cause(io)
        {
            return is_about_client(*alert).then(|| sentence(*alert));
        }
        next = error.source();
    }
    None
}

fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Whether an alert is a verdict on the client's certificate, which only a handshake has.
fn is_about_client(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

fn sentence(alert: AlertDescription) -> String {
    if alert == AlertDescription::CertificateRequired {
        return "the carrier wants to see a client certificate: set tls.client_certificate and tls.client_key of the grant"
            .to_owned();
    }
    format!(
        "the carrier does not accept the client certificate, or that there is none, and says {alert:?}: see \
         tls.client_certificate of the grant"
    )
}

fn certificate(host: &Host, own_roots: bool, invalid: &CertificateError) -> String {
    match invalid {
        CertificateError::ExpiredContext { not_after, .. } => format!("it expired at {}", moment(*not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("it is not valid before {}", moment(*not_before))
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            format!("it is for no host, and not for {host}")
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!("it is for {}, and not for {host}", names(presented))
        }
        CertificateError::UnknownIssuer if own_roots => {
            "none of the authorities in the grant's tls.ca signed it".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "no authority that is trusted here signed it. If the carrier has one of its own, \
                                            set it as tls.ca of the grant"
                .to_owned()
        }
        other => other.to_string(),
    }
}

/// A certificate may have hundreds of names, and whoever made it chose them.
const NAMES_MAX: usize = 5;

/// Longest host name that there can be.
const NAME_CHARS_MAX: usize = 253;

fn names(presented: &[String]) -> String {
    let shown: Vec<_> = presented.iter().take(NAMES_MAX).map(|name| shown(name)).collect();
    match presented.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A name as it is in the certificate, without the kind of name that rustls puts around it.
fn shown(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner
        .unwrap_or(name)
        .trim_matches('"')
        .chars()
        .take(NAME_CHARS_MAX)
        .collect()
}

fn moment(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok();
    let timestamp = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(
        || format!("second {}", time.as_secs()),
        |timestamp| timestamp.to_string(),
    )
}
