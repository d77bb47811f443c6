//! Why the registry did not do as asked.

use super::engine::EngineError;
use crate::domain::batch::InvalidBatch;
use crate::domain::limits::InvalidLimit;
use crate::domain::name::{ModulePath, NetworkName, SecretName, TenantName};
use crate::domain::quota::{InvalidQuota, OverCeiling};
use crate::domain::tenant::Scope;
use crate::egress::policy::InvalidGrant;
use crate::storage::StorageError;
use crate::vault::VaultError;

/// Why the registry did not do as asked. Whatever it was, what served before serves on.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is no such tenant.
    #[error("there is no tenant {0}")]
    NoSuchTenant(TenantName),
    /// A tenant was removed, and some of its calls have not ended.
    #[error("tenant {0} was removed, and calls of it are still running")]
    Leaving(TenantName),
    /// The tenant has no such module.
    #[error("there is no module {0}")]
    NoSuchModule(ModulePath),
    /// The module has no such version.
    #[error("module {module} has no version {wanted}")]
    NoSuchVersion {
        /// Whose version.
        module: ModulePath,
        /// The number or the digest that was asked for.
        wanted: String,
    },
    /// There was such a version.
    #[error("version {number} of module {module} was removed")]
    VersionRemoved {
        /// Whose version.
        module: ModulePath,
        /// Which one.
        number: u32,
    },
    /// What serves cannot be removed.
    #[error("version {number} of module {module} serves")]
    VersionServes {
        /// Whose version.
        module: ModulePath,
        /// Which one.
        number: u32,
    },
    /// The tenant's quota has no room for another component.
    #[error(
        "the components of tenant {tenant} have {used} bytes, this one has {bytes}, and component_bytes of the quota is {most}"
    )]
    NoRoom {
        /// Whose quota.
        tenant: TenantName,
        /// The quota, in bytes.
        most: u64,
        /// Bytes of the components that are there.
        used: u64,
        /// Bytes of the one that was uploaded.
        bytes: u64,
    },
    /// The tenant's quota has no room for more machine code in memory.
    #[error(
        "the machine code that serves beside module {module} has {used} bytes, that of this version {bytes}, and code_bytes \
         of the quota of tenant {} is {most}", module.tenant
    )]
    NoRoomToServe {
        /// What was to serve.
        module: ModulePath,
        /// The quota, in bytes.
        most: u64,
        /// Bytes of what serves in the tenant's other modules.
        used: u64,
        /// Bytes of the version that was to serve.
        bytes: u64,
    },
    /// The module has no such secret.
    #[error("module {module} has no secret {name}")]
    NoSuchSecret {
        /// Whose secret.
        module: ModulePath,
        /// Which one.
        name: SecretName,
    },
    /// The tenant has no TeleCloud key of this id.
    #[error("tenant {0} has no such TeleCloud key")]
    NoSuchKey(TenantName),
    /// The tenant has no token of this id.
    #[error("tenant {0} has no such token")]
    NoSuchToken(TenantName),
    /// How TeleCloud's API is reached is not set.
    #[error("tenant {0} has no access to TeleCloud's API set")]
    NoTelecloud(TenantName),
    /// The tenant accepts this very TeleCloud key already.
    #[error("tenant {tenant} accepts this key already, as {id}")]
    KeyIsThere {
        /// Whose key.
        tenant: TenantName,
        /// What it is listed as.
        id: String,
    },
    /// A value that cannot be taken.
    #[error("{field} {why}")]
    Invalid {
        /// Which field of the request, as a path.
        field: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// A limit that is out of range.
    #[error(transparent)]
    Limit(#[from] InvalidLimit),
    /// A limit above its tenant's ceiling.
    #[error(transparent)]
    OverCeiling(#[from] OverCeiling),
    /// A quota that cannot be.
    #[error(transparent)]
    Quota(#[from] InvalidQuota),
    /// A setting of scheduled work that cannot be taken.
    #[error(transparent)]
    Batch(#[from] InvalidBatch),
    /// A grant that cannot be understood.
    #[error(transparent)]
    Grant(#[from] InvalidGrant),
    /// There is no such network.
    #[error("there is no network {0}")]
    NoSuchNetwork(NetworkName),
    /// The network is named somewhere.
    #[error("network {network} is in use by {by}")]
    NetworkInUse {
        /// Which network.
        network: NetworkName,
        /// The first that names it.
        by: String,
    },
    /// Only a platform admin decides that a module may reach a network that is not the internet.
    #[error("grant {grant}: network can only be set by a platform admin")]
    NetworkNotGranted {
        /// Which grant asks for it.
        grant: String,
    },
    /// Nobody gives away more than they have.
    #[error("a token with the scope {0} can only be made by one that has it")]
    ScopeNotHeld(Scope),
    /// The upload was not taken.
    #[error(transparent)]
    Upload(EngineError),
    /// The version was not activated.
    #[error("version {number} cannot be prepared: {source}")]
    NotPrepared {
        /// Which version.
        number: u32,
        /// Why not.
        source: EngineError,
    },
    /// The bytes of a version are not where they were kept.
    #[error("the component of version {number} of module {module} is missing from the store")]
    ComponentLost {
        /// Whose version.
        module: ModulePath,
        /// Which one.
        number: u32,
    },
    /// The store could not do it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A stored secret does not open.
    #[error("{place}: {source}")]
    Sealed {
        /// Its document.
        place: String,
        /// Why not.
        source: VaultError,
    },
    /// The first admin token cannot be written.
    #[error("{0}")]
    AdminToken(String),
}
