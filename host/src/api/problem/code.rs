//! The kinds of problems, each with its status and its title.

use axum::http::StatusCode;

use super::Problem;

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// No token, or one that is not valid.
    Unauthorized,
    /// The token is valid and may not do this.
    Forbidden,
    /// There is no such route.
    RouteNotFound,
    /// There is no such tenant, as far as this token may know.
    TenantNotFound,
    /// There is no such module.
    ModuleNotFound,
    /// There is no such version.
    VersionNotFound,
    /// There is no such network.
    NetworkNotFound,
    /// There is no such secret.
    SecretNotFound,
    /// There is no such TeleCloud key.
    KeyNotFound,
    /// There is no such token.
    TokenNotFound,
    /// The tenant's access to TeleCloud's API is not set.
    TelecloudNotFound,
    /// There is no such call.
    CallNotFound,
    /// There is no such order.
    OrderNotFound,
    /// There is no open job for this call.
    JobNotFound,
    /// There is no such run.
    RunNotFound,
    /// The route has other methods.
    MethodNotAllowed,
    /// A part of the URL is not a name.
    InvalidName,
    /// The query cannot be read.
    InvalidQuery,
    /// The body is not JSON, or did not arrive whole.
    UnreadableBody,
    /// The body is JSON, and not what it should be.
    InvalidField,
    /// The body is of another media type.
    UnsupportedMediaType,
    /// The body is larger than what is taken.
    TooLarge,
    /// It is there already.
    Conflict,
    /// Something names it.
    InUse,
    /// The tenant has as much as its quota allows.
    QuotaExceeded,
    /// What a person wants to do about a job is not safe now.
    ActionRefused,
    /// The module ran for it, and definitely changed nothing.
    NothingChanged,
    /// The module ran for it, and nobody knows what came of that.
    OutcomeUnknown,
    /// Something else has to end first.
    NotYet,
    /// A grant cannot be understood.
    InvalidGrant,
    /// The component cannot be a module.
    UploadRefused,
    /// The version cannot be made to serve.
    NotPrepared,
    /// Too many wrong tokens from the same address.
    TooManyTries,
    /// Too much at once.
    Busy,
    /// The store cannot do it now.
    StorageUnavailable,
    /// The gateway failed.
    Internal,
}

impl Code {
    /// Code, status, title.
    fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "A valid token is required"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "The token may not do this"),
            Self::RouteNotFound => ("route-not-found", StatusCode::NOT_FOUND, "No such route"),
            Self::TenantNotFound => ("tenant-not-found", StatusCode::NOT_FOUND, "No such tenant"),
            Self::ModuleNotFound => ("module-not-found", StatusCode::NOT_FOUND, "No such module"),
            Self::VersionNotFound => ("version-not-found", StatusCode::NOT_FOUND, "No such version"),
            Self::NetworkNotFound => ("network-not-found", StatusCode::NOT_FOUND, "No such network"),
            Self::SecretNotFound => ("secret-not-found", StatusCode::NOT_FOUND, "No such secret"),
            Self::KeyNotFound => ("key-not-found", StatusCode::NOT_FOUND, "No such TeleCloud key"),
            Self::TokenNotFound => ("token-not-found", StatusCode::NOT_FOUND, "No such token"),
            Self::TelecloudNotFound => (
                "telecloud-not-found",
                StatusCode::NOT_FOUND,
                "No access to TeleCloud's API",
            ),
            Self::CallNotFound => ("call-not-found", StatusCode::NOT_FOUND, "No such call"),
            Self::OrderNotFound => ("order-not-found", StatusCode::NOT_FOUND, "No such order"),
            Self::JobNotFound => ("job-not-found", StatusCode::NOT_FOUND, "No such job"),
            Self::RunNotFound => ("run-not-found", StatusCode::NOT_FOUND, "No such run"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The route has other methods",
            ),
            Self::InvalidName => ("invalid-name", StatusCode::BAD_REQUEST, "Not a name"),
            Self::InvalidQuery => ("invalid-query", StatusCode::BAD_REQUEST, "The query cannot be read"),
            Self::UnreadableBody => ("unreadable-body", StatusCode::BAD_REQUEST, "The body cannot be read"),
            Self::InvalidField => (
                "invalid-field",
                StatusCode::UNPROCESSABLE_ENTITY,
                "A field cannot be taken",
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body has the wrong media type",
            ),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "It is there already"),
            Self::InUse => ("in-use", StatusCode::CONFLICT, "Something uses it"),
            Self::QuotaExceeded => ("quota-exceeded", StatusCode::CONFLICT, "The tenant's quota is used up"),
            Self::ActionRefused => ("action-refused", StatusCode::CONFLICT, "Not done"),
            Self::NothingChanged => ("nothing-changed", StatusCode::BAD_GATEWAY, "Nothing was changed"),
            Self::OutcomeUnknown => ("outcome-unknown", StatusCode::GATEWAY_TIMEOUT, "It may have happened"),
            Self::NotYet => ("not-yet", StatusCode::CONFLICT, "Something else has to end first"),
            Self::InvalidGrant => (
                "invalid-grant",
                StatusCode::UNPROCESSABLE_ENTITY,
                "A grant cannot be taken",
            ),
            Self::UploadRefused => (
                "upload-refused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The component cannot be a module",
            ),
            Self::NotPrepared => (
                "not-prepared",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The version cannot be made to serve",
            ),
            Self::TooManyTries => ("too-many-tries", StatusCode::TOO_MANY_REQUESTS, "Too many wrong tokens"),
            Self::Busy => ("busy", StatusCode::TOO_MANY_REQUESTS, "Too much at once"),
            Self::StorageUnavailable => (
                "storage-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The store cannot do it now",
            ),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The gateway failed"),
        }
    }

    /// A problem of this kind.
    pub(in crate::api) fn because(self, detail: impl Into<String>) -> Problem {
        let (code, status, title) = self.row();
        Problem {
            kind: format!("urn:patchbay:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
        }
    }
}
