//! What was refused, on the trail: a token that is not valid, a scope that a token has not got, another tenant's name.

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;

use super::Api;
use super::access::{source, token};
use crate::domain::trail::{Actor, Signature};
use crate::registry::Caller;
use crate::registry::access::Principal;
use crate::trail::Book;

/// Most characters of a path in an entry. The longest route with the longest names has some 200.
const PATH_CHARACTERS: usize = 250;

/// Answers, and writes down what was refused. Whoever sent no token at all has not tried one.
pub(super) async fn noted(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(presented) = token(request.headers()).map(str::to_owned) else {
        return next.run(request).await;
    };
    let from = source(request.extensions(), request.headers(), &api);
    let path: String = request.uri().path().chars().take(PATH_CHARACTERS).collect();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|route| route.as_str().to_owned());
    let method = request.method().clone();
    let response = next.run(request).await;
    let (status, Some(route)) = (response.status(), route) else {
        return response;
    };
    if !matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
    ) {
        return response;
    }
    let trail = api.registry.trail();
    let path = path.trim_start_matches("/v1/").to_owned();
    match api.registry.authenticate(&presented, Timestamp::now()) {
        None if status == StatusCode::UNAUTHORIZED => {
            let by = Signature {
                actor: Actor::Stranger {},
                from,
            };
            trail.refused(&Book::Platform, &by, "a token", &path).await;
        }
        Some(principal) => {
            let Principal::Tenant { tenant, .. } = &principal else {
                return response;
            };
            let others = path.split('/').nth(1).is_some_and(|named| named != tenant.as_str());
            let book = match status {
                StatusCode::NOT_FOUND if others => Book::Platform,
                StatusCode::FORBIDDEN => Book::Tenant(tenant.clone()),
                _ => return response,
            };
            let by = Caller { principal, from }.signature();
            trail.refused(&book, &by, &format!("{method} {route}"), &path).await;
        }
        None => {}
    }
    response
}
