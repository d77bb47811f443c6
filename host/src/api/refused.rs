//! What a valid token tried and may not, on the trail: a scope that it has not got, another tenant's name. Tokens that are not
//! valid are counted where they are judged.

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;

use super::Api;
use super::access::{source, token};
use crate::registry::Caller;
use crate::registry::access::Principal;
use crate::trail::Book;

/// Most characters of a path in an entry. The longest route with the longest names has some 200.
const PATH_CHARACTERS: usize = 250;

/// Answers, and writes down what was refused.
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
    if !matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
        return response;
    }
    let Some(principal) = api.registry.authenticate(&presented, Timestamp::now()) else {
        return response;
    };
    let Principal::Tenant { tenant, .. } = &principal else {
        return response;
    };
    let path = path.trim_start_matches("/v1/").to_owned();
    let others = path.split('/').nth(1).is_some_and(|named| named != tenant.as_str());
    let book = match status {
        StatusCode::NOT_FOUND if others => Book::Platform,
        StatusCode::FORBIDDEN => Book::Tenant(tenant.clone()),
        _ => return response,
    };
    let by = Caller { principal, from }.signature();
    let trail = api.registry.trail();
    trail.refused(&book, &by, &format!("{method} {route}"), &path).await;
    response
}
