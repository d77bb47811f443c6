//! Versions: uploading components, and choosing the one that serves.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::table::Ready;
use super::writing::put;
use super::{Caller, Inspection, Permit, Registry, RegistryError, Turn, Written, no_more, paths};
use crate::domain::module::{Digest, Module, Version};
use crate::domain::name::{ModulePath, TenantName};
use crate::domain::trail::{Deed, Verb, module_route};
use crate::storage::Expect;

/// Most versions of one module, with those that were removed: which version a call ran stays known.
pub const VERSIONS_MAX: usize = 200;

/// Names a version of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// By its number.
    Number(u32),
    /// By its component.
    Digest(Digest),
}

impl Which {
    fn names(self, version: &Version) -> bool {
        match self {
            Self::Number(number) => version.number == number,
            Self::Digest(digest) => version.digest == digest,
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => fmt::Display::fmt(number, f),
            Self::Digest(digest) => fmt::Display::fmt(digest, f),
        }
    }
}

impl Registry {
    /// A module's versions, by number.
    ///
    /// # Errors
    /// When there is no such tenant or module.
    pub fn versions(&self, path: &ModulePath) -> Result<Vec<Version>, RegistryError> {
        Ok(self.module_state(&path.tenant, &path.module)?.versions)
    }

    /// Waits for the turn to upload a component, to be had before its bytes are read.
    ///
    /// # Errors
    /// When too many components are being worked on, of the tenant or in all.
    pub async fn turn_to_upload(&self, tenant: &TenantName) -> Result<Turn, RegistryError> {
        self.line.turn(tenant).await.map_err(RegistryError::Upload)
    }

    /// Checks and compiles a component and keeps it as the module's next version. It does not serve before it is activated. The same
    /// bytes again are the version that they were.
    ///
    /// # Errors
    /// When there is no such tenant or module, the component is refused, or nothing could be written.
    pub async fn upload(
        &self,
        path: &ModulePath,
        component: Bytes,
        turn: Turn,
        by: &Caller,
    ) -> Result<(Version, Written), RegistryError> {
        let digest = Digest::of(&component);
        if let Some(version) = self.uploaded(path, digest, component.len() as u64)? {
            return Ok((version, Written::Replaced));
        }
        // Compiling may take seconds, so it is done before the tenant is changed, and others can go on.
        let permit = turn.permit().await.map_err(RegistryError::Upload)?;
        let made = self.making.begin(digest).await;
        let check = self.live.check(digest, component.clone(), &permit).await;
        let inspection = check.map_err(RegistryError::Upload)?;
        drop(permit);
        let claim = self.claims.lay(digest).await;
        let added = self.add(path, digest, component, inspection, by).await;
        // Where nobody knows whether the version was written down, its component stays.
        if !matches!(added, Err(RegistryError::Storage(_))) {
            self.claims.give_back(claim);
        }
        drop((turn, made));
        if added.is_err() {
            self.remove_unnamed([digest]).await;
        }
        self.forget_unused().await;
        added
    }

    /// The version that these bytes are already; none, if there is room for another.
    fn uploaded(&self, path: &ModulePath, digest: Digest, bytes: u64) -> Result<Option<Version>, RegistryError> {
        let state = self.state(&path.tenant)?;
        let version = there(&state.module(&path.module)?.versions, digest)?;
        if version.is_none() {
            state.check_room(digest, bytes)?;
        }
        Ok(version)
    }

    /// Keeps a component that was checked, and makes it the module's next version.
    async fn add(
        &self,
        path: &ModulePath,
        digest: Digest,
        component: Bytes,
        inspection: Inspection,
        by: &Caller,
    ) -> Result<(Version, Written), RegistryError> {
        let bytes = component.len() as u64;
        self.writer.keep(component).await?;
        let mut change = self.change(&path.tenant).await?;
        if let Some(version) = there(&change.state.module(&path.module)?.versions, digest)? {
            return Ok((version, Written::Replaced));
        }
        change.state.check_room(digest, bytes)?;
        let module = change.state.module_mut(&path.module)?;
        let version = Version {
            number: module.versions.last().map_or(1, |last| last.number + 1),
            digest,
            bytes,
            exports: inspection.exports,
            imports: inspection.imports,
            created: Timestamp::now(),
            removed: None,
        };
        let (place, value) = (paths::version(path, version.number), paths::encode(&version)?);
        module.versions.push(version.clone());
        let writes = vec![put(place, value, Expect::Absent)];
        let deed = Deed::new(Verb::Make, version_route(path, version.number)).after(&version);
        self.commit(&change, by, deed, writes).await?;
        Ok((version, Written::Created))
    }

