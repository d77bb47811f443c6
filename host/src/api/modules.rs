//! `…/{tenant}/modules`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Deploy, ModuleAccess, Read, TenantAccess};
use super::body::{Body, Listing, Object, object};
use super::problem::Problem;
use super::{Api, status_of};
use crate::domain::handling::Handling;
use crate::domain::limits::Limits;
use crate::domain::module::{Module, ModuleStatus};
use crate::domain::name::TenantName;
use crate::domain::quota::Held;
use crate::registry::modules;

/// What its tenant decides about a module. What is left out gets its default.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModuleSettings {
    /// For people. At most 200 characters.
    #[schema(example = "SIM activation")]
    pub title: String,
    /// Whether it takes events. A suspended module answers each with a failure that says so.
    pub status: ModuleStatus,
    /// What one call may use.
    #[serde(deserialize_with = "object")]
    pub limits: Limits,
    /// How its events are handled around its calls.
    #[serde(deserialize_with = "object")]
    pub handling: Handling,
}

/// A module as it is shown.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ModuleView {
    /// As it is set.
    #[serde(flatten)]
    pub module: Module,
    /// Its limits that are above the tenant's ceiling, by name: what each is set to, and what it counts for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held_down: BTreeMap<String, Held>,
}

impl Api {
    fn shown(&self, tenant: &TenantName, module: Module) -> Result<ModuleView, Problem> {
        let held_down = self.registry.quota(tenant)?.held_down(&module.limits);
        Ok(ModuleView { module, held_down })
    }
}

/// List modules
///
/// By name. Takes the scope `read`.
#[utoipa::path(get, path = "", tag = "modules", responses((status = 200, description = "The modules", body = Listing<ModuleView>)))]
pub(super) async fn list(at: TenantAccess<Read>, State(api): State<Api>) -> Result<Json<Listing<ModuleView>>, Problem> {
    let modules = api.registry.modules(&at.tenant)?.into_iter();
    let items = modules
        .map(|module| api.shown(&at.tenant, module))
        .collect::<Result<_, _>>()?;
    Ok(Json(Listing { items }))
}

/// Make or change a module
///
/// Its URL for TeleCloud is `/m/{tenant}/{module}` on the public listener. It serves once a version is uploaded and
/// activated. Changing a module replaces its title, status, limits and handling, and keeps its versions and the active one. Takes
/// the scope `deploy`.
#[utoipa::path(put, path = "", tag = "modules", request_body = ModuleSettings, responses(
    (status = 200, description = "There was one; it is changed", body = ModuleView),
    (status = 201, description = "There was none; it is made", body = ModuleView),
))]
pub(super) async fn put(
    at: ModuleAccess<Deploy>,
    State(api): State<Api>,
    Body(Object(settings)): Body<Object<ModuleSettings>>,
) -> Result<(StatusCode, Json<ModuleView>), Problem> {
    let settings = modules::ModuleSettings {
        title: settings.title,
        status: settings.status,
        limits: settings.limits,
        handling: settings.handling,
    };
    let (module, written) = api.registry.put_module(&at.path, settings, &at.by).await?;
    Ok((status_of(written), Json(api.shown(&at.path.tenant, module)?)))
}

/// Look at a module
///
/// Takes the scope `read`.
#[utoipa::path(get, path = "", tag = "modules", responses((status = 200, description = "The module", body = ModuleView)))]
pub(super) async fn get(at: ModuleAccess<Read>, State(api): State<Api>) -> Result<Json<ModuleView>, Problem> {
    let module = api.registry.module(&at.path)?;
    Ok(Json(api.shown(&at.path.tenant, module)?))
}

/// Remove a module
///
/// With its versions, settings, grants and secrets, for good. Recorded calls stay. Takes the scope `deploy`.
#[utoipa::path(delete, path = "", tag = "modules", responses((status = 204, description = "It is gone")))]
pub(super) async fn delete(at: ModuleAccess<Deploy>, State(api): State<Api>) -> Result<StatusCode, Problem> {
    api.registry.delete_module(&at.path, &at.by).await?;
    Ok(StatusCode::NO_CONTENT)
}
