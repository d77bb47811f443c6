//! `…/modules/{module}/runs`

#![expect(unused_qualifications, reason = "the macro qualifies the name of the query")]

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::{Calls, ModuleAccess, Operate, RunPath};
use super::body::{Asked, Body, Listing, Object};
use super::problem::Problem;
use crate::batches::NumberedRow;
use crate::domain::batch::{BatchKind, Repair, Run, UsageResult};
use crate::domain::usage::Amount;

/// Which runs to list.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RunQuery {
    /// Runs of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<BatchKind>,
}

/// A run to begin.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// Which work.
    pub kind: BatchKind,
    /// Tell TeleCloud nothing, and remember nothing as told. An audit tells nothing anyway.
    #[serde(default)]
    pub dry_run: bool,
}

/// Where a part of a usage run's results begins.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ResultQuery {
    /// `next` of the part before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A part of what came of a usage run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ResultListing {
    /// One for each reading, in the order of the run.
    pub items: Vec<UsageResult>,
    /// To be sent as `after` for the next part. Null when this was the last.
    pub next: Option<String>,
}

/// What to repair.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepairOrder {
    /// The numbers of rows of the report. Null for all that can be repaired.
    pub rows: Option<Vec<u32>>,
}

/// What TeleCloud has of a component of an order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// The order.
    pub order_number: String,
    /// The component at TeleCloud.
    pub component_id: String,
    /// The total that TeleCloud has, in the unit that the module reads. 0 says that the count starts anew.
    #[schema(value_type = String, example = "0")]
    pub total: Amount,
}

/// List a module's runs of scheduled work
///
/// The newest first; some hundred of each kind are kept. Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "runs", params(RunQuery),
    responses((status = 200, description = "The runs", body = Listing<Run>)))]
pub(super) async fn list(
    at: ModuleAccess<Calls>,
    Asked(query): Asked<RunQuery>,
    State(api): State<Api>,
) -> Result<Json<Listing<Run>>, Problem> {
    let items = api.batches.runs(&at.path, query.kind).await?;
    Ok(Json(Listing { items }))
}

/// Begin a run
///
/// It goes on by itself, also after a restart; look at it for how far it is. While one of its kind is under way for the
/// module there is no other. Takes the scope `operate`.
#[utoipa::path(post, path = "", tag = "runs", request_body = NewRun,
    responses((status = 202, description = "It has begun", body = Run)))]
pub(super) async fn start(
    at: ModuleAccess<Operate>,
    State(api): State<Api>,
    Body(Object(new)): Body<Object<NewRun>>,
) -> Result<(StatusCode, Json<Run>), Problem> {
    let run = api.batches.start(&at.path, new.kind, new.dry_run, &at.by).await?;
    Ok((StatusCode::ACCEPTED, Json(run)))
}

/// Look at a run
///
/// How far it is, and what was counted. Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "runs", responses((status = 200, description = "The run", body = Run)))]
pub(super) async fn get(
    at: ModuleAccess<Calls>,
    RunPath(id): RunPath,
    State(api): State<Api>,
) -> Result<Json<Run>, Problem> {
    Ok(Json(api.batches.run(&at.path, id).await?))
}

/// Look at what came of a usage run
///
/// In parts, reading by reading: what was decided, and what TeleCloud said. Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "runs", params(ResultQuery),
    responses((status = 200, description = "A part of the results", body = ResultListing)))]
pub(super) async fn results(
    at: ModuleAccess<Calls>,
    RunPath(id): RunPath,
    Asked(query): Asked<ResultQuery>,
    State(api): State<Api>,
) -> Result<Json<ResultListing>, Problem> {
    let results = api.batches.results(&at.path, id, query.after.as_deref()).await?;
    Ok(Json(ResultListing {
        items: results.items,
        next: results.next,
    }))
}

/// Look at the report of an audit
///
/// Every difference, with the VARs that would repair it and what became of that. Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "runs",
    responses((status = 200, description = "The report", body = Listing<NumberedRow>)))]
pub(super) async fn report(
    at: ModuleAccess<Calls>,
    RunPath(id): RunPath,
    State(api): State<Api>,
) -> Result<Json<Listing<NumberedRow>>, Problem> {
    let items = api.batches.report(&at.path, id).await?;
    Ok(Json(Listing { items }))
}

/// Repair what an audit found
///
/// Saves VARs on orders by Order/Update, and nothing else: no state is ever changed. A row whose order has changed since the
/// audit is left alone. Answers with what became of each row that was tried. Takes the scope `operate`.
#[utoipa::path(post, path = "", tag = "runs", request_body = RepairOrder,
    responses((status = 200, description = "What became of them", body = Listing<Repair>)))]
pub(super) async fn repair(
    at: ModuleAccess<Operate>,
    RunPath(id): RunPath,
    State(api): State<Api>,
    Body(Object(order)): Body<Object<RepairOrder>>,
) -> Result<Json<Listing<Repair>>, Problem> {
    let items = api.batches.repair(&at.path, id, order.rows.as_deref(), &at.by).await?;
    Ok(Json(Listing { items }))
}

/// Settle a total that was held or is in doubt
///
/// Says what TeleCloud has; nothing is sent. The next run compares with it. Takes the scope `operate`.
#[utoipa::path(post, path = "", tag = "runs", request_body = Settlement,
    responses((status = 204, description = "The next run compares with it")))]
pub(super) async fn settle(
    at: ModuleAccess<Operate>,
    State(api): State<Api>,
    Body(Object(settlement)): Body<Object<Settlement>>,
) -> Result<StatusCode, Problem> {
    let Settlement {
        order_number,
        component_id,
        total,
    } = settlement;
    api.batches
        .settle(&at.path, &order_number, &component_id, total, &at.by)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
