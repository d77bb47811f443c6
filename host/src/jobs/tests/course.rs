//! Where a job goes from where it stands.

mod telling;

use super::super::course::{Came, Next};
use super::super::news::Heard;
use super::super::verdict::open_reply;
use super::*;
use crate::domain::answer::{Answer, Pending, Reply};
use crate::domain::call::Outcome;
use crate::domain::event::ActionKind;
use crate::domain::handling::Handling;
use crate::domain::job::{Reason, Stage, Told};
use crate::domain::progress::{Finding, Progress};
use crate::domain::update::{NewStatus, Update};

fn success(of: &[(u8, &str)]) -> Reply {
    Reply::Success {
        pending: false,
        vars: vars(of),
    }
}

fn pending(state: &str) -> Pending {
    Pending {
        vars: vars(&[(13, "A-1001")]),
        state: state.into(),
        check_after: None,
    }
}

/// A job of an activation that was answered with PENDING at its deadline.
fn overdue() -> Case {
    let mut case = begun(&create());
    case.overdue(&open_reply(ActionKind::Create));
    case
}

/// A job whose outcome is unknown, told so.
fn unknown(event: &Event) -> Case {
    let mut case = begun(event);
    case.ended(Came::Unknown, &open_reply(event.action.kind()), second(0));
    case
}

fn rejected(text: &str) -> Came {
    Came::Rejected {
        text: text.into(),
        by_carrier: true,
    }
}

/// Nothing that was cut off is still on its way.
fn settled() -> Handling {
    Handling {
        settle_s: 0,
        ..Handling::default()
    }
}

fn waiting() -> Case {
    let mut case = begun(&create());
    let reply = Reply::Success {
        pending: true,
        vars: vars(&[(13, "A-1001")]),
    };
    case.ended(Came::Pending(pending("A-1")), &reply, second(0));
    case
}

#[test]
fn a_call_that_ends_in_time_leaves_an_answer_or_nothing() {
    let reply = success(&[(3, "1")]);
    let table = [
        (Came::Done(vars(&[(3, "1")])), Next::Ends(Some(reply.clone()))),
        (rejected("no"), Next::Ends(None)),
        (Came::NothingChanged, Next::Ends(None)),
        (Came::Unknown, Next::GoesOn),
        (Came::Pending(pending("A-1")), Next::GoesOn),
    ];
    for (came, next) in table {
        let turn = begun(&create()).ended(came.clone(), &reply, second(0));
        assert_eq!(turn.next, next, "{came:?}");
    }
}

#[test]
fn what_ends_after_its_deadline_is_told_by_an_update_and_never_failed_without_a_rejection() {
    let table = [
        (
            Came::Done(vars(&[(3, "1")])),
            Stage::Telling,
            Update::active(vars(&[(3, "1")])),
        ),
        (
            rejected("Carrier Error: no"),
            Stage::Telling,
            Update::failed("Carrier Error: no", Vars::default()),
        ),
        (Came::NothingChanged, Stage::Again, Update::default()),
        (Came::Unknown, Stage::Unknown, Update::default()),
        (
            Came::Pending(pending("A-1")),
            Stage::Pending,
            Update::vars(vars(&[(13, "A-1001")])),
        ),
    ];
    for (came, stage, news) in table {
        let mut case = overdue();
        let turn = case.ended(came.clone(), &Reply::success(), second(30));
        assert_eq!((turn.next, case.job.stage), (Next::GoesOn, stage), "{came:?}");
        assert_eq!(case.matter.news, news, "{came:?}");
        assert_eq!(case.job.unsent.is_some(), !news.is_empty(), "{came:?}");
    }
}

#[test]
fn an_order_to_be_created_is_pending_while_nobody_knows_and_others_are_told_so() {
    for (event, told) in [(create(), Told::Pending), (suspend(), Told::Unknown)] {
        let case = unknown(&event);
        assert_eq!((case.job.stage, case.job.told), (Stage::Unknown, told));
    }
}

