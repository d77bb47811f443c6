//! What TeleCloud is told, decided from the module's word and from what the gateway itself saw leave and come back.
//!
//! A module's claim that nothing was changed, or that the carrier rejected the order, is believed only when the record of its
//! exchanges does not say otherwise: on either an order may be refunded or sent again.

use super::course::Came;
use crate::domain::answer::{Answer, Failure, Reply};
use crate::domain::call::{Exchange, ExchangeEnd, Outcome};
use crate::domain::event::{ActionKind, Vars};
use crate::sandbox::Fault;

/// The carrier was not reached.
pub const UNREACHABLE: &str = "Carrier Error: carrier unreachable, nothing was changed. Please retry.";
/// Something was sent, and how it ended is not known.
pub const UNKNOWN: &str = "Carrier Error: outcome unknown and being checked. Do not send this order again yet.";
/// The module failed by itself.
pub const FAULTED: &str =
    "Module Error: the module failed, nothing was changed. Ask the integrator to look at the call.";
/// There was no slot for it, or the tenant's rate was used up.
pub const BUSY: &str = "Module Error: busy, nothing was changed. Please retry.";
/// Nothing is run or sent that cannot be recorded.
pub const NOT_RECORDED: &str = "Module Error: the gateway cannot record the call, nothing was changed. Please retry.";
/// The event may have run before, so nobody can say that nothing was changed.
pub const NOT_CLAIMED: &str = "Module Error: the gateway cannot read whether this order was carried out before, and has not run it now. Please retry.";
/// Not to be seen.
pub const STOPPED: &str = "Module Error: the gateway failed. Ask its operator to look at the call.";
/// A module rejected an order without a word.
const NO_REASON: &str = "Module Error: the module rejected the order and gave no reason.";

/// A call's end: for TeleCloud, for the record, and for its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What TeleCloud is told.
    pub reply: Reply,
    /// How the call counts.
    pub outcome: Outcome,
    /// Why, for operators.
    pub detail: Option<String>,
    /// What it means for the event's job.
    pub came: Came,
}

impl Verdict {
    /// The event does not get to run.
    #[must_use]
    pub fn refused(error: impl Into<String>, detail: impl Into<String>) -> Self {
        failure(error, Outcome::Refused, Some(detail.into()))
    }

    /// Answered without a module.
    #[must_use]
    pub fn answered(reply: Reply) -> Self {
        Self {
            reply,
            outcome: Outcome::Done,
            detail: None,
            came: Came::NothingChanged,
        }
    }

    /// TeleCloud's test request, and the module would run if it were an order.
    #[must_use]
    pub fn test_passed() -> Self {
        Self {
            reply: Reply::success(),
            outcome: Outcome::Done,
            detail: Some("a test request".to_owned()),
            came: Came::Done(Vars::default()),
        }
    }
}

/// Decides how a call ended.
#[must_use]
pub fn verdict(action: ActionKind, result: Result<Result<Answer, Failure>, Fault>, exchanges: &[Exchange]) -> Verdict {
    let unknown = |detail: String| Verdict {
        reply: open_reply(action),
        outcome: Outcome::Unknown,
        detail: Some(detail),
        came: Came::Unknown,
    };
    match result {
        Ok(Ok(Answer::Done(vars))) => Verdict {
            reply: Reply::Success {
                pending: false,
                vars: vars.clone(),
            },
            outcome: Outcome::Done,
            detail: None,
            came: Came::Done(vars),
        },
        Ok(Ok(Answer::Pending(pending))) if action == ActionKind::Create => Verdict {
            reply: Reply::Success {
                pending: true,
                vars: pending.vars.clone(),
            },
            outcome: Outcome::Pending,
            detail: None,
            came: Came::Pending(pending),
        },
        Ok(Ok(Answer::Pending(_))) => unknown(format!(
            "the module answered pending to {action}, which TeleCloud knows for Order/Create only; answer done or a failure"
        )),
        Ok(Err(Failure::Rejected(text))) => {
            if let Some(exchange) = left_open(exchanges) {
                return unknown(format!(
                    "the module says that the order was rejected ({text}), but {}, and the carrier was not heard since",
                    named(exchange)
                ));
            }
            let text = if text.trim().is_empty() {
                NO_REASON.to_owned()
            } else {
                text
            };
            Verdict {
                came: Came::Rejected {
                    text: text.clone(),
                    by_carrier: exchanges.iter().any(Exchange::may_refuse),
                },
                ..failure(text, Outcome::Rejected, None)
            }
        }
        Ok(Err(Failure::Unreachable(text))) => match exchanges.iter().find(|exchange| exchange.may_have_changed()) {
            None => failure(UNREACHABLE, Outcome::Unreachable, Some(text)),
            Some(exchange) => unknown(format!(
                "the module says the carrier was unreachable ({text}), but {} may have changed something there; if it \
                 cannot, mark its grant read_only",
                named(exchange)
            )),
        },
        Ok(Err(Failure::Unknown(text))) if !nothing_left(exchanges) => unknown(text),
        Ok(Err(Failure::Unknown(text))) => failure(
            UNREACHABLE,
            Outcome::Unreachable,
            Some(format!(
                "the module says the outcome is unknown ({text}), but no request of it got out"
            )),
        ),
        Err(Fault::Busy(busy)) => failure(BUSY, Outcome::Refused, Some(busy.to_string())),
        Err(fault) => match exchanges.iter().find(|exchange| exchange.may_have_changed()) {
            None => failure(faulted(&fault), Outcome::Faulted, Some(format!("the module {fault}"))),
            Some(exchange) => unknown(format!("the module {fault}, after {}", named(exchange))),
        },
    }
}

