//! What grants say about TLS, as far as it takes the other grants, the module's secrets, or the time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{InvalidGrant, Policy, Rule};
use crate::domain::grant::{Grant, Scheme};
use crate::domain::name::SecretName;
use crate::domain::secret::Secret;
use crate::egress::tls::Terms;

impl Policy {
    /// Gives each grant that shows the carrier a certificate its key. Before, such a grant lets nothing out.
    ///
    /// # Errors
    /// When a key is not set, is no private key, or is not that of its certificate.
    pub fn with_keys(mut self, secrets: &BTreeMap<SecretName, Secret>) -> Result<Self, InvalidGrant> {
        for Rule { grant, tls, .. } in &mut self.rules {
            if let Some(terms) = tls {
                let unlocked = terms.unlock(secrets);
                unlocked.map_err(|why| invalid(grant, "tls.client_key", why))?;
            }
        }
        Ok(self)
    }

    /// A private key is for the handshake alone: if it could be placed, a module could have a carrier send it back.
    pub(super) fn keys_stay_here(&self) -> Result<(), InvalidGrant> {
        let keys: BTreeSet<_> = self.rules.iter().filter_map(|rule| rule.grant.client_key()).collect();
        for Rule { grant, .. } in &self.rules {
            if let Some(secret) = grant.secrets.iter().find(|secret| keys.contains(secret)) {
                let why = format!("{secret} is the private key of a client certificate, which no request may carry");
                return Err(invalid(grant, "secrets", why));
            }
        }
        Ok(())
    }
}

/// What a grant says about TLS, if it says anything.
pub(super) fn terms(grant: &Grant) -> Result<Option<Terms>, (&'static str, String)> {
    if grant.tls.is_some() && grant.scheme == Scheme::Http {
        let why = "goes with the scheme https, and this grant is for http";
        return Err(("tls", why.to_owned()));
    }
    grant.tls.as_ref().map(Terms::read).transpose()
}

/// Refuses a grant whose certificates are out of date already. It is asked when the grant is made: later the carrier, and the
/// door, see for themselves.
///
/// # Errors
/// The first certificate that has expired, and when.
pub fn check_dates(grant: &Grant, now: Timestamp) -> Result<(), InvalidGrant> {
    let checked = grant.tls.as_ref().map_or(Ok(()), |tls| Terms::check_dates(tls, now));
    checked.map_err(|(field, why)| invalid(grant, field, why))
}

fn invalid(grant: &Grant, field: &'static str, why: String) -> InvalidGrant {
    InvalidGrant {
        grant: grant.name.to_string(),
        field,
        why,
    }
}
