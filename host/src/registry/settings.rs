//! What a module runs with: its settings, its grants, its secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::state::ModuleState;
use super::writing::{put, remove};
use super::{Caller, Registry, RegistryError, Written, paths};
use crate::domain::grant::Grant;
use crate::domain::name::{ConfigKey, ModulePath, SecretName};
use crate::domain::secret::Secret;
use crate::domain::trail::{Deed, Verb, module_route};
use crate::egress::policy::{self, Policy};
use crate::journal::Known;
use crate::storage::Expect;

/// Most settings of one module. The richest carrier integrations have some forty.
pub const CONFIG_KEYS_MAX: usize = 200;
/// Longest value of one setting, in bytes: a certificate chain fits.
pub const CONFIG_VALUE_BYTES_MAX: usize = 8 << 10;
/// Longest secret, in bytes: a private key fits.
pub const SECRET_BYTES_MAX: usize = 8 << 10;
/// Most secrets of one module. Each is kept open in memory.
pub const SECRETS_MAX: usize = 100;
/// Most bytes of all settings, or all grants, as JSON. They are one document, and the store keeps those below 64 KiB.
pub const DOCUMENT_BYTES_MAX: usize = 60 << 10;

impl Registry {
    /// A module's settings, by key.
    ///
    /// # Errors
    /// When there is no such tenant or module.
    pub fn config(&self, path: &ModulePath) -> Result<Arc<BTreeMap<String, String>>, RegistryError> {
        Ok(self.module_state(&path.tenant, &path.module)?.config)
    }

    /// Replaces all of a module's settings, and says what they are now.
    ///
    /// # Errors
    /// When there is no such tenant or module, the settings are too many or too large, or nothing could be written.
    pub async fn put_config(
        &self,
        path: &ModulePath,
        config: BTreeMap<ConfigKey, String>,
        by: &Caller,
    ) -> Result<Arc<BTreeMap<String, String>>, RegistryError> {
        if config.len() > CONFIG_KEYS_MAX {
            return Err(too_much("config", &format!("{CONFIG_KEYS_MAX} settings"), config.len()));
        }
        if let Some((key, value)) = config.iter().find(|(_, value)| value.len() > CONFIG_VALUE_BYTES_MAX) {
            return Err(too_much(
                key.as_str(),
                &format!("{CONFIG_VALUE_BYTES_MAX} bytes"),
                value.len(),
            ));
        }
        let document = bounded("config", paths::encode(&config)?)?;
        let mut change = self.change(&path.tenant).await?;
        let module = change.state.module_mut(&path.module)?;
        let config: BTreeMap<String, String> = config.into_iter().map(|(key, value)| (key.into(), value)).collect();
        let deed = Deed::new(Verb::Change, format!("{}/config", module_route(path)));
        let deed = deed.before(&*module.config).after(&config);
        module.config = Arc::new(config);
        let config = Arc::clone(&module.config);
        let writes = vec![put(paths::config(path), document, Expect::Anything)];
        self.commit(&change, by, deed, writes).await?;
        Ok(config)
    }

    /// A module's grants, as they were written down.
    ///
    /// # Errors
    /// When there is no such tenant or module.
    pub fn grants(&self, path: &ModulePath) -> Result<Arc<Vec<Grant>>, RegistryError> {
        Ok(self.module_state(&path.tenant, &path.module)?.grants)
    }

    /// Replaces all of a module's grants, and says what they are now. A tenant may keep a grant that names a network just as it
    /// is, and cannot make or change one.
    ///
    /// # Errors
    /// When there is no such tenant, module or network, a grant cannot be understood or may not be made, or nothing could
    /// be written.
    pub async fn put_grants(
        &self,
        path: &ModulePath,
        grants: Vec<Grant>,
        by: &Caller,
    ) -> Result<Arc<Vec<Grant>>, RegistryError> {
        let policy = Policy::compile(grants.clone())?;
        let document = bounded("grants", paths::encode(&grants)?)?;
        let mut change = self.change(&path.tenant).await?;
        let module = change.state.module_mut(&path.module)?;
        let policy = policy.with_keys(&module.secrets)?;
        // One that is there already may stay, so that another can be added beside it.
        for grant in grants.iter().filter(|grant| !module.grants.contains(grant)) {
            policy::check_dates(grant, Timestamp::now())?;
        }
        if !by.is_admin()
            && let Some(grant) = grants
                .iter()
                .find(|grant| grant.network.is_some() && !module.grants.contains(grant))
        {
            return Err(RegistryError::NetworkNotGranted {
                grant: grant.name.to_string(),
            });
        }
        let _kept = self
            .keep_networks(grants.iter().filter_map(|grant| grant.network.as_ref()))
            .await?;
        let deed = Deed::new(Verb::Change, format!("{}/grants", module_route(path)));
        let deed = deed.before(&*module.grants).after(&grants);
        module.grants = Arc::new(grants);
        module.policy = Arc::new(policy);
        let grants = Arc::clone(&module.grants);
        let writes = vec![put(paths::grants(path), document, Expect::Anything)];
        self.commit(&change, by, deed, writes).await?;
        Ok(grants)
    }

