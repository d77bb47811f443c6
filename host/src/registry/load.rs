//! Rebuilding everything from the documents, at start.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::admin_token::AdminToken;
use super::components::{Claims, Making};
use super::engine::Engine;
use super::error::RegistryError;
use super::line::Line;
use super::state::{ModuleState, TenantState, known};
use super::table::{EngineAndTable, Table};
use super::writing::Writer;
use super::{Registry, paths};
use crate::domain::batch::BatchSettings;
use crate::domain::grant::Grant;
use crate::domain::module::Module;
use crate::domain::name::{ConfigKey, ModuleName, ModulePath, SecretName, TenantName};
use crate::domain::secret::Secret;
use crate::egress::policy::Policy;
use crate::storage::{StorageError, Stores};
use crate::trail::Trail;
use crate::vault::Vault;

/// A tenant's documents, by what is left of their keys.
#[derive(Default)]
struct Documents {
    tenant: Option<(String, Bytes)>,
    quota: Option<(String, Bytes)>,
    keys: Vec<(String, Bytes)>,
    tokens: Vec<(String, Bytes)>,
    telecloud: Option<Bytes>,
    modules: BTreeMap<String, ModuleDocuments>,
}

#[derive(Default)]
struct ModuleDocuments {
    module: Option<(String, Bytes)>,
    callback: Option<(String, Bytes)>,
    config: Option<(String, Bytes)>,
    grants: Option<(String, Bytes)>,
    batches: Option<(String, Bytes)>,
    secrets: BTreeMap<String, Bytes>,
    versions: Vec<(String, Bytes)>,
}

impl Registry {
    /// Reads all tenants and makes their modules serve whose machine code is there; [`Registry::prepare`] makes the others
    /// serve. A module whose active version cannot serve does not, the log says why, and the others do.
    ///
    /// # Errors
    /// When the documents cannot be read, or hold what was not written here, or were sealed with another key.
    pub async fn load<E: Engine>(
        stores: Stores,
        vault: Arc<Vault>,
        engine: E,
        admin: &AdminToken,
    ) -> Result<(Self, Arc<Table<E::Prepared>>), RegistryError> {
        let trail = Arc::new(Trail::new(Arc::clone(&stores.documents), Arc::clone(&vault)));
        let table = Arc::new(Table::default());
        let live = EngineAndTable {
            engine,
            table: Arc::clone(&table),
        };
        let registry = Self {
            writer: Writer::new(stores, trail),
            vault,
            live: Box::new(live),
            admin: admin.hash,
            tenants: RwLock::default(),
            networks: Arc::default(),
            network_turn: tokio::sync::RwLock::default(),
            turns: Mutex::default(),
            line: Line::new(),
            claims: Claims::default(),
            making: Making::default(),
            unprepared: Mutex::default(),
        };
        registry.clear_up().await?;
        registry.read_networks().await?;
        let mut active = Vec::new();
        for (name, documents) in sort(registry.writer.list(paths::TENANTS).await?) {
            let state = registry.read_tenant(&name, documents)?;
            let modules = state.modules.iter();
            active.extend(modules.filter_map(|(name, module)| Some((state.path(name), module.module.active?))));
            registry.take_effect(state);
        }
        registry.remove_unnamed(registry.writer.components().await?).await;
        for (path, version) in &active {
            if let Err(error) = registry.resume(path, *version).await {
                tracing::error!(module = %path, version, %error, "the active version does not serve");
            }
        }
        registry.forget_unused().await;
        Ok((registry, table))
    }

    fn read_tenant(&self, name: &str, documents: Documents) -> Result<TenantState, RegistryError> {
        let folder = || format!("{}{name}/", paths::TENANTS);
        let name = parse(&folder(), TenantName::parse(name))?;
        let mut state = TenantState::new(read(&folder(), documents.tenant)?, self.writer.written(&name));
        if let Some((key, value)) = documents.quota {
            state.set_quota(paths::decode(&key, &value)?);
        }
        state.keys = read_all(&documents.keys)?;
        state.tokens = read_all(&documents.tokens)?;
        if let Some(sealed) = documents.telecloud {
            state.telecloud = self.read_telecloud(&name, &sealed, state.telecloud_connections())?;
        }
        for (module, documents) in documents.modules {
            let path = ModulePath {
                tenant: name.clone(),
                module: parse(&folder(), ModuleName::parse(&module))?,
            };
            let module = self.read_module(&path, documents)?;
            state.modules.insert(path.module, module);
        }
        Ok(state)
    }

