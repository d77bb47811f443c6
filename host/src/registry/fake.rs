//! A sandbox that judges components by their first bytes, for tests.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::engine::{Engine, EngineError, Inspection, Permit};
use crate::domain::module::Digest;

/// Takes what begins with `good` or `unpreparable`; the latter fails when it is prepared.
pub(crate) struct FakeEngine(Arc<Semaphore>);

impl FakeEngine {
    /// Works on one component at a time.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

#[async_trait]
impl Engine for FakeEngine {
    /// The component itself.
    type Prepared = Bytes;

    fn work(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0)
    }

    async fn check(&self, component: Bytes, _: &Permit) -> Result<Inspection, EngineError> {
        match &component[..] {
            [b'g', b'o', b'o', b'd', ..] | [b'u', b'n', b'p', ..] => Ok(Inspection {
                exports: vec!["handler".to_owned()],
                imports: vec!["config".to_owned(), "log".to_owned()],
            }),
            b"broken" => Err(EngineError::Failed("the compiler was killed".to_owned())),
            _ => Err(EngineError::Refused(
                "expected a component, found a core module".to_owned(),
            )),
        }
    }

    async fn prepare(&self, _: Digest, component: Bytes, _: &Permit) -> Result<Arc<Bytes>, EngineError> {
        if component.starts_with(b"unp") {
            return Err(EngineError::Refused("it needs 200 MiB of memory".to_owned()));
        }
        Ok(Arc::new(component))
    }
}
