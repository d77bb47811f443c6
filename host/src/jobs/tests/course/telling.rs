//! What TeleCloud is told of a job, until it has taken it.

use super::*;

#[test]
fn news_is_told_until_it_is_taken_and_ends_the_job() {
    let handling = Handling::default();
    let mut case = waiting();
    case.progress(Ok(Progress::Completed(vars(&[(3, "1")]))), &handling, second(60));
    let sent = case.matter.news.clone();
    let turn = case.heard(&sent, Heard::Failed, &handling, second(61));
    assert_eq!(turn.next, Next::GoesOn);
    assert!(case.job.unsent.as_ref().is_some_and(|unsent| unsent.due > second(61)));
    let turn = case.heard(&sent, Heard::Failed, &handling, second(60 + handling.telling_s));
    assert_eq!(turn.next, Next::GoesOn);
    assert_eq!(case.job.fallout, Some((Reason::NotTold, Stage::Telling)));
    let turn = case.heard(&sent, Heard::Accepted, &handling, second(61 + handling.telling_s));
    let all = success(&[(3, "1"), (13, "A-1001")]);
    assert_eq!(
        turn.next,
        Next::Ends(Some(all)),
        "with what the order was answered with at first"
    );
}

#[test]
fn news_that_came_while_telling_is_told_next() {
    let handling = Handling::default();
    let mut case = waiting();
    let news = |value| Progress::Waiting {
        vars: vars(&[(15, value)]),
        state: "A-1".into(),
        check_after: None,
    };
    case.progress(Ok(news("ONE")), &handling, second(60));
    let sent = case.matter.news.clone();
    case.progress(Ok(news("TWO")), &handling, second(61));
    case.heard(&sent, Heard::Accepted, &handling, second(62));
    assert_eq!(case.matter.news, Update::vars(vars(&[(15, "TWO")])));
    assert!(case.job.unsent.is_some());
}

#[test]
fn what_telecloud_was_told_already_is_no_news() {
    let handling = Handling::default();
    let mut case = waiting();
    let say = |case: &mut Case, value, at| {
        let waiting = Progress::Waiting {
            vars: vars(&[(13, "A-1001"), (15, value)]),
            state: "A-1".into(),
            check_after: None,
        };
        case.progress(Ok(waiting), &handling, second(at));
        case.matter.news.clone()
    };
    let news = say(&mut case, "IN REVIEW", 60);
    assert_eq!(
        news,
        Update::vars(vars(&[(15, "IN REVIEW")])),
        "VAR13 was in the answer"
    );
    case.heard(&news, Heard::Accepted, &handling, second(61));
    assert_eq!(say(&mut case, "IN REVIEW", 120), Update::default());
    assert!(case.job.unsent.is_none());
    assert_eq!(
        say(&mut case, "SUBMITTED", 180),
        Update::vars(vars(&[(15, "SUBMITTED")]))
    );
}

#[test]
fn a_failure_that_telecloud_was_told_of_is_not_given_as_an_answer_again() {
    let handling = Handling::default();
    let mut case = waiting();
    let rejected = Progress::Rejected {
        text: "Carrier Error: no".into(),
        vars: Vars::default(),
    };
    case.progress(Ok(rejected), &handling, second(60));
    assert_eq!(case.matter.news.status, Some(NewStatus::Failed));
    let sent = case.matter.news.clone();
    let turn = case.heard(&sent, Heard::Accepted, &handling, second(61));
    assert_eq!(turn.next, Next::Ends(None), "the next post of the event runs");
}

/// A job of an order that the carrier had finished at second 60, and TeleCloud is told so.
fn finished() -> Case {
    let mut case = waiting();
    let completed = Progress::Completed(vars(&[(3, "1")]));
    case.progress(Ok(completed), &Handling::default(), second(60));
    case
}