    fn read_module(&self, path: &ModulePath, documents: ModuleDocuments) -> Result<ModuleState, RegistryError> {
        let folder = paths::module_folder(path);
        let config: BTreeMap<ConfigKey, String> = match documents.config {
            Some((key, value)) => paths::decode(&key, &value)?,
            None => BTreeMap::new(),
        };
        let grants: Vec<Grant> = match documents.grants {
            Some((key, value)) => {
                // What is no JSON any more is damaged, and nothing starts with damaged data. JSON of another form was written
                // under other rules.
                let read = serde_json::from_value(paths::decode(&key, &value)?);
                read.unwrap_or_else(|error| {
                    tracing::error!(module = %path, %error, "stored grants cannot be read any more; the module reaches nothing");
                    Vec::new()
                })
            }
            None => Vec::new(),
        };
        let batches = documents.batches.map(|(key, value)| paths::decode(&key, &value));
        let batches: BatchSettings = batches.transpose().unwrap_or_else(|error| {
            // The machine may know fewer time zones than the one before. What is not scheduled can be run by hand.
            tracing::error!(module = %path, %error, "stored schedules cannot be read any more; nothing is scheduled");
            None
        }).unwrap_or_default();
        let mut secrets = BTreeMap::new();
        for (name, sealed) in documents.secrets {
            let name = parse(&folder, SecretName::parse(&name))?;
            let secret = self.open(paths::secret(path, &name), &sealed)?;
            secrets.insert(name, secret);
        }
        let policy = Policy::compile(grants.clone()).and_then(|policy| policy.with_keys(&secrets));
        let policy = policy.unwrap_or_else(|error| {
            // The rules for grants have become stricter since. To deny is safe, and calls say what they were denied.
            tracing::error!(module = %path, %error, "stored grants are not valid any more; the module reaches nothing");
            Policy::default()
        });
        let module: Module = read(&folder, documents.module)?;
        let callback = documents.callback.ok_or_else(|| StorageError::Damaged {
            what: folder,
            why: "the secret of its callback URL is missing".to_owned(),
        });
        let (place, sealed) = callback?;
        let callback = self.open(place, &sealed)?;
        Ok(ModuleState {
            module,
            config: Arc::new(config.into_iter().map(|(key, value)| (key.into(), value)).collect()),
            grants: Arc::new(grants),
            policy: Arc::new(policy),
            known: known(&secrets, &callback),
            callback,
            secrets: Arc::new(secrets),
            batches: Arc::new(batches),
            versions: read_all(&documents.versions)?,
        })
    }

    fn open(&self, place: String, sealed: &[u8]) -> Result<Secret, RegistryError> {
        self.vault
            .open_sealed(&place, sealed)
            .map_err(|source| RegistryError::Sealed { place, source })
    }
}

/// Sorts documents by tenant, and within a tenant by what they are.
fn sort(documents: Vec<(String, crate::storage::Stored)>) -> BTreeMap<String, Documents> {
    let mut tenants: BTreeMap<String, Documents> = BTreeMap::new();
    for (key, stored) in documents {
        let parts: Vec<&str> = key.split('/').skip(1).collect();
        let Some((tenant, rest)) = parts.split_first() else {
            continue;
        };
        let tenant = tenants.entry((*tenant).to_owned()).or_default();
        let document = (key.clone(), stored.value);
        match *rest {
            ["tenant"] => tenant.tenant = Some(document),
            ["quota"] => tenant.quota = Some(document),
            ["keys", _] => tenant.keys.push(document),
            ["tokens", _] => tenant.tokens.push(document),
            ["telecloud", "sealed"] => tenant.telecloud = Some(document.1),
            ["modules", module, ref rest @ ..] => {
                let module = tenant.modules.entry(module.to_owned()).or_default();
                match *rest {
                    ["module"] => module.module = Some(document),
                    ["callback"] => module.callback = Some(document),
                    ["config"] => module.config = Some(document),
                    ["grants"] => module.grants = Some(document),
                    ["batches"] => module.batches = Some(document),
                    ["secrets", name, "sealed"] => drop(module.secrets.insert(name.to_owned(), document.1)),
                    ["versions", _] => module.versions.push(document),
                    _ => tracing::warn!(key, "a document that this version does not know"),
                }
            }
            _ => tracing::warn!(key, "a document that this version does not know"),
        }
    }
    tenants
}

fn read<T: DeserializeOwned>(folder: &str, document: Option<(String, Bytes)>) -> Result<T, StorageError> {
    let (key, value) = document.ok_or_else(|| StorageError::Damaged {
        what: folder.to_owned(),
        why: "its own document is missing".to_owned(),
    })?;
    paths::decode(&key, &value)
}

fn read_all<T: DeserializeOwned>(documents: &[(String, Bytes)]) -> Result<Vec<T>, StorageError> {
    documents.iter().map(|(key, value)| paths::decode(key, value)).collect()
}

fn parse<T, E: std::fmt::Display>(folder: &str, parsed: Result<T, E>) -> Result<T, StorageError> {
    parsed.map_err(|error| StorageError::Damaged {
        what: folder.to_owned(),
        why: error.to_string(),
    })
}
