//! Components on the disk, and in memory: how many a tenant may have, and removing those that no version names any more.
//!
//! A component is on the disk before the version that names it, and goes after the last one that did: a crash in between
//! leaves one that nobody names, and the next start removes it. Components go by their bytes, so one tenant may upload what
//! another has removed a moment ago. That is why whoever is about to name one lays claim to it first.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::state::TenantState;
use super::table::Ready;
use super::{Registry, RegistryError};
use crate::domain::module::{Digest, Version};
use crate::domain::name::ModulePath;
use crate::domain::quota::Quota;
use crate::sandbox::CodeShare;

/// Components that are removed in one go. An upload waits that long for its claim: some milliseconds.
const REMOVED_AT_ONCE: usize = 100;

/// Versions of a module whose machine code is kept: the newest, and the one that serves. Machine code has several times the
/// size of its component. An older version is compiled again when it is activated.
pub(super) const COMPILED_VERSIONS: usize = 10;

/// What a tenant's machine code may have on the disk, in times of what its components may. Compilers make three to five
/// bytes of each of an ordinary component, and many more of one that is made for it.
const CODE_BYTES_PER_BYTE: u64 = 4;

/// Who is about to name components.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// How many lay claim to each.
    counts: Mutex<HashMap<Digest, usize>>,
    /// Held while components are removed: nobody can lay claim to one that is just going.
    pub(super) removing: Arc<tokio::sync::Mutex<()>>,
}

/// As long as this was not given back, its component is not removed. One that is lost, because whoever had it came to no
/// end, or that is kept on purpose, keeps the component until the next start.
#[derive(Debug)]
#[must_use]
pub(super) struct Claim(Digest);

impl Claims {
    pub(super) async fn lay(&self, digest: Digest) -> Claim {
        let _nothing_goes = self.removing.lock().await;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(digest).or_default() += 1;
        Claim(digest)
    }

    pub(super) fn give_back(&self, Claim(digest): Claim) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&digest) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&digest);
            }
        }
    }

    fn unclaimed(&self, digests: &[Digest]) -> HashSet<Digest> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let unclaimed = digests.iter().filter(|digest| !counts.contains_key(digest));
        unclaimed.copied().collect()
    }
}

/// Components whose machine code is being made, for versions that are not there yet.
#[derive(Debug, Default)]
pub(super) struct Making {
    /// Each as often as it is made.
    digests: Mutex<Vec<Digest>>,
    /// Held while machine code is forgotten: nobody begins to make some that is just going.
    forgetting: tokio::sync::Mutex<()>,
}

/// As long as this is there, the component's machine code is not forgotten.
#[derive(Debug)]
#[must_use]
pub(super) struct Made<'a>(&'a Making, Digest);

impl Making {
    pub(super) async fn begin(&self, digest: Digest) -> Made<'_> {
        let _nothing_goes = self.forgetting.lock().await;
        self.digests().push(digest);
        Made(self, digest)
    }

    fn digests(&self) -> MutexGuard<'_, Vec<Digest>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        let mut digests = self.0.digests();
        if let Some(index) = digests.iter().position(|digest| *digest == self.1) {
            digests.swap_remove(index);
        }
    }
}

impl TenantState {
    /// The components of all versions that were not removed, with their sizes.
    pub(super) fn components(&self) -> HashMap<Digest, u64> {
        let versions = self.modules.values().flat_map(|module| &module.versions);
        let there = versions.filter(|version| version.removed.is_none());
        there.map(|version| (version.digest, version.bytes)).collect()
    }

    /// What is worth being kept of the machine code: of what serves, then of the newest versions of each module.
    pub(super) fn code(&self) -> CodeShare {
        let modules = || self.modules.values();
        let active = modules().flat_map(|module| {
            let serves = |version: &&Version| module.module.active == Some(version.number);
            module.versions.iter().filter(serves)
        });
        let newest = |age: usize| {
            modules().filter_map(move |module| {
                let there = module.versions.iter().rev().filter(|version| version.removed.is_none());
                there.take(COMPILED_VERSIONS).nth(age)
            })
        };
        let mut seen = HashSet::new();
        let digests = active.chain((0..COMPILED_VERSIONS).flat_map(newest));
        CodeShare {
            digests: digests
                .map(|version| version.digest)
                .filter(|digest| seen.insert(*digest))
                .collect(),
            bytes_max: self.quota.component_bytes.saturating_mul(CODE_BYTES_PER_BYTE),
        }
    }

    /// Refuses a component for which the quota has no room. What the tenant has already takes none. What other tenants have
    /// does: else an upload would tell what they have.
    pub(super) fn check_room(&self, digest: Digest, bytes: u64) -> Result<(), RegistryError> {
        let components = self.components();
        let used: u64 = components.values().sum();
        let most = self.quota.component_bytes;
        if components.contains_key(&digest) || used.saturating_add(bytes) <= most {
            return Ok(());
        }
        Err(RegistryError::NoRoom {
            tenant: self.tenant.name.clone(),
            most,
            used,
            bytes,
        })
    }
}

impl Registry {
    /// Refuses to have machine code serve for which the quota has no room beside what serves in the tenant's other modules.
    /// What one of these runs as well takes none. What it replaces goes with the last call of it.
    pub(super) fn check_room_to_serve(
        &self,
        path: &ModulePath,
        quota: &Quota,
        ready: &Ready,
    ) -> Result<(), RegistryError> {
        let loaded = self.live.loaded_beside(path);
        let (used, bytes, most) = (loaded.values().sum::<u64>(), ready.code_bytes, quota.code_bytes);
        if loaded.contains_key(&ready.digest) || used.saturating_add(bytes) <= most {
            return Ok(());
        }
        Err(RegistryError::NoRoomToServe {
            module: path.clone(),
            most,
            used,
            bytes,
        })
    }

    /// Frees the disk of machine code that is not likely to run again.
    pub(super) async fn forget_unused(&self) {
        let _nothing_is_begun = self.making.forgetting.lock().await;
        // Before names: what is made no more in between has become a version, or never will.
        let digests = self.making.digests().clone();
        let mut shares: Vec<CodeShare> = self.states().iter().map(|tenant| tenant.code()).collect();
        if !digests.is_empty() {
            shares.push(CodeShare {
                digests,
                bytes_max: u64::MAX,
            });
        }
        self.live.keep(shares).await;
    }

    /// Removes those of these components that no version names and nobody is about to. What cannot be removed is left to
    /// the next start: what was asked for has been done all the same.
    pub(super) async fn remove_unnamed(&self, digests: impl IntoIterator<Item = Digest>) {
        let digests: Vec<Digest> = digests.into_iter().collect();
        for digests in digests.chunks(REMOVED_AT_ONCE) {
            let removing = Arc::clone(&self.claims.removing).lock_owned().await;
            // Claims before names: one that is given back in between has become a version, or never will.
            let mut unnamed = self.claims.unclaimed(digests);
            for tenant in self.states() {
                for digest in tenant.components().keys() {
                    unnamed.remove(digest);
                }
            }
            let removed = self.writer.remove_components(unnamed, removing).await;
            if let Err(error) = removed {
                tracing::warn!(%error, "components that no version names stay until the next start");
            }
        }
    }
}
