//! Modules: making, changing, suspending, removing them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::state::{ModuleState, known};
use super::{Caller, Registry, RegistryError, Written, check_title, no_more, paths};
use crate::domain::handling::Handling;
use crate::domain::limits::Limits;
use crate::domain::module::{Module, ModuleStatus};
use crate::domain::name::{ModulePath, TelecloudId, TenantName};
use crate::domain::trail::{Deed, Verb, module_route};
use crate::egress::policy::Policy;
use crate::vault::Vault;

/// Most modules of one tenant. Each is rebuilt in memory at every change to its tenant; operators have a handful of carriers.
pub const MODULES_MAX: usize = 100;

/// What of a module its tenant decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleSettings {
    /// For people. At most 200 characters.
    pub title: String,
    /// Whether it takes events.
    pub status: ModuleStatus,
    /// What one call may use.
    pub limits: Limits,
    /// How its events are handled around its calls.
    pub handling: Handling,
}

impl Registry {
    /// A tenant's modules, by name.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchTenant`].
    pub fn modules(&self, tenant: &TenantName) -> Result<Vec<Module>, RegistryError> {
        let state = self.state(tenant)?;
        Ok(state.modules.values().map(|module| module.module.clone()).collect())
    }

    /// One module.
    ///
    /// # Errors
    /// When there is no such tenant or module.
    pub fn module(&self, path: &ModulePath) -> Result<Module, RegistryError> {
        Ok(self.module_state(&path.tenant, &path.module)?.module)
    }

    /// Makes a module, or changes its settings. The version that serves stays.
    ///
    /// # Errors
    /// When there is no such tenant, a setting cannot be taken, or nothing could be written.
    pub async fn put_module(
        &self,
        path: &ModulePath,
        settings: ModuleSettings,
        by: &Caller,
    ) -> Result<(Module, Written), RegistryError> {
        check_title("title", &settings.title)?;
        settings.limits.check()?;
        settings.handling.check()?;
        let mut change = self.change(&path.tenant).await?;
        let old = change.state.modules.get(&path.module).cloned();
        let before = old.as_ref().map(|old| &old.module.limits);
        change.state.quota.check_limits(&settings.limits, before)?;
        let written = if old.is_some() {
            Written::Replaced
        } else {
            Written::Created
        };
        if old.is_none() && change.state.modules.len() >= MODULES_MAX {
            return Err(no_more("modules", MODULES_MAX, "remove one first"));
        }
        let deed = match &old {
            Some(old) => Deed::new(Verb::Change, module_route(path)).before(&old.module),
            None => Deed::new(Verb::Make, module_route(path)),
        };
        let mut state = old.unwrap_or_else(|| new_module(path));
        state.module.title = settings.title;
        state.module.status = settings.status;
        state.module.limits = settings.limits;
        state.module.handling = settings.handling;
        let module = state.module.clone();
        let mut writes = vec![paths::put_module(path, &module)?];
        if written == Written::Created {
            writes.push(self.put_callback(path, &state.callback));
        }
        change.state.modules.insert(path.module.clone(), state);
        self.commit(&change, by, deed.after(&module), writes).await?;
        Ok((module, written))
    }

    /// Keeps the id that TeleCloud gave a module when it was registered there.
    ///
    /// # Errors
    /// When there is no such tenant or module, or nothing could be written.
    pub async fn set_telecloud_module_id(
        &self,
        path: &ModulePath,
        id: &TelecloudId,
        by: &Caller,
    ) -> Result<(), RegistryError> {
        let mut change = self.change(&path.tenant).await?;
        let state = change.state.module_mut(&path.module)?;
        let deed = Deed::new(Verb::Change, format!("{}/telecloud-module-id", module_route(path)));
        let deed = deed.before(&state.module.telecloud_module_id).after(id);
        state.module.telecloud_module_id = Some(id.clone());
        let writes = vec![paths::put_module(path, &state.module)?];
        self.commit(&change, by, deed, writes).await
    }

    /// Removes a module with its settings, secrets, versions and runs of scheduled work. Calls that are running end as they
    /// would; recorded calls and orders stay, and open jobs need a person.
    ///
    /// # Errors
    /// When there is no such tenant or module, or nothing could be written.
    pub async fn delete_module(&self, path: &ModulePath, by: &Caller) -> Result<(), RegistryError> {
        let mut change = self.change(&path.tenant).await?;
        let deed = Deed::new(Verb::Remove, module_route(path));
        let deed = deed.before(&change.state.module(&path.module)?.module);
        let mut writes = self.writer.removal(&paths::module_folder(path)).await?;
        // With the module itself: should the gateway stop now, the next one of this name must not find them.
        writes.extend(self.writer.removal(&paths::module_work(path)).await?);
        let removed = change.state.modules.remove(&path.module);
        self.commit(&change, by, deed, writes).await?;
        self.forget_unused().await;
        let versions = removed.into_iter().flat_map(|module| module.versions);
        self.remove_unnamed(versions.map(|version| version.digest)).await;
        self.writer.forget_module(path).await
    }
}

fn new_module(path: &ModulePath) -> ModuleState {
    let (settings, created) = (ModuleSettings::default(), Timestamp::now());
    let callback = Vault::new_digits();
    ModuleState {
        module: Module {
            name: path.module.clone(),
            title: settings.title,
            status: settings.status,
            limits: settings.limits,
            handling: settings.handling,
            active: None,
            telecloud_module_id: None,
            callback_since: created,
            created,
        },
        config: Arc::default(),
        grants: Arc::default(),
        policy: Arc::new(Policy::default()),
        secrets: Arc::default(),
        known: known(&BTreeMap::new(), &callback),
        callback,
        batches: Arc::default(),
        versions: Vec::new(),
    }
}
