//! Calls that a stop of the gateway cut off: what may have happened is found out, the rest is let go.

use super::index::JobKey;
use super::{JobError, Jobs};
use crate::domain::call::Exchange;
use crate::domain::job::{By, Job, Stage};
use crate::journal::{Journal, JournalError};

/// Settles a job whose module was at work when the gateway stopped, by what is on record of its requests. No module runs
/// yet.
pub(super) async fn settle(jobs: &Jobs, key: &JobKey, job: &Job) -> Result<(), JobError> {
    if job.stage != Stage::Running {
        return Ok(());
    }
    let journal = Journal::new(jobs.stores.log.clone());
    let record = journal.show(&key.tenant, job.run).await.map_err(|error| match error {
        JournalError::Storage(error) => JobError::Storage(error),
        JournalError::Ended => JobError::Unwritable(error.to_string()),
    })?;
    // A job is written along with the record of the request that is about to leave. Without a record, nobody can tell.
    let may_have_changed = record.is_none_or(|record| record.exchanges.iter().any(Exchange::may_have_changed));
    jobs.advance(key, By::Gateway, None, |case, now| {
        (case.job.stage == Stage::Running).then(|| case.interrupted(may_have_changed, now))
    })
    .await?;
    Ok(())
}
