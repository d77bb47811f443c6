//! The carrier's API when it behaves: routes, bodies and errors. Authorization and idempotency come before this.

use std::sync::{Arc, Mutex};

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::book::{Book, Change, Line, LineStatus, Order, Port, PortStatus, take};
use crate::peer::{Reply, lock};

type Books = State<Arc<Mutex<Book>>>;

pub(super) fn router(book: Arc<Mutex<Book>>) -> Router {
    Router::new()
        .route("/v1/activations", post(activate))
        .route("/v1/port-ins", post(port_in))
        .route("/v1/port-ins/{activation_id}", get(port_status))
        .route("/v1/lines/{line}", get(line).delete(cancel))
        .route("/v1/lines/{line}/status", put(set_status))
        .route("/v1/lines/{line}/sim", put(swap_sim))
        .route("/v1/lines/{line}/device", put(swap_device))
        .route("/v1/lines/{line}/renewals", post(renew))
        .route("/v1/lines/{line}/top-ups", post(top_up))
        .fallback(async || Refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing here".to_owned()))
        .method_not_allowed_fallback(async || {
            let message = "this cannot be done here".to_owned();
            Refusal(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
        })
        .with_state(book)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLine {
    reference: Option<String>,
    plan: String,
    imei: String,
    iccid: String,
    #[serde(rename = "customer")]
    _customer: Customer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PortIn {
    reference: Option<String>,
    plan: String,
    imei: String,
    iccid: String,
    #[serde(rename = "customer")]
    _customer: Customer,
    port: OtherAccount,
}

/// Only its form is looked at: this carrier keeps nothing about people.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    #[serde(rename = "first_name")]
    _first_name: Option<String>,
    #[serde(rename = "last_name")]
    _last_name: Option<String>,
    #[serde(rename = "address")]
    _address: Option<String>,
    #[serde(rename = "zip_code")]
    _zip_code: Option<String>,
    #[serde(rename = "email")]
    _email: Option<String>,
}

/// The account at the other carrier.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherAccount {
    number: String,
    #[serde(rename = "account_number")]
    _account_number: String,
    #[serde(rename = "pin")]
    _pin: String,
    #[serde(rename = "tax_id")]
    _tax_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: LineStatus,
    #[serde(rename = "reason")]
    _reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sim {
    iccid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    imei: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    plan: String,
}

async fn activate(State(book): Books, Body(new): Body<NewLine>) -> (StatusCode, Json<Value>) {
    let mut book = lock(&book);
    let line = book.activate(Order {
        reference: new.reference,
        plan: new.plan,
        imei: new.imei,
        iccid: new.iccid,
    });
    let answer = json!({
        "activation_id": line.activation_id,
        "subscriber_id": line.subscriber_id,
        "mdn": line.mdn,
    });
    (StatusCode::CREATED, Json(answer))
}

async fn port_in(State(book): Books, Body(new): Body<PortIn>) -> (StatusCode, Json<Value>) {
    let mut book = lock(&book);
    let order = Order {
        reference: new.reference,
        plan: new.plan,
        imei: new.imei,
        iccid: new.iccid,
    };
    let port = book.submit_port(order, new.port.number);
    let answer = json!({"activation_id": port.line.activation_id, "port_status": "SUBMITTED"});
    (StatusCode::ACCEPTED, Json(answer))
}

async fn port_status(State(book): Books, Path(activation_id): Path<String>) -> Result<Json<Value>, Refusal> {
    let book = lock(&book);
    let found = book.ports.iter().find(|port| port.line.activation_id == activation_id);
    let Port { line, status } = found.ok_or_else(|| {
        let message = format!("no port-in {activation_id}");
        Refusal(StatusCode::NOT_FOUND, "PORT_NOT_FOUND", message)
    })?;
    let (status, mdn, subscriber_id, reason) = match status {
        PortStatus::Submitted => ("SUBMITTED", None, None, None),
        PortStatus::Completed => ("COMPLETED", Some(&line.mdn), line.subscriber_id.as_ref(), None),
        PortStatus::Rejected(reason) => ("REJECTED", None, None, Some(reason)),
    };
    Ok(Json(json!({
        "activation_id": activation_id,
        "port_status": status,
        "mdn": mdn,
        "subscriber_id": subscriber_id,
        "reason": reason,
    })))
}

async fn line(State(book): Books, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
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
        "balance": line.balance(),
    })))
}

