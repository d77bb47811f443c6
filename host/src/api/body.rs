//! Bodies and queries: read whole and checked, or refused with a problem that names the field.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::access::{Deploy, ModuleAccess};
use super::problem::{Code, Problem};
use crate::registry::Turn;

/// For a whole body: a component of 64 MiB over a line of 10 Mbit/s takes 54 s. Without an end, a client that sends nothing
/// would hold a permit, or a connection, for ever.
const READ: Duration = Duration::from_secs(60);

/// A list. An object, so that it can grow.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Listing<T> {
    /// In the order that the route says.
    pub items: Vec<T>,
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        json(request, api, |error| cause(error)).await.map(Self)
    }
}

/// What has a secret in it.
pub(super) trait Confidential: DeserializeOwned {
    /// How it is written.
    const FORM: &'static str;
}

/// A JSON body with a secret in it. A refusal repeats nothing of it, as that of [`Body`] would: people show errors around.
pub(super) struct ConfidentialBody<T>(pub(super) T);

impl<T: Confidential> FromRequest<Api> for ConfidentialBody<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let misfit = |_: &dyn Error| format!("The body must be {}.", T::FORM);
        json(request, api, misfit).await.map(|Object(value)| Self(value))
    }
}

/// Reads JSON; `misfit` says why it is not a `T`.
async fn json<T: DeserializeOwned>(
    request: Request,
    api: &Api,
    misfit: impl FnOnce(&dyn Error) -> String,
) -> Result<T, Problem> {
    match within(READ, Json::from_request(request, api)).await? {
        Ok(Json(value)) => Ok(value),
        Err(JsonRejection::BytesRejection(rejection)) => Err(unread(&rejection)),
        Err(JsonRejection::MissingJsonContentType(_)) => {
            Err(Code::UnsupportedMediaType.because("Send the body with Content-Type: application/json."))
        }
        Err(JsonRejection::JsonDataError(error)) => Err(Code::InvalidField.because(misfit(&error))),
        Err(error) => Err(Code::UnreadableBody.because(format!("The body is not JSON: {}", cause(&error)))),
    }
}

/// A JSON object. serde also takes a list for a struct, its fields in order, so that `[]` would reset whatever has a default.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

/// [`Object`] for a field.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Fields<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(fields))
        }
    }

    deserializer.deserialize_map(Fields(PhantomData))
}

/// A component's bytes, from someone who may deploy it, and the turn to have it worked on.
pub(super) struct Component {
    pub(super) at: ModuleAccess<Deploy>,
    pub(super) bytes: Bytes,
    pub(super) turn: Turn,
}

impl FromRequest<Api> for Component {
    type Rejection = Problem;
    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let at = ModuleAccess::<Deploy>::from_request_parts(&mut parts, api).await?;
        let media_type = media_type(&parts.headers);
        if !matches!(media_type, "application/wasm" | "application/octet-stream") {
            return Err(Code::UnsupportedMediaType.because("Send the component with Content-Type: application/wasm."));
        }
        // Before the body is read, so that bodies in memory are bounded, too.
        let turn = api.registry.turn_to_upload(&at.path.tenant).await?;
        let request = Request::from_parts(parts, body);
        // Joined as it comes: pieces of a byte each would take forty times as much.
        let read = within(READ, BytesMut::from_request(request, api));
        match unless(turn.outstayed(), read).await?? {
            Ok(bytes) => Ok(Self {
                at,
                bytes: bytes.freeze(),
                turn,
            }),
            Err(rejection) => Err(unread(&rejection)),
        }
    }
}

fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
}

/// The query.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Asked<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, api).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => Err(Code::InvalidQuery.because(cause(&error))),
        }
    }
}

async fn within<F: Future>(time: Duration, read: F) -> Result<F::Output, Problem> {
    tokio::time::timeout(time, read).await.map_err(|_| {
        Code::UnreadableBody.because(format!(
            "The body was not there within {} s. Send it again.",
            time.as_secs()
        ))
    })
}

/// Reads a component, unless it has to give way before it is there.
async fn unless<T>(outstayed: impl Future<Output = ()>, read: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::select! {
        biased;
        read = read => Ok(read),
        () = outstayed => {
            Err(Code::Busy.because("The component was slow to come, and others wait to send theirs. Retry in some seconds."))
        }
    }
}

fn unread(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Code::TooLarge
            .because("The body is larger than this route takes. Components have a limit that the operator sets.")
    } else {
        Code::UnreadableBody.because("The body did not arrive whole. Send it again.")
    }
}

/// A rejection itself only says that there was one; its cause names the field.
fn cause(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never = within(Duration::ZERO, std::future::pending::<()>()).await;
        let problem = never.expect_err("it is over");
        assert_eq!(problem.code, "unreadable-body");
        let there = within(Duration::from_secs(60), async { 7 }).await;
        assert_eq!(there.expect("in time"), 7);
    }

    #[tokio::test]
    async fn a_component_that_is_slow_to_come_gives_way() {
        let slow = unless(std::future::ready(()), std::future::pending::<()>()).await;
        assert_eq!(slow.expect_err("others wait").code, "busy");
        let there = unless(std::future::ready(()), std::future::ready(7)).await;
        assert_eq!(there.expect("it is there"), 7);
    }
}
