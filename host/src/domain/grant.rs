//! Permission to reach a carrier, as a tenant writes it down. `egress::policy` decides by it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::tls::GrantTls;
use super::event::ActionKind;
use super::name::{NetworkName, SecretName};

mod tls;

/// Scheme of a destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Encrypted. What a carrier on the internet has to offer.
    #[default]
    Https,
    /// Clear text: for a carrier on a private network, or a test.
    Http,
}

/// One permission. Whatever no grant allows is denied. Of several that fit a request, the first one listed is the one it goes
/// out by, with its secrets, time and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// For people, and for the record of a call: which grant let a request out. `[A-Za-z0-9._-]{1,64}`, unique in its
    /// module.
    #[schema(value_type = String, example = "carrier-api")]
    pub name: super::name::ConfigKey,
    /// `https` unless stated.
    #[serde(default)]
    pub scheme: Scheme,
    /// A host name (`api.carrier.example`), one with a leading wildcard label (`*.carrier.example`: exactly one label, never
    /// the bare domain), or an address. Names in lower case, without a final dot, in their ASCII form (`xn--…`); addresses in
    /// their shortest form, IPv6 without brackets.
    #[schema(example = "api.carrier.example")]
    pub host: String,
    /// The scheme's own port unless stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Methods in upper case, `CONNECT` and `TRACE` excepted. None stated allows none.
    #[schema(example = json!(["GET", "POST"]))]
    pub methods: BTreeSet<String>,
    /// Path templates: literal segments, `{name}` for any one segment that is not empty, a final `/**` for any rest:
    /// `/v1/orders/**` is what is below `/v1/orders/`, and not `/v1/orders` itself. Case counts, as does a final slash. The
    /// query is not part of it. None stated allows none.
    #[schema(example = json!(["/v1/lines/{mdn}", "/v1/orders/**"]))]
    pub paths: Vec<String>,
    /// The actions during which the grant holds. None stated: all of them. What follows an order has actions of its own:
    /// one that is limited to `create` does not hold for the `completion` of what was created.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub actions: BTreeSet<ActionKind>,
    /// Secrets that may be placed into requests to this destination.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub secrets: BTreeSet<SecretName>,
    /// Requests under this grant in one call, 1 or more. The module's own limit holds besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// Milliseconds from looking the host up to the last byte of the answer, 1 to 120,000. The module's deadline holds
    /// besides.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// The carrier changes nothing on these requests, whatever their method: a token, a look-up. A call that made no other
    /// ones can say that nothing was changed. GET and HEAD always count as such. During `reconcile`, `usage` and `audit` a
    /// module must change nothing, and no other requests are let out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// The destination is in this network, which a platform admin has named, and nowhere else. Not stated: on the internet.
    /// Only a platform admin can set this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "lab")]
    pub network: Option<NetworkName>,
    /// What differs for TLS with this destination: its own authorities, a certificate of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<GrantTls>,
}

impl Grant {
    /// The secret that is the private key of its client certificate.
    #[must_use]
    pub fn client_key(&self) -> Option<&SecretName> {
        self.tls.as_ref()?.client_key.as_ref()
    }

    /// Whether it is one of the actions that this is for.
    #[must_use]
    pub fn holds_during(&self, action: ActionKind) -> bool {
        self.actions.is_empty() || self.actions.contains(&action)
    }
}

/// Carriers answer within seconds; provisioning systems at times take ten.
fn default_timeout_ms() -> u64 {
    15_000
}
