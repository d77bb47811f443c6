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
