//! Whether an event came to a right end: what TeleCloud was told against what the carrier did. Pure.

use super::events::{Answer, Event};
use crate::carrier::PortStatus;
use crate::telecloud::ServiceStatus;

/// What the surroundings know of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// Changes at the carrier.
    pub(super) effects: usize,
    /// The carrier has refused one of its requests for good.
    pub(super) refused: bool,
    /// What its order became by an update.
    pub(super) told: Option<ServiceStatus>,
    pub(super) port: Option<&'a PortStatus>,
    /// It needs no more posts.
    pub(super) settled: bool,
}

/// What is wrong with an event that has come to its end, if anything is.
pub(super) fn judge(event: &Event, seen: &Seen<'_>) -> Option<String> {
    let strange = event.posts.iter().find_map(|post| match &post.answer {
        Answer::Strange(what) => Some(what),
        _ => None,
    });
    let refused_port = matches!(seen.port, Some(PortStatus::Rejected { correctable: false, .. }));
    let what = match (seen.told, seen.effects) {
        _ if strange.is_some() => format!("an answer that must not be: {}", strange?),
        (_, 2..) => format!("it had {} effects at the carrier", seen.effects),
        _ if !seen.settled => "it never got a last word".to_owned(),
        (_, 0) if event.done() => "it was answered as done, and the carrier has not done it".to_owned(),
        (None, _) if event.pending() => "TeleCloud waits for it, and was told nothing".to_owned(),
        (None, 1) if !event.done() => {
            "the carrier has done it, and TeleCloud was told that nothing was changed".to_owned()
        }
        (Some(ServiceStatus::Active), 0) => "TeleCloud was told that it is active, and it is not".to_owned(),
        (Some(ServiceStatus::Failed), 0) if !seen.refused => {
            "it was refunded, and the carrier has not refused it".to_owned()
        }
        (Some(ServiceStatus::Failed), 1) if !refused_port => "it was refunded, and the carrier has done it".to_owned(),
        (Some(ServiceStatus::Active), 1) if seen.port.is_some_and(|port| *port != PortStatus::Completed) => {
            "TeleCloud was told that it is active, and its port is not completed".to_owned()
        }
        (Some(ServiceStatus::Active | ServiceStatus::Failed) | None, _) => return None,
        (Some(other), _) => format!("its order became {other:?}"),
    };
    Some(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::{Kind, Post};

    fn event(kind: Kind, answers: &[Answer]) -> Event {
        let post = |answer: &Answer| Post {
            cycle: 1,
            answer: answer.clone(),
        };
        Event {
            tenant: "acme",
            kind,
            account: String::new(),
            order: String::new(),
            fields: Default::default(),
            trace: String::new(),
            posts: answers.iter().map(post).collect(),
        }
    }

    const NOTHING: Seen<'_> = Seen {
        effects: 0,
        refused: false,
        told: None,
        port: None,
        settled: true,
    };

    const ONE: Seen<'_> = Seen { effects: 1, ..NOTHING };

    #[test]
    fn right_ends_are_let_pass() {
        let done = || Answer::Done(None);
        let active = Some(ServiceStatus::Active);
        let failed = Some(ServiceStatus::Failed);
        let rejected = PortStatus::Rejected {
            reason: String::new(),
            correctable: false,
        };
        let port = |port, told| Seen {
            port: Some(port),
            told,
            ..ONE
        };
        let rows = [
            (Kind::Activation, vec![done(), done()], ONE),
            (Kind::Suspend, vec![Answer::Unknown, Answer::Lost, done()], ONE),
            (Kind::Suspend, vec![Answer::NotDone], NOTHING),
            (Kind::Activation, vec![Answer::Pending], Seen { told: active, ..ONE }),
            (Kind::Activation, vec![Answer::Lost], Seen { told: active, ..ONE }),
            (
                Kind::Activation,
                vec![Answer::Pending],
                Seen {
                    told: failed,
                    refused: true,
                    ..NOTHING
                },
            ),
            (
                Kind::PortIn,
                vec![Answer::Pending],
                port(&PortStatus::Completed, active),
            ),
            (Kind::PortIn, vec![Answer::Pending], port(&rejected, failed)),
        ];
        for (kind, answers, seen) in rows {
            assert_eq!(
                judge(&event(kind, &answers), &seen),
                None,
                "{kind:?} {answers:?} {seen:?}"
            );
        }
    }

    #[test]
    fn every_wrong_end_is_named() {
        let done = || Answer::Done(None);
        let told = |told, seen| Seen {
            told: Some(told),
            ..seen
        };
        let (active, failed) = (ServiceStatus::Active, ServiceStatus::Failed);
        let rows = [
            (
                vec![done()],
                Seen { effects: 2, ..ONE },
                "it had 2 effects at the carrier",
            ),
            (
                vec![Answer::Lost],
                Seen { settled: false, ..ONE },
                "it never got a last word",
            ),
            (
                vec![done()],
                NOTHING,
                "it was answered as done, and the carrier has not done it",
            ),
            (
                vec![Answer::Pending],
                ONE,
                "TeleCloud waits for it, and was told nothing",
            ),
            (
                vec![Answer::Pending],
                NOTHING,
                "TeleCloud waits for it, and was told nothing",
            ),
            (
                vec![Answer::NotDone],
                ONE,
                "the carrier has done it, and TeleCloud was told that nothing was changed",
            ),
            (
                vec![Answer::Pending],
                told(active, NOTHING),
                "TeleCloud was told that it is active, and it is not",
            ),
            (
                vec![Answer::Pending],
                told(failed, NOTHING),
                "it was refunded, and the carrier has not refused it",
            ),
            (
                vec![Answer::Pending],
                told(failed, Seen { refused: true, ..ONE }),
                "it was refunded, and the carrier has done it",
            ),
            (
                vec![Answer::Pending],
                told(
                    active,
                    Seen {
                        port: Some(&PortStatus::Submitted),
                        ..ONE
                    },
                ),
                "TeleCloud was told that it is active, and its port is not completed",
            ),
            (
                vec![Answer::Pending],
                told(
                    failed,
                    Seen {
                        port: Some(&PortStatus::Completed),
                        ..ONE
                    },
                ),
                "it was refunded, and the carrier has done it",
            ),
            (
                vec![Answer::Strange("?".to_owned())],
                ONE,
                "an answer that must not be: ?",
            ),
            (
                vec![Answer::Pending],
                told(ServiceStatus::Cancelled, ONE),
                "its order became Cancelled",
            ),
        ];
        for (answers, seen, what) in rows {
            let judged = judge(&event(Kind::Activation, &answers), &seen);
            assert_eq!(judged.as_deref(), Some(what), "{answers:?} {seen:?}");
        }
    }
}
