//! `…/{tenant}/telecloud`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::access::{Access, TenantAccess};
use super::body::{Confidential, ConfidentialBody};
use super::problem::Problem;
use super::{Api, status_of};
use crate::domain::name::NetworkName;
use crate::domain::secret::Secret;
use crate::domain::telecloud::{TelecloudAccess, UrlTemplate};
use crate::registry::telecloud;

/// How TeleCloud's API is to be reached.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTelecloud {
    /// What the URL of each call is made by: `{Service}` and `{Action}` become those of the call, `{format}` becomes
    /// `xml`. `https://api.telecloud.app/{format}/{Service}/{Action}` unless stated.
    #[serde(default)]
    #[schema(example = "https://api.telecloud.app/{format}/{Service}/{Action}")]
    pub url: Option<String>,
    /// `API_ID_KEY`: whose key it is. 1 to 256 characters.
    pub api_id_key: String,
    /// `API_KEY`, 1 to 256 characters. It is never shown again.
    #[schema(value_type = String, format = Password)]
    pub api_key: Secret,
    /// The network that the API is in, if it is not on the internet. Only the platform admin can name one; a tenant may keep
    /// it while the URL stays.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub network: Option<NetworkName>,
}

impl Confidential for NewTelecloud {
    const FORM: &'static str = "{\"url\": \"…\", \"api_id_key\": \"…\", \"api_key\": \"…\", \"network\": \"…\"}";
}

/// Set how TeleCloud's API is reached
///
/// All of it, and the key each time. Calls that finish pending orders, report usage or register modules go there from now
/// on. Takes the scope `access`.
#[utoipa::path(put, path = "", tag = "telecloud", request_body = NewTelecloud, responses(
    (status = 200, description = "It was set; it is replaced", body = TelecloudAccess),
    (status = 201, description = "It was not set; it is now", body = TelecloudAccess),
))]
pub(super) async fn put(
    at: TenantAccess<Access>,
    State(api): State<Api>,
    ConfidentialBody(new): ConfidentialBody<NewTelecloud>,
) -> Result<(StatusCode, Json<TelecloudAccess>), Problem> {
    let url = new.url.as_deref().map(UrlTemplate::parse).transpose()?;
    let new = telecloud::NewTelecloud {
        url: url.unwrap_or_default(),
        api_id_key: new.api_id_key,
        api_key: new.api_key,
        network: new.network,
    };
    let (access, written) = api.registry.put_telecloud(&at.tenant, new, &at.by).await?;
    Ok((status_of(written), Json(access)))
}

/// Look at how TeleCloud's API is reached
///
/// Without the key. Takes the scope `access`.
#[utoipa::path(get, path = "", tag = "telecloud",
    responses((status = 200, description = "How it is reached", body = TelecloudAccess)))]
pub(super) async fn get(at: TenantAccess<Access>, State(api): State<Api>) -> Result<Json<TelecloudAccess>, Problem> {
    Ok(Json(api.registry.telecloud(&at.tenant)?.access.clone()))
}

/// Forget how TeleCloud's API is reached
///
/// And the key. What TeleCloud has to be told waits until it is set again. Takes the scope `access`.
#[utoipa::path(delete, path = "", tag = "telecloud", responses((status = 204, description = "It is not set any more")))]
pub(super) async fn delete(at: TenantAccess<Access>, State(api): State<Api>) -> Result<StatusCode, Problem> {
    api.registry.delete_telecloud(&at.tenant, &at.by).await?;
    Ok(StatusCode::NO_CONTENT)
}
