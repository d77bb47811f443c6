//! `…/modules/{module}/config`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;

use super::Api;
use super::access::{Deploy, ModuleAccess, Read};
use super::body::Body;
use super::problem::Problem;
use crate::domain::name::ConfigKey;

/// Look at a module's settings
///
/// Takes the scope `read`.
#[utoipa::path(get, path = "", tag = "config",
    responses((status = 200, description = "The settings by key", body = BTreeMap<String, String>)))]
pub(super) async fn get(
    at: ModuleAccess<Read>,
    State(api): State<Api>,
) -> Result<Json<BTreeMap<String, String>>, Problem> {
    let config = api.registry.config(&at.path)?;
    Ok(Json(BTreeMap::clone(&*config)))
}

/// Replace a module's settings
///
/// All of them: what is left out is gone. Keys match `[A-Za-z0-9._-]{1,64}`. At most 200 settings, 8 KiB a value, 60 KiB
/// in all. The next event gets the new ones. Not for credentials: those are secrets. Takes the scope `deploy`.
#[utoipa::path(put, path = "", tag = "config", request_body = BTreeMap<String, String>,
    responses((status = 200, description = "The settings as they are now", body = BTreeMap<String, String>)))]
pub(super) async fn put(
    at: ModuleAccess<Deploy>,
    State(api): State<Api>,
    Body(config): Body<BTreeMap<ConfigKey, String>>,
) -> Result<Json<BTreeMap<String, String>>, Problem> {
    let config = api.registry.put_config(&at.path, config, &at.by).await?;
    Ok(Json(BTreeMap::clone(&*config)))
}
