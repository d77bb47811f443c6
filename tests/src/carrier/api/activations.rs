//! How lines come into being: new ones, and those whose number another carrier has.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, Books, Refusal};
use crate::carrier::book::{Key, Order, Port};
use crate::peer::lock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLine {
    reference: Option<String>,
    plan: String,
    imei: String,
    iccid: String,
    #[serde(rename = "customer")]
    _customer: Customer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortIn {
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
pub(super) struct Correction {
    port: OtherAccount,
}

pub(super) async fn activate(State(book): Books, key: Key, Body(new): Body<NewLine>) -> (StatusCode, Json<Value>) {
    let mut book = lock(&book);
    let order = Order {
        reference: new.reference,
        plan: new.plan,
        imei: new.imei,
        iccid: new.iccid,
    };
    let line = book.activate(key, order);
    let answer = json!({
        "activation_id": line.activation_id,
        "subscriber_id": line.subscriber_id,
        "mdn": line.mdn,
    });
    (StatusCode::CREATED, Json(answer))
}

pub(super) async fn port_in(State(book): Books, key: Key, Body(new): Body<PortIn>) -> (StatusCode, Json<Value>) {
    let mut book = lock(&book);
    let order = Order {
        reference: new.reference,
        plan: new.plan,
        imei: new.imei,
        iccid: new.iccid,
    };
    let port = book.submit_port(key, order, new.port.number);
    submitted(port)
}

pub(super) async fn port_status(State(book): Books, Path(activation_id): Path<String>) -> Result<Json<Value>, Refusal> {
    let book = lock(&book);
    let port = book.port(&activation_id).ok_or_else(|| no_port(&activation_id))?;
    Ok(Json(port.document()))
}

pub(super) async fn correct_port(
    State(book): Books,
    key: Key,
    Path(activation_id): Path<String>,
    Body(correction): Body<Correction>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let mut book = lock(&book);
    book.port(&activation_id).ok_or_else(|| no_port(&activation_id))?;
    let corrected = book.correct_port(key, &activation_id, correction.port.number);
    let port = corrected.ok_or_else(|| {
        let message = format!("port-in {activation_id} does not wait for a correction");
        Refusal(StatusCode::CONFLICT, "NOT_CORRECTABLE", message)
    })?;
    Ok(submitted(port))
}

fn submitted(port: &Port) -> (StatusCode, Json<Value>) {
    let answer = json!({"activation_id": port.line.activation_id, "port_status": "SUBMITTED"});
    (StatusCode::ACCEPTED, Json(answer))
}

fn no_port(activation_id: &str) -> Refusal {
    Refusal(
        StatusCode::NOT_FOUND,
        "PORT_NOT_FOUND",
        format!("no port-in {activation_id}"),
    )
}
