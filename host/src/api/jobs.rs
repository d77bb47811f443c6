//! `…/{tenant}/jobs`

#![expect(unused_qualifications, reason = "the macro qualifies the name of the query")]

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::{Calls, JobPath, Operate, TenantAccess, no_such_job};
use super::body::{Asked, Body, Object};
use super::problem::{Code, Problem};
use crate::domain::call::CallId;
use crate::domain::job::Stage;
use crate::domain::name::ModuleName;
use crate::jobs::{Action, JobKey, JobView, Page};

/// Jobs on a page, unless the query says otherwise.
const LIMIT: usize = 50;

/// Most jobs of one page.
const LIMIT_MAX: usize = 200;

/// Which jobs to list. What is left out does not matter.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct JobQuery {
    /// Jobs of this module.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub module: Option<ModuleName>,
    /// Jobs that stand here. `fallout` lists what needs a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Jobs whose calls are later than this one: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub after: Option<CallId>,
    /// At most so many: 1 to 200, 50 unless stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

/// A page of jobs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct JobListing {
    /// Oldest first. A page can be short, even empty, and still have a next one.
    pub items: Vec<JobView>,
    /// To be sent as `after` for the next page. Null when this was the last.
    #[schema(value_type = Option<String>)]
    pub next: Option<CallId>,
}

/// List jobs
///
/// Work that outlives its call: orders that are pending, outcomes that are unknown, news that TeleCloud has not taken. Oldest
/// first, in pages; `stage=fallout` lists what needs a person. Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "jobs", params(JobQuery),
    responses((status = 200, description = "A page of jobs", body = JobListing)))]
pub(super) async fn list(
    at: TenantAccess<Calls>,
    Asked(query): Asked<JobQuery>,
    State(api): State<Api>,
) -> Result<Json<JobListing>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Code::InvalidQuery.because(format!("limit must be 1 to {LIMIT_MAX}, and {limit} is not.")));
    }
    let page = Page {
        module: query.module,
        stage: query.stage,
        after: query.after,
        limit,
    };
    let (items, next) = api.jobs.list(&at.tenant, &page).await?;
    Ok(Json(JobListing { items, next }))
}

/// Look at a job
///
/// Where it stands, why, and what can be done about it now. The call of the same id has the whole story in `after`, and the
/// calls that were made for the job are listed by `about`. A job that is over is not found. Takes the scope `calls`.
#[utoipa::path(get, path = "", tag = "jobs", responses((status = 200, description = "The job", body = JobView)))]
pub(super) async fn get(
    at: TenantAccess<Calls>,
    JobPath(call): JobPath,
    State(api): State<Api>,
) -> Result<Json<JobView>, Problem> {
    let key = JobKey {
        tenant: at.tenant,
        call,
    };
    let job = api.jobs.view(&key).await?;
    job.map(Json).ok_or_else(|| no_such_job(&call.to_string()))
}

/// Step in
///
/// Does what a person decides about a job, on record with its call under the label of the token. What is not safe now is
/// refused, and the detail says why. Takes the scope `operate`.
#[utoipa::path(post, path = "", tag = "jobs", request_body = Action, responses(
    (status = 200, description = "It is done, and the job goes on", body = JobView),
    (status = 204, description = "It is done, and the job is over"),
))]
pub(super) async fn act(
    at: TenantAccess<Operate>,
    JobPath(call): JobPath,
    State(api): State<Api>,
    Body(Object(action)): Body<Object<Action>>,
) -> Result<Response, Problem> {
    let key = JobKey {
        tenant: at.tenant,
        call,
    };
    api.jobs.act(&key, &action, &at.by, api.registry.trail()).await?;
    // It may be over by now although it went on just before.
    Ok(match api.jobs.view(&key).await? {
        Some(job) => Json(job).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}
