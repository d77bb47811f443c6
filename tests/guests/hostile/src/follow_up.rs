//! What is asked after an order, and beside it.
//!
//! The modes `trap`, `spin`, `grow` and `sleep` do here what they do to an event. In any other, and without one, a request
//! goes to the setting `ask_url` first, by `ask_method` (GET unless set), and why it has no answer is the error. Then:
//!
//! | asked | setting | says |
//! |---|---|---|
//! | check | `progress` | `waiting` (unless set), with the call's id as VAR1 and the state and a `+` as the state; `completed`, `rejected`, `var-21`; any other is the error |
//! | receive | `progress` | the same, of the order whose state is the callback's body; once more for each of the setting `notices`, with one more `+` as the state each time |
//! | find | `finding` | `happened`, with the call's id as VAR1; `did-not-happen`, `undecided` (unless set); any other is the error |
//! | read | `total` | a reading of that total (1 unless set) for each order, with its VAR3; a second page follows, of none |
//! | list | | one subscriber `S-1`, and on a second page `S-2` |

use patchbay_module::{
    Answer, Audit, Callback, Completion, Finding, Notice, Order, Page, Progress, Reading, Reconcile, ServiceStatus,
    Subscriber, Subscription, Usage, config, http,
};

use crate::{Hostile, exhaust};

/// Where the second page begins.
const SECOND: &str = "2";

impl Completion for Hostile {
    fn check(order: &Order, state: &str) -> Result<Progress, String> {
        begin()?;
        progress(state).map(|progress| progress.var(1, order.call_id()))
    }

    fn receive(callback: &Callback) -> Result<Vec<Notice>, String> {
        begin()?;
        let notices = config::get("notices")
            .and_then(|number| number.parse().ok())
            .unwrap_or(1);
        let body = callback.text();
        let notice = |number| {
            let state = format!("{body}{}", "+".repeat(number));
            progress(&state).map(|progress| Notice::new(state, progress))
        };
        (0..notices).map(notice).collect()
    }
}

impl Reconcile for Hostile {
    fn find(order: &Order) -> Result<Finding, String> {
        begin()?;
        match config::get("finding").as_deref() {
            Some("happened") => Ok(Finding::Happened(Answer::done().var(1, order.call_id()))),
            Some("did-not-happen") => Ok(Finding::DidNotHappen),
            None | Some("undecided") => Ok(Finding::Undecided),
            Some(other) => Err(other.to_owned()),
        }
    }
}

impl Usage for Hostile {
    fn read(subscriptions: &[Subscription], cursor: Option<&str>) -> Result<Page<Reading>, String> {
        begin()?;
        if cursor == Some(SECOND) {
            return Ok(Page::of([]));
        }
        let total = config::get("total").unwrap_or_else(|| "1".to_owned());
        let reading = |of: &Subscription| {
            Reading::recurring(of.order_number(), "C-1", &total).var(3, of.var(3).unwrap_or_default())
        };
        Ok(Page::of(subscriptions.iter().map(reading)).next(SECOND.to_owned()))
    }
}

impl Audit for Hostile {
    fn list(cursor: Option<&str>) -> Result<Page<Subscriber>, String> {
        begin()?;
        Ok(match cursor {
            Some(SECOND) => Page::of([Subscriber::new("S-2").status(ServiceStatus::Suspended)]),
            _ => Page::of([Subscriber::new("S-1").status(ServiceStatus::Active)]).next(SECOND.to_owned()),
        })
    }
}

fn begin() -> Result<(), String> {
    match config::get("mode").as_deref() {
        Some("trap") => exhaust::trap(),
        Some("spin") => exhaust::spin(),
        Some("grow") => exhaust::grow(),
        Some("sleep") => drop(exhaust::sleep()),
        _ => {}
    }
    let Some(url) = config::get("ask_url") else {
        return Ok(());
    };
    let request = match config::get("ask_method").as_deref() {
        Some("POST") => http::post(url),
        _ => http::get(url),
    };
    request.send()?;
    Ok(())
}

fn progress(state: &str) -> Result<Progress, String> {
    match config::get("progress").as_deref() {
        None | Some("waiting") => Ok(Progress::waiting(format!("{state}+"))),
        Some("completed") => Ok(Progress::completed()),
        Some("rejected") => Ok(Progress::rejected("so it says")),
        Some("var-21") => Ok(Progress::completed().var(21, "no such VAR")),
        Some(other) => Err(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use patchbay_module::testing::{CALL_ID, Event, Gateway, Reply};

    use super::*;

    #[test]
    fn it_says_what_it_is_told_to() {
        for (set, said) in [
            ("waiting", Ok(Progress::waiting("A-1+").var(1, CALL_ID))),
            ("completed", Ok(Progress::completed().var(1, CALL_ID))),
            ("no", Err("no".to_owned())),
        ] {
            let run = Gateway::new()
                .config("progress", set)
                .check::<Hostile>(Event::create(), "A-1");
            assert_eq!(run.outcome, said);
        }
        let run = Gateway::new()
            .config("finding", "did-not-happen")
            .find::<Hostile>(Event::create());
        assert_eq!(run.outcome, Ok(Finding::DidNotHappen));
        let run = Gateway::new().receive::<Hostile>(&Callback::post("A-1"));
        assert_eq!(run.outcome, Ok(vec![Notice::new("A-1", Progress::waiting("A-1+"))]));
        let run = Gateway::new()
            .config("notices", "2")
            .receive::<Hostile>(&Callback::post("A-1"));
        let notice = |state: &str| Notice::new(state, Progress::waiting(format!("{state}+")));
        assert_eq!(run.outcome, Ok(vec![notice("A-1"), notice("A-1+")]));
    }

    #[test]
    fn it_asks_first_where_it_is_told_to() {
        let run = Gateway::new()
            .config("ask_url", "https://carrier.test/a")
            .config("ask_method", "POST")
            .carrier(|_| Reply::Denied)
            .list_subscribers::<Hostile>(None);
        let denied = "POST https://carrier.test/a: the gateway denied it; the record of the call says why";
        assert_eq!(run.outcome, Err(denied.to_owned()));
    }
}
