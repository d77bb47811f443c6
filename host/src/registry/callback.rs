//! The secret in a module's callback URL: derived from the root key, and written down nowhere.

use jiff::{SignedDuration, Timestamp};

use super::{Caller, Registry, RegistryError, paths};
use crate::domain::name::ModulePath;
use crate::domain::secret::Secret;
use crate::domain::trail::{Deed, Verb, module_route};
use crate::vault::Vault;

/// Hexadecimal digits of the secret: 128 bits.
const DIGITS: usize = 32;

/// The secret that a module's callback URL has had since then. A module that is made anew under an old name has another one.
pub(super) fn secret(vault: &Vault, path: &ModulePath, since: Timestamp) -> Secret {
    let text = format!("{path}/{}", since.as_nanosecond());
    let hash = vault.hash_for("callback of a module", text.as_bytes());
    let mut digits = blake3::Hash::from_bytes(hash).to_hex().to_string();
    digits.truncate(DIGITS);
    Secret::new(digits)
}

impl Registry {
    /// The secret in a module's callback URL, to be shown to somebody: the trail says to whom.
    ///
    /// # Errors
    /// When there is no such tenant or module, or nothing could be written.
    pub async fn show_callback(&self, path: &ModulePath, by: &Caller) -> Result<Secret, RegistryError> {
        let secret = self.module_state(&path.tenant, &path.module)?.callback;
        let deed = Deed::new(Verb::Show, format!("{}/callback", module_route(path)));
        self.note(&path.tenant, by, deed).await?;
        Ok(secret)
    }

    /// Gives a module's callback URL another secret. The old URL leads nowhere from now on.
    ///
    /// # Errors
    /// When there is no such tenant or module, or nothing could be written.
    pub async fn rotate_callback(&self, path: &ModulePath, by: &Caller) -> Result<Secret, RegistryError> {
        let mut change = self.change(&path.tenant).await?;
        let state = change.state.module_mut(&path.module)?;
        // Also when the clock was set back, it is not one that there was before.
        let least = state
            .module
            .callback_since
            .saturating_add(SignedDuration::from_nanos(1));
        state.module.callback_since = Timestamp::now().max(least.unwrap_or(Timestamp::MAX));
        let secret = secret(&self.vault, path, state.module.callback_since);
        state.set_callback(secret.clone());
        let writes = vec![paths::put_module(path, &state.module)?];
        let deed = Deed::new(Verb::Rotate, format!("{}/callback-rotation", module_route(path)));
        self.commit(&change, by, deed, writes).await?;
        Ok(secret)
    }
}
