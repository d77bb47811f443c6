//! `…/{module}/callback`

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::access::{Deploy, ModuleAccess};
use super::problem::Problem;
use crate::domain::name::ModulePath;
use crate::domain::secret::Secret;

/// Where a carrier calls back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CallbackUrl {
    /// On the public listener. Whoever knows it can call; what is called is up to the module to believe.
    #[schema(example = "/m/acme/sim/callback/0f1e2d3c4b5a69788796a5b4c3d2e1f0")]
    pub path: String,
}

type Shown = ([(HeaderName, &'static str); 1], Json<CallbackUrl>);

fn shown(at: &ModulePath, secret: &Secret) -> Shown {
    let path = format!("/m/{}/{}/callback/{}", at.tenant, at.module, secret.expose());
    ([(header::CACHE_CONTROL, "no-store")], Json(CallbackUrl { path }))
}

/// Look at a module's callback URL
///
/// To be given to the carrier, which calls it when a pending order moves. Any method is taken, and any path below. It leads
/// somewhere while the active version exports `completion`. The trail says who looked. Takes the scope `deploy`.
#[utoipa::path(get, path = "", tag = "callback",
    responses((status = 200, description = "The URL", body = CallbackUrl)))]
pub(super) async fn get(at: ModuleAccess<Deploy>, State(api): State<Api>) -> Result<Shown, Problem> {
    Ok(shown(&at.path, &api.registry.show_callback(&at.path, &at.by).await?))
}

/// Change a module's callback URL
///
/// The old one leads nowhere from now on: give the carrier the new one. Takes the scope `deploy`.
#[utoipa::path(post, path = "", tag = "callback",
    responses((status = 200, description = "The new URL", body = CallbackUrl)))]
pub(super) async fn rotate(at: ModuleAccess<Deploy>, State(api): State<Api>) -> Result<Shown, Problem> {
    Ok(shown(&at.path, &api.registry.rotate_callback(&at.path, &at.by).await?))
}
