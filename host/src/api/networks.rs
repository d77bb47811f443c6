//! `/v1/networks`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Admin, AdminOfNetwork};
use super::body::{Body, Listing, Object};
use super::problem::Problem;
use super::{Api, status_of};
use crate::domain::network::{Block, Network};

/// What a network is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSettings {
    /// The blocks of addresses that it has, 1 to 64.
    #[schema(value_type = Vec<String>, example = json!(["10.20.0.0/16", "fd12::/48"]))]
    pub blocks: Vec<Block>,
}

/// List the networks
///
/// All that grants can name, by name. For the platform admin.
#[utoipa::path(get, path = "", tag = "networks", responses((status = 200, description = "The networks", body = Listing<Network>)))]
pub(super) async fn list(_: Admin, State(api): State<Api>) -> Json<Listing<Network>> {
    let items = api.registry.networks();
    Json(Listing { items })
}

/// Name or change a network
///
/// Grants that name it reach the addresses in it, from now on and nowhere else. No network has link-local or multicast
/// addresses, those at which clouds serve metadata, or, but in blocks of its own, this machine itself. For the platform
/// admin.
#[utoipa::path(put, path = "", tag = "networks", request_body = NetworkSettings, responses(
    (status = 200, description = "There was one; it is changed", body = Network),
    (status = 201, description = "There was none; it is named", body = Network),
))]
pub(super) async fn put(
    at: AdminOfNetwork,
    State(api): State<Api>,
    Body(Object(settings)): Body<Object<NetworkSettings>>,
) -> Result<(StatusCode, Json<Network>), Problem> {
    let (network, written) = api.registry.put_network(&at.network, settings.blocks, &at.by).await?;
    Ok((status_of(written), Json(network)))
}

/// Look at a network
///
/// For the platform admin.
#[utoipa::path(get, path = "", tag = "networks", responses((status = 200, description = "The network", body = Network)))]
pub(super) async fn get(at: AdminOfNetwork, State(api): State<Api>) -> Result<Json<Network>, Problem> {
    Ok(Json(api.registry.network(&at.network)?))
}

/// Remove a network
///
/// One that nothing names any more. For the platform admin.
#[utoipa::path(delete, path = "", tag = "networks", responses((status = 204, description = "It is gone")))]
pub(super) async fn delete(at: AdminOfNetwork, State(api): State<Api>) -> Result<StatusCode, Problem> {
    api.registry.delete_network(&at.network, &at.by).await?;
    Ok(StatusCode::NO_CONTENT)
}
