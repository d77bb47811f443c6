//! A sandbox that judges components by their first bytes, for tests.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use super::access::{Caller, Principal};
use super::engine::{Engine, EngineError, Inspection};
use super::line::Permit;
use crate::domain::module::Digest;
use crate::domain::name::TenantName;
use crate::domain::tenant::Scope;
use crate::sandbox::CodeShare;

/// The platform admin.
pub(crate) fn platform() -> Caller {
    Caller {
        principal: Principal::PlatformAdmin,
        from: None,
    }
}

/// Whoever has a token of `acme` with this label and these scopes.
pub(crate) fn holder(label: &str, scopes: &[Scope]) -> Caller {
    Caller {
        principal: Principal::Tenant {
            tenant: TenantName::parse("acme").expect("a tenant name"),
            id: "01KAJ3X0V5R7W2Q8N4M6B1C9DF".to_owned(),
            label: label.to_owned(),
            scopes: scopes.iter().copied().collect(),
            expires: None,
        },
        from: None,
    }
}

/// Takes what begins with `good` or `unpreparable`; the latter fails when it is prepared. Keeps nothing that it compiled. Clones
/// are one engine.
#[derive(Default, Clone)]
pub(crate) struct FakeEngine {
    /// What was to be kept the last time.
    pub(crate) kept: Arc<Mutex<Vec<CodeShare>>>,
    /// Has checking wait for as long as somebody writes to it.
    pub(crate) checking: Arc<tokio::sync::RwLock<()>>,
    /// Has preparing `good slow` wait for as long as somebody writes to it.
    pub(crate) slow: Arc<tokio::sync::RwLock<()>>,
    /// What fails as well when it is prepared.
    pub(crate) unpreparable: Arc<Mutex<Option<Bytes>>>,
    /// What was prepared, in this order.
    pub(crate) prepared: Arc<Mutex<Vec<Bytes>>>,
}

impl FakeEngine {
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Engine for FakeEngine {
    /// The component itself.
    type Prepared = Bytes;

    async fn check(&self, _: Digest, component: Bytes, _: &Permit) -> Result<Inspection, EngineError> {
        let _checking = self.checking.read().await;
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

    async fn load(&self, _: Digest) -> Option<Arc<Bytes>> {
        None
    }

    async fn prepare(&self, _: Digest, component: Bytes, _: &Permit) -> Result<Arc<Bytes>, EngineError> {
        // Compiling takes a while, and others go on meanwhile.
        tokio::task::yield_now().await;
        if component == "good slow" {
            drop(self.slow.read().await);
        }
        self.prepared.lock().expect("no panic").push(component.clone());
        let unpreparable = self.unpreparable.lock().expect("no panic").as_ref() == Some(&component);
        if unpreparable || component.starts_with(b"unp") {
            return Err(EngineError::Refused("it needs 200 MiB of memory".to_owned()));
        }
        Ok(Arc::new(component))
    }

    fn code_bytes(&self, prepared: &Bytes) -> u64 {
        prepared.len() as u64
    }

    async fn keep(&self, shares: Vec<CodeShare>) {
        *self.kept.lock().expect("no panic") = shares;
    }
}
