//! `…/{tenant}/tokens`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::access::{Access, IdPath, TenantAccess};
use super::body::{Body, Listing, Object};
use super::problem::Problem;
use crate::domain::tenant::{self, Scope};
use crate::registry::access;

/// A token to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// For people: who has it. At most 200 characters.
    #[serde(default)]
    #[schema(example = "deployment pipeline")]
    pub label: String,
    /// What it may do; at least one. A tenant's token can only make tokens that may do no more than itself.
    #[schema(example = json!(["read", "deploy"]))]
    pub scopes: BTreeSet<Scope>,
    /// When it stops working. Never, unless stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
}

/// A token, without the token itself.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Names the token where it is revoked.
    pub id: String,
    /// For people: who has it.
    pub label: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it stops working, if ever.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
}

/// A token that was made just now.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The token itself. It is shown here and never again.
    #[schema(format = Password)]
    pub value: String,
    /// What is known of it from now on.
    pub token: Token,
}

impl From<tenant::Token> for Token {
    fn from(token: tenant::Token) -> Self {
        let tenant::Token {
            id,
            label,
            scopes,
            created,
            expires,
            ..
        } = token;
        Self {
            id,
            label,
            scopes,
            created,
            expires,
        }
    }
}

/// Make a token
///
/// It works on this tenant's routes only, and there for what its scopes say. Keep the value: it is shown once. Takes the
/// scope `access`.
#[utoipa::path(post, path = "", tag = "tokens", request_body = NewToken,
    responses((status = 201, description = "It is made", body = CreatedToken)))]
pub(super) async fn create(
    at: TenantAccess<Access>,
    State(api): State<Api>,
    Body(Object(new)): Body<Object<NewToken>>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<CreatedToken>), Problem> {
    let new = access::NewToken {
        label: new.label,
        scopes: new.scopes,
        expires: new.expires,
    };
    let (token, secret) = api.registry.create_token(&at.tenant, new, &at.by).await?;
    let created = CreatedToken {
        value: secret.expose().to_owned(),
        token: token.into(),
    };
    let not_to_be_kept = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, not_to_be_kept, Json(created)))
}

/// List tokens
///
/// Oldest first, without the tokens themselves. Takes the scope `access`.
#[utoipa::path(get, path = "", tag = "tokens", responses((status = 200, description = "The tokens", body = Listing<Token>)))]
pub(super) async fn list(at: TenantAccess<Access>, State(api): State<Api>) -> Result<Json<Listing<Token>>, Problem> {
    let tokens = api.registry.tokens(&at.tenant)?;
    let items = tokens.into_iter().map(Token::from).collect();
    Ok(Json(Listing { items }))
}

/// Revoke a token
///
/// It stops working at once. Takes the scope `access`.
#[utoipa::path(delete, path = "", tag = "tokens", responses((status = 204, description = "It works no more")))]
pub(super) async fn delete(
    at: TenantAccess<Access>,
    IdPath(id): IdPath,
    State(api): State<Api>,
) -> Result<StatusCode, Problem> {
    api.registry.delete_token(&at.tenant, &id, &at.by).await?;
    Ok(StatusCode::NO_CONTENT)
}
