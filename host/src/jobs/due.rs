//! What of a job is due. Pure.

use jiff::Timestamp;

use crate::domain::job::{Job, Stage};

/// What is to be done for a job now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// TeleCloud is told the news.
    News,
    /// Its module's run has ended without a word of it.
    Settling,
    /// Its module is asked.
    Question,
    /// It is early: somebody else has been at it, or the wait was jittered.
    Nothing,
}

impl Due {
    /// What is due first. News go before questions, because TeleCloud waits for them. A job that is `hurried` is asked about
    /// before its time.
    ///
    /// A clock that shows a time before the job was written was set back since. It says nothing then: whoever looks at the
    /// job has waited for long enough.
    pub(super) fn of(job: &Job, hurried: bool, now: Timestamp) -> Self {
        let has_come = |due| due <= now || now < job.written;
        if job.unsent.as_ref().is_some_and(|unsent| has_come(unsent.due)) {
            return Self::News;
        }
        match job.stage {
            Stage::Running => Self::Settling,
            // There is nothing to ask. Its own time says nothing about when the news are due.
            Stage::Telling => Self::Nothing,
            _ if hurried || has_come(job.due) => Self::Question,
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::domain::job::Unsent;

    /// A job that stands here, its own time and that of its news so many seconds from now.
    fn job(stage: Stage, due: i64, news: Option<i64>, now: Timestamp) -> Job {
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        let mut job: Job = serde_json::from_value(json!({
            "call": "01KAJ3X0V5R7W2Q8N4M6B1C9DF", "run": "01KAJ3X0V5R7W2Q8N4M6B1C9DF", "module": "sim",
            "identity": "0".repeat(64), "service": "Order/Create", "action": "create", "account_number": null,
            "order_number": null, "received": now, "told": "pending", "stage": stage, "since": now, "fallout": null,
            "attempts": 0, "due": at(due), "written": now, "unsent": null, "outcome": "pending", "micros": 0,
            "requests": 0, "steps": 0,
        }))
        .expect("a job");
        job.unsent = news.map(|due| Unsent {
            since: now,
            attempts: 0,
            due: at(due),
        });
        job
    }

    #[test]
    fn news_go_first_and_are_not_forgotten_for_want_of_a_question() {
        let table = [
            (Stage::Pending, 0, None, Due::Question),
            (Stage::Pending, 1, None, Due::Nothing),
            (Stage::Pending, 0, Some(0), Due::News),
            (Stage::Pending, 0, Some(1), Due::Question),
            (Stage::Pending, 1, Some(0), Due::News),
            (Stage::Telling, 0, Some(0), Due::News),
            (Stage::Telling, 0, Some(1), Due::Nothing),
            (Stage::Fallout, 0, Some(1), Due::Question),
            (Stage::Running, 1, None, Due::Settling),
        ];
        let now = Timestamp::UNIX_EPOCH;
        for (stage, due, news, expected) in table {
            let found = Due::of(&job(stage, due, news, now), false, now);
            assert_eq!(found, expected, "{stage} {due} {news:?}");
        }
    }

    #[test]
    fn a_job_that_is_hurried_is_asked_about_before_its_time() {
        let table = [
            (Stage::Unknown, 600, None, Due::Question),
            (Stage::Unknown, 600, Some(600), Due::Question),
            (Stage::Unknown, 600, Some(0), Due::News),
            (Stage::Telling, 0, Some(600), Due::Nothing),
            (Stage::Running, 600, None, Due::Settling),
        ];
        let now = Timestamp::UNIX_EPOCH;
        for (stage, due, news, expected) in table {
            let found = Due::of(&job(stage, due, news, now), true, now);
            assert_eq!(found, expected, "{stage} {due} {news:?}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_waiting() {
        let table = [
            (Stage::Pending, None, Due::Question),
            (Stage::Pending, Some(60), Due::News),
            (Stage::Telling, Some(60), Due::News),
            (Stage::Fallout, None, Due::Question),
            (Stage::Running, None, Due::Settling),
        ];
        let written = Timestamp::UNIX_EPOCH;
        for (stage, news, expected) in table {
            let job = job(stage, 60, news, written);
            let found = Due::of(&job, false, written - SignedDuration::from_hours(24));
            assert_eq!(found, expected, "{stage} {news:?}");
        }
    }
}
