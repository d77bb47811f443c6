//! A tenant's named integration, and the components that were uploaded for it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::handling::Handling;
use super::limits::Limits;
use super::name::{ModuleName, TelecloudId};

/// Whether a module takes events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleStatus {
    /// It does.
    #[default]
    Active,
    /// It answers every event with a failure that says so.
    Suspended,
}

/// A tenant's named integration: one URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Module {
    /// The name in its URL.
    #[schema(value_type = String)]
    pub name: ModuleName,
    /// For people. At most 200 characters.
    #[serde(default)]
    pub title: String,
    /// Whether it takes events.
    pub status: ModuleStatus,
    /// What one call may use.
    pub limits: Limits,
    /// How its events are handled around its calls.
    #[serde(default)]
    pub handling: Handling,
    /// The number of the version that serves, if any does.
    pub active: Option<u32>,
    /// Its id at TeleCloud, once it was registered there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub telecloud_module_id: Option<TelecloudId>,
    /// Since when its callback URL is the one that it is.
    #[serde(default)]
    #[schema(value_type = String, format = DateTime)]
    pub callback_since: Timestamp,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

/// The blake3 hash of a component's bytes, 64 hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = blake3::HexError;
    fn try_from(text: String) -> Result<Self, blake3::HexError> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes()))
    }
}

/// One upload of a module's component. Versions count from 1, and no other ever has the number of one, so that it stays
/// known which one a call ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Version {
    /// Counts from 1 within its module.
    pub number: u32,
    /// Of the component's bytes.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Size of the component, in bytes.
    pub bytes: u64,
    /// Interfaces of patchbay:module that it exports.
    pub exports: Vec<String>,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// When it was uploaded.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When its component was removed, if it was: it cannot serve any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub removed: Option<Timestamp>,
}
