//! A module's scheduled work: when usage and audits run, and how.

use std::sync::Arc;

use super::settings::bounded;
use super::writing::put;
use super::{Caller, Registry, RegistryError, paths};
use crate::domain::batch::BatchSettings;
use crate::domain::name::ModulePath;
use crate::domain::trail::{Deed, Verb, module_route};
use crate::storage::Expect;

impl Registry {
    /// A module's scheduled work.
    ///
    /// # Errors
    /// When there is no such tenant or module.
    pub fn batches(&self, path: &ModulePath) -> Result<Arc<BatchSettings>, RegistryError> {
        Ok(self.module_state(&path.tenant, &path.module)?.batches)
    }

    /// Replaces all settings of a module's scheduled work, and says what they are now. Runs that are under way go on with
    /// the old ones to the end of their page.
    ///
    /// # Errors
    /// When there is no such tenant or module, a setting cannot be taken, or nothing could be written.
    pub async fn put_batches(
        &self,
        path: &ModulePath,
        batches: BatchSettings,
        by: &Caller,
    ) -> Result<Arc<BatchSettings>, RegistryError> {
        batches.check()?;
        let document = bounded("schedules", paths::encode(&batches)?)?;
        let mut change = self.change(&path.tenant).await?;
        let module = change.state.module_mut(&path.module)?;
        let deed = Deed::new(Verb::Change, format!("{}/schedules", module_route(path)));
        let deed = deed.before(&*module.batches).after(&batches);
        module.batches = Arc::new(batches);
        let batches = Arc::clone(&module.batches);
        let writes = vec![put(paths::batches(path), document, Expect::Anything)];
        self.commit(&change, by, deed, writes).await?;
        Ok(batches)
    }

    /// Every module of every tenant.
    #[must_use]
    pub fn paths(&self) -> Vec<ModulePath> {
        let states = self.states();
        let paths = states
            .iter()
            .flat_map(|state| state.modules.keys().map(|name| state.path(name)));
        paths.collect()
    }

    /// Every module of every tenant that has some work scheduled.
    #[must_use]
    pub fn scheduled(&self) -> Vec<(ModulePath, Arc<BatchSettings>)> {
        let mut scheduled = Vec::new();
        for state in self.states() {
            let modules = state.modules.iter();
            let modules = modules.filter(|(_, module)| !module.batches.schedules.is_empty());
            scheduled.extend(modules.map(|(name, module)| (state.path(name), Arc::clone(&module.batches))));
        }
        scheduled
    }
}
