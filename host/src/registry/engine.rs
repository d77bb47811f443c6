//! What the registry asks of the sandbox. Nothing here knows what a prepared component is.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::line::Permit;
use crate::domain::module::Digest;
use crate::sandbox::{CodeShare, PrepareError, Prepared, Sandbox};

pub use crate::sandbox::Inspection;

/// Why a component was not checked or prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The component is at fault. A sentence for its author: what was expected, what was found.
    #[error("{0}")]
    Refused(String),
    /// Too many components are being worked on; later it may go well.
    #[error("too many components are being checked and compiled at the moment")]
    Busy,
    /// As many of the tenant's own are; later it may go well.
    #[error("as many components of this tenant as may be are waiting to be checked and compiled")]
    TenantBusy,
    /// The gateway is at fault, or its machine. A sentence for the operator.
    #[error("{0}")]
    Failed(String),
    /// The machine does not let the gateway compile anything. A sentence for the operator, who has to decide.
    #[error("{0}")]
    Unconfined(String),
}

/// Checks components and makes them ready to run.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// A component that is ready to run.
    type Prepared: Send + Sync + 'static;

    /// Compiles an upload, keeps what was compiled, and refuses what could not serve.
    async fn check(&self, digest: Digest, component: Bytes, permit: &Permit) -> Result<Inspection, EngineError>;

    /// Loads what was compiled of a component, if that is there.
    async fn load(&self, digest: Digest) -> Option<Arc<Self::Prepared>>;

    /// Compiles a component that was checked before.
    async fn prepare(
        &self,
        digest: Digest,
        component: Bytes,
        permit: &Permit,
    ) -> Result<Arc<Self::Prepared>, EngineError>;

    /// Bytes of memory that a component takes for as long as it is ready to run.
    fn code_bytes(&self, prepared: &Self::Prepared) -> u64;

    /// Forgets what was compiled of other components than these, and what is too much for who has it.
    async fn keep(&self, shares: Vec<CodeShare>);
}

#[async_trait]
impl Engine for Arc<Sandbox> {
    type Prepared = Prepared;

    async fn check(&self, digest: Digest, component: Bytes, permit: &Permit) -> Result<Inspection, EngineError> {
        let prepared = Engine::prepare(self, digest, component, permit).await?;
        Ok(prepared.inspection().clone())
    }

    async fn load(&self, digest: Digest) -> Option<Arc<Prepared>> {
        Sandbox::load(self, &digest).await
    }

    async fn prepare(&self, digest: Digest, component: Bytes, _: &Permit) -> Result<Arc<Prepared>, EngineError> {
        Sandbox::prepare(self, &digest, component)
            .await
            .map_err(|error| match error {
                PrepareError::Refused(refused) => EngineError::Refused(refused.to_string()),
                PrepareError::Failed(why) => EngineError::Failed(why),
                unconfined @ PrepareError::Unconfined(_) => EngineError::Unconfined(unconfined.to_string()),
            })
    }

    fn code_bytes(&self, prepared: &Prepared) -> u64 {
        prepared.code_bytes()
    }

    async fn keep(&self, shares: Vec<CodeShare>) {
        Sandbox::keep(self, shares).await;
    }
}
