//! The secret in a module's callback URL: 128 random bits, made with the module, and sealed among its documents. So it goes
//! with the module, and hangs on no key that cannot be replaced.

use jiff::Timestamp;

use super::writing::put;
use super::{Caller, Registry, RegistryError, paths};
use crate::domain::name::ModulePath;
use crate::domain::secret::Secret;
use crate::domain::trail::{Deed, Verb, module_route};
use crate::storage::{Change, Expect};
use crate::vault::Vault;

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
        let secret = Vault::new_digits();
        state.module.callback_since = Timestamp::now();
        state.set_callback(secret.clone());
        let writes = vec![
            paths::put_module(path, &state.module)?,
            self.put_callback(path, &secret),
        ];
        let deed = Deed::new(Verb::Rotate, format!("{}/callback-rotation", module_route(path)));
        self.commit(&change, by, deed, writes).await?;
        Ok(secret)
    }

    /// Writes the secret, sealed for its place.
    pub(super) fn put_callback(&self, path: &ModulePath, secret: &Secret) -> Change {
        let place = paths::callback(path);
        let sealed = self.vault.seal(&place, secret);
        put(place, sealed.into(), Expect::Anything)
    }
}
