//! Tenants, and who may speak for them.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::TenantName;

/// An operator whose modules are hosted here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tenant {
    /// The name in its URLs.
    #[schema(value_type = String)]
    pub name: TenantName,
    /// For people. At most 200 characters.
    #[serde(default)]
    pub title: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

/// An API key that TeleCloud sends in `APIAuth`. Each reseller account has its own, so a tenant has a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelecloudKey {
    /// Names the key where it is listed and removed.
    pub id: String,
    /// For people: whose key it is.
    pub label: String,
    /// Keyed hash of the key. The key itself is nowhere kept.
    pub hash: [u8; 32],
    /// When it was added.
    pub created: Timestamp,
}

/// What a tenant's token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// See tenant, modules, versions, settings, grants; never secrets.
    Read,
    /// See recorded calls and orders. They hold customers' data.
    Calls,
    /// Upload and activate versions; set settings, secrets and limits; make and delete modules.
    Deploy,
    /// Set grants: where modules may reach.
    Grants,
    /// Step in: jobs, change of password, batches.
    Operate,
    /// Make and revoke the tenant's tokens and TeleCloud keys; set how TeleCloud's API is reached; read its trail.
    Access,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Calls => "calls",
            Self::Deploy => "deploy",
            Self::Grants => "grants",
            Self::Operate => "operate",
            Self::Access => "access",
        })
    }
}

/// A bearer token for the admin listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Names the token where it is listed and removed.
    pub id: String,
    /// For people: who has it.
    pub label: String,
    /// Keyed hash of the token. The token itself is nowhere kept.
    pub hash: [u8; 32],
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops working, if ever.
    #[serde(default)]
    pub expires: Option<Timestamp>,
}
