//! `…/modules/{module}/grants`

use axum::Json;
use axum::extract::State;

use super::Api;
use super::access::{Grants, ModuleAccess, Read};
use super::body::{Body, Object};
use super::problem::Problem;
use crate::domain::grant::Grant;

/// Look at a module's grants
///
/// Takes the scope `read`.
#[utoipa::path(get, path = "", tag = "grants", responses((status = 200, description = "The grants", body = Vec<Grant>)))]
pub(super) async fn get(at: ModuleAccess<Read>, State(api): State<Api>) -> Result<Json<Vec<Grant>>, Problem> {
    let grants = api.registry.grants(&at.path)?;
    Ok(Json(Vec::clone(&*grants)))
}

/// Replace a module's grants
///
/// All of them. A module reaches only what a grant allows; the record of a call says what was denied, and which grant was
/// missing. Grants that name a network can be made and changed by the platform admin only; a tenant may keep them as they
/// are. Takes the scope `grants`.
#[utoipa::path(put, path = "", tag = "grants", request_body = Vec<Grant>,
    responses((status = 200, description = "The grants as they are now", body = Vec<Grant>)))]
pub(super) async fn put(
    at: ModuleAccess<Grants>,
    State(api): State<Api>,
    Body(grants): Body<Vec<Object<Grant>>>,
) -> Result<Json<Vec<Grant>>, Problem> {
    let grants = grants.into_iter().map(|Object(grant)| grant).collect();
    let grants = api.registry.put_grants(&at.path, grants, &at.by).await?;
    Ok(Json(Vec::clone(&*grants)))
}
