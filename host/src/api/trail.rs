//! `/v1/trail` and `…/{tenant}/trail`

#![expect(unused_qualifications, reason = "the macro qualifies the name of the query")]

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::{Admin, AdminOf, TrailAccess};
use super::body::Asked;
use super::problem::{Code, Problem};
use crate::registry::RegistryError;
use crate::trail::{Book, Filter, Kept, Page, Verification};

/// Entries on a page, unless the query says otherwise.
const LIMIT: usize = 50;

/// Which entries to list. What is left out does not matter.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TrailQuery {
    /// Entries written at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Entries by those whose kind, id or label has this in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Entries about what has this in its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "modules/sim/grants")]
    pub object: Option<String>,
    /// Entries with lower numbers than this: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most so many: 1 to 200, 50 unless stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

/// A page of a trail.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TrailListing {
    /// Newest first. A page can be short, even empty, and still have a next one.
    pub items: Vec<Kept>,
    /// To be sent as `before` for the next page. Null when this was the last.
    pub next: Option<u64>,
}

async fn listing(
    api: &Api,
    book: &Book,
    query: TrailQuery,
    from: Option<Timestamp>,
) -> Result<Json<TrailListing>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=crate::trail::PAGE_ENTRIES_MAX).contains(&limit) {
        let most = crate::trail::PAGE_ENTRIES_MAX;
        return Err(Code::InvalidQuery.because(format!("limit must be 1 to {most}, and {limit} is not.")));
    }
    let filter = Filter {
        since: query.since.max(from),
        by: query.by,
        object: query.object,
    };
    let page = Page {
        before: query.before,
        limit,
    };
    let listing = api.registry.trail().list(book, &filter, page).await?;
    Ok(Json(TrailListing {
        items: listing.entries,
        next: listing.next,
    }))
}

/// Read the platform's trail
///
/// Who did what only the platform admin can do, such as making and removing tenants; starts and stops of the gateway; tries
/// with tokens that are not valid, or are another tenant's. Newest first, in pages. What tenants can do is in their own
/// trails. For the platform admin.
#[utoipa::path(get, path = "", tag = "trail", params(TrailQuery),
    responses((status = 200, description = "A page of entries", body = TrailListing)))]
pub(super) async fn platform(
    _: Admin,
    Asked(query): Asked<TrailQuery>,
    State(api): State<Api>,
) -> Result<Json<TrailListing>, Problem> {
    listing(&api, &Book::Platform, query, None).await
}

/// Check the platform's trail
///
/// Whether it is as it was written, from its first entry to its last. For the platform admin.
#[utoipa::path(get, path = "", tag = "trail",
    responses((status = 200, description = "How far it is whole", body = Verification)))]
pub(super) async fn verify_platform(_: Admin, State(api): State<Api>) -> Result<Json<Verification>, Problem> {
    Ok(Json(api.registry.trail().verify(&Book::Platform).await?))
}

/// Read a tenant's trail
///
/// Who changed what, when, from where, and what it was before and after; what was refused. Secrets go by their names, and
/// long texts by their size and hash. Newest first, in pages. Nothing is ever taken out, also when the tenant is removed; its
/// tokens see what came since it was made. Takes the scope `access`.
#[utoipa::path(get, path = "", tag = "trail", params(TrailQuery),
    responses((status = 200, description = "A page of entries", body = TrailListing)))]
pub(super) async fn tenant(
    at: TrailAccess,
    Asked(query): Asked<TrailQuery>,
    State(api): State<Api>,
) -> Result<Json<TrailListing>, Problem> {
    let book = Book::Tenant(at.tenant.clone());
    let page = listing(&api, &book, query, at.since).await?;
    if page.items.is_empty() && page.next.is_none() && api.registry.tenant(&at.tenant).is_err() {
        // The trail of one that was removed is never empty.
        known(&api, &book, at.tenant).await?;
    }
    Ok(page)
}

/// Check a tenant's trail
///
/// Whether it is as it was written, from its first entry to its last. For the platform admin.
#[utoipa::path(get, path = "", tag = "trail",
    responses((status = 200, description = "How far it is whole", body = Verification)))]
pub(super) async fn verify_tenant(at: AdminOf, State(api): State<Api>) -> Result<Json<Verification>, Problem> {
    let book = Book::Tenant(at.tenant.clone());
    if api.registry.tenant(&at.tenant).is_err() {
        known(&api, &book, at.tenant).await?;
    }
    Ok(Json(api.registry.trail().verify(&book).await?))
}

/// Refuses a tenant that never did anything.
async fn known(api: &Api, book: &Book, tenant: crate::domain::name::TenantName) -> Result<(), Problem> {
    let page = Page { before: None, limit: 1 };
    let any = api.registry.trail().list(book, &Filter::default(), page).await?;
    if any.entries.is_empty() {
        return Err(RegistryError::NoSuchTenant(tenant).into());
    }
    Ok(())
}
