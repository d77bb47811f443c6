//! What a carrier says by itself, on a module's callback URL.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use super::Gateway;
use super::on_record::Sender;
use crate::domain::name::TenantName;
use crate::domain::progress::Callback;
use crate::egress::secrets;
use crate::guessing::{Judged, Target};
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

/// Why a request did not come to a callback URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCallee {
    /// There is none of this secret. A wrong secret is not told apart from a module that is not there.
    NotHere,
    /// Too many wrong secrets came from there, and this one is wrong as well. After this time it may try another.
    TooMany(Duration),
}

/// Whether anything in it has a secret's placeholder in it, as a post may not have one either. What a carrier writes in JSON is
/// looked at as a module reads it.
fn holds_placeholder(callback: &Callback) -> bool {
    let texts = callback.headers.iter().map(|(_, value)| value.as_slice());
    let mut texts = texts.chain([callback.path_with_query.as_bytes(), &callback.body]);
    texts.any(secrets::mentions)
        || serde_json::from_slice(&callback.body).is_ok_and(|body| super::holds_placeholder(&body))
}

impl Gateway {
    /// Whose callback URL this is.
    ///
    /// # Errors
    /// When it is none, or the source has tried too many.
    pub fn callee(&self, source: Option<IpAddr>, tenant: &str, module: &str, secret: &str) -> Result<Callee, NoCallee> {
        let serving = self.modules.serving(tenant, module).ok_or(NoCallee::NotHere)?;
        let own = self.vault.hash(serving.settings.callback.expose());
        let target = Target::Callback(serving.settings.path.clone());
        let judged = self.guard.judge(source, &target, &[secret], |secret| {
            Vault::same(&own, &self.vault.hash(secret)).then_some(())
        });
        match judged {
            Judged::Right(()) => Ok(Callee(serving)),
            Judged::Wrong => Err(NoCallee::NotHere),
            Judged::Refused(wait) => Err(NoCallee::TooMany(wait)),
        }
    }

    /// Hands a carrier's request to the module, at the tenant's rate and no faster.
    ///
    /// It goes on when the carrier hangs up: what the module says of its orders has to be kept.
    pub async fn callback(self: &Arc<Self>, Callee(serving): Callee, callback: Callback) -> Received {
        let path = &serving.settings.path;
        let span = tracing::info_span!("callback", tenant = %path.tenant, module = %path.module);
        let gateway = Arc::clone(self);
        let call = async move {
            let settings = &serving.settings;
            let may_run = gateway.may_run(settings);
            // At the tenant's rate as well: it takes reading the body.
            if may_run.is_ok() && holds_placeholder(&callback) {
                tracing::warn!("a callback held the placeholder of a secret");
                return Received::Bad;
            }
            let on_record = || gateway.on_record.takes(&settings.path.tenant, Sender::Known);
            gateway.worker.callback(&serving, callback, may_run, on_record).await
        };
        self.calls.spawn(call.instrument(span)).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a callback ended in a panic");
            Received::Later
        })
    }
}
