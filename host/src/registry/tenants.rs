//! Tenants: making, changing, removing them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::presence::Present;
use super::state::TenantState;
use super::writing::put;
use super::{Caller, Registry, RegistryError, Written, check_title, paths};
use crate::domain::name::TenantName;
use crate::domain::tenant::Tenant;
use crate::domain::trail::{Deed, Verb};
use crate::storage::{Expect, StorageError};
use crate::trail::Book;

/// How long the answer to a removal waits for the tenant's last calls. Most have ended by then; one that goes on past its
/// deadline has 10 minutes more.
const LAST_CALLS: Duration = Duration::from_secs(180);

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

    /// The right to work for a tenant. Whoever may write down something of its events holds it meanwhile, or the
    /// [`Settings`](super::Settings) of one of its modules: a tenant that is removed is not gone before.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchTenant`].
    pub fn enter(&self, name: &TenantName) -> Result<Present, RegistryError> {
        Ok(self.state(name)?.presence.enter())
    }

    /// Makes a tenant, or changes its title. One that is being removed is waited for.
    ///
    /// # Errors
    /// When the title cannot be taken, a tenant of this name was removed and its calls have not ended, or nothing could be
    /// written.
    pub async fn put_tenant(
        &self,
        name: &TenantName,
        title: String,
        by: &Caller,
    ) -> Result<(Tenant, Written), RegistryError> {
        check_title("title", &title)?;
        let _turn = self.turn(name).await;
        let object = format!("tenants/{name}");
        let (mut state, written, deed) = match self.state(name) {
            Ok(state) => {
                let deed = Deed::new(Verb::Change, object).before(&state.tenant);
                (TenantState::clone(&*state), Written::Replaced, deed)
            }
            Err(_) => {
                if !self.writer.list(&paths::leaving(name)).await?.is_empty() {
                    return Err(RegistryError::Leaving(name.clone()));
                }
                let tenant = Tenant {
                    name: name.clone(),
                    title: String::new(),
                    // Later than all that an earlier tenant of this name has left in its trail, whatever the clock says:
                    // its tokens see what came since.
                    created: self.writer.after_all(&Book::Tenant(name.clone())).await?,
                };
                (
                    TenantState::new(tenant, self.writer.written(name)),
                    Written::Created,
                    Deed::new(Verb::Make, object),
                )
            }
        };
        state.tenant.title = title;
        let tenant = state.tenant.clone();
        let writes = vec![put(paths::tenant(name), paths::encode(&tenant)?, Expect::Anything)];
        self.writer
            .write(&Book::Platform, by, deed.after(&tenant), writes)
            .await?;
        self.take_effect(state);
        Ok((tenant, written))
    }

    /// Removes a tenant with its keys, tokens, modules, recorded calls and orders; its trail stays. Calls that are running
    /// end as they would, and are waited for. `ended` is called then: nobody works for the tenant any more.
    ///
    /// # Errors
    /// When there is none, calls have not ended for a long time, or nothing could be written. The rest is removed when calls
    /// that took so long have ended.
    pub async fn delete_tenant(
        self: &Arc<Self>,
        name: &TenantName,
        by: &Caller,
        ended: impl FnOnce() + Send + 'static,
    ) -> Result<(), RegistryError> {
        self.remove(name, by, ended, LAST_CALLS).await
    }

    /// The same, with calls waited for so long at most.
    pub(super) async fn remove(
        self: &Arc<Self>,
        name: &TenantName,
        by: &Caller,
        ended: impl FnOnce() + Send + 'static,
        most: Duration,
    ) -> Result<(), RegistryError> {
        let change = self.change(name).await?;
        let mut writes = self.writer.removal(&paths::tenant_folder(name)).await?;
        // Until the rest is cleared up. A start that finds it does so.
        writes.push(put(paths::leaving(name) + "since", Bytes::new(), Expect::Anything));
        let deed = Deed::new(Verb::Remove, format!("tenants/{name}")).before(&change.state.tenant);
        self.writer.write(&Book::Platform, by, deed, writes).await?;
        {
            let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
            self.live.replace(name, Vec::new());
            tenants.remove(name);
        }
        self.remove_unnamed(change.state.components().into_keys()).await;
        let presence = change.state.presence.clone();
        presence.leave();
        let mut rest = {
            let (registry, name) = (Arc::clone(self), name.clone());
            Box::pin(async move {
                presence.gone().await;
                ended();
                registry.forget_unused().await;
                registry.writer.forget(&name).await
            })
        };
        if let Ok(removed) = timeout(most, &mut rest).await {
            return removed;
        }
        tracing::warn!(tenant = %name, "calls of a tenant that was removed have not ended; they are still waited for");
        let leaving = name.clone();
        tokio::spawn(async move {
            match rest.await {
                Ok(()) => tracing::info!(tenant = %leaving, "the last calls of a tenant that was removed have ended"),
                Err(error) => tracing::error!(tenant = %leaving, %error, "the next start clears up behind a tenant"),
            }
        });
        Err(RegistryError::Leaving(name.clone()))
    }

    /// Clears up behind tenants whose removal did not come to its end.
    pub(super) async fn clear_up(&self) -> Result<(), RegistryError> {
        for (key, _) in self.writer.list(paths::LEAVING).await? {
            let name = key.split('/').nth(1).unwrap_or_default();
            let name = TenantName::parse(name).map_err(|error| StorageError::Damaged {
                what: key.clone(),
                why: error.to_string(),
            })?;
            self.writer.forget(&name).await?;
        }
        Ok(())
    }
}
