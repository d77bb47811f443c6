//! What goes wrong, as RFC 9457 problem documents. The one place where an error becomes a status.

mod code;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::code::Code;
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
            | NotRun::Preparing(_)
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
            RegistryError::NoRoomToServe { .. } => Code::QuotaExceeded.because(format!(
                "{text}. Remove modules that are not needed, or ask the platform admin for more."
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