async fn set_status(
    State(book): Books,
    Path(name): Path<String>,
    Body(new): Body<NewStatus>,
) -> Result<Json<Value>, Refusal> {
    let status = new.status;
    change(&book, &name, |line| {
        if line.status == status {
            let state = if status == LineStatus::Active {
                "active"
            } else {
                "suspended"
            };
            let message = format!("already {state}");
            return Err(Refusal(StatusCode::CONFLICT, "ALREADY_IN_STATE", message));
        }
        line.status = status;
        Ok(match status {
            LineStatus::Active => Change::Restored,
            LineStatus::Suspended | LineStatus::Cancelled => Change::Suspended,
        })
    })?;
    Ok(Json(json!({"status": status})))
}

async fn swap_sim(State(book): Books, Path(name): Path<String>, Body(sim): Body<Sim>) -> Result<Json<Value>, Refusal> {
    change(&book, &name, |line| {
        line.iccid.clone_from(&sim.iccid);
        Ok(Change::SimSwapped(sim.iccid))
    })?;
    Ok(Json(json!({})))
}

async fn swap_device(
    State(book): Books,
    Path(name): Path<String>,
    Body(device): Body<Device>,
) -> Result<Json<Value>, Refusal> {
    change(&book, &name, |line| {
        line.imei.clone_from(&device.imei);
        Ok(Change::DeviceSwapped(device.imei))
    })?;
    Ok(Json(json!({})))
}

async fn renew(
    State(book): Books,
    Path(name): Path<String>,
    Body(plan): Body<Plan>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    change(&book, &name, |line| {
        line.plan.clone_from(&plan.plan);
        Ok(Change::Renewed(plan.plan))
    })?;
    let renewal_id = format!("R-{}", take(&mut lock(&book).numbers.renewal));
    Ok((StatusCode::CREATED, Json(json!({"renewal_id": renewal_id}))))
}

async fn top_up(
    State(book): Books,
    Path(name): Path<String>,
    Body(plan): Body<Plan>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let line = change(&book, &name, |line| {
        line.top_up();
        Ok(Change::ToppedUp(plan.plan))
    })?;
    Ok((StatusCode::CREATED, Json(json!({"balance": line.balance()}))))
}

async fn cancel(State(book): Books, Path(name): Path<String>) -> Result<StatusCode, Refusal> {
    change(&book, &name, |line| {
        line.status = LineStatus::Cancelled;
        Ok(Change::Cancelled)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes a line that exists, writes the change down, and returns the line as it is then.
fn change(
    book: &Mutex<Book>,
    name: &str,
    how: impl FnOnce(&mut Line) -> Result<Change, Refusal>,
) -> Result<Line, Refusal> {
    let mut book = lock(book);
    let line = existing(&mut book, name)?;
    let change = how(line)?;
    let line = line.clone();
    book.changed(&line.activation_id, change);
    Ok(line)
}

fn existing<'book>(book: &'book mut Book, name: &str) -> Result<&'book mut Line, Refusal> {
    let missing = || Refusal(StatusCode::NOT_FOUND, "LINE_NOT_FOUND", format!("no line {name}"));
    book.line(name).ok_or_else(missing)
}

/// Why a request has no effect: status, code, message.
struct Refusal(StatusCode, &'static str, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        Reply::error(status, code, &message).into()
    }
}

/// A JSON body of this form; anything else is answered with 422.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(malformed(&rejection)),
        }
    }
}

fn malformed(rejection: &JsonRejection) -> Refusal {
    Refusal(StatusCode::UNPROCESSABLE_ENTITY, "MALFORMED", rejection.body_text())
}
