//! Machine code that is not there when the gateway starts: the engine may be another one, or the code was lost. It is made
//! while all else serves already.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{MutexGuard, PoisonError};

use futures_util::future::join_all;

use super::table::NotServing;
use super::{Registry, RegistryError};
use crate::domain::module::Version;
use crate::domain::name::{ModulePath, TenantName};

/// An active version that does not serve yet.
#[derive(Debug)]
pub(super) struct Unprepared {
    path: ModulePath,
    version: Version,
}

impl Registry {
    /// Makes the active version serve again, if its machine code is there; else it is left to [`Registry::prepare`].
    pub(super) async fn resume(&self, path: &ModulePath, number: u32) -> Result<(), RegistryError> {
        let versions = self.versions(path)?;
        let version = versions.into_iter().find(|version| version.number == number);
        let version = version.ok_or_else(|| RegistryError::NoSuchVersion {
            module: path.clone(),
            wanted: number.to_string(),
        })?;
        let Some(ready) = self.live.load(path, number, version.digest).await else {
            self.live.withhold(path, NotServing::Preparing);
            let path = path.clone();
            self.unprepared().push(Unprepared { path, version });
            return Ok(());
        };
        // The quota may have been lowered since, and other settings may make more code of the same component.
        self.check_room_to_serve(path, &self.state(&path.tenant)?.quota, &ready)?;
        (ready.install)();
        Ok(())
    }

    /// Makes the active versions serve whose machine code was not there. Those of one tenant come one after the other, and
    /// the tenants in turn, so that none has to wait for all that another one has.
    pub async fn prepare(&self) {
        let mut tenants: BTreeMap<TenantName, Vec<Unprepared>> = BTreeMap::new();
        for unprepared in std::mem::take(&mut *self.unprepared()) {
            let own = tenants.entry(unprepared.path.tenant.clone());
            own.or_default().push(unprepared);
        }
        let all: usize = tenants.values().map(Vec::len).sum();
        if all == 0 {
            return;
        }
        let begun = AtomicUsize::new(0);
        let begun = &begun;
        join_all(tenants.into_values().map(|own| async move {
            for Unprepared { path, version } in own {
                if let Err(error) = self.make_ready(&path, &version, (begun, all)).await {
                    tracing::error!(module = %path, version = version.number, %error, "the active version does not serve");
                    self.live.withhold(&path, NotServing::NoVersion);
                }
            }
        }))
        .await;
        tracing::info!("prepared what was not ready at the start");
        self.forget_unused().await;
    }

    async fn make_ready(
        &self,
        path: &ModulePath,
        version: &Version,
        (begun, all): (&AtomicUsize, usize),
    ) -> Result<(), RegistryError> {
        let number = version.number;
        let not_prepared = |source| RegistryError::NotPrepared { number, source };
        let permit = self.line.permit().await.map_err(not_prepared)?;
        if !self.is_active(path, version) {
            return Ok(());
        }
        let count = begun.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::info!(module = %path, version = number, "preparing module {count} of {all}");
        let ready = self.ready(path, version, &permit).await?;
        drop(permit);
        let change = self.change(&path.tenant).await?;
        // Another version may serve by now.
        if self.is_active(path, version) {
            self.check_room_to_serve(path, &change.state.quota, &ready)?;
            (ready.install)();
        }
        Ok(())
    }

    /// Whether this is the version that is to serve. The module may have been removed and made again, with other versions.
    fn is_active(&self, path: &ModulePath, version: &Version) -> bool {
        self.module_state(&path.tenant, &path.module)
            .is_ok_and(|state| state.module.active == Some(version.number) && state.versions.contains(version))
    }

    /// A panic elsewhere leaves it whole.
    fn unprepared(&self) -> MutexGuard<'_, Vec<Unprepared>> {
        self.unprepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
