//! `…/modules/{module}/schedules`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::access::{Deploy, ModuleAccess, Read};
use super::body::{Body, Object, object};
use super::problem::Problem;
use crate::domain::audit::AuditSettings;
use crate::domain::batch::{BatchSettings, Schedules};
use crate::domain::metering::UsageSettings;

/// A module's scheduled work. What is left out is not scheduled, or goes by its default.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScheduleSettings {
    /// When it is due.
    #[serde(deserialize_with = "object")]
    schedules: Schedules,
    /// How usage is reported.
    #[serde(deserialize_with = "object")]
    usage: UsageSettings,
    /// How an audit compares.
    #[serde(deserialize_with = "object")]
    audit: AuditSettings,
}

/// Look at a module's scheduled work
///
/// Takes the scope `read`.
#[utoipa::path(get, path = "", tag = "schedules",
    responses((status = 200, description = "When it is due, and how it is done", body = BatchSettings)))]
pub(super) async fn get(at: ModuleAccess<Read>, State(api): State<Api>) -> Result<Json<BatchSettings>, Problem> {
    let batches = api.registry.batches(&at.path)?;
    Ok(Json(BatchSettings::clone(&batches)))
}

/// Replace a module's scheduled work
///
/// All of it: what is left out is not scheduled any more, or goes by its default. Expressions have five fields and are
/// about the clock of their time zone. A schedule that is changed is due at its next time, and never at once. Takes the
/// scope `deploy`.
#[utoipa::path(put, path = "", tag = "schedules", request_body = ScheduleSettings,
    responses((status = 200, description = "The settings as they are now", body = BatchSettings)))]
pub(super) async fn put(
    at: ModuleAccess<Deploy>,
    State(api): State<Api>,
    Body(Object(settings)): Body<Object<ScheduleSettings>>,
) -> Result<Json<BatchSettings>, Problem> {
    let batches = BatchSettings {
        schedules: settings.schedules,
        usage: settings.usage,
        audit: settings.audit,
    };
    let batches = api.registry.put_batches(&at.path, batches, &at.by).await?;
    Ok(Json(BatchSettings::clone(&batches)))
}
