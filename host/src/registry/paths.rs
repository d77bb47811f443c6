//! Where each document is kept, and how it is written.
//!
//! Folders end in `/`, so that removing what is below `…/sim/` cannot touch `…/sim2/`.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::module::Module;
use crate::domain::name::{ModulePath, NetworkName, SecretName, TenantName};
use crate::storage::{Change, Expect, StorageError};

/// Everything of every tenant.
pub(super) const TENANTS: &str = "tenants/";

/// The hash of the admin token that was made at the first start.
pub(super) const ADMIN_TOKEN: &str = "platform/admin-token";

/// Every network.
pub(super) const NETWORKS: &str = "networks/";

/// A network has a folder to itself, because one network's name may be the start of another's.
pub(super) fn network(name: &NetworkName) -> String {
    format!("{NETWORKS}{name}/network")
}

/// Tenants that were removed and whose last calls are still awaited.
pub(super) const LEAVING: &str = "leaving/";

/// Says that there is something to clear up behind a tenant. A folder to itself: one name may be the start of another.
pub(super) fn leaving(tenant: &TenantName) -> String {
    format!("{LEAVING}{tenant}/")
}

/// Everything of a tenant.
pub(super) fn tenant_folder(tenant: &TenantName) -> String {
    format!("{TENANTS}{tenant}/")
}

/// What other areas keep of a tenant: its orders, and work that is under way.
pub(super) fn work_folder(tenant: &TenantName) -> String {
    format!("work/{tenant}/")
}

pub(super) fn tenant(tenant: &TenantName) -> String {
    format!("{TENANTS}{tenant}/tenant")
}

pub(super) fn quota(tenant: &TenantName) -> String {
    format!("{TENANTS}{tenant}/quota")
}

/// Ids are all of one length, so no id's key is the start of another's.
pub(super) fn key(tenant: &TenantName, id: &str) -> String {
    format!("{TENANTS}{tenant}/keys/{id}")
}

/// Ids are all of one length, so no id's key is the start of another's.
pub(super) fn token(tenant: &TenantName, id: &str) -> String {
    format!("{TENANTS}{tenant}/tokens/{id}")
}

/// How TeleCloud's API is reached. Also where it opens again, and nowhere else.
pub(super) fn telecloud(tenant: &TenantName) -> String {
    format!("{TENANTS}{tenant}/telecloud/sealed")
}

/// Everything of a module.
pub(super) fn module_folder(path: &ModulePath) -> String {
    format!("{TENANTS}{}/modules/{}/", path.tenant, path.module)
}

/// Everything that a module's scheduled work has left behind.
pub(super) fn module_work(path: &ModulePath) -> String {
    format!("work/{}/batches/{}/", path.tenant, path.module)
}

pub(super) fn module(path: &ModulePath) -> String {
    module_folder(path) + "module"
}

/// The secret in its callback URL. Also where it opens again, and nowhere else.
pub(super) fn callback(path: &ModulePath) -> String {
    module_folder(path) + "callback"
}

pub(super) fn config(path: &ModulePath) -> String {
    module_folder(path) + "config"
}

pub(super) fn grants(path: &ModulePath) -> String {
    module_folder(path) + "grants"
}

pub(super) fn batches(path: &ModulePath) -> String {
    module_folder(path) + "batches"
}

/// A secret has a folder to itself, because one secret's name may be the start of another's.
/// Also where it opens again, and nowhere else.
pub(super) fn secret(path: &ModulePath, name: &SecretName) -> String {
    format!("{}secrets/{name}/sealed", module_folder(path))
}

/// Padded, so that keys are in the order of numbers.
pub(super) fn version(path: &ModulePath, number: u32) -> String {
    format!("{}versions/{number:010}", module_folder(path))
}

/// Writes a module's own document.
pub(super) fn put_module(path: &ModulePath, written: &Module) -> Result<Change, StorageError> {
    Ok(Change::Put {
        key: module(path),
        value: encode(written)?,
        expect: Expect::Anything,
    })
}

/// Writes a document's value.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Bytes, StorageError> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| StorageError::Unavailable {
            doing: "write a document as JSON".to_owned(),
            source: error.into(),
        })
}

/// Reads a document's value.
pub(super) fn decode<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, StorageError> {
    serde_json::from_slice(value).map_err(|error| StorageError::Damaged {
        what: key.to_owned(),
        why: error.to_string(),
    })
}
