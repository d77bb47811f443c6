//! What a tenant may have of the machine that all share. Only the platform admin changes it.

use std::sync::Arc;

use super::writing::put;
use super::{Caller, Registry, RegistryError, paths};
use crate::domain::name::TenantName;
use crate::domain::quota::Quota;
use crate::domain::trail::{Deed, Verb};
use crate::storage::Expect;
use crate::trail::Book;

impl Registry {
    /// A tenant's quota.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchTenant`].
    pub fn quota(&self, tenant: &TenantName) -> Result<Arc<Quota>, RegistryError> {
        Ok(Arc::clone(&self.state(tenant)?.quota))
    }

    /// Replaces a tenant's quota. It holds for what begins from now on.
    ///
    /// # Errors
    /// When there is no such tenant, a value is out of range, or nothing could be written.
    pub async fn put_quota(&self, tenant: &TenantName, quota: Quota, by: &Caller) -> Result<Arc<Quota>, RegistryError> {
        quota.check()?;
        let mut change = self.change(tenant).await?;
        let value = paths::encode(&quota)?;
        let deed = Deed::new(Verb::Change, format!("tenants/{tenant}/quota"));
        let deed = deed.before(&*change.state.quota).after(&quota);
        let writes = vec![put(paths::quota(tenant), value, Expect::Anything)];
        self.writer.write(&Book::Platform, by, deed, writes).await?;
        change.state.set_quota(quota);
        let quota = Arc::clone(&change.state.quota);
        self.take_effect(change.state);
        Ok(quota)
    }
}
