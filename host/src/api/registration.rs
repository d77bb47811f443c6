//! `…/modules/{module}/telecloud-registration`

use axum::Json;
use axum::extract::State;

use super::Api;
use super::access::{Access, ModuleAccess};
use super::body::{Body, Object};
use super::problem::Problem;
use crate::registration::{Registration, Wish};

/// Register a module at TeleCloud
///
/// Makes the module there, or changes the one that an earlier registration made, and has a product group call it. A dry
/// run unless stated otherwise: then it says which calls would be made. Else it makes them one after another, up to the
/// first that TeleCloud does not accept; `done` says whether all of them were. Each is on record as a call. Takes the scope
/// `access`.
#[utoipa::path(post, path = "", tag = "telecloud-registration", request_body = Wish,
    responses((status = 200, description = "What would be sent, or what became of it", body = Registration)))]
pub(super) async fn register(
    at: ModuleAccess<Access>,
    State(api): State<Api>,
    Body(Object(wish)): Body<Object<Wish>>,
) -> Result<Json<Registration>, Problem> {
    Ok(Json(api.registrar.register(&at.path, &wish, &at.by).await?))
}
