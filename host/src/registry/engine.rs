//! What the registry asks of the sandbox. Nothing here knows what a prepared component is.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::module::Digest;
use crate::sandbox::{PrepareError, Prepared, Sandbox};

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
    /// The gateway is at fault, or its machine. A sentence for the operator.
    #[error("{0}")]
    Failed(String),
}

/// The right to have a component checked and prepared, for as long as it is held. How many there are bounds the memory and
/// the computing that uploads take, from the first byte that is read on.
#[derive(Debug)]
pub struct Permit {
    _held: OwnedSemaphorePermit,
}

impl Permit {
    /// Takes one if there is one left.
    pub(super) fn try_take(work: Arc<Semaphore>) -> Result<Self, EngineError> {
        let held = work.try_acquire_owned().map_err(|_| EngineError::Busy)?;
        Ok(Self { _held: held })
    }

    /// Waits for one.
    pub(super) async fn take(work: Arc<Semaphore>) -> Result<Self, EngineError> {
        let held = work.acquire_owned().await;
        let held = held.map_err(|error| EngineError::Failed(error.to_string()))?;
        Ok(Self { _held: held })
    }
}

/// Checks components and makes them ready to run.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// A component that is ready to run.
    type Prepared: Send + Sync + 'static;

    /// Where [`Permit`]s come from.
    fn work(&self) -> Arc<Semaphore>;

    /// Reads an upload and refuses what could not serve.
    async fn check(&self, component: Bytes, permit: &Permit) -> Result<Inspection, EngineError>;

    /// Compiles a component that was checked before, or loads what was compiled then.
    async fn prepare(
        &self,
        digest: Digest,
        component: Bytes,
        permit: &Permit,
    ) -> Result<Arc<Self::Prepared>, EngineError>;
}

#[async_trait]
impl Engine for Arc<Sandbox> {
    type Prepared = Prepared;

    fn work(&self) -> Arc<Semaphore> {
        Sandbox::work(self)
    }

    async fn check(&self, component: Bytes, _: &Permit) -> Result<Inspection, EngineError> {
        let inspected = tokio::task::spawn_blocking(move || Sandbox::inspect(&component)).await;
        let inspected = inspected.map_err(|error| EngineError::Failed(error.to_string()))?;
        inspected.map_err(|refused| EngineError::Refused(refused.to_string()))
    }

    async fn prepare(&self, digest: Digest, component: Bytes, _: &Permit) -> Result<Arc<Prepared>, EngineError> {
        Sandbox::prepare(self, &digest, component)
            .await
            .map_err(|error| match error {
                PrepareError::Refused(refused) => EngineError::Refused(refused.to_string()),
                PrepareError::Failed(why) => EngineError::Failed(why),
            })
    }
}