#[test]
fn what_did_happen_reaches_telecloud_the_way_it_waits_for_it() {
    let happened = || Ok(Finding::Happened(Answer::Done(vars(&[(3, "1")]))));
    let handling = Handling::default();

    let mut case = unknown(&create());
    case.finding(happened(), &handling, second(5));
    assert_eq!(case.job.stage, Stage::Telling);
    assert_eq!(case.matter.news, Update::active(vars(&[(3, "1")])));

    let mut case = unknown(&suspend());
    case.finding(happened(), &handling, second(5));
    assert_eq!(case.job.stage, Stage::Found, "kept for the next post");
    assert_eq!(
        case.matter.news,
        Update::vars(vars(&[(3, "1")])),
        "the VARs are told at once"
    );
    let taken = case.taken(second(9));
    assert_eq!(taken.next, Next::Ends(Some(success(&[(3, "1")]))));
}

#[test]
fn what_did_not_happen_is_run_again_where_telecloud_waits_and_let_go_where_it_does_not() {
    let handling = settled();
    let mut case = unknown(&create());
    let turn = case.finding(Ok(Finding::DidNotHappen), &handling, second(5));
    assert_eq!((turn.next, case.job.stage), (Next::GoesOn, Stage::Again));
    assert!(
        !case.matter.event.document.tree().is_null(),
        "it is needed to run again"
    );

    let turn = unknown(&suspend()).finding(Ok(Finding::DidNotHappen), &handling, second(5));
    assert_eq!(turn.next, Next::Ends(None), "the next post runs");
}

#[test]
fn what_may_still_arrive_is_not_taken_as_not_happened() {
    let handling = Handling::default();
    let mut case = unknown(&create());
    let early = second(handling.settle_s - 1);
    case.finding(Ok(Finding::DidNotHappen), &handling, early);
    assert_eq!(case.job.stage, Stage::Unknown);
    assert!(
        case.job.due >= second(handling.settle_s),
        "not asked again before it can be believed"
    );
    case.finding(Ok(Finding::DidNotHappen), &handling, second(handling.settle_s));
    assert_eq!(case.job.stage, Stage::Again);
}

#[test]
fn a_rejection_that_the_carrier_was_not_heard_to_give_refunds_nothing() {
    let mut case = overdue();
    let came = Came::Rejected {
        text: "the setting carrier_url is missing".into(),
        by_carrier: false,
    };
    case.ended(came, &Reply::success(), second(30));
    assert_eq!(case.job.fallout, Some((Reason::NotRefusedByCarrier, Stage::Again)));
    assert_eq!(case.matter.news, Update::default());
}

#[test]
fn an_order_that_does_not_get_through_when_it_is_run_again_needs_a_person_in_time() {
    let mut case = overdue();
    case.ended(Came::NothingChanged, &Reply::success(), second(0));
    // Nothing leaves in any of these, so the job never stands as running.
    for _ in 0..3 {
        case.ended(Came::NothingChanged, &Reply::success(), second(500));
    }
    assert_eq!((case.job.since, case.job.attempts), (second(0), 4));
}

#[test]
fn asking_in_vain_goes_on_until_a_person_is_called_and_then_still_goes_on() {
    let handling = Handling::default();
    type AskInVain = fn(&mut Case, &Handling, Timestamp);
    let rows: [(Case, AskInVain, u64, Reason); 3] = [
        (
            unknown(&suspend()),
            |case, handling, now| drop(case.finding(Ok(Finding::Undecided), handling, now)),
            handling.unknown_s,
            Reason::StillUnknown,
        ),
        (
            unknown(&create()),
            |case, handling, now| drop(case.finding(Err(()), handling, now)),
            handling.unknown_s,
            Reason::StillUnknown,
        ),
        (
            waiting(),
            |case, handling, now| drop(case.progress(Err(()), handling, now)),
            handling.pending_s,
            Reason::StillPending,
        ),
    ];
    for (mut case, ask, age, reason) in rows {
        let stage = case.job.stage;
        ask(&mut case, &handling, second(age - 1));
        assert_eq!((case.job.stage, case.job.attempts), (stage, 1));
        assert!(case.job.due > second(age - 1), "not at once again");
        ask(&mut case, &handling, second(age));
        assert_eq!(case.job.fallout, Some((reason, stage)));
        assert_eq!(case.matter.news.status, None, "nothing is told, least of all a failure");
        ask(&mut case, &handling, second(age + 1));
        assert_eq!((case.job.stage, case.job.standing()), (Stage::Fallout, stage));
        assert!(case.job.next_due().is_some(), "it may come right by itself");
    }
}