    /// The names of a module's secrets. Their values are never given out.
    ///
    /// # Errors
    /// When there is no such tenant or module.
    pub fn secrets(&self, path: &ModulePath) -> Result<Vec<SecretName>, RegistryError> {
        let module = self.module_state(&path.tenant, &path.module)?;
        Ok(module.secrets.keys().cloned().collect())
    }

    /// A module's secrets, prepared to be found in what is shown. None of a module that is not there any more.
    #[must_use]
    pub fn known(&self, path: &ModulePath) -> Arc<Known> {
        self.module_state(&path.tenant, &path.module)
            .map(|module| module.known)
            .unwrap_or_default()
    }

    /// Sets a secret, sealed for this module and this name.
    ///
    /// # Errors
    /// When there is no such tenant or module, the secret is empty or too long or one too many, a grant names it as its
    /// client key and it is another, or nothing could be written.
    pub async fn put_secret(
        &self,
        path: &ModulePath,
        name: &SecretName,
        secret: Secret,
        by: &Caller,
    ) -> Result<Written, RegistryError> {
        let bytes = secret.expose().len();
        if bytes == 0 || bytes > SECRET_BYTES_MAX {
            return Err(too_much(
                "value",
                &format!("{SECRET_BYTES_MAX} bytes, and at least 1"),
                bytes,
            ));
        }
        let mut change = self.change(&path.tenant).await?;
        let module = change.state.module_mut(&path.module)?;
        if module.secrets.get(name) != Some(&secret) {
            not_a_client_key(module, name)?;
        }
        let mut secrets = BTreeMap::clone(&*module.secrets);
        let place = paths::secret(path, name);
        let sealed = self.vault.seal(&place, &secret);
        let written = match secrets.insert(name.clone(), secret) {
            Some(_) => Written::Replaced,
            None => Written::Created,
        };
        if secrets.len() > SECRETS_MAX {
            return Err(too_much("secrets", &format!("{SECRETS_MAX} secrets"), secrets.len()));
        }
        module.set_secrets(secrets);
        let verb = match written {
            Written::Created => Verb::Make,
            Written::Replaced => Verb::Change,
        };
        let deed = Deed::new(verb, format!("{}/secrets/{name}", module_route(path)));
        let writes = vec![put(place, sealed.into(), Expect::Anything)];
        self.commit(&change, by, deed, writes).await?;
        Ok(written)
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// When there is no such tenant, module or secret, a grant names it as its client key, or nothing could be written.
    pub async fn delete_secret(&self, path: &ModulePath, name: &SecretName, by: &Caller) -> Result<(), RegistryError> {
        let mut change = self.change(&path.tenant).await?;
        let module = change.state.module_mut(&path.module)?;
        let mut secrets = BTreeMap::clone(&*module.secrets);
        if secrets.remove(name).is_none() {
            return Err(RegistryError::NoSuchSecret {
                module: path.clone(),
                name: name.clone(),
            });
        }
        not_a_client_key(module, name)?;
        module.set_secrets(secrets);
        let deed = Deed::new(Verb::Remove, format!("{}/secrets/{name}", module_route(path)));
        self.commit(&change, by, deed, vec![remove(paths::secret(path, name))])
            .await
    }
}

/// A certificate without its key is of no use, and there is no moment at which both could change together: another key gets
/// another name, and then the grant names both.
fn not_a_client_key(module: &ModuleState, name: &SecretName) -> Result<(), RegistryError> {
    match module.grants.iter().find(|grant| grant.client_key() == Some(name)) {
        None => Ok(()),
        Some(grant) => Err(RegistryError::Invalid {
            field: name.to_string(),
            why: format!(
                "is the private key of the client certificate of grant {}: set another key under another name, change the grant, \
                 then remove this one",
                grant.name
            ),
        }),
    }
}

fn too_much(field: &str, most: &str, given: usize) -> RegistryError {
    RegistryError::Invalid {
        field: field.to_owned(),
        why: format!("must be at most {most}; {given} were given"),
    }
}

pub(super) fn bounded(field: &str, document: Bytes) -> Result<Bytes, RegistryError> {
    if document.len() > DOCUMENT_BYTES_MAX {
        return Err(too_much(
            field,
            &format!("{DOCUMENT_BYTES_MAX} bytes as JSON"),
            document.len(),
        ));
    }
    Ok(document)
}
