//! What goes wrong, as RFC 9457 problem documents. The one place where an error becomes a status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::no_such_run;
use crate::batches::BatchError;
use crate::domain::name::InvalidName;
use crate::domain::telecloud::InvalidUrlTemplate;
use crate::gateway::{InvalidPassword, NotRun};
use crate::jobs::{JobError, Refused};
use crate::journal::JournalError;
use crate::registration::RegistrationError;
use crate::registry::{EngineError, RegistryError};
use crate::storage::StorageError;

/// Media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not carried out (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem. It leads nowhere.
    #[serde(rename = "type")]
    #[schema(example = "urn:patchbay:problem:tenant-not-found")]
    pub kind: String,
    /// The kind of problem, for people. The same for each problem of a kind.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What was wrong this time, and what to do about it.
    pub detail: String,
    /// The kind of problem, for programs.
    #[schema(example = "tenant-not-found")]
    pub code: String,
}

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
    pub(super) fn because(self, detail: impl Into<String>) -> Problem {
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
            }
            _ => {}
        }
        response
    }
}

impl From<InvalidName> for Problem {
    fn from(error: InvalidName) -> Self {
        Code::InvalidName.because(format!("{error}."))
    }
}

impl From<InvalidUrlTemplate> for Problem {
    fn from(error: InvalidUrlTemplate) -> Self {
        Code::InvalidField.because(format!("url {error}."))
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Conflict { .. } => {
                Code::Conflict.because("Someone else changed it meanwhile. Look at it again, then retry.")
            }
            StorageError::Damaged { .. } => {
                tracing::error!(%error, "a stored record is damaged");
                Code::Internal.because("A stored record is damaged. The gateway's log says which; ask its operator.")
            }
            StorageError::Unavailable { .. } => {
                tracing::error!(%error, "the store failed");
                Code::StorageUnavailable.because("The store cannot do it now. The gateway's log says why; retry later.")
            }
        }
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Storage(error) => error.into(),
            JournalError::Unwritable(_) | JournalError::Ended => {
                Code::Internal.because("The gateway mixed up its calls; ask its operator.")
            }
        }
    }
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Storage(error) => error.into(),
            JobError::Unwritable(why) => {
                tracing::error!(why, "a job could not be written down");
                Code::Internal.because("The gateway's log says why; ask its operator.")
            }
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::NoSuchJob => Code::JobNotFound.because(format!("There is no open job: {text}.")),
            Refused::Running | Refused::NotNow(_) => Code::ActionRefused.because(format!("{text}.")),
            Refused::Failed(error) => error.into(),
        }
    }
}

impl From<InvalidPassword> for Problem {
    fn from(error: InvalidPassword) -> Self {
        Code::InvalidField.because(format!("{error}."))
    }
}