#[test]
fn an_order_that_was_finished_when_it_was_cancelled_needs_nobody() {
    let all = success(&[(3, "1"), (13, "A-1001")]);
    // TeleCloud had taken the news, and its answer got lost: so it could cancel the order.
    let mut case = finished();
    case.heard(
        &case.matter.news.clone(),
        Heard::Failed,
        &Handling::default(),
        second(61),
    );
    let turn = case.cancelled(Some(second(62)), second(66)).expect("it is over");
    assert_eq!(
        turn.next,
        Next::Ends(Some(all.clone())),
        "the same event is not to run again"
    );

    // Also where a person was called, because it could not be told for too long.
    let mut case = finished();
    case.fall_out(Reason::NotTold, second(90_000));
    let turn = case.clone().cancelled(Some(second(90_001)), second(90_002));
    assert_eq!(turn.expect("it is over").next, Next::Ends(Some(all.clone())));
    case.resume(second(90_003));
    let turn = case.cancelled(Some(second(90_001)), second(90_004));
    assert_eq!(turn.expect("it is over").next, Next::Ends(Some(all)));
}

#[test]
fn an_order_that_may_have_been_finished_after_it_was_to_be_ended_needs_a_person() {
    let by_hand = || {
        let mut case = waiting();
        case.told_by_hand(Update::active(Vars::default()), second(60));
        case
    };
    let elsewhere = || {
        let mut case = unknown(&suspend());
        case.told_by_hand(Update::active(Vars::default()), second(60));
        case
    };
    let table = [
        ("it was cancelled while it was pending", finished(), Some(second(59))),
        ("at the same moment", finished(), Some(second(60))),
        ("nobody knows when, or by whom", finished(), None),
        (
            "a person told of it after it was cancelled",
            by_hand(),
            Some(second(30)),
        ),
        ("nobody knows whether it was finished", elsewhere(), Some(second(61))),
    ];
    for (name, mut case, cancelled) in table {
        let was = case.job.stage;
        let turn = case.cancelled(cancelled, second(66)).expect("a person is called");
        assert_eq!(turn.next, Next::GoesOn, "{name}");
        assert_eq!(case.job.fallout, Some((Reason::CancelledMeanwhile, was)), "{name}");
        assert_eq!(case.cancelled(cancelled, second(67)), None, "{name}: once");
    }
}

#[test]
fn an_order_that_was_refused_and_cancelled_is_over() {
    for cancelled in [None, Some(second(30)), Some(second(90))] {
        let mut case = overdue();
        case.ended(rejected("Carrier Error: no"), &Reply::success(), second(60));
        let turn = case.cancelled(cancelled, second(91)).expect("it is over");
        assert_eq!(turn.next, Next::Ends(None), "{cancelled:?}");
    }
}

#[test]
fn a_state_that_telecloud_has_changed_since_is_not_told() {
    let handling = Handling::default();
    let mut case = finished();
    let told = case.matter.news.clone();
    case.heard(&told, Heard::Failed, &handling, second(61));
    assert_eq!(case.state_changed(Some(second(59))), None, "it was not finished then");
    assert_eq!(case.state_changed(None), None, "nobody knows when");
    assert_eq!(case.matter.news, told);

    let turn = case.state_changed(Some(second(62))).expect("it is known");
    assert_eq!(turn.next, Next::GoesOn);
    assert_eq!(case.matter.news, Update::vars(vars(&[(3, "1")])), "the VARs are");
    let turn = case.heard(&case.matter.news.clone(), Heard::Accepted, &handling, second(66));
    let all = success(&[(3, "1"), (13, "A-1001")]);
    assert_eq!(turn.next, Next::Ends(Some(all)));

    let mut case = waiting();
    case.progress(Ok(Progress::Completed(Vars::default())), &handling, second(60));
    let turn = case.state_changed(Some(second(62))).expect("it is known");
    assert!(matches!(turn.next, Next::Ends(Some(_))), "there are no VARs: {turn:?}");
}
