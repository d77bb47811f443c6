//! What a grant and its carrier agree on for TLS, beyond what holds for all.

use serde::{Deserialize, Serialize};

use crate::domain::name::SecretName;

/// TLS with this destination, where the ordinary is not enough: a carrier with an authority of its own, or one that wants to
/// see a certificate of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantTls {
    /// Certificates of the carrier's authorities, PEM. When stated, only these are trusted for this grant, and the public
    /// ones are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n")]
    pub ca: Option<String>,
    /// The certificate that the carrier is shown if it asks for one, and those between it and the carrier's authority, in
    /// this order, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Name of the secret that is the private key of `client_certificate`: PEM, without a password. It has to be set before,
    /// no grant may list it among its `secrets`, and it stays as it is as long as a grant names it: another key gets another
    /// name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "carrier-key")]
    pub client_key: Option<SecretName>,
}
