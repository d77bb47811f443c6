//! `…/{tenant}/calls`

#![expect(unused_qualifications, reason = "the macro qualifies the name of the query")]

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::{CallPath, Calls, TenantAccess, no_such_call};
use super::body::Asked;
use super::problem::{Code, Problem};
use crate::domain::call::{CallId, CallRecord, Outcome};
use crate::domain::name::ModuleName;
use crate::journal::{CallSummary, Filter, PAGE_CALLS_MAX, Page};

/// Calls on a page, unless the query says otherwise.
const LIMIT: usize = 50;

/// Which calls to list. What is left out does not matter.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CallQuery {
    /// Calls of this module.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub module: Option<ModuleName>,
    /// Calls with this `order_number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_number: Option<String>,
    /// Calls with this SERVICE, such as `Order/Create`, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Calls that ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Calls that follow up this one: what was done for its job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub about: Option<CallId>,
    /// Calls received at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Calls received before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// Calls older than this one: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub before: Option<CallId>,
    /// At most so many: 1 to 200, 50 unless stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

/// A page of calls.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CallListing {
    /// Newest first. A page can be short, even empty, and still have a next one.
    pub items: Vec<CallSummary>,
    /// To be sent as `before` for the next page. Null when this was the last.
    #[schema(value_type = Option<String>)]
    pub next: Option<CallId>,
}

/// List calls
///
/// Newest first, in pages. Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "calls", params(CallQuery),
    responses((status = 200, description = "A page of calls", body = CallListing)))]
pub(super) async fn list(
    at: TenantAccess<Calls>,
    Asked(query): Asked<CallQuery>,
    State(api): State<Api>,
) -> Result<Json<CallListing>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=PAGE_CALLS_MAX).contains(&limit) {
        return Err(Code::InvalidQuery.because(format!("limit must be 1 to {PAGE_CALLS_MAX}, and {limit} is not.")));
    }
    let filter = Filter {
        module: query.module,
        order_number: query.order_number,
        service: query.service,
        outcome: query.outcome,
        about: query.about,
        from: query.from,
        to: query.to,
    };
    let page = Page {
        before: query.before,
        limit,
    };
    let listing = api.journal.list(&at.tenant, &filter, page).await?;
    Ok(Json(CallListing {
        items: listing.calls,
        next: listing.next,
    }))
}

/// Look at a call
///
/// Everything on record: the event, each exchange with a carrier, what the module logged, the answer. Secrets and personal
/// data are masked. Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "calls", responses((status = 200, description = "The call", body = CallRecord)))]
pub(super) async fn get(
    at: TenantAccess<Calls>,
    CallPath(id): CallPath,
    State(api): State<Api>,
) -> Result<Json<CallRecord>, Problem> {
    let record = api.journal.show(&at.tenant, id).await?;
    record.map(Json).ok_or_else(|| no_such_call(&id.to_string()))
}
