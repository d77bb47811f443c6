//! The admin API: tenants, modules and calls, over HTTP, for people's tools and programs.
//!
//! Handlers take what extractors have checked, ask the registry, the journal or the record of orders, and say what came of
//! it. What may be done and what may not is decided there, never here.

mod access;
mod body;
mod callback;
mod calls;
mod config;
mod grants;
mod jobs;
mod keys;
mod modules;
mod networks;
mod openapi;
mod orders;
mod passwords;
mod problem;
mod quota;
mod refused;
mod registration;
mod runs;
mod schedules;
mod secrets;
mod telecloud;
mod tenants;
mod tokens;
mod trail;
mod versions;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tracing::Instrument;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::batches::Batches;
use crate::fair::Rates;
use crate::gateway::Passwords;
use crate::guessing::Guard;
use crate::jobs::Jobs;
pub use crate::jobs::{Action, JobView};
use crate::journal::Journal;
use crate::orders::Orders;
use crate::registration::Registrar;
use crate::registry::{Registry, Written};

pub use self::body::Listing;
pub use self::callback::CallbackUrl;
pub use self::calls::{CallListing, CallQuery};
pub use self::jobs::{JobListing, JobQuery};
pub use self::keys::{Key, NewKey};
pub use self::modules::{ModuleSettings, ModuleView};
pub use self::networks::NetworkSettings;
pub use self::orders::{OrderListing, OrderQuery};
pub use self::passwords::{NewPassword, PasswordChange};
pub use self::problem::{Code, PROBLEM_JSON, Problem};
pub use self::runs::{NewRun, RepairOrder, ResultListing, ResultQuery, RunQuery, Settlement};
pub use self::secrets::{SecretInfo, SecretValue};
pub use self::telecloud::NewTelecloud;
pub use self::tenants::TenantSettings;
pub use self::tokens::{CreatedToken, NewToken, Token};
pub use self::trail::{TrailListing, TrailQuery};
pub use self::versions::Activation;
pub use crate::registration::{Link, Registration, Step, StepState, Wish};

use self::openapi::at;

/// Largest JSON body, in bytes. Grants and settings are at most 60 KiB each; JSON may spell them longer.
const JSON_BYTES_MAX: usize = 1 << 20;

/// What every handler has.
#[derive(Clone)]
pub struct Api {
    /// Tenants and modules.
    pub registry: Arc<Registry>,
    /// Recorded calls.
    pub journal: Journal,
    /// Work that outlives calls.
    pub jobs: Arc<Jobs>,
    /// Orders on record.
    pub orders: Orders,
    /// Registers modules at TeleCloud.
    pub registrar: Arc<Registrar>,
    /// Usage and audits.
    pub batches: Arc<Batches>,
    /// Counts wrong tokens.
    pub guard: Arc<Guard>,
    /// Counts what each tenant changes.
    pub changes: Arc<Rates>,
    /// Changes passwords.
    pub passwords: Arc<dyn Passwords>,
}

/// The routes under `/v1`, for the admin listener. Components of up to `upload_bytes` bytes are taken.
pub fn router(api: Api, upload_bytes: usize) -> Router {
    let (routes, description) = table(upload_bytes).split_for_parts();
    routes
        .route("/v1/openapi.json", get(async || Json(description)))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .layer(middleware::from_fn(to_its_end))
        .layer(middleware::from_fn_with_state(api.clone(), refused::noted))
        .with_state(api)
}

/// Every route.
#[rustfmt::skip]
fn table(upload_bytes: usize) -> OpenApiRouter<Api> {
    let large = DefaultBodyLimit::max(upload_bytes);
    OpenApiRouter::with_openapi(openapi::base())
        .routes(at("/v1/trail", routes!(trail::platform)))
        .routes(at("/v1/trail/verification", routes!(trail::verify_platform)))
        .routes(at("/v1/networks", routes!(networks::list)))
        .routes(at("/v1/networks/{network}", routes!(networks::get, networks::put, networks::delete)))
        .routes(at("/v1/tenants", routes!(tenants::list)))
        .routes(at("/v1/tenants/{tenant}", routes!(tenants::get, tenants::put, tenants::delete)))
        .routes(at("/v1/tenants/{tenant}/quota", routes!(quota::get, quota::put)))
        .routes(at("/v1/tenants/{tenant}/trail", routes!(trail::tenant)))
        .routes(at("/v1/tenants/{tenant}/trail/verification", routes!(trail::verify_tenant)))
        .routes(at("/v1/tenants/{tenant}/telecloud-keys", routes!(keys::list, keys::create)))
        .routes(at("/v1/tenants/{tenant}/telecloud-keys/{id}", routes!(keys::delete)))
        .routes(at("/v1/tenants/{tenant}/telecloud", routes!(telecloud::get, telecloud::put, telecloud::delete)))
        .routes(at("/v1/tenants/{tenant}/tokens", routes!(tokens::list, tokens::create)))
        .routes(at("/v1/tenants/{tenant}/tokens/{id}", routes!(tokens::delete)))
        .routes(at("/v1/tenants/{tenant}/modules", routes!(modules::list)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}", routes!(modules::get, modules::put, modules::delete)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/config", routes!(config::get, config::put)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/grants", routes!(grants::get, grants::put)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/schedules", routes!(schedules::get, schedules::put)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/runs", routes!(runs::list, runs::start)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/runs/{id}", routes!(runs::get)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/runs/{id}/results", routes!(runs::results)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/runs/{id}/report", routes!(runs::report)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/runs/{id}/repairs", routes!(runs::repair)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/settlements", routes!(runs::settle)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/secrets", routes!(secrets::list)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/secrets/{name}", routes!(secrets::put, secrets::delete)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/versions", routes!(versions::list, versions::upload).layer(large)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/versions/{number}", routes!(versions::delete)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/active", routes!(versions::activate)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/telecloud-registration", routes!(registration::register)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/callback", routes!(callback::get)))
        .routes(at("/v1/tenants/{tenant}/modules/{module}/callback-rotation", routes!(callback::rotate)))
        .routes(at("/v1/tenants/{tenant}/calls", routes!(calls::list)))
        .routes(at("/v1/tenants/{tenant}/calls/{id}", routes!(calls::get)))
        .routes(at("/v1/tenants/{tenant}/jobs", routes!(jobs::list)))
        .routes(at("/v1/tenants/{tenant}/jobs/{call}", routes!(jobs::get)))
        .routes(at("/v1/tenants/{tenant}/jobs/{call}/actions", routes!(jobs::act)))
        .routes(at("/v1/tenants/{tenant}/orders", routes!(orders::list)))
        .routes(at("/v1/tenants/{tenant}/orders/{id}", routes!(orders::get)))
        .routes(at("/v1/tenants/{tenant}/orders/{id}/password", routes!(passwords::change)))
}

async fn no_such_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Code::RouteNotFound.because(format!(
        "There is nothing at {path}. GET /v1/openapi.json lists what there is."
    ))
}

async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Code::MethodNotAllowed.because(format!(
        "{path} does not take {method}. GET /v1/openapi.json lists what it takes."
    ))
}

/// Carries a change to its end although the client hangs up: one that is durable has to take effect as well.
async fn to_its_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a handler ended in a panic");
            Code::Internal
                .because("The gateway's log says why; ask its operator.")
                .into_response()
        }
    }
}

fn status_of(written: Written) -> StatusCode {
    match written {
        Written::Created => StatusCode::CREATED,
        Written::Replaced => StatusCode::OK,
    }
}

#[cfg(test)]
pub(crate) mod tests;
