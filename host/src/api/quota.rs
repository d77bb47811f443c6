//! `…/{tenant}/quota`

use axum::Json;
use axum::extract::State;

use super::Api;
use super::access::{AdminOf, Read, TenantAccess};
use super::body::{Body, Object};
use super::problem::Problem;
use crate::domain::quota::Quota;

/// Look at a tenant's quota
///
/// What it may have of the machine that all tenants share. Takes the scope `read`.
#[utoipa::path(get, path = "", tag = "quota", responses((status = 200, description = "The quota", body = Quota)))]
pub(super) async fn get(at: TenantAccess<Read>, State(api): State<Api>) -> Result<Json<Quota>, Problem> {
    let quota = api.registry.quota(&at.tenant)?;
    Ok(Json(Quota::clone(&quota)))
}

/// Replace a tenant's quota
///
/// All of it: what is left out gets its default. It holds for what begins from now on. Limits of modules that are above
/// the new ceiling stay as they are set, and count for no more than the ceiling. For the platform admin.
#[utoipa::path(put, path = "", tag = "quota", request_body = Quota,
    responses((status = 200, description = "The quota as it is now", body = Quota)))]
pub(super) async fn put(
    at: AdminOf,
    State(api): State<Api>,
    Body(Object(quota)): Body<Object<Quota>>,
) -> Result<Json<Quota>, Problem> {
    let quota = api.registry.put_quota(&at.tenant, quota, &at.by).await?;
    Ok(Json(Quota::clone(&quota)))
}
