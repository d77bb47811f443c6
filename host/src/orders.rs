//! The gateway's record of orders, kept from what passed through: TeleCloud offers no way to ask for them.
//!
//! Whoever ends a call has its order observed ([`Orders::observe`]) and writes what comes of that together with the end
//! of the call. People search in the record, and audits compare it with the carrier's ([`Orders::search`]).
//!
//! A record is sealed, and what it can be found by is hashed with a key: nothing that is stored says who ordered what.
//! Nothing here speaks to carriers or to TeleCloud, and nothing here decides what is done about an order.

mod keys;
mod observation;
mod reading;
mod turns;
mod writing;

use std::sync::Arc;

use self::keys::Keys;
pub use self::observation::{Observation, Seen};
pub use self::reading::{Listing, PAGE_ORDERS_MAX, Page, Query, SCAN_ORDERS_MAX};
use self::turns::Turns;
pub use self::writing::Prepared;
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::order::{OrderId, OrderRecord};
use crate::domain::secret::Secret;
use crate::storage::{Documents, StorageError};
use crate::vault::Vault;

/// The orders of all tenants. Cheap to clone.
#[derive(Clone)]
pub struct Orders {
    documents: Arc<dyn Documents>,
    vault: Arc<Vault>,
    turns: Turns,
}

impl Orders {
    /// Keeps orders in these documents. There is one of these in a process, and its clones: it is what keeps writers of
    /// the same order apart.
    #[must_use]
    pub fn new(documents: Arc<dyn Documents>, vault: Arc<Vault>) -> Self {
        Self {
            documents,
            vault,
            turns: Turns::default(),
        }
    }

    /// What an order of this number goes by.
    #[must_use]
    pub fn id(&self, tenant: &TenantName, module: &ModuleName, order_number: &str) -> OrderId {
        self.keys(tenant).id(module, order_number)
    }

    fn keys<'a>(&'a self, tenant: &'a TenantName) -> Keys<'a> {
        Keys::new(&self.vault, tenant)
    }

    /// The record that is kept at this id itself.
    async fn record(&self, keys: &Keys<'_>, id: OrderId) -> Result<Option<OrderRecord>, StorageError> {
        let key = keys.order(id);
        let stored = self.documents.get(&key).await?;
        stored.map(|stored| self.open(&key, &stored.value)).transpose()
    }

    /// The id that an order has had since it got its number.
    async fn moved(&self, keys: &Keys<'_>, id: OrderId) -> Result<Option<OrderId>, StorageError> {
        let key = keys.moved(id);
        let stored = self.documents.get(&key).await?;
        let parsed = stored.map(|stored| serde_json::from_slice(&stored.value));
        parsed.transpose().map_err(|error| damaged(&key, &error))
    }

    fn open(&self, key: &str, sealed: &[u8]) -> Result<OrderRecord, StorageError> {
        let opened = self.vault.open_sealed(key, sealed);
        let opened = opened.map_err(|error| damaged(key, &error))?;
        serde_json::from_str(opened.expose()).map_err(|error| damaged(key, &error))
    }

    fn seal(&self, key: &str, record: &OrderRecord) -> Vec<u8> {
        let text = serde_json::to_string(record);
        let text = text.unwrap_or_else(|error| unreachable!("a record is plain data: {error}"));
        self.vault.seal(key, &Secret::new(text))
    }
}

fn damaged(key: &str, why: &impl ToString) -> StorageError {
    StorageError::Damaged {
        what: key.to_owned(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests;
