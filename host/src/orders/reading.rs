//! Finding orders.

use super::Orders;
use super::keys::{Keys, id_of};
use crate::domain::event::{PORTING_VARS, Vars};
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::order::{Order, OrderId, OrderRecord, is_telling};
use crate::storage::StorageError;

/// Most orders of one page.
pub const PAGE_ORDERS_MAX: usize = 200;

/// Most orders that one search looks at. A page that found fewer than it was asked for by then says where to go on.
pub const SCAN_ORDERS_MAX: usize = 2_000;

/// Orders that are read at a time.
const SCAN_STEP: usize = 100;

/// The VAR that holds the ICCID in TeleCloud's own layouts.
const ICCID: u8 = 2;

/// The VAR that holds the MDN in TeleCloud's own layouts.
const MDN: u8 = 3;

/// Which orders to look for. What is not stated is not asked for; values are whole, as they are on the order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Of this module.
    pub module: Option<ModuleName>,
    /// With this `order_number`.
    pub order_number: Option<String>,
    /// Of this account.
    pub account_number: Option<String>,
    /// With this telephone number: VAR3, or any VAR of 10 to 15 digits.
    pub mdn: Option<String>,
    /// With this SIM: VAR2, or any VAR of 18 to 22 digits.
    pub iccid: Option<String>,
    /// With this value in any VAR.
    pub value: Option<String>,
}

/// Which part of the orders to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only orders that follow this one: [`Listing::next`] of the page before.
    pub after: Option<OrderId>,
    /// Most orders to list, at most [`PAGE_ORDERS_MAX`].
    pub limit: usize,
}

/// One page of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// By id, which is in no order that means anything but stays the same.
    pub orders: Vec<Order>,
    /// Where the next page begins; `None` when this was the last. A page can be short, even empty, and still have a
    /// next one.
    pub next: Option<OrderId>,
}

impl Orders {
    /// One order; `None` when this tenant has no such order. The id that an order had before it got its number is good
    /// as well.
    ///
    /// # Errors
    /// When the store refuses or the record is damaged.
    pub async fn get(&self, tenant: &TenantName, id: OrderId) -> Result<Option<Order>, StorageError> {
        let keys = self.keys(tenant);
        let id = self.moved(&keys, id).await?.unwrap_or(id);
        let record = self.record(&keys, id).await?;
        Ok(record.map(|record| Order { id, record }))
    }

    /// The orders of a tenant that match. Its work is bounded by [`SCAN_ORDERS_MAX`].
    ///
    /// # Errors
    /// When the store refuses or a record is damaged.
    pub async fn search(&self, tenant: &TenantName, query: &Query, page: Page) -> Result<Listing, StorageError> {
        let keys = self.keys(tenant);
        let limit = page.limit.clamp(1, PAGE_ORDERS_MAX);
        let index = query.index(&keys);
        let folder = index.clone().unwrap_or_else(|| keys.orders());
        let mut next = page.after;
        let mut orders = Vec::new();
        for _ in 0..SCAN_ORDERS_MAX / SCAN_STEP {
            let after = next.map(|id| format!("{folder}{id}"));
            let found = self.documents.page(&folder, after.as_deref(), SCAN_STEP).await?;
            let exhausted = found.len() < SCAN_STEP;
            for (key, stored) in found {
                if orders.len() == limit {
                    return Ok(Listing { orders, next });
                }
                let Some(id) = id_of(&key) else { continue };
                next = Some(id);
                let record = match &index {
                    None => Some(self.open(&key, &stored.value)?),
                    // Gone, if it was changed a moment ago.
                    Some(_) => self.record(&keys, id).await?,
                };
                let record = record.filter(|record| query.matches(record));
                orders.extend(record.map(|record| Order { id, record }));
            }
            if exhausted {
                return Ok(Listing { orders, next: None });
            }
        }
        Ok(Listing { orders, next })
    }
}

impl Query {
    /// Where to find what is asked for: by the thing that the fewest orders have in common.
    fn index(&self, keys: &Keys<'_>) -> Option<String> {
        let mut values = [&self.iccid, &self.mdn, &self.value].into_iter().flatten();
        // Others are in no index.
        let value = values.find(|value| is_telling(value));
        let number = self.order_number.as_ref().map(|number| keys.by_number(number));
        number
            .or_else(|| value.map(|value| keys.by_value(value)))
            .or_else(|| self.account_number.as_ref().map(|account| keys.by_account(account)))
    }

    fn matches(&self, order: &OrderRecord) -> bool {
        let same = |asked: &Option<String>, found: &Option<String>| asked.is_none() || asked == found;
        self.module.as_ref().is_none_or(|module| *module == order.module)
            && same(&self.order_number, &order.order_number)
            && same(&self.account_number, &order.account_number)
            && has(&order.vars, self.mdn.as_deref(), |index, value| {
                index == MDN || is_digits(value, 10, 15)
            })
            && has(&order.vars, self.iccid.as_deref(), |index, value| {
                index == ICCID || is_digits(value, 18, 22)
            })
            && has(&order.vars, self.value.as_deref(), |_, _| true)
    }
}

/// Whether a VAR that may hold it has the value that is asked for, if one is. Not one for porting, which no order is shown with:
/// whoever could look for its value could guess it, digit by digit.
fn has(vars: &Vars, asked: Option<&str>, may_hold: impl Fn(u8, &str) -> bool) -> bool {
    asked.is_none_or(|asked| {
        vars.iter()
            .any(|(index, value)| value == asked && !PORTING_VARS.contains(&index) && may_hold(index, value))
    })
}

fn is_digits(value: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit())
}
