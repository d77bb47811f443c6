//! What serves now: for each module, everything that a call needs, built once per change and never per call.
//!
//! The gateway reads it; only the registry writes it. A call keeps the [`Serving`] that it began with, so a change in the
//! middle of a call never mixes two states.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::engine::{Engine, EngineError, Inspection};
use super::line::Permit;
use super::presence::Present;
use super::state::known;
use super::telecloud::Telecloud;
use crate::domain::handling::Handling;
use crate::domain::limits::Limits;
use crate::domain::module::{Digest, ModuleStatus};
use crate::domain::name::{ModulePath, SecretName, TenantName};
use crate::domain::quota::Quota;
use crate::domain::secret::Secret;
use crate::egress::policy::Policy;
use crate::fair::Allowance;
use crate::journal::Known;
use crate::sandbox::CodeShare;
use crate::vault::Vault;

/// The TeleCloud keys that a tenant accepts, hashed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<[u8; 32]>);

impl Keys {
    /// Takes the hashes that [`Vault::hash`] made.
    #[must_use]
    pub fn new(hashes: Vec<[u8; 32]>) -> Self {
        Self(hashes)
    }

    /// Whether `presented` is one of the keys. Takes the same time for each of them and for none.
    #[must_use]
    pub fn accept(&self, vault: &Vault, presented: &str) -> bool {
        let presented = vault.hash(presented);
        self.0
            .iter()
            .fold(false, |found, key| Vault::same(key, &presented) | found)
    }
}

/// A module's settings as a call uses them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which module of which tenant.
    pub path: ModulePath,
    /// Whether it takes events.
    pub status: ModuleStatus,
    /// What one call may use: each limit as it is set, or its tenant's ceiling if that is lower.
    pub limits: Limits,
    /// How its events are handled around its calls.
    pub handling: Handling,
    /// The TeleCloud keys that its tenant accepts.
    pub keys: Arc<Keys>,
    /// What the module was configured with.
    pub config: Arc<BTreeMap<String, String>>,
    /// Where it may reach.
    pub policy: Arc<Policy>,
    /// What may be placed into its requests.
    pub secrets: Arc<BTreeMap<SecretName, Secret>>,
    /// In its callback URL.
    pub callback: Secret,
    /// All of these, to be masked in records.
    pub known: Arc<Known>,
    /// What its tenant may have of the machine.
    pub quota: Arc<Quota>,
    /// Permits for connections to carriers, which all of its tenant's calls share.
    pub connections: Arc<Semaphore>,
    /// What is written of its tenant's calls and work counts against it, whichever module they are of.
    pub written: Arc<Allowance>,
    /// How TeleCloud's API is reached, if its tenant has set that.
    pub telecloud: Option<Arc<Telecloud>>,
    /// As long as a call has this, its tenant is not gone.
    pub present: Present,
}

impl Settings {
    /// The same, with one more secret to be placed and masked: for one call, and kept nowhere.
    #[must_use]
    pub fn with_secret(&self, name: SecretName, secret: Secret) -> Self {
        let mut secrets = BTreeMap::clone(&self.secrets);
        secrets.insert(name, secret);
        Self {
            known: known(&secrets, &self.callback),
            secrets: Arc::new(secrets),
            ..self.clone()
        }
    }
}

/// A module as it serves now.
#[derive(Debug)]
pub struct Serving<P> {
    /// How it is set up.
    pub settings: Settings,
    /// The version that runs, or why none does.
    pub version: Result<ServingVersion<P>, NotServing>,
}

/// Why no version of a module runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotServing {
    /// None was activated, or the active one cannot be prepared.
    #[error("the module has no active version, or it could not be made ready")]
    NoVersion,
    /// The gateway has started, and makes anew what it did not find of the active one's machine code.
    #[error("the module is being made ready after a start of the gateway")]
    Preparing,
}

/// The version of a module that runs.
#[derive(Debug)]
pub struct ServingVersion<P> {
    /// Counts from 1 within its module.
    pub number: u32,
    /// Of the component's bytes.
    pub digest: Digest,
    /// What the sandbox runs.
    pub prepared: Arc<P>,
}

impl<P> Clone for ServingVersion<P> {
    fn clone(&self) -> Self {
        Self {
            number: self.number,
            digest: self.digest,
            prepared: Arc::clone(&self.prepared),
        }
    }
}

/// A tenant's modules by name.
type Modules<P> = HashMap<String, Arc<Serving<P>>>;

/// Every module of every tenant, by the names in its URL.
#[derive(Debug)]
pub struct Table<P>(RwLock<HashMap<String, Modules<P>>>);

impl<P> Default for Table<P> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<P> Table<P> {
    /// What serves at `/m/{tenant}/{module}`. Takes the parts of a URL as they are: what is no name is not there.
    #[must_use]
    pub fn serving(&self, tenant: &str, module: &str) -> Option<Arc<Serving<P>>> {
        let tenants = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(tenant)?.get(module).map(Arc::clone)
    }

