//! From the gateway's words to the module's and back. What a module says is checked here; what is passed on can be believed
//! to be of its form.

use super::bindings::{audit, completion, orders, reconcile, usage};
use crate::domain::answer::{Answer, Failure, Pending};
use crate::domain::call::CallId;
use crate::domain::event::{Action, Event, ServiceStatus, VAR_CHARACTERS_MAX, Vars};
use crate::domain::progress::{Callback, Finding, Notice, Progress};
use crate::domain::subscriber::{Subscriber, SubscriberPage};
use crate::domain::usage::{Reading, Subscription, UsageKind, UsagePage};

/// Most bytes of a pending order's state. It is a carrier's id and a note or two.
const STATE_BYTES_MAX: usize = 4 << 10;

/// Most bytes of a cursor, which carriers may make of a query.
const CURSOR_BYTES_MAX: usize = 4 << 10;

/// Most characters of an id, a number or a code. Carriers' ids have tens.
const ID_CHARACTERS_MAX: usize = 256;

/// Characters that are kept of a text for people. What is longer is a page of HTML.
const TEXT_CHARACTERS_KEPT: usize = 4_096;

/// Most orders that one callback can be about. Carriers call back for one, or for a batch of a hundred.
const NOTICES_MAX: usize = 1_000;

/// Most readings or subscribers in a page. What is more makes another page, so that the gateway never holds much at once.
const PAGE_ITEMS_MAX: usize = 10_000;

/// Why a module's word is none.
type Unsound = String;

pub(super) fn event_of(event: &Event, call: CallId) -> orders::Event {
    orders::Event {
        call_id: call.to_string(),
        service: event.service.clone(),
        action: match &event.action {
            Action::Create => orders::Action::Create,
            Action::Replenish => orders::Action::Replenish,
            Action::SetStatus(status) => orders::Action::SetStatus(match status {
                ServiceStatus::Active => orders::ServiceStatus::Active,
                ServiceStatus::Suspended => orders::ServiceStatus::Suspended,
                ServiceStatus::NonPay => orders::ServiceStatus::NonPay,
                ServiceStatus::Other(text) => orders::ServiceStatus::Other(text.clone()),
            }),
            Action::Swap => orders::Action::Swap,
            Action::Cancel => orders::Action::Cancel,
            Action::UsageLimit => orders::Action::UsageLimit,
            Action::ChangePassword => orders::Action::ChangePassword,
            Action::Other(service) => orders::Action::Other(service.clone()),
        },
        account_number: event.account_number.clone(),
        order_number: event.order_number.clone(),
        parent_order_number: event.parent_order_number.clone(),
        carrier_product_id: event.carrier_product_id.clone(),
        vars: list_of(&event.vars),
    }
}

pub(super) fn callback_of(callback: Callback) -> completion::Callback {
    completion::Callback {
        method: callback.method,
        path_with_query: callback.path_with_query,
        headers: callback.headers,
        body: callback.body,
    }
}

pub(super) fn subscription_of(subscription: Subscription) -> usage::Subscription {
    usage::Subscription {
        vars: list_of(&subscription.vars),
        account_number: subscription.account_number,
        order_number: subscription.order_number,
    }
}

fn list_of(vars: &Vars) -> Vec<orders::Var> {
    let var = |(index, value): (u8, &str)| orders::Var {
        index,
        value: value.to_owned(),
    };
    vars.iter().map(var).collect()
}

pub(super) fn handled(word: Result<orders::Answer, orders::Failure>) -> Result<Result<Answer, Failure>, Unsound> {
    Ok(match word {
        Ok(answer) => Ok(answer_of(answer)?),
        Err(orders::Failure::Rejected(text)) => Err(Failure::Rejected(for_people(text))),
        Err(orders::Failure::Unreachable(text)) => Err(Failure::Unreachable(for_people(text))),
        Err(orders::Failure::Unknown(text)) => Err(Failure::Unknown(for_people(text))),
    })
}

pub(super) fn checked(word: Result<completion::Progress, String>) -> Result<Result<Progress, String>, Unsound> {
    or_why_not(word, progress_of)
}

pub(super) fn received(word: Result<Vec<completion::Notice>, String>) -> Result<Result<Vec<Notice>, String>, Unsound> {
    or_why_not(word, |notices| {
        at_most(NOTICES_MAX, notices.len(), "notices")?;
        let notice = |notice: completion::Notice| {
            Ok(Notice {
                state: state_of(notice.state)?,
                progress: progress_of(notice.progress)?,
            })
        };
        notices.into_iter().map(notice).collect()
    })
}

pub(super) fn found(word: Result<reconcile::Finding, String>) -> Result<Result<Finding, String>, Unsound> {
    or_why_not(word, |finding| {
        Ok(match finding {
            reconcile::Finding::Happened(answer) => Finding::Happened(answer_of(answer)?),
            reconcile::Finding::DidNotHappen => Finding::DidNotHappen,
            reconcile::Finding::Undecided => Finding::Undecided,
        })
    })
}

pub(super) fn read(word: Result<usage::Page, String>) -> Result<Result<UsagePage, String>, Unsound> {
    or_why_not(word, |page| {
        at_most(PAGE_ITEMS_MAX, page.readings.len(), "readings")?;
        Ok(UsagePage {
            readings: page.readings.into_iter().map(reading_of).collect::<Result<_, _>>()?,
            next: page.next.map(cursor_of).transpose()?,
        })
    })
}