impl From<NotRun> for Problem {
    fn from(error: NotRun) -> Self {
        match error {
            NotRun::Panicked => Code::Internal.because("The gateway's log says why; ask its operator."),
            NotRun::NoModule(_)
            | NotRun::Suspended(_)
            | NotRun::NoVersion(_)
            | NotRun::NotLinked
            | NotRun::NotGranted { .. } => Code::ActionRefused.because(format!("{error}.")),
            NotRun::NotRecorded(_) => Code::OutcomeUnknown.because(format!("{error}.")),
        }
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let text = error.to_string();
        match error {
            BatchError::Registry(error) => error.into(),
            BatchError::Storage(error) => error.into(),
            BatchError::NoSuchRun(id) => no_such_run(&id.to_string()),
            BatchError::UnderWay(_) | BatchError::NotDone(_) => Code::NotYet.because(format!("{text}.")),
            BatchError::NoSuchOrder(_) => Code::OrderNotFound.because(format!("{text}.")),
            BatchError::OtherKind(..) | BatchError::NoRepair(_) | BatchError::NoSuchComponent(_) => {
                Code::InvalidField.because(format!("{text}."))
            }
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let text = error.to_string();
        match error {
            // The same words for what does not exist and for what belongs to someone else.
            RegistryError::NoSuchTenant(name) => {
                Code::TenantNotFound.because(format!("There is no tenant {name}, or the token is another tenant's."))
            }
            RegistryError::Leaving(_) => {
                Code::NotYet.because(format!("{text}. What is left of it is removed when they have ended."))
            }
            RegistryError::NoSuchModule(path) => Code::ModuleNotFound.because(format!(
                "Tenant {} has no module {}. Make it with PUT on its URL.",
                path.tenant, path.module
            )),
            RegistryError::NoSuchVersion { module, wanted } => Code::VersionNotFound.because(format!(
                "Module {module} has no version {wanted}. GET its versions lists those that were uploaded."
            )),
            RegistryError::VersionRemoved { .. } => {
                Code::VersionNotFound.because(format!("{text}. Upload its component again to have it as a new version."))
            }
            RegistryError::VersionServes { .. } => {
                Code::InUse.because(format!("{text}. Activate another one first, or remove the module."))
            }
            RegistryError::NoRoom { .. } => Code::QuotaExceeded.because(format!(
                "{text}. Remove versions that nobody goes back to, with DELETE on their URLs or patchbay version remove, \
                 or ask the platform admin for more."
            )),
            RegistryError::NoSuchSecret { module, name } => {
                Code::SecretNotFound.because(format!("Module {module} has no secret {name}."))
            }
            RegistryError::NoSuchKey(_) => {
                Code::KeyNotFound.because(format!("{text}. Keys go by the id they are listed with."))
            }
            RegistryError::NoSuchToken(_) => {
                Code::TokenNotFound.because(format!("{text}. Tokens go by the id they are listed with."))
            }
            RegistryError::NoTelecloud(tenant) => Code::TelecloudNotFound.because(format!(
                "{text}. Set it with PUT on /v1/tenants/{tenant}/telecloud, or with patchbay telecloud set {tenant}."
            )),
            RegistryError::KeyIsThere { .. } => Code::Conflict.because(format!("{text}.")),
            RegistryError::Invalid { .. }
            | RegistryError::Limit(_)
            | RegistryError::OverCeiling(_)
            | RegistryError::Quota(_)
            | RegistryError::Batch(_) => Code::InvalidField.because(format!("{text}.")),
            RegistryError::Grant(_) => Code::InvalidGrant.because(format!("{text}. The grants are as they were.")),
            RegistryError::NoSuchNetwork(name) => Code::NetworkNotFound.because(format!(
                "{text}. The platform admin names it with PUT on /v1/networks/{name}, or with patchbay network set {name}."
            )),
            RegistryError::NetworkInUse { .. } => Code::InUse.because(format!("{text}.")),
            RegistryError::NetworkNotGranted { .. } => Code::Forbidden.because(format!("{text}.")),
            RegistryError::ScopeNotHeld(_) => Code::Forbidden.because(format!("{text}.")),
            RegistryError::Upload(source) => engine(&source, Code::UploadRefused, text),
            RegistryError::NotPrepared { source, .. } => {
                let text = format!("{text}. Whatever served before serves on.");
                engine(&source, Code::NotPrepared, text)
            }
            RegistryError::Storage(error) => error.into(),
            RegistryError::ComponentLost { .. } | RegistryError::Sealed { .. } | RegistryError::AdminToken(_) => {
                tracing::error!(error = text, "the registry failed");
                Code::Internal.because("The gateway's log says why; ask its operator.")
            }
        }
    }
}

impl From<RegistrationError> for Problem {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::Registry(error) => error.into(),
            RegistrationError::UnderWay(_) => Code::Busy.because(format!("{error}. Retry in some seconds.")),
        }
    }
}

/// The component's fault, the moment's, or the gateway's own.
fn engine(error: &EngineError, refused: Code, text: String) -> Problem {
    match error {
        EngineError::Refused(_) => refused.because(text),
        EngineError::Busy | EngineError::TenantBusy => Code::Busy.because(format!("{text}. Retry in some seconds.")),
        EngineError::Unconfined(_) => {
            tracing::error!(error = text, "the sandbox failed");
            Code::Internal.because(format!("{text}."))
        }
        EngineError::Failed(_) => {
            tracing::error!(error = text, "the sandbox failed");
            Code::Internal
                .because("The component could not be worked on. The gateway's log says why; ask its operator.")
        }
    }
}
