//! A tenant in memory: what the documents say, decoded, opened and compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::error::RegistryError;
use super::presence::Presence;
use super::table::{Keys, Settings};
use super::telecloud::Telecloud;
use crate::domain::batch::BatchSettings;
use crate::domain::grant::Grant;
use crate::domain::module::{Module, Version};
use crate::domain::name::{ModuleName, ModulePath, SecretName};
use crate::domain::quota::Quota;
use crate::domain::secret::Secret;
use crate::domain::tenant::{TelecloudKey, Tenant, Token};
use crate::egress::policy::Policy;
use crate::fair::Allowance;
use crate::journal::Known;

/// A tenant and all that is its.
#[derive(Debug, Clone)]
pub(super) struct TenantState {
    pub(super) tenant: Tenant,
    pub(super) quota: Arc<Quota>,
    pub(super) keys: Vec<TelecloudKey>,
    pub(super) tokens: Vec<Token>,
    pub(super) modules: BTreeMap<ModuleName, ModuleState>,
    /// How TeleCloud's API is reached, if that is set.
    pub(super) telecloud: Option<Arc<Telecloud>>,
    /// Permits for connections to carriers, for all of the tenant's calls together.
    connections: Arc<Semaphore>,
    /// What is written of the tenant's calls and work counts against it.
    written: Arc<Allowance>,
    /// Permits for connections to TeleCloud.
    telecloud_connections: Arc<Semaphore>,
    /// Who is at work for it.
    pub(super) presence: Presence,
}

/// Connections to TeleCloud that one tenant's calls may have open at once. They are no part of those to carriers: TeleCloud
/// may post an event, and wait for its answer, before it answers a report of usage.
const TELECLOUD_CONNECTIONS_PER_TENANT: usize = 8;

/// A module and all that is its. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct ModuleState {
    pub(super) module: Module,
    pub(super) config: Arc<BTreeMap<String, String>>,
    pub(super) grants: Arc<Vec<Grant>>,
    /// The grants, compiled.
    pub(super) policy: Arc<Policy>,
    pub(super) secrets: Arc<BTreeMap<SecretName, Secret>>,
    /// In its callback URL.
    pub(super) callback: Secret,
    /// All of these, prepared.
    pub(super) known: Arc<Known>,
    pub(super) batches: Arc<BatchSettings>,
    /// By number.
    pub(super) versions: Vec<Version>,
}

impl TenantState {
    pub(super) fn new(tenant: Tenant, written: Arc<Allowance>) -> Self {
        let quota = Arc::<Quota>::default();
        written.set_per_second(quota.record_bytes_per_second);
        Self {
            tenant,
            connections: connections(&quota),
            written,
            quota,
            keys: Vec::new(),
            tokens: Vec::new(),
            modules: BTreeMap::new(),
            telecloud: None,
            telecloud_connections: Arc::new(Semaphore::new(TELECLOUD_CONNECTIONS_PER_TENANT)),
            presence: Presence::default(),
        }
    }

    /// Calls that are under way keep the permits that they began with.
    pub(super) fn set_quota(&mut self, quota: Quota) {
        if quota.connections != self.quota.connections {
            self.connections = connections(&quota);
        }
        self.written.set_per_second(quota.record_bytes_per_second);
        self.quota = Arc::new(quota);
    }

    pub(super) fn telecloud_connections(&self) -> Arc<Semaphore> {
        Arc::clone(&self.telecloud_connections)
    }

    pub(super) fn path(&self, module: &ModuleName) -> ModulePath {
        ModulePath {
            tenant: self.tenant.name.clone(),
            module: module.clone(),
        }
    }

    pub(super) fn module(&self, name: &ModuleName) -> Result<&ModuleState, RegistryError> {
        self.modules
            .get(name)
            .ok_or_else(|| RegistryError::NoSuchModule(self.path(name)))
    }

    pub(super) fn module_mut(&mut self, name: &ModuleName) -> Result<&mut ModuleState, RegistryError> {
        let path = self.path(name);
        self.modules.get_mut(name).ok_or(RegistryError::NoSuchModule(path))
    }

    /// Every module as a call uses it.
    pub(super) fn settings(&self) -> Vec<Settings> {
        let keys = Arc::new(Keys::new(self.keys.iter().map(|key| key.hash).collect()));
        let settings = |state: &ModuleState| Settings {
            path: self.path(&state.module.name),
            status: state.module.status,
            limits: self.quota.effective(&state.module.limits),
            handling: state.module.handling.clone(),
            keys: Arc::clone(&keys),
            config: Arc::clone(&state.config),
            policy: Arc::clone(&state.policy),
            secrets: Arc::clone(&state.secrets),
            callback: state.callback.clone(),
            known: Arc::clone(&state.known),
            quota: Arc::clone(&self.quota),
            connections: Arc::clone(&self.connections),
            written: Arc::clone(&self.written),
            telecloud: self.telecloud.clone(),
            present: self.presence.enter(),
        };
        self.modules.values().map(settings).collect()
    }
}

fn connections(quota: &Quota) -> Arc<Semaphore> {
    let most = usize::try_from(quota.connections).unwrap_or(Semaphore::MAX_PERMITS);
    Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)))
}

impl ModuleState {
    pub(super) fn set_secrets(&mut self, secrets: BTreeMap<SecretName, Secret>) {
        self.known = known(&secrets, &self.callback);
        self.secrets = Arc::new(secrets);
    }

    pub(super) fn set_callback(&mut self, callback: Secret) {
        self.known = known(&self.secrets, &callback);
        self.callback = callback;
    }
}

/// What is masked in the records of a module's calls: its secrets, and that of its callback URL, which carriers are told and
/// like to quote.
pub(super) fn known(secrets: &BTreeMap<SecretName, Secret>, callback: &Secret) -> Arc<Known> {
    Arc::new(Known::new(secrets.values().chain([callback])))
}
