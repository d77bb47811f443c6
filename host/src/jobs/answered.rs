//! Answers that are kept for a while, for the same event posted again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{JobError, document};
use crate::domain::answer::Reply;
use crate::domain::call::CallId;
use crate::domain::job::Identity;
use crate::domain::name::TenantName;
use crate::storage::{Change, Documents, Durability, Expect, StorageError};
use crate::vault::Vault;

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    /// In which call.
    pub(super) call: CallId,
    /// When.
    pub(super) given: Timestamp,
    /// Until when it is given again.
    pub(super) until: Timestamp,
    /// What it was.
    pub(super) reply: Reply,
}

/// What stands in the open: enough to clear up by.
#[derive(Serialize, Deserialize)]
struct Open {
    given: Timestamp,
    until: Timestamp,
}

impl Open {
    /// Whether it is given no more. By a clock that was set back since, nobody can tell when it was given.
    fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now || now.duration_since(self.given) < -CLOCK_SLACK
    }
}

/// By how much a clock may be set back without anybody minding.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(60);

/// When a removal has to be on the disk. Nothing is lost when it is lost.
const LAZY: Duration = Duration::from_secs(1);

/// Documents that are looked at in one go when clearing up.
const PAGE: usize = 500;

pub(super) fn folder(tenant: &TenantName) -> String {
    format!("work/{tenant}/answered/")
}

fn key(tenant: &TenantName, identity: Identity) -> String {
    format!("{}{identity}", folder(tenant))
}

impl Answered {
    /// Keeps the answer.
    pub(super) fn put(&self, tenant: &TenantName, vault: &Vault, identity: Identity) -> Result<Change, JobError> {
        let key = key(tenant, identity);
        let open = Open {
            given: self.given,
            until: self.until,
        };
        Ok(Change::Put {
            value: document::write(vault, &key, &open, self)?,
            key,
            expect: Expect::Anything,
        })
    }

    /// The answer that this event gets again, if there is one.
    pub(super) async fn find(
        documents: &dyn Documents,
        tenant: &TenantName,
        vault: &Vault,
        identity: Identity,
        now: Timestamp,
    ) -> Result<Option<Self>, JobError> {
        let key = key(tenant, identity);
        let Some(stored) = documents.get(&key).await? else {
            return Ok(None);
        };
        if document::open::<Open>(&key, &stored.value)?.is_over(now) {
            return Ok(None);
        }
        document::sealed(vault, &key, &stored.value).map(Some)
    }

    /// Removes a tenant's answers that are not given any more. Says how many.
    pub(super) async fn clear(
        documents: &dyn Documents,
        tenant: &TenantName,
        now: Timestamp,
    ) -> Result<usize, JobError> {
        let folder = folder(tenant);
        let mut after: Option<String> = None;
        let mut removed = 0;
        loop {
            let page = documents.page(&folder, after.as_deref(), PAGE).await?;
            let Some((last, _)) = page.last() else {
                return Ok(removed);
            };
            after = Some(last.clone());
            let old: Vec<Change> = page
                .into_iter()
                .filter(|(key, stored)| {
                    document::open::<Open>(key, &stored.value).map_or(true, |open| open.is_over(now))
                })
                .map(|(key, stored)| Change::Delete {
                    key,
                    // One that was written again meanwhile is a new one.
                    expect: Expect::Unchanged(stored.revision),
                })
                .collect();
            for change in old {
                match documents.write(vec![change], Durability::Within(LAZY)).await {
                    Ok(_) => removed += 1,
                    Err(StorageError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}