    /// Removes the component of a version that does not serve. The version stays known by its number, and can serve no more.
    ///
    /// # Errors
    /// When there is no such tenant, module or version, the version serves, or nothing could be written.
    pub async fn remove_version(&self, path: &ModulePath, number: u32, by: &Caller) -> Result<(), RegistryError> {
        let mut change = self.change(&path.tenant).await?;
        let module = change.state.module_mut(&path.module)?;
        let before = find(path, &module.versions, Which::Number(number))?.clone();
        if module.module.active == Some(number) {
            return Err(RegistryError::VersionServes {
                module: path.clone(),
                number,
            });
        }
        let removed = Version {
            removed: Some(Timestamp::now()),
            ..before.clone()
        };
        let value = paths::encode(&removed)?;
        for version in module.versions.iter_mut().filter(|version| version.number == number) {
            version.clone_from(&removed);
        }
        let writes = vec![put(paths::version(path, number), value, Expect::Anything)];
        let deed = Deed::new(Verb::Remove, version_route(path, number)).before(&before);
        self.commit(&change, by, deed, writes).await?;
        self.forget_unused().await;
        self.remove_unnamed([before.digest]).await;
        Ok(())
    }

    /// Makes a version serve: the next event runs it. Calls that are running end with the version they began with. An
    /// older version can be activated just as well.
    ///
    /// # Errors
    /// When there is no such tenant, module or version, the version cannot be prepared, its machine code is more than the
    /// quota has room for, too many components are being worked on, or nothing could be written. The version that served before serves on.
    pub async fn activate(&self, path: &ModulePath, which: Which, by: &Caller) -> Result<Module, RegistryError> {
        let version = find(path, &self.versions(path)?, which)?.clone();
        // Preparing may take seconds, so it is done before the tenant is changed.
        let ready = match self.live.load(path, version.number, version.digest).await {
            Some(ready) => ready,
            None => match self.compile_again(path, &version).await {
                Ok(ready) => ready,
                Err(error) => {
                    // What was removed meanwhile has no component any more.
                    find(path, &self.versions(path)?, which)?;
                    return Err(error);
                }
            },
        };

        let mut change = self.change(&path.tenant).await?;
        let quota = Arc::clone(&change.state.quota);
        let state = change.state.module_mut(&path.module)?;
        // The module may have been removed and made again meanwhile, with other versions.
        if *find(path, &state.versions, which)? != version {
            return Err(no_such_version(path, which));
        }
        self.check_room_to_serve(path, &quota, &ready)?;
        let deed = Deed::new(Verb::Activate, format!("{}/active", module_route(path)));
        let deed = deed.before(&state.module.active).after(&version.number);
        state.module.active = Some(version.number);
        let module = state.module.clone();
        let writes = vec![paths::put_module(path, &module)?];
        self.commit(&change, by, deed, writes).await?;
        // Still within the turn, so that of two activations the same one wins here and in the documents.
        (ready.install)();
        Ok(module)
    }

    /// For a version whose machine code was lost, or not kept.
    async fn compile_again(&self, path: &ModulePath, version: &Version) -> Result<Ready, RegistryError> {
        let not_prepared = |source| RegistryError::NotPrepared {
            number: version.number,
            source,
        };
        let turn = self.line.turn(&path.tenant).await.map_err(not_prepared)?;
        let permit = turn.permit().await.map_err(not_prepared)?;
        self.ready(path, version, &permit).await
    }

    pub(super) async fn ready(
        &self,
        path: &ModulePath,
        version: &Version,
        permit: &Permit,
    ) -> Result<Ready, RegistryError> {
        let number = version.number;
        let component = self.writer.component(&version.digest).await?;
        let component = component.ok_or_else(|| RegistryError::ComponentLost {
            module: path.clone(),
            number,
        })?;
        let prepared = self.live.prepare(path, number, version.digest, component, permit).await;
        prepared.map_err(|source| RegistryError::NotPrepared { number, source })
    }
}

/// The version that these bytes are already, or none if there may be another.
fn there(versions: &[Version], digest: Digest) -> Result<Option<Version>, RegistryError> {
    let mut there = versions.iter().filter(|version| version.removed.is_none());
    let version = there.find(|version| version.digest == digest);
    if version.is_none() && versions.len() >= VERSIONS_MAX {
        return Err(no_more("versions", VERSIONS_MAX, "make a new module for more"));
    }
    Ok(version.cloned())
}

/// The version of this name whose component is there.
fn find<'a>(path: &ModulePath, versions: &'a [Version], which: Which) -> Result<&'a Version, RegistryError> {
    // What was removed and uploaded again is two versions, and the later one is there.
    let version = versions.iter().rev().find(|version| which.names(version));
    match version.ok_or_else(|| no_such_version(path, which))? {
        Version {
            number,
            removed: Some(_),
            ..
        } => Err(RegistryError::VersionRemoved {
            module: path.clone(),
            number: *number,
        }),
        version => Ok(version),
    }
}

fn no_such_version(path: &ModulePath, which: Which) -> RegistryError {
    RegistryError::NoSuchVersion {
        module: path.clone(),
        wanted: which.to_string(),
    }
}

fn version_route(path: &ModulePath, number: u32) -> String {
    format!("{}/versions/{number}", module_route(path))
}
