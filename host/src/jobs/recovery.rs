//! Calls whose end is not on record, because the gateway stopped or the store refused: what may have happened is found out,
//! the rest is let go.

use super::course::turn;
use super::index::JobKey;
use super::{JobError, Jobs};
use crate::domain::call::Exchange;
use crate::domain::job::{By, Job, Stage};
use crate::journal::Journal;

/// Writes how a run ended, when that could not be written at its end. False when it was.
pub(super) async fn keep_late(jobs: &Jobs, key: &JobKey) -> Result<bool, JobError> {
    let unkept = jobs.unkept().get(key).cloned();
    let Some((ended, next)) = unkept else {
        return Ok(false);
    };
    jobs.advance(key, By::Gateway, None, |case, _| {
        let steps = case.job.steps;
        *case = ended.clone();
        case.job.steps = steps;
        Some(turn(next.clone(), "how the run ended could be recorded only now"))
    })
    .await?;
    jobs.unkept().remove(key);
    Ok(true)
}

/// Settles a job whose module was at work when the gateway stopped, by what is on record of its requests. No module runs
/// yet.
pub(super) async fn settle(jobs: &Jobs, key: &JobKey, job: &Job) -> Result<(), JobError> {
    if job.stage != Stage::Running {
        return Ok(());
    }
    let journal = Journal::new(jobs.stores.log.clone());
    let record = journal.show(&key.tenant, job.run).await?;
    // A job is written along with the record of the request that is about to leave. Without a record, nobody can tell.
    let may_have_changed = record.is_none_or(|record| record.exchanges.iter().any(Exchange::may_have_changed));
    jobs.advance(key, By::Gateway, None, |case, now| {
        (case.job.stage == Stage::Running).then(|| case.interrupted(may_have_changed, now))
    })
    .await?;
    Ok(())
}
