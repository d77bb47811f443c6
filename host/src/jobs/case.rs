//! A job with what is sealed of it: the event, the module's note, the answer, the news for TeleCloud.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::JobError;
use crate::domain::answer::Reply;
use crate::domain::call::CallId;
use crate::domain::event::{Document, Event, Vars};
use crate::domain::job::Job;
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::order::{Unlinked, same_order};
use crate::domain::secret::Secret;
use crate::domain::update::Update;
use crate::storage::StorageError;
use crate::vault::Vault;

/// What only the gateway and the module may read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matter {
    /// What was posted. Its documents are let go once nobody will run it again.
    pub event: Event,
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

/// Splits what stands in the open from what is sealed. JSON has no line breaks of its own.
const END: u8 = b'\n';

impl Case {
    /// As it is kept: the job in the open, so that a start reads a hundred thousand of them quickly, the matter sealed.
    pub(super) fn encode(&self, tenant: &TenantName, vault: &Vault) -> Result<Bytes, JobError> {
        let failed = |error: serde_json::Error| JobError::Unwritable(error.to_string());
        let mut value = serde_json::to_vec(&self.job).map_err(failed)?;
        value.push(END);
        let matter = Secret::new(serde_json::to_string(&self.matter).map_err(failed)?);
        value.extend(vault.seal(&key(tenant, self.job.call), &matter));
        Ok(value.into())
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(tenant: &TenantName, vault: &Vault, key: &str, value: &[u8]) -> Result<Self, JobError> {
        let (job, sealed) = split(key, value)?;
        let matter = vault
            .open_sealed(&self::key(tenant, job.call), sealed)
            .map_err(|error| damaged(key, &error))?;
        let matter = serde_json::from_str(matter.expose()).map_err(|error| damaged(key, &error))?;
        Ok(Self { job, matter })
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
        self.matter.event.document = Document::default();
    }
}

/// The part that is not sealed.
pub(super) fn job(key: &str, value: &[u8]) -> Result<Job, JobError> {
    split(key, value).map(|(job, _)| job)
}

fn split<'a>(key: &str, value: &'a [u8]) -> Result<(Job, &'a [u8]), JobError> {
    let end = value.iter().position(|byte| *byte == END);
    let end = end.ok_or_else(|| damaged(key, &"it has no end of line"))?;
    let job = serde_json::from_slice(&value[..end]).map_err(|error| damaged(key, &error))?;
    Ok((job, &value[end + 1..]))
}

fn damaged(key: &str, why: &dyn std::fmt::Display) -> JobError {
    JobError::Storage(StorageError::Damaged {
        what: key.to_owned(),
        why: why.to_string(),
    })
}
