//! Tenants: making, changing, removing them.

use std::sync::PoisonError;

use jiff::Timestamp;

use super::state::TenantState;
use super::{Registry, RegistryError, Written, check_title, paths};
use crate::domain::name::TenantName;
use crate::domain::tenant::Tenant;
use crate::storage::Expect;

impl Registry {
    /// Every tenant, by name.
    #[must_use]
    pub fn tenants(&self) -> Vec<Tenant> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.values().map(|state| state.tenant.clone()).collect()
    }

    /// The tenant of this name.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchTenant`].
    pub fn tenant(&self, name: &TenantName) -> Result<Tenant, RegistryError> {
        Ok(self.state(name)?.tenant.clone())
    }

    /// Makes a tenant, or changes its title.
    ///
    /// # Errors
    /// When the title cannot be taken, or nothing could be written.
    pub async fn put_tenant(&self, name: &TenantName, title: String) -> Result<(Tenant, Written), RegistryError> {
        check_title("title", &title)?;
        let _turn = self.turn(name).await;
        let (mut state, written) = match self.state(name) {
            Ok(state) => (TenantState::clone(&*state), Written::Replaced),
            Err(_) => {
                // A call that was running when an earlier tenant of this name was removed may have recorded something
                // since. It is none of the new tenant's business.
                self.forget(name).await?;
                let tenant = Tenant {
                    name: name.clone(),
                    title: String::new(),
                    created: Timestamp::now(),
                };
                (TenantState::new(tenant), Written::Created)
            }
        };
        state.tenant.title = title;
        let value = paths::encode(&state.tenant)?;
        self.stores
            .documents
            .put(&paths::tenant(name), value, Expect::Anything)
            .await?;
        let tenant = state.tenant.clone();
        self.commit(state);
        Ok((tenant, written))
    }

    /// Removes a tenant with its keys, tokens, modules, recorded calls and orders. Calls that are running end as they
    /// would.
    ///
    /// # Errors
    /// When there is none, or nothing could be written.
    pub async fn delete_tenant(&self, name: &TenantName) -> Result<(), RegistryError> {
        let _change = self.change(name).await?;
        self.stores.documents.delete(&paths::tenant_folder(name)).await?;
        {
            let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
            self.live.replace(name, Vec::new());
            tenants.remove(name);
        }
        self.forget_unused().await;
        self.forget(name).await
    }

    /// Removes what was kept of a tenant's events.
    async fn forget(&self, name: &TenantName) -> Result<(), RegistryError> {
        self.stores.log.delete(name).await?;
        self.stores.documents.delete(&paths::work_folder(name)).await?;
        Ok(())
    }
}