/// What TeleCloud is told of a module that failed by itself: which limit it ran into, if it was that, and no more. The rest
/// is the integrator's to see.
fn faulted(fault: &Fault) -> String {
    match fault.limit() {
        Some(limit) => format!(
            "Module Error: the module ran into its limit {limit}, nothing was changed. Ask the integrator to look at the \
             call."
        ),
        None => FAULTED.to_owned(),
    }
}

/// Nothing was changed.
fn failure(error: impl Into<String>, outcome: Outcome, detail: Option<String>) -> Verdict {
    Verdict {
        reply: Reply::failure(error),
        outcome,
        detail,
        came: Came::NothingChanged,
    }
}

/// What TeleCloud is told as long as nobody knows. An order that was to be created is pending: TeleCloud waits for one that
/// is, and refunds one that failed.
#[must_use]
pub fn open_reply(action: ActionKind) -> Reply {
    match action {
        ActionKind::Create => Reply::Success {
            pending: true,
            vars: Vars::default(),
        },
        _ => Reply::failure(UNKNOWN),
    }
}

fn named(exchange: &Exchange) -> String {
    let end = match &exchange.end {
        Some(ExchangeEnd::Answered { response }) => format!(", answered with {}", response.status),
        _ => ", not answered".to_owned(),
    };
    format!("{} {}{end}", exchange.request.method, exchange.request.url)
}

/// Whether no request has left for a carrier, as far as anyone can tell.
pub fn nothing_left(exchanges: &[Exchange]) -> bool {
    !exchanges.iter().any(Exchange::got_out)
}

