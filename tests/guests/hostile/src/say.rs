//! Saying what is hard to pass on.
//!
//! | `say` | how the call ends |
//! |---|---|
//! | `text` | done, with the setting `text` as VAR1 |
//! | `forbidden` | done, with every character in VAR1 that XML has no room for, and the three control characters that it has |
//! | `var-0`, `var-255` | done, with a VAR that there is not |
//! | `large` | done, with 10 MB in VAR1 |
//! | `many` | done, with 100,000 VARs: 5,000 values for each, the last of them `last` |
//! | `reject` | rejected, with the setting `text` |
//! | `reject-forbidden`, `reject-large` | rejected, with the same as above |

use patchbay_module::{Answer, Failure, Outcome, config};

/// Most that XML leaves room for is not here.
fn forbidden() -> String {
    ('\0'..='\u{1f}').chain(['\u{fffe}', '\u{ffff}']).collect()
}

fn large() -> String {
    "x".repeat(10_000_000)
}

fn many() -> Answer {
    let values = (0..5_000).map(|turn| if turn == 4_999 { "last" } else { "earlier" });
    values.fold(Answer::done(), |answer, value| {
        (1..=20).fold(answer, |answer, index| answer.var(index, value))
    })
}

pub(crate) fn say() -> Outcome {
    let text = || config::get("text").unwrap_or_default();
    match config::require("say")?.as_str() {
        "text" => Ok(Answer::done().var(1, text())),
        "forbidden" => Ok(Answer::done().var(1, forbidden())),
        "var-0" => Ok(Answer::done().var(0, "no such VAR")),
        "var-255" => Ok(Answer::done().var(255, "no such VAR")),
        "large" => Ok(Answer::done().var(1, large())),
        "many" => Ok(many()),
        "reject" => Err(Failure::rejected(text())),
        "reject-forbidden" => Err(Failure::rejected(forbidden())),
        "reject-large" => Err(Failure::rejected(large())),
        other => Err(Failure::rejected(format!("Nothing to say: {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::Hostile;
    use patchbay_module::testing::{Event, Gateway};
    use patchbay_module::{Answer, Failure};

    #[test]
    fn it_says_the_text_that_it_is_given() {
        let said = |say| {
            let gateway = Gateway::new().config("mode", "say").config("say", say);
            gateway.config("text", "<&>").run::<Hostile>(Event::create()).outcome
        };
        assert_eq!(said("text"), Ok(Answer::done().var(1, "<&>")));
        assert_eq!(said("reject"), Err(Failure::rejected("<&>")));
    }
}
