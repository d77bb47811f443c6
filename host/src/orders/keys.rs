//! Where orders are kept, and what they are found by.
//!
//! An order's document is at its id. Beside it are empty documents whose keys say by what it is found and end in its
//! id. What it is found by is hashed with a key, apart by tenant and by kind.

use std::collections::BTreeSet;

use ulid::Ulid;

use crate::domain::name::{ModuleName, TenantName};
use crate::domain::order::{OrderId, OrderRecord, Unlinked, is_telling};
use crate::vault::Vault;

/// The keys of one tenant's documents.
pub(super) struct Keys<'a> {
    vault: &'a Vault,
    tenant: &'a TenantName,
}

impl<'a> Keys<'a> {
    pub(super) fn new(vault: &'a Vault, tenant: &'a TenantName) -> Self {
        Self { vault, tenant }
    }

    /// What an order of this number goes by. Nobody without the key can tell the number from it.
    pub(super) fn id(&self, module: &ModuleName, order_number: &str) -> OrderId {
        OrderId(Ulid(self.hash("order", &[module.as_str(), order_number])))
    }

    /// Every order's own document.
    pub(super) fn orders(&self) -> String {
        format!("work/{}/orders/", self.tenant)
    }

    pub(super) fn order(&self, id: OrderId) -> String {
        format!("work/{}/orders/{id}", self.tenant)
    }

    /// Says which id an order has had since it got its number.
    pub(super) fn moved(&self, unlinked: OrderId) -> String {
        format!("work/{}/orders-by/call/{unlinked}", self.tenant)
    }

    /// Orders of any module with this `order_number`.
    pub(super) fn by_number(&self, order_number: &str) -> String {
        self.by("number", &[order_number])
    }

    /// Orders of this account.
    pub(super) fn by_account(&self, account_number: &str) -> String {
        self.by("account", &[account_number])
    }

    /// Orders with a VAR of this value, of four characters or more.
    pub(super) fn by_value(&self, value: &str) -> String {
        self.by("value", &[value])
    }

    /// Orders without a number that may be recognised by this VAR.
    pub(super) fn by_telling(&self, module: &ModuleName, account_number: &str, index: u8, value: &str) -> String {
        let index = index.to_string();
        self.by("telling", &[module.as_str(), account_number, &index, value])
    }

    /// The keys of all that this order is found by.
    pub(super) fn entries(&self, id: OrderId, record: &OrderRecord) -> BTreeSet<String> {
        let mut folders = BTreeSet::new();
        folders.extend(record.order_number.as_deref().map(|number| self.by_number(number)));
        folders.extend(record.account_number.as_deref().map(|account| self.by_account(account)));
        let values = record.vars.iter().filter(|(_, value)| is_telling(value));
        folders.extend(values.map(|(_, value)| self.by_value(value)));
        if record.order_number.is_none()
            && let Some(account) = &record.account_number
        {
            let unlinked = Unlinked::of(record);
            let telling = unlinked.telling();
            folders.extend(telling.map(|(index, value)| self.by_telling(&record.module, account, index, value)));
        }
        folders.into_iter().map(|folder| format!("{folder}{id}")).collect()
    }

    fn by(&self, kind: &str, parts: &[&str]) -> String {
        let hash = self.hash(kind, parts);
        format!("work/{}/orders-by/{kind}/{hash:032x}/", self.tenant)
    }

    /// Half of a keyed hash is as hard to guess, and shorter to keep.
    fn hash(&self, kind: &str, parts: &[&str]) -> u128 {
        let mut text = format!("orders {} {kind}", self.tenant);
        for part in parts {
            // With its length, so that no two lists of parts are the same text.
            text.push_str(&format!(" {} {part}", part.len()));
        }
        let mut half = [0; 16];
        half.copy_from_slice(&self.vault.hash(&text)[..16]);
        u128::from_be_bytes(half)
    }
}

/// The id that a key ends in.
pub(super) fn id_of(key: &str) -> Option<OrderId> {
    let (_, id) = key.rsplit_once('/')?;
    Ulid::from_string(id).ok().map(OrderId)
}
