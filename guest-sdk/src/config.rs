//! The module's settings, as its tenant set them.

use crate::Failure;
use crate::host;

/// The setting `key`, if it is set.
#[must_use]
pub fn get(key: &str) -> Option<String> {
    host::setting(key)
}

/// Every setting, ordered by key.
#[must_use]
pub fn all() -> Vec<(String, String)> {
    host::settings()
}

/// The setting `key`, which the module cannot do without.
///
/// # Errors
/// [`Failure::Rejected`] that names the setting.
pub fn require(key: &str) -> Result<String, Failure> {
    get(key).ok_or_else(|| Failure::rejected(format!("This module's setting {key} is not set")))
}

/// The placeholder of the secret `name`.
///
/// A module never sees a secret. It writes the placeholder where the secret belongs, in a header's value, the query or
/// the body of a request, and the gateway puts the secret there on the way out, if the grant for that destination allows
/// it.
///
/// # Errors
/// [`Failure::Rejected`] that names the secret, when no such secret is set.
pub fn secret(name: &str) -> Result<String, Failure> {
    host::secret(name).ok_or_else(|| Failure::rejected(format!("This module's secret {name} is not set")))
}
