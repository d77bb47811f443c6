//! A job with what is sealed of it: the event, the module's note, the answer, the news for TeleCloud.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{JobError, document};
use crate::domain::answer::Reply;
use crate::domain::call::CallId;
use crate::domain::event::{Document, Event, Vars};
use crate::domain::job::Job;
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::order::{Unlinked, same_order};
use crate::domain::update::Update;
use crate::vault::Vault;

/// What only the gateway and the module may read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matter {
    /// What was posted. Its documents are let go once nobody will run it again.
    #[serde(with = "shared")]
    pub event: Arc<Event>,
    /// The module's note on a pending order.
    pub state: String,
    /// What the same event is answered with when it is posted again.
    pub reply: Option<Reply>,
    /// What TeleCloud has not been told yet.
    pub news: Update,
    /// VARs that TeleCloud has been told, as told last.
    #[serde(default)]
    pub known: Vars,
}

/// A job, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Where it stands.
    pub job: Job,
    /// What it is about.
    pub matter: Matter,
}

/// Everything of a tenant's jobs.
pub(super) fn folder(tenant: &TenantName) -> String {
    format!("work/{tenant}/jobs/")
}

pub(super) fn key(tenant: &TenantName, call: CallId) -> String {
    format!("{}{call}", folder(tenant))
}

impl Case {
    /// As it is kept: the job in the open, so that a start reads a hundred thousand of them quickly, the matter sealed.
    pub(super) fn encode(&self, tenant: &TenantName, vault: &Vault) -> Result<Bytes, JobError> {
        document::write(vault, &key(tenant, self.job.call), &self.job, &self.matter)
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(vault: &Vault, key: &str, value: &[u8]) -> Result<Self, JobError> {
        Ok(Self {
            job: job(key, value)?,
            matter: document::sealed(vault, key, value)?,
        })
    }

    /// Whether a later event speaks of the order that this one was to create. What TeleCloud has not been told yet, a later
    /// event cannot have.
    pub(super) fn is_of(&self, module: &ModuleName, later: &Event) -> bool {
        let Matter { event, known, .. } = &self.matter;
        let order = Unlinked::new(&self.job.module, self.job.account_number.as_deref(), &event.vars, known);
        same_order(&order, module, later).is_ok()
    }

    /// Lets the documents of the event go: from here on they are not needed, and they are most of what a job weighs.
    pub(super) fn let_documents_go(&mut self) {
        Arc::make_mut(&mut self.matter.event).document = Document::default();
    }
}

/// The part that is not sealed.
pub(super) fn job(key: &str, value: &[u8]) -> Result<Job, JobError> {
    document::open(key, value)
}

/// An event that is shared: each call has one, and it is large.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::domain::event::Event;

    pub(super) fn serialize<S: Serializer>(event: &Arc<Event>, serializer: S) -> Result<S::Ok, S::Error> {
        Event::serialize(event, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Event>, D::Error> {
        Event::deserialize(deserializer).map(Arc::new)
    }
}
