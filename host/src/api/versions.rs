//! `…/modules/{module}/versions` and `…/modules/{module}/active`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Deploy, ModuleAccess, Read, VersionPath};
use super::body::{Body, Component, Listing, Object};
use super::problem::{Code, Problem};
use super::{Api, status_of};
use crate::domain::module::{Digest, Module, Version};
use crate::registry::versions::Which;

/// The version to serve. Exactly one of the two names it.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Activation {
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 2)]
    pub version: Option<u32>,
    /// Its digest: 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
}

/// List versions
///
/// By number, with those that were removed. Which of them serves is said by the module. Takes the scope `read`.
#[utoipa::path(get, path = "", tag = "versions", responses((status = 200, description = "The versions", body = Listing<Version>)))]
pub(super) async fn list(at: ModuleAccess<Read>, State(api): State<Api>) -> Result<Json<Listing<Version>>, Problem> {
    let items = api.registry.versions(&at.path)?;
    Ok(Json(Listing { items }))
}

/// Upload a version
///
/// The body is a WebAssembly component that exports `patchbay:module/handler`. It is checked, compiled and kept, and does not
/// serve before it is activated. It may have to wait for its turn for some time. A refusal says what was expected and what was found. The same bytes again are the version that
/// they were. Takes the scope `deploy`.
#[utoipa::path(post, path = "", tag = "versions",
    request_body(content_type = "application/wasm", description = "The component"),
    responses(
        (status = 200, description = "These bytes were uploaded before, as this version", body = Version),
        (status = 201, description = "It is kept as this version", body = Version),
        (status = 409, description = "The tenant's quota of component bytes is used up", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "It is larger than the gateway takes", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be a module", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many uploads at once; retry", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn upload(
    State(api): State<Api>,
    Component { at, bytes, turn }: Component,
) -> Result<(StatusCode, Json<Version>), Problem> {
    let (version, written) = api.registry.upload(&at.path, bytes, turn, &at.by).await?;
    Ok((status_of(written), Json(version)))
}

/// Remove a version
///
/// One that does not serve. Its component is removed and takes no part of the quota any more. The version stays listed, as
/// removed, so that recorded calls keep their meaning; its number is not given again. Takes the scope `deploy`.
#[utoipa::path(delete, path = "", tag = "versions", responses(
    (status = 204, description = "Its component is gone"),
    (status = 409, description = "It serves", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    at: ModuleAccess<Deploy>,
    VersionPath(number): VersionPath,
    State(api): State<Api>,
) -> Result<StatusCode, Problem> {
    api.registry.remove_version(&at.path, number, &at.by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Activate a version
///
/// The next event runs it; calls that are running end with the version they began with. Activating an older version is the
/// way back. A version that cannot be made to serve is refused, and the one before serves on. Takes the scope `deploy`.
#[utoipa::path(put, path = "", tag = "versions", request_body = Activation, responses(
    (status = 200, description = "It serves", body = Module),
    (status = 409, description = "The tenant's quota of machine code is used up", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "It cannot serve", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many at once; retry", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn activate(
    at: ModuleAccess<Deploy>,
    State(api): State<Api>,
    Body(Object(activation)): Body<Object<Activation>>,
) -> Result<Json<Module>, Problem> {
    let which = match activation {
        Activation {
            version: Some(number),
            digest: None,
        } => Which::Number(number),
        Activation {
            version: None,
            digest: Some(digest),
        } => Which::Digest(digest),
        _ => return Err(Code::InvalidField.because("Name the version by either version or digest.")),
    };
    Ok(Json(api.registry.activate(&at.path, which, &at.by).await?))
}