    /// The tenants that have modules.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantName> {
        let tenants = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let modules = tenants.values().filter_map(|modules| modules.values().next());
        modules.map(|serving| serving.settings.path.tenant.clone()).collect()
    }

    /// What a tenant may have of the machine. The default, for one that has no modules any more.
    #[must_use]
    pub fn quota(&self, tenant: &TenantName) -> Arc<Quota> {
        let tenants = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let serving = tenants.get(tenant.as_str()).and_then(|modules| modules.values().next());
        serving.map_or_else(Arc::default, |serving| Arc::clone(&serving.settings.quota))
    }

    /// Replaces all modules of a tenant. Each keeps the version that it has been serving.
    fn replace(&self, tenant: &TenantName, modules: Vec<Settings>) {
        let mut tenants = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = tenants.remove(tenant.as_str()).unwrap_or_default();
        let new: Modules<P> = modules
            .into_iter()
            .map(|settings| {
                let name = settings.path.module.as_str().to_owned();
                let version = old.get(&name).map(|serving| serving.version.clone());
                let version = version.unwrap_or(Err(NotServing::NoVersion));
                (name, Arc::new(Serving { settings, version }))
            })
            .collect();
        if !new.is_empty() {
            tenants.insert(tenant.as_str().to_owned(), new);
        }
    }

    /// What serves in the other modules of its tenant.
    fn beside(&self, path: &ModulePath) -> Vec<ServingVersion<P>> {
        let tenants = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let modules = tenants.get(path.tenant.as_str()).into_iter().flatten();
        let others = modules.filter(|(name, _)| name.as_str() != path.module.as_str());
        others.filter_map(|(_, serving)| serving.version.clone().ok()).collect()
    }

    /// Replaces a module's version. A module that is gone stays gone.
    fn install(&self, path: &ModulePath, version: ServingVersion<P>) {
        self.set(path, |_| Some(Ok(version)));
    }

    /// Says why nothing runs, where nothing does.
    fn withhold(&self, path: &ModulePath, why: NotServing) {
        self.set(path, |version| version.is_err().then_some(Err(why)));
    }

    fn set(
        &self,
        path: &ModulePath,
        new: impl FnOnce(&Result<ServingVersion<P>, NotServing>) -> Option<Result<ServingVersion<P>, NotServing>>,
    ) {
        let mut tenants = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let module = tenants
            .get_mut(path.tenant.as_str())
            .and_then(|modules| modules.get_mut(path.module.as_str()));
        if let Some(serving) = module
            && let Some(version) = new(&serving.version)
        {
            *serving = Arc::new(Serving {
                settings: serving.settings.clone(),
                version,
            });
        }
    }
}

/// A prepared version that can be put in front of events.
pub(super) struct Ready {
    /// Of its component.
    pub(super) digest: Digest,
    /// Bytes of memory that it takes.
    pub(super) code_bytes: u64,
    /// Puts it there.
    pub(super) install: Box<dyn FnOnce() + Send>,
}

/// An engine and its table with the type of what is prepared hidden: the registry, and what stands on it, need not know.
#[async_trait]
pub(super) trait Live: Send + Sync {
    /// See [`Engine::check`].
    async fn check(&self, digest: Digest, component: Bytes, permit: &Permit) -> Result<Inspection, EngineError>;

    /// Loads a version that was compiled before. It serves once it is installed.
    async fn load(&self, path: &ModulePath, number: u32, digest: Digest) -> Option<Ready>;

    /// Prepares a version. It serves once it is installed.
    async fn prepare(
        &self,
        path: &ModulePath,
        number: u32,
        digest: Digest,
        component: Bytes,
        permit: &Permit,
    ) -> Result<Ready, EngineError>;

    /// Bytes of memory that each component takes that serves in other modules of its tenant.
    fn loaded_beside(&self, path: &ModulePath) -> HashMap<Digest, u64>;

    /// See [`Table::withhold`].
    fn withhold(&self, path: &ModulePath, why: NotServing);

    /// See [`Engine::keep`].
    async fn keep(&self, shares: Vec<CodeShare>);

    /// See [`Table::replace`].
    fn replace(&self, tenant: &TenantName, modules: Vec<Settings>);
}

/// The one implementation.
pub(super) struct EngineAndTable<E: Engine> {
    pub(super) engine: E,
    pub(super) table: Arc<Table<E::Prepared>>,
}

impl<E: Engine> EngineAndTable<E> {
    fn ready(&self, path: &ModulePath, version: ServingVersion<E::Prepared>) -> Ready {
        let (table, path) = (Arc::clone(&self.table), path.clone());
        Ready {
            digest: version.digest,
            code_bytes: self.engine.code_bytes(&version.prepared),
            install: Box::new(move || table.install(&path, version)),
        }
    }
}

#[async_trait]
impl<E: Engine> Live for EngineAndTable<E> {
    async fn check(&self, digest: Digest, component: Bytes, permit: &Permit) -> Result<Inspection, EngineError> {
        self.engine.check(digest, component, permit).await
    }

    async fn load(&self, path: &ModulePath, number: u32, digest: Digest) -> Option<Ready> {
        let prepared = self.engine.load(digest).await?;
        let version = ServingVersion {
            number,
            digest,
            prepared,
        };
        Some(self.ready(path, version))
    }

    async fn prepare(
        &self,
        path: &ModulePath,
        number: u32,
        digest: Digest,
        component: Bytes,
        permit: &Permit,
    ) -> Result<Ready, EngineError> {
        let prepared = self.engine.prepare(digest, component, permit).await?;
        let version = ServingVersion {
            number,
            digest,
            prepared,
        };
        Ok(self.ready(path, version))
    }

    fn loaded_beside(&self, path: &ModulePath) -> HashMap<Digest, u64> {
        let versions = self.table.beside(path).into_iter();
        versions
            .map(|version| (version.digest, self.engine.code_bytes(&version.prepared)))
            .collect()
    }

    fn withhold(&self, path: &ModulePath, why: NotServing) {
        self.table.withhold(path, why);
    }

    async fn keep(&self, shares: Vec<CodeShare>) {
        self.engine.keep(shares).await;
    }

    fn replace(&self, tenant: &TenantName, modules: Vec<Settings>) {
        self.table.replace(tenant, modules);
    }
}
