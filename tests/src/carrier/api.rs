//! The carrier's API when it behaves: routes, bodies and errors. Authorization and idempotency come before this.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::extract::{self, FromRequest, FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::book::{Book, Key};
use crate::peer::Reply;

mod activations;
mod lines;
mod listings;

type Books = State<Arc<Mutex<Book>>>;

pub(super) fn router(book: Arc<Mutex<Book>>) -> Router {
    Router::new()
        .route("/v1/activations", post(activations::activate))
        .route("/v1/port-ins", post(activations::port_in))
        .route(
            "/v1/port-ins/{activation_id}",
            get(activations::port_status).put(activations::correct_port),
        )
        .route("/v1/lines", get(listings::lines))
        .route("/v1/lines/{line}", get(lines::line).delete(lines::cancel))
        .route("/v1/lines/{line}/status", put(lines::set_status))
        .route("/v1/lines/{line}/sim", put(lines::swap_sim))
        .route("/v1/lines/{line}/device", put(lines::swap_device))
        .route("/v1/lines/{line}/password", put(lines::set_password))
        .route("/v1/lines/{line}/renewals", post(lines::renew))
        .route("/v1/lines/{line}/top-ups", post(lines::top_up))
        .route("/v1/operations/{key}", get(listings::operation))
        .route("/v1/usage", get(listings::usage))
        .fallback(async || Refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing here".to_owned()))
        .method_not_allowed_fallback(async || {
            let message = "this cannot be done here".to_owned();
            Refusal(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
        })
        .with_state(book)
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
            Err(rejection) => Err(malformed(rejection.body_text())),
        }
    }
}

/// A query of this form; anything else is answered with 422.
struct Query<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match extract::Query::from_request_parts(parts, state).await {
            Ok(extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(malformed(rejection.body_text())),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let key = parts.headers.get("idempotency-key");
        Ok(Self(
            key.map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned()),
        ))
    }
}

fn malformed(message: String) -> Refusal {
    Refusal(StatusCode::UNPROCESSABLE_ENTITY, "MALFORMED", message)
}
