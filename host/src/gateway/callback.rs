//! What a carrier says by itself, on a module's callback URL.

use std::sync::Arc;

use tracing::Instrument;

use super::Gateway;
use crate::domain::name::TenantName;
use crate::domain::progress::Callback;
use crate::jobs::Received;
use crate::registry::Serving;
use crate::sandbox::Prepared;
use crate::vault::Vault;

/// Proof that a request came to the callback URL of this module, secret and all.
pub struct Callee(Arc<Serving<Prepared>>);

impl Callee {
    /// Whose module it is.
    #[must_use]
    pub fn tenant(&self) -> &TenantName {
        &self.0.settings.path.tenant
    }
}

impl Gateway {
    /// Whose callback URL this is. A wrong secret is not told apart from a module that is not there.
    #[must_use]
    pub fn callee(&self, tenant: &str, module: &str, secret: &str) -> Option<Callee> {
        let presented = self.vault.hash(secret);
        let serving = self.modules.serving(tenant, module)?;
        let own = self.vault.hash(serving.settings.callback.expose());
        Vault::same(&own, &presented).then_some(Callee(serving))
    }

    /// Hands a carrier's request to the module.
    ///
    /// It goes on when the carrier hangs up: what the module says of its orders has to be kept.
    pub async fn callback(self: &Arc<Self>, Callee(serving): Callee, callback: Callback) -> Received {
        let path = &serving.settings.path;
        let span = tracing::info_span!("callback", tenant = %path.tenant, module = %path.module);
        let gateway = Arc::clone(self);
        let call = async move { gateway.worker.callback(&serving, callback).await };
        self.calls.spawn(call.instrument(span)).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a callback ended in a panic");
            Received::Later
        })
    }
}
