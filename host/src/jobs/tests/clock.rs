//! Clocks that jump: nothing waits for longer than was meant, and nothing is refunded or run twice.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::Instant;

use super::super::course::Came;
use super::super::index::{Index, JobKey, left};
use super::super::news::Heard;
use super::super::verdict::open_reply;
use super::*;
use crate::domain::answer::{Answer, Pending, Reply};
use crate::domain::event::ActionKind;
use crate::domain::handling::Handling;
use crate::domain::job::{Job, Stage, Told};
use crate::domain::name::TenantName;
use crate::domain::progress::{Finding, Progress};
use crate::domain::update::NewStatus;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A job that was written at second 0, and its key.
fn written() -> (JobKey, Job) {
    let mut job = begun(&create()).job;
    job.stage = Stage::Pending;
    job.written = second(0);
    job.due = second(60);
    let key = JobKey {
        tenant: TenantName::parse("acme").expect("a name"),
        call: job.call,
    };
    (key, job)
}

fn any(_: &TenantName, _: usize) -> bool {
    true
}

#[test]
fn what_is_left_to_wait_is_what_was_meant_at_most() {
    let (_, job) = written();
    let rows = [
        ("at once", 60, second(0), 60),
        ("after a while", 60, second(45), 15),
        ("late", 60, second(90), 0),
        ("set back by less than it has waited", 60, second(5), 55),
        ("set back by a day", 60, second(45) - DAY, 60),
        ("set forward by a day", 60, second(45) + DAY, 0),
        ("due before it was written", 0, second(0) - DAY, 0),
    ];
    for (name, due, now, expected) in rows {
        assert_eq!(left(&job, second(due), now), Duration::from_secs(expected), "{name}");
    }
}

#[tokio::test]
async fn a_job_of_a_clock_that_was_a_day_ahead_is_due_in_time() {
    let (key, mut job) = written();
    job.written = Timestamp::now() + DAY;
    job.due = job.written + SignedDuration::from_secs(60);
    let mut index = Index::default();
    let began = Instant::now();
    index.put(&key, &job);
    // The wait is spread by a fifth.
    let due = index.next(began, any).expect_err("it waits").expect("a time");
    assert!(due >= began + Duration::from_secs(48), "{:?}", due - began);
    assert!(due <= Instant::now() + Duration::from_secs(72), "{:?}", due - began);
}

#[tokio::test]
async fn a_job_that_is_put_off_is_looked_at_then_whatever_the_clock_says() {
    for jump in [DAY, -DAY] {
        let (key, mut job) = written();
        job.written = Timestamp::now() + jump;
        job.due = job.written + SignedDuration::from_secs(60);
        let mut index = Index::default();
        let began = Instant::now();
        index.put_off(&key, &job, Duration::from_secs(600));
        let due = index.next(began, any).expect_err("it waits").expect("a time");
        assert!(due >= began + Duration::from_secs(480), "{:?}", due - began);
        assert!(due <= Instant::now() + Duration::from_secs(720), "{:?}", due - began);
    }
}

#[tokio::test]
async fn a_hurried_job_is_due_at_once_and_only_once() {
    let (key, mut job) = written();
    job.written = Timestamp::now();
    job.due = job.written + SignedDuration::from_secs(60);
    let mut index = Index::default();
    index.put(&key, &job);
    index.hurry(&key);
    let taken = index.next(Instant::now(), any).expect("it is due");
    assert_eq!((&taken.key, taken.hurried), (&key, true));
    index.put(&key, &job);
    index.done(&key, Duration::ZERO);
    assert!(index.next(Instant::now(), any).is_err(), "its own time counts again");
}

/// What can come of looking at a job when neither the carrier nor TeleCloud says anything new.
type InVain = fn(&mut Case, Timestamp);

#[test]
fn a_clock_set_forward_calls_a_person_at_most() {
    let found = || {
        let mut case = begun(&suspend());
        case.ended(Came::Unknown, &open_reply(ActionKind::SetStatus), second(0));
        let happened = Finding::Happened(Answer::Done(vars(&[(3, "1")])));
        case.finding(Ok(happened), &Handling::default(), second(0));
        case
    };
    let unknown = |event: &Event| {
        let mut case = begun(event);
        case.ended(Came::Unknown, &open_reply(event.action.kind()), second(0));
        case
    };
    let waiting = || {
        let mut case = begun(&create());
        let pending = Pending {
            vars: Vars::default(),
            state: "A-1".into(),
            check_after: None,
        };
        let reply = Reply::Success {
            pending: true,
            vars: Vars::default(),
        };
        case.ended(Came::Pending(pending), &reply, second(0));
        case
    };
    let telling = || {
        let mut case = waiting();
        case.progress(
            Ok(Progress::Completed(vars(&[(3, "1")]))),
            &Handling::default(),
            second(0),
        );
        case
    };
    let rows: [(&str, Case, InVain); 5] = [
        ("an activation of unknown outcome", unknown(&create()), |case, now| {
            drop(case.finding(Ok(Finding::Undecided), &Handling::default(), now));
        }),
        ("a suspension of unknown outcome", unknown(&suspend()), |case, now| {
            drop(case.finding(Err(()), &Handling::default(), now));
        }),
        ("a pending order", waiting(), |case, now| {
            drop(case.progress(Err(()), &Handling::default(), now));
        }),
        ("news", telling(), |case, now| {
            let sent = case.matter.news.clone();
            drop(case.heard(&sent, Heard::Failed, &Handling::default(), now));
        }),
        ("an answer that waits", found(), |case, now| drop(case.waited(now))),
    ];
    for (name, mut case, in_vain) in rows {
        let (stage, news) = (case.job.stage, case.matter.news.clone());
        assert_ne!(case.job.told, Told::Nothing, "{name}: TeleCloud was answered");
        in_vain(&mut case, second(0) + DAY * 30);
        assert_eq!(
            case.job.standing(),
            stage,
            "{name}: it stands where it stood, so nothing is run again"
        );
        assert_eq!(case.matter.news, news, "{name}: nothing else is told");
        let refunds = matches!(case.matter.news.status, Some(NewStatus::Failed | NewStatus::Cancelled));
        assert!(!refunds, "{name}");
        assert!(case.job.next_due().is_some(), "{name}: it is not given up");
    }
}
