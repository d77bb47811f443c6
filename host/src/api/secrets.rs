//! `…/modules/{module}/secrets`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::access::{Deploy, ModuleAccess, Read, SecretPath};
use super::body::{Confidential, ConfidentialBody, Listing};
use super::problem::Problem;
use crate::domain::name::SecretName;
use crate::domain::secret::Secret;
use crate::registry::Written;

/// A secret's value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretValue {
    /// 1 byte to 8 KiB. It is never shown again.
    #[schema(value_type = String, format = Password)]
    pub value: Secret,
}

impl Confidential for SecretValue {
    const FORM: &'static str = "{\"value\": \"…\"}";
}

/// A secret that is set, without its value.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SecretInfo {
    /// Its name, which grants name too.
    #[schema(value_type = String)]
    pub name: SecretName,
}

/// List a module's secrets
///
/// Their names. Values are never given out. Takes the scope `read`.
#[utoipa::path(get, path = "", tag = "secrets", responses((status = 200, description = "The secrets", body = Listing<SecretInfo>)))]
pub(super) async fn list(at: ModuleAccess<Read>, State(api): State<Api>) -> Result<Json<Listing<SecretInfo>>, Problem> {
    let names = api.registry.secrets(&at.path)?;
    let items = names.into_iter().map(|name| SecretInfo { name }).collect();
    Ok(Json(Listing { items }))
}

/// Set a secret
///
/// The module sees a placeholder, and the gateway puts the secret into requests whose grant names it. The next event uses
/// the new value. Takes the scope `deploy`.
#[utoipa::path(put, path = "", tag = "secrets", request_body = SecretValue, responses(
    (status = 201, description = "There was none; it is set"),
    (status = 204, description = "There was one; it is replaced"),
))]
pub(super) async fn put(
    at: ModuleAccess<Deploy>,
    SecretPath(name): SecretPath,
    State(api): State<Api>,
    ConfidentialBody(secret): ConfidentialBody<SecretValue>,
) -> Result<StatusCode, Problem> {
    let written = api.registry.put_secret(&at.path, &name, secret.value, &at.by).await?;
    Ok(match written {
        Written::Created => StatusCode::CREATED,
        Written::Replaced => StatusCode::NO_CONTENT,
    })
}

/// Remove a secret
///
/// From the next event on. Takes the scope `deploy`.
#[utoipa::path(delete, path = "", tag = "secrets", responses((status = 204, description = "It is gone")))]
pub(super) async fn delete(
    at: ModuleAccess<Deploy>,
    SecretPath(name): SecretPath,
    State(api): State<Api>,
) -> Result<StatusCode, Problem> {
    api.registry.delete_secret(&at.path, &name, &at.by).await?;
    Ok(StatusCode::NO_CONTENT)
}
