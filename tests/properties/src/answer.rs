//! TeleCloud's answers: an acceptance that was none would end a job that is not done.

use http::StatusCode;
use patchbay::domain::name::TelecloudId;
use patchbay::telecloud::client::{Call, NotAccepted, read};

use crate::xml;

/// Most characters of a refusal that are kept.
const REFUSAL: usize = 1_000;

/// The bytes as the answer to a call of TeleCloud's API; the first two choose the HTTP status.
///
/// Accepted means: a status of success, and a document `telecloud` with no `error` right below. Refused means that there is
/// an `error`. Anything else is unclear, whatever it looks like.
pub fn api_answer(data: &[u8]) {
    let Some((status, body)) = data.split_first_chunk::<2>() else {
        return;
    };
    // From 100 to 599.
    let status = 100 + u16::from_be_bytes(*status) % 500;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let notation = Call::Notation {
        account_number: "9105012".to_owned(),
        order_number: None,
        subject: "subject".to_owned(),
        content: "content".to_owned(),
    };
    let answer = read(&notation, status, body);
    let document = xml::text(body).and_then(xml::parsed);
    match &answer {
        Ok(accepted) => {
            assert!(status.is_success(), "accepted with {status}");
            let module_id = accepted.module_id.as_ref().map(TelecloudId::as_str);
            assert!(module_id.is_none_or(|id| (1..=64).contains(&id.len())));
        }
        Err(NotAccepted::Refused(why)) => {
            assert!(!why.is_empty() && why.chars().count() <= REFUSAL, "refused for {why:?}");
        }
        Err(NotAccepted::Unclear(why)) => {
            let begins = format!("TeleCloud answered {} ", status.as_u16());
            assert!(why.starts_with(&begins) && why.len() < 200, "unclear for {why:?}");
        }
    }
    let Some(document) = document else { return };
    let root = document.root_element();
    let is = |name: &str, expected: &str| name.eq_ignore_ascii_case(expected);
    let mut children = root.children().filter(roxmltree::Node::is_element);
    let says_no = is(root.tag_name().name(), "error") || children.any(|child| is(child.tag_name().name(), "error"));
    let says_yes = is(root.tag_name().name(), "telecloud") && !says_no;
    match answer {
        Ok(_) => assert!(says_yes, "accepted by <{}>", root.tag_name().name()),
        Err(NotAccepted::Refused(_)) => assert!(says_no, "refused by <{}>", root.tag_name().name()),
        Err(NotAccepted::Unclear(why)) => {
            assert!(!(says_yes && status.is_success()) || is_too_large(&why), "{why}");
        }
    }
}

fn is_too_large(why: &str) -> bool {
    why.contains("fields")
}
