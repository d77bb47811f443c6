//! `…/{tenant}/orders`

#![expect(unused_qualifications, reason = "the macro qualifies the name of the query")]

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::{Calls, OrderPath, TenantAccess, no_such_order};
use super::body::Asked;
use super::problem::{Code, Problem};
use crate::domain::name::{ModuleName, ModulePath, TenantName};
use crate::domain::order::{Order, OrderId};
use crate::journal::masked;
use crate::orders::{PAGE_ORDERS_MAX, Page, Query};

/// Orders on a page, unless the query says otherwise.
const LIMIT: usize = 50;

/// Which orders to list. What is left out does not matter. Values are whole, as they are on the order: a part of one
/// finds nothing.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OrderQuery {
    /// Orders of this module.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub module: Option<ModuleName>,
    /// Orders with this `order_number`; several, if modules share them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_number: Option<String>,
    /// Orders of this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Orders with this telephone number: VAR3, or any VAR of 10 to 15 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdn: Option<String>,
    /// Orders with this SIM: VAR2, or any VAR of 18 to 22 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iccid: Option<String>,
    /// Orders with this value in any VAR, but for those that are not shown: VAR5 to VAR7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Orders that follow this one: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub after: Option<OrderId>,
    /// At most so many: 1 to 200, 50 unless stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

/// A page of orders.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OrderListing {
    /// By id. A page can be short, even empty, and still have a next one.
    pub items: Vec<Order>,
    /// To be sent as `after` for the next page. Null when this was the last.
    #[schema(value_type = Option<String>)]
    pub next: Option<OrderId>,
}

/// Find orders
///
/// The gateway's own record of orders, kept from what passed through it, in pages. Secrets are masked as in calls.
/// Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "orders", params(OrderQuery),
    responses((status = 200, description = "A page of orders", body = OrderListing)))]
pub(super) async fn list(
    at: TenantAccess<Calls>,
    Asked(query): Asked<OrderQuery>,
    State(api): State<Api>,
) -> Result<Json<OrderListing>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=PAGE_ORDERS_MAX).contains(&limit) {
        return Err(Code::InvalidQuery.because(format!("limit must be 1 to {PAGE_ORDERS_MAX}, and {limit} is not.")));
    }
    let page = Page {
        after: query.after,
        limit,
    };
    let query = Query {
        module: query.module,
        order_number: query.order_number,
        account_number: query.account,
        mdn: query.mdn,
        iccid: query.iccid,
        value: query.value,
    };
    let listing = api.orders.search(&at.tenant, &query, page).await?;
    let items = listing.orders.into_iter().map(|order| shown(&api, &at.tenant, order));
    Ok(Json(OrderListing {
        items: items.collect(),
        next: listing.next,
    }))
}

/// Look at an order
///
/// What is on record of it. The id that it had before its number was known is good as well. Secrets are masked as in
/// calls. Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "orders", responses((status = 200, description = "The order", body = Order)))]
pub(super) async fn get(
    at: TenantAccess<Calls>,
    OrderPath(id): OrderPath,
    State(api): State<Api>,
) -> Result<Json<Order>, Problem> {
    let order = api.orders.get(&at.tenant, id).await?;
    let order = order.ok_or_else(|| no_such_order(&id.to_string()))?;
    Ok(Json(shown(&api, &at.tenant, order)))
}

fn shown(api: &Api, tenant: &TenantName, order: Order) -> Order {
    let path = ModulePath {
        tenant: tenant.clone(),
        module: order.record.module.clone(),
    };
    Order {
        record: masked(order.record, &api.registry.known(&path)),
        ..order
    }
}
