//! `/v1/tenants`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Admin, AdminOf, Read, TenantAccess};
use super::body::{Body, Listing, Object};
use super::problem::Problem;
use super::{Api, status_of};
use crate::domain::tenant::Tenant;

/// What can be said of a tenant.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// For people. At most 200 characters.
    #[schema(example = "Acme Mobile")]
    pub title: String,
}

/// List tenants
///
/// All of them, by name. For the platform admin.
#[utoipa::path(get, path = "", tag = "tenants", responses((status = 200, description = "The tenants", body = Listing<Tenant>)))]
pub(super) async fn list(_: Admin, State(api): State<Api>) -> Json<Listing<Tenant>> {
    let items = api.registry.tenants();
    Json(Listing { items })
}

/// Make or change a tenant
///
/// A new tenant has no modules, no keys and no tokens. Changing one touches none of those. For the platform admin.
#[utoipa::path(put, path = "", tag = "tenants", request_body = TenantSettings, responses(
    (status = 200, description = "There was one; it is changed", body = Tenant),
    (status = 201, description = "There was none; it is made", body = Tenant),
))]
pub(super) async fn put(
    at: AdminOf,
    State(api): State<Api>,
    Body(Object(settings)): Body<Object<TenantSettings>>,
) -> Result<(StatusCode, Json<Tenant>), Problem> {
    let (tenant, written) = api.registry.put_tenant(&at.tenant, settings.title, &at.by).await?;
    Ok((status_of(written), Json(tenant)))
}

/// Look at a tenant
///
/// Takes the scope `read`.
#[utoipa::path(get, path = "", tag = "tenants", responses((status = 200, description = "The tenant", body = Tenant)))]
pub(super) async fn get(at: TenantAccess<Read>, State(api): State<Api>) -> Result<Json<Tenant>, Problem> {
    Ok(Json(api.registry.tenant(&at.tenant)?))
}

/// Remove a tenant
///
/// With its modules, versions, keys, tokens, recorded calls and orders, for good; its trail stays. No call begins any more,
/// and those that are running end as they would. The answer waits for them: nothing of the tenant is left then. For the
/// platform admin.
#[utoipa::path(delete, path = "", tag = "tenants", responses((status = 204, description = "It is gone")))]
pub(super) async fn delete(at: AdminOf, State(api): State<Api>) -> Result<StatusCode, Problem> {
    let (jobs, tenant) = (Arc::clone(&api.jobs), at.tenant.clone());
    let ended = move || jobs.forget(&tenant);
    api.registry.delete_tenant(&at.tenant, &at.by, ended).await?;
    Ok(StatusCode::NO_CONTENT)
}