pub(super) fn listed(word: Result<audit::Page, String>) -> Result<Result<SubscriberPage, String>, Unsound> {
    or_why_not(word, |page| {
        at_most(PAGE_ITEMS_MAX, page.subscribers.len(), "subscribers")?;
        Ok(SubscriberPage {
            subscribers: page
                .subscribers
                .into_iter()
                .map(subscriber_of)
                .collect::<Result<_, _>>()?,
            next: page.next.map(cursor_of).transpose()?,
        })
    })
}

/// Checks what a module found out. Why it could not find out is a text for people.
fn or_why_not<G, D>(
    word: Result<G, String>,
    check: impl FnOnce(G) -> Result<D, Unsound>,
) -> Result<Result<D, String>, Unsound> {
    match word {
        Ok(word) => check(word).map(Ok),
        Err(why) => Ok(Err(for_people(why))),
    }
}

fn answer_of(answer: orders::Answer) -> Result<Answer, Unsound> {
    Ok(match answer {
        orders::Answer::Done(vars) => Answer::Done(vars_of(vars)?),
        orders::Answer::Pending(pending) => Answer::Pending(Pending {
            vars: vars_of(pending.vars)?,
            state: state_of(pending.state)?,
            check_after: pending.check_after,
        }),
    })
}

fn progress_of(progress: completion::Progress) -> Result<Progress, Unsound> {
    Ok(match progress {
        completion::Progress::Waiting(waiting) => Progress::Waiting {
            vars: vars_of(waiting.vars)?,
            state: state_of(waiting.state)?,
            check_after: waiting.check_after,
        },
        completion::Progress::Completed(vars) => Progress::Completed(vars_of(vars)?),
        completion::Progress::Rejected(rejection) => Progress::Rejected {
            text: for_people(rejection.text),
            vars: vars_of(rejection.vars)?,
        },
    })
}

fn reading_of(reading: usage::Reading) -> Result<Reading, Unsound> {
    Ok(Reading {
        order_number: id_of(reading.order_number, "an order number")?,
        kind: match reading.kind {
            usage::Kind::Recurring => UsageKind::Recurring,
            usage::Kind::OnceOff => UsageKind::OnceOff,
            usage::Kind::Other(kind) => UsageKind::Other(id_of(kind, "a kind of usage")?),
        },
        component_id: id_of(reading.component_id, "a component id")?,
        total: reading.total.parse().map_err(|error| format!("the total {error}"))?,
        vars: vars_of(reading.vars)?,
    })
}

fn subscriber_of(subscriber: audit::Subscriber) -> Result<Subscriber, Unsound> {
    let optional = |id: Option<String>, what| id.map(|id| id_of(id, what)).transpose();
    Ok(Subscriber {
        id: id_of(subscriber.id, "a subscriber's id")?,
        mdn: optional(subscriber.mdn, "an MDN")?,
        iccid: optional(subscriber.iccid, "an ICCID")?,
        status: match subscriber.status {
            None => None,
            Some(orders::ServiceStatus::Active) => Some(ServiceStatus::Active),
            Some(orders::ServiceStatus::Suspended) => Some(ServiceStatus::Suspended),
            Some(orders::ServiceStatus::NonPay) => Some(ServiceStatus::NonPay),
            Some(orders::ServiceStatus::Other(status)) => Some(ServiceStatus::Other(id_of(status, "a status")?)),
        },
        carrier_product_id: optional(subscriber.carrier_product_id, "a carrier product id")?,
    })
}

/// An answer with a VAR that cannot be is refused whole: half of what the module meant would be saved on the order for good.
fn vars_of(list: Vec<orders::Var>) -> Result<Vars, Unsound> {
    let mut vars = Vars::default();
    for orders::Var { index, value } in list {
        if is_longer(&value, VAR_CHARACTERS_MAX) {
            return Err(format!("VAR{index} is longer than {VAR_CHARACTERS_MAX} characters"));
        }
        vars.set(index, value)
            .map_err(|index| format!("VAR{index} is not one of VAR1 to VAR20"))?;
    }
    Ok(vars)
}

fn state_of(state: String) -> Result<String, Unsound> {
    at_most(STATE_BYTES_MAX, state.len(), "bytes of state")?;
    Ok(state)
}

fn cursor_of(cursor: String) -> Result<String, Unsound> {
    at_most(CURSOR_BYTES_MAX, cursor.len(), "bytes of cursor")?;
    Ok(cursor)
}

fn id_of(id: String, what: &str) -> Result<String, Unsound> {
    if is_longer(&id, ID_CHARACTERS_MAX) {
        return Err(format!("{what} is longer than {ID_CHARACTERS_MAX} characters"));
    }
    Ok(id)
}

fn at_most(most: usize, found: usize, what: &str) -> Result<(), Unsound> {
    if found > most {
        return Err(format!("it has {found} {what}, and at most {most} are taken"));
    }
    Ok(())
}

fn is_longer(text: &str, characters: usize) -> bool {
    text.chars().nth(characters).is_some()
}

/// A text that is too long is cut and not refused: for its length alone, a rejection must not become an unknown outcome.
fn for_people(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARACTERS_KEPT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