/// A request that may have changed something and was not answered, when no later one was answered either: nothing that the
/// module heard can have told it what became of it.
fn left_open(exchanges: &[Exchange]) -> Option<&Exchange> {
    let silent = exchanges.iter().rev().take_while(|exchange| !exchange.is_answered());
    silent
        .filter(|exchange| !exchange.read_only && exchange.got_out())
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::Pending;
    use crate::domain::call::{RecordedRequest, RecordedResponse};
    use crate::domain::event::Vars;
    use crate::fair::Busy;

    fn exchange(method: &str, end: Option<ExchangeEnd>) -> Exchange {
        Exchange {
            grant: Some("api".into()),
            read_only: method == "GET",
            request: RecordedRequest {
                method: method.into(),
                url: "https://carrier.example/v1".into(),
                headers: vec![],
                body: String::new(),
                body_bytes: 0,
            },
            started: jiff::Timestamp::UNIX_EPOCH,
            micros: 1,
            end,
        }
    }

    fn answered(status: u16) -> Option<ExchangeEnd> {
        let response = RecordedResponse {
            status,
            headers: vec![],
            body: String::new(),
            body_bytes: 0,
        };
        Some(ExchangeEnd::Answered { response })
    }

    fn reason() -> String {
        "why".to_owned()
    }

    #[test]
    fn unreachable_is_believed_only_when_nothing_can_have_changed() {
        let refused = Some(ExchangeEnd::NotSent { reason: reason() });
        let denied = Some(ExchangeEnd::Denied { reason: reason() });
        let silent = Some(ExchangeEnd::NoAnswer { reason: reason() });
        let table = [
            ("no exchange", vec![], Outcome::Unreachable),
            (
                "connection refused",
                vec![exchange("POST", refused.clone())],
                Outcome::Unreachable,
            ),
            ("denied", vec![exchange("POST", denied)], Outcome::Unreachable),
            (
                "a look-up, then refused",
                vec![exchange("GET", answered(200)), exchange("POST", refused.clone())],
                Outcome::Unreachable,
            ),
            (
                "rejected, then refused",
                vec![exchange("POST", answered(422)), exchange("POST", refused.clone())],
                Outcome::Unreachable,
            ),
            (
                "done, then refused",
                vec![exchange("POST", answered(201)), exchange("POST", refused.clone())],
                Outcome::Unknown,
            ),
            (
                "given up, then refused",
                vec![exchange("POST", answered(408)), exchange("POST", refused)],
                Outcome::Unknown,
            ),
            ("no answer", vec![exchange("POST", silent)], Outcome::Unknown),
            ("cut off", vec![exchange("POST", None)], Outcome::Unknown),
        ];
        for (name, exchanges, outcome) in table {
            let claimed = Ok(Err(Failure::Unreachable(reason())));
            assert_eq!(
                verdict(ActionKind::Create, claimed, &exchanges).outcome,
                outcome,
                "{name}"
            );
            let expected = if outcome == Outcome::Unknown {
                Outcome::Unknown
            } else {
                Outcome::Faulted
            };
            let fault = Err(Fault::Trap(reason()));
            assert_eq!(
                verdict(ActionKind::Create, fault, &exchanges).outcome,
                expected,
                "trap after: {name}"
            );
        }
    }

    #[test]
    fn unknown_without_any_request_is_unreachable() {
        let claimed = || Ok(Err(Failure::Unknown(reason())));
        assert_eq!(verdict(ActionKind::Swap, claimed(), &[]).outcome, Outcome::Unreachable);
        let looked_up = [exchange("GET", answered(200))];
        assert_eq!(
            verdict(ActionKind::Swap, claimed(), &looked_up).outcome,
            Outcome::Unknown
        );
    }

    #[test]
    fn a_rejection_is_believed_unless_the_last_word_is_missing() {
        let silent = || exchange("POST", Some(ExchangeEnd::NoAnswer { reason: reason() }));
        let refused = || exchange("POST", Some(ExchangeEnd::NotSent { reason: reason() }));
        let table = [
            ("no exchange", vec![], Outcome::Rejected),
            (
                "the carrier said no",
                vec![exchange("POST", answered(422))],
                Outcome::Rejected,
            ),
            (
                "a look-up without answer",
                vec![exchange("GET", None)],
                Outcome::Rejected,
            ),
            ("not sent", vec![refused()], Outcome::Rejected),
            ("no answer", vec![silent()], Outcome::Unknown),
            ("no answer, then not sent", vec![silent(), refused()], Outcome::Unknown),
            (
                "no answer, then looked up",
                vec![silent(), exchange("GET", answered(404))],
                Outcome::Rejected,
            ),
        ];
        for (name, exchanges, outcome) in table {
            let claimed = Ok(Err(Failure::Rejected(reason())));
            assert_eq!(
                verdict(ActionKind::Create, claimed, &exchanges).outcome,
                outcome,
                "{name}"
            );
        }
    }

    #[test]
    fn pending_is_for_create_only() {
        let pending = || {
            Ok(Ok(Answer::Pending(Pending {
                vars: Vars::default(),
                state: String::new(),
                check_after: None,
            })))
        };
        assert_eq!(verdict(ActionKind::Create, pending(), &[]).outcome, Outcome::Pending);
        let other = verdict(ActionKind::Cancel, pending(), &[]);
        assert_eq!(
            (other.outcome, other.reply),
            (Outcome::Unknown, Reply::failure(UNKNOWN))
        );
    }

    #[test]
    fn a_rejection_goes_out_word_for_word_and_never_empty() {
        let said = |text: &str| verdict(ActionKind::Create, Ok(Err(Failure::Rejected(text.to_owned()))), &[]).reply;
        assert_eq!(said("Carrier Error: <no>"), Reply::failure("Carrier Error: <no>"));
        assert_eq!(said(" "), Reply::failure(NO_REASON));
    }

    #[test]
    fn busy_changed_nothing_and_says_so() {
        let busy = verdict(ActionKind::Create, Err(Fault::Busy(Busy::Full)), &[]);
        assert_eq!((busy.outcome, busy.reply), (Outcome::Refused, Reply::failure(BUSY)));
    }
}
