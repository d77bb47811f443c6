//! Lines that there are, and what can be done to them.

use std::sync::Mutex;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, Books, Refusal};
use crate::carrier::book::{Book, Change, Key, Line, LineStatus, take};
use crate::peer::lock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStatus {
    status: LineStatus,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sim {
    iccid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Device {
    imei: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    plan: String,
}

pub(super) async fn line(State(book): Books, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    let mut book = lock(&book);
    let line = existing(&mut book, &name)?;
    Ok(Json(json!({
        "activation_id": line.activation_id,
        "subscriber_id": line.subscriber_id,
        "mdn": line.mdn,
        "reference": line.reference,
        "plan": line.plan,
        "imei": line.imei,
        "iccid": line.iccid,
        "status": line.status,
        "suspended_for": line.suspended_for,
        "balance": line.balance(),
    })))
}

pub(super) async fn set_status(
    State(book): Books,
    key: Key,
    Path(name): Path<String>,
    Body(new): Body<NewStatus>,
) -> Result<Json<Value>, Refusal> {
    let status = new.status;
    let reason = new.reason.filter(|_| status == LineStatus::Suspended);
    change(&book, key, &name, |line| {
        let same = line.status == status;
        if same && line.suspended_for == reason {
            let state = if status == LineStatus::Active {
                "active"
            } else {
                "suspended"
            };
            let message = format!("already {state}");
            return Err(Refusal(StatusCode::CONFLICT, "ALREADY_IN_STATE", message));
        }
        line.status = status;
        line.suspended_for.clone_from(&reason);
        Ok(match status {
            LineStatus::Active => Change::Restored,
            LineStatus::Suspended | LineStatus::Cancelled if same => Change::SuspendedFor(reason),
            LineStatus::Suspended | LineStatus::Cancelled => Change::Suspended,
        })
    })?;
    Ok(Json(json!({"status": status})))
}

pub(super) async fn swap_sim(
    State(book): Books,
    key: Key,
    Path(name): Path<String>,
    Body(sim): Body<Sim>,
) -> Result<Json<Value>, Refusal> {
    change(&book, key, &name, |line| {
        line.iccid.clone_from(&sim.iccid);
        Ok(Change::SimSwapped(sim.iccid))
    })?;
    Ok(Json(json!({})))
}

pub(super) async fn swap_device(
    State(book): Books,
    key: Key,
    Path(name): Path<String>,
    Body(device): Body<Device>,
) -> Result<Json<Value>, Refusal> {
    change(&book, key, &name, |line| {
        line.imei.clone_from(&device.imei);
        Ok(Change::DeviceSwapped(device.imei))
    })?;
    Ok(Json(json!({})))
}

pub(super) async fn set_password(
    State(book): Books,
    key: Key,
    Path(name): Path<String>,
    Body(new): Body<NewPassword>,
) -> Result<Json<Value>, Refusal> {
    if !(4..=64).contains(&new.password.chars().count()) {
        let message = "a password has 4 to 64 characters".to_owned();
        return Err(Refusal(StatusCode::UNPROCESSABLE_ENTITY, "BAD_PASSWORD", message));
    }
    change(&book, key, &name, |line| {
        line.password = Some(new.password);
        Ok(Change::PasswordChanged)
    })?;
    Ok(Json(json!({})))
}

pub(super) async fn renew(
    State(book): Books,
    key: Key,
    Path(name): Path<String>,
    Body(plan): Body<Plan>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    change(&book, key, &name, |line| {
        line.plan.clone_from(&plan.plan);
        Ok(Change::Renewed(plan.plan))
    })?;
    let renewal_id = format!("R-{}", take(&mut lock(&book).numbers.renewal));
    Ok((StatusCode::CREATED, Json(json!({"renewal_id": renewal_id}))))
}

pub(super) async fn top_up(
    State(book): Books,
    key: Key,
    Path(name): Path<String>,
    Body(plan): Body<Plan>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let line = change(&book, key, &name, |line| {
        line.top_up();
        Ok(Change::ToppedUp(plan.plan))
    })?;
    Ok((StatusCode::CREATED, Json(json!({"balance": line.balance()}))))
}

pub(super) async fn cancel(State(book): Books, key: Key, Path(name): Path<String>) -> Result<StatusCode, Refusal> {
    change(&book, key, &name, |line| {
        line.status = LineStatus::Cancelled;
        Ok(Change::Cancelled)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes a line that exists, writes the change down, and returns the line as it is then.
fn change(
    book: &Mutex<Book>,
    key: Key,
    name: &str,
    how: impl FnOnce(&mut Line) -> Result<Change, Refusal>,
) -> Result<Line, Refusal> {
    let mut book = lock(book);
    let line = existing(&mut book, name)?;
    let change = how(line)?;
    let line = line.clone();
    book.effected(key, &line, change);
    Ok(line)
}

fn existing<'book>(book: &'book mut Book, name: &str) -> Result<&'book mut Line, Refusal> {
    let missing = || Refusal(StatusCode::NOT_FOUND, "LINE_NOT_FOUND", format!("no line {name}"));
    book.line(name).ok_or_else(missing)
}
