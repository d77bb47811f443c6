//! `…/{tenant}/telecloud-keys`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::access::{Access, IdPath, TenantAccess};
use super::body::{Confidential, ConfidentialBody, Listing};
use super::problem::Problem;
use crate::domain::secret::Secret;
use crate::domain::tenant::TelecloudKey;

/// A TeleCloud API key to accept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// For people: whose key it is. At most 200 characters.
    #[serde(default)]
    #[schema(example = "reseller 1234")]
    pub label: String,
    /// The key, as TeleCloud sends it in `APIAuth`. It is never shown again.
    #[schema(value_type = String, format = Password)]
    pub key: Secret,
}

impl Confidential for NewKey {
    const FORM: &'static str = "{\"label\": \"…\", \"key\": \"…\"}";
}

/// A TeleCloud API key that is accepted, without the key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Names the key where it is removed.
    pub id: String,
    /// For people: whose key it is.
    pub label: String,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

impl From<TelecloudKey> for Key {
    fn from(key: TelecloudKey) -> Self {
        let TelecloudKey { id, label, created, .. } = key;
        Self { id, label, created }
    }
}

/// Accept a TeleCloud key
///
/// TeleCloud sends the API key of the account that an order was placed with, so each reseller has its own. A call with a
/// key that is not accepted is answered with a failure, and runs no module. Takes the scope `access`.
#[utoipa::path(post, path = "", tag = "telecloud-keys", request_body = NewKey, responses(
    (status = 201, description = "It is accepted from now on", body = Key),
    (status = 409, description = "It is accepted already", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    at: TenantAccess<Access>,
    State(api): State<Api>,
    ConfidentialBody(new): ConfidentialBody<NewKey>,
) -> Result<(StatusCode, Json<Key>), Problem> {
    let key = api.registry.add_key(&at.tenant, new.label, &new.key, &at.by).await?;
    Ok((StatusCode::CREATED, Json(key.into())))
}

/// List TeleCloud keys
///
/// Oldest first, without the keys themselves. Takes the scope `access`.
#[utoipa::path(get, path = "", tag = "telecloud-keys", responses((status = 200, description = "The keys", body = Listing<Key>)))]
pub(super) async fn list(at: TenantAccess<Access>, State(api): State<Api>) -> Result<Json<Listing<Key>>, Problem> {
    let keys = api.registry.keys(&at.tenant)?;
    let items = keys.into_iter().map(Key::from).collect();
    Ok(Json(Listing { items }))
}

/// Stop accepting a TeleCloud key
///
/// From the next call on. Takes the scope `access`.
#[utoipa::path(delete, path = "", tag = "telecloud-keys", responses((status = 204, description = "It is not accepted any more")))]
pub(super) async fn delete(
    at: TenantAccess<Access>,
    IdPath(id): IdPath,
    State(api): State<Api>,
) -> Result<StatusCode, Problem> {
    api.registry.delete_key(&at.tenant, &id, &at.by).await?;
    Ok(StatusCode::NO_CONTENT)
}