#[test]
fn a_pending_order_ends_by_what_the_carrier_says_also_after_a_person_was_called() {
    let handling = Handling::default();
    let late = second(handling.pending_s);
    let rows = [
        (
            Progress::Completed(vars(&[(3, "2025550177"), (15, "COMPLETED")])),
            Update::active(vars(&[(3, "2025550177"), (15, "COMPLETED")])),
            Outcome::Done,
        ),
        (
            Progress::Rejected {
                text: "Carrier Error: Port rejected".into(),
                vars: vars(&[(15, "REJECTED")]),
            },
            Update::failed("Carrier Error: Port rejected", vars(&[(15, "REJECTED")])),
            Outcome::Rejected,
        ),
    ];
    for (progress, news, outcome) in rows {
        for fallen_out in [false, true] {
            let mut case = waiting();
            if fallen_out {
                case.progress(Err(()), &handling, late);
                assert_eq!(case.job.stage, Stage::Fallout);
            }
            case.progress(Ok(progress.clone()), &handling, late);
            assert_eq!((case.job.stage, case.job.outcome), (Stage::Telling, outcome));
            assert_eq!(case.matter.news, news);
        }
    }
}

#[test]
fn waiting_keeps_the_modules_note_and_time_and_tells_what_changed() {
    let mut case = waiting();
    let progress = Progress::Waiting {
        vars: vars(&[(15, "IN REVIEW")]),
        state: "A-1/2".into(),
        check_after: Some(90),
    };
    case.progress(Ok(progress), &Handling::default(), second(60));
    assert_eq!((case.job.stage, case.matter.state.as_str()), (Stage::Pending, "A-1/2"));
    assert_eq!(case.job.due, second(150));
    assert_eq!(case.matter.news, Update::vars(vars(&[(15, "IN REVIEW")])));
}

#[test]
fn a_stop_of_the_gateway_leaves_nothing_to_guess() {
    let rows = [
        (begun(&create()), true, Next::GoesOn, Stage::Unknown),
        (begun(&create()), false, Next::Ends(None), Stage::Running),
        (overdue(), true, Next::GoesOn, Stage::Unknown),
        (overdue(), false, Next::GoesOn, Stage::Again),
    ];
    for (mut case, may_have_changed, next, stage) in rows {
        let turn = case.interrupted(may_have_changed, second(60));
        assert_eq!((turn.next, case.job.stage), (next, stage));
    }
}

#[test]
fn an_event_that_runs_again_and_changes_nothing_waits_longer_each_time() {
    let mut case = overdue();
    let mut waits = Vec::new();
    for _ in 0..4 {
        case.ended(Came::NothingChanged, &Reply::success(), second(0));
        waits.push(case.job.due.duration_since(second(0)).as_secs());
        case.rerun(CallId(ulid::Ulid::from_parts(2, 2)));
    }
    assert_eq!(waits, [5, 10, 20, 40]);
    assert_eq!(case.job.since, second(0), "its age counts from the first time");
}

#[test]
fn a_later_event_speaks_of_the_same_order_when_what_it_was_answered_with_is_the_same() {
    let mut case = waiting();
    case.job.order_number = None;
    let later = |account: &str, of: &[(u8, &str)]| Event {
        account_number: Some(account.into()),
        vars: vars(of),
        ..suspend()
    };
    let rows = [
        (
            "the answered VAR",
            later("9105012", &[(13, "A-1001"), (2, "another SIM by now")]),
            true,
        ),
        ("another account", later("9105013", &[(13, "A-1001")]), false),
        ("another order's VAR", later("9105012", &[(13, "A-2002")]), false),
        (
            "nothing in common",
            later("9105012", &[(2, "8901260000000000014")]),
            false,
        ),
        ("no VARs", later("9105012", &[]), false),
    ];
    for (name, event, same) in rows {
        assert_eq!(case.is_of(&module(), &event), same, "{name}");
    }
}
