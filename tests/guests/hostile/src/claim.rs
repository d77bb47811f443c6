//! Saying something, true or not.
//!
//! | `claim` | how the call ends |
//! |---|---|
//! | `done` | done, with VAR13 |
//! | `pending` | pending, with VAR13 |
//! | `var-21` | done, with a VAR that there is not |
//! | `rejected`, `unreachable`, `unknown` | the failure of that kind, for the reason `so it says` |
//! | `trap` | panics |

use patchbay_module::{Answer, Failure, Order, Outcome, config, http};

use crate::exhaust::trap;

const REASON: &str = "so it says";

pub(crate) fn claim(order: &Order) -> Outcome {
    if let Some(url) = config::get("url") {
        let body = format!("{{\"call\":\"{}\"}}", order.call_id());
        let mut request = http::post(url).body("application/json", body);
        if let Some(authorization) = config::get("authorization") {
            request = request.header("authorization", authorization);
        }
        // What it says does not depend on what it saw.
        let _ = request.send();
    }
    match config::require("claim")?.as_str() {
        "done" => Ok(Answer::done().var(13, "A-1")),
        "pending" => Ok(Answer::pending("A-1").var(13, "A-1")),
        "var-21" => Ok(Answer::done().var(21, "no such VAR")),
        "rejected" => Err(Failure::rejected(REASON)),
        "unreachable" => Err(Failure::Unreachable(REASON.to_owned())),
        "unknown" => Err(Failure::Unknown(REASON.to_owned())),
        "trap" => trap(),
        other => Err(Failure::rejected(format!("No such claim: {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::Hostile;
    use patchbay_module::testing::{Event, Gateway, Reply};
    use patchbay_module::{Answer, Failure};

    #[test]
    fn it_says_what_it_is_told_to_whatever_it_saw() {
        for (claim, outcome) in [
            ("done", Ok(Answer::done().var(13, "A-1"))),
            ("unreachable", Err(Failure::Unreachable("so it says".to_owned()))),
        ] {
            for reply in [Reply::status(201), Reply::Lost] {
                let run = Gateway::new()
                    .config("mode", "claim")
                    .config("claim", claim)
                    .config("url", "https://carrier.test/a")
                    .carrier(move |_| reply.clone())
                    .run::<Hostile>(Event::create());
                assert_eq!(run.outcome, outcome);
                assert_eq!(run.requests.len(), 1);
            }
        }
    }
}
