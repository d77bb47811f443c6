//! Jobs as people see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::case::{self, Case};
use super::index::JobKey;
use super::{JobError, Jobs, fallout};
use crate::domain::call::{CallId, Outcome};
use crate::domain::job::{Reason, Stage, Told};
use crate::domain::name::{ModuleName, TenantName};

/// Jobs that one listing looks at, at most. A page that found fewer than it was asked for by then says where to go on.
const SCAN_MAX: usize = 5_000;

/// Jobs that are read at a time.
const SCAN_STEP: usize = 200;

/// A job in short: where it stands, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobView {
    /// The call that it follows; its own id. The call's record has the whole story.
    #[schema(value_type = String)]
    pub call: CallId,
    /// Which module.
    #[schema(value_type = String)]
    pub module: ModuleName,
    /// SERVICE as sent.
    pub service: String,
    /// `Customer.account_number`.
    pub account_number: Option<String>,
    /// `order_number`: as posted, or as linked since.
    pub order_number: Option<String>,
    /// When the event arrived.
    #[schema(value_type = String, format = DateTime)]
    pub received: Timestamp,
    /// What TeleCloud was told.
    pub told: Told,
    /// Where it stands.
    pub stage: Stage,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Why a person has to look, if one has to.
    pub reason: Option<Reason>,
    /// The same, in a sentence.
    pub why: Option<String>,
    /// Where it stood before.
    pub was: Option<Stage>,
    /// How often the module was asked in this stage.
    pub attempts: u32,
    /// When it goes on by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// Whether there is news that TeleCloud has not taken yet.
    pub news: bool,
    /// How the call counts now.
    pub outcome: Outcome,
    /// What can be done about it now: `check-again`, `run-again`, `link`, `tell`, `done`.
    pub actions: Vec<String>,
}

impl JobView {
    fn new(case: &Case) -> Self {
        let job = &case.job;
        Self {
            call: job.call,
            module: job.module.clone(),
            service: job.service.clone(),
            account_number: job.account_number.clone(),
            order_number: job.order_number.clone(),
            received: job.received,
            told: job.told,
            stage: job.stage,
            since: job.since,
            reason: job.fallout.map(|(reason, _)| reason),
            why: job.fallout.map(|(reason, _)| reason.sentence().to_owned()),
            was: job.fallout.map(|(_, was)| was),
            attempts: job.attempts,
            due: job.next_due(),
            news: job.unsent.is_some(),
            outcome: job.outcome,
            actions: fallout::actions(case).into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Of this module.
    pub module: Option<ModuleName>,
    /// That stand here.
    pub stage: Option<Stage>,
    /// Only jobs whose calls are later than this one: `next` of the page before.
    pub after: Option<CallId>,
    /// Most jobs to list.
    pub limit: usize,
}

impl Jobs {
    /// A tenant's open jobs that match, oldest first, and where the next page begins.
    ///
    /// # Errors
    /// When the store refuses or a job is damaged.
    pub async fn list(&self, tenant: &TenantName, page: &Page) -> Result<(Vec<JobView>, Option<CallId>), JobError> {
        let folder = case::folder(tenant);
        let mut after = page.after.map(|call| case::key(tenant, call));
        let mut found = Vec::new();
        let mut last = None;
        for _ in 0..SCAN_MAX / SCAN_STEP {
            let documents = self.stores.documents.page(&folder, after.as_deref(), SCAN_STEP).await?;
            let exhausted = documents.len() < SCAN_STEP;
            for (key, stored) in documents {
                let job = case::job(&key, &stored.value)?;
                if found.len() == page.limit {
                    return Ok((found, last));
                }
                last = Some(job.call);
                let matches = page.module.as_ref().is_none_or(|module| *module == job.module)
                    && page.stage.is_none_or(|stage| stage == job.stage);
                if matches {
                    found.push(JobView::new(&Case::decode(&self.vault, &key, &stored.value)?));
                }
                after = Some(key);
            }
            if exhausted {
                return Ok((found, None));
            }
        }
        Ok((found, last))
    }

    /// One open job; `None` when it is over.
    ///
    /// # Errors
    /// When the store refuses or the job is damaged.
    pub async fn view(&self, key: &JobKey) -> Result<Option<JobView>, JobError> {
        Ok(self.case(key).await?.map(|case| JobView::new(&case)))
    }
}
