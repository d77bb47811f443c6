//! What jobs promise: their course, decided purely, and one effect for each event, whatever comes in between.

mod clock;
mod course;
mod effects;
mod many;
mod shares;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::case::Case;
use super::course::Begin;
use crate::domain::call::CallId;
use crate::domain::event::{Action, Document, Event, ServiceStatus, Vars};
use crate::domain::job::Identity;
use crate::domain::name::ModuleName;

/// A time in 2026, so many seconds after a call came.
fn second(second: u64) -> Timestamp {
    let second = i64::try_from(second).expect("in range");
    Timestamp::from_second(1_795_000_000 + second).expect("in range")
}

fn vars(of: &[(u8, &str)]) -> Vars {
    let mut vars = Vars::default();
    for (index, value) in of {
        vars.set(*index, (*value).to_owned()).expect("a VAR");
    }
    vars
}

fn module() -> ModuleName {
    ModuleName::parse("sim").expect("a name")
}

fn event(action: Action) -> Event {
    Event {
        service: "Order/Whatever".into(),
        action,
        account_number: Some("9105012".into()),
        order_number: Some("4617ZU4617".into()),
        parent_order_number: None,
        carrier_product_id: None,
        new_state: None,
        vars: vars(&[(2, "8901260000000000014")]),
        document: Document::new(json!({"Customer": {"first_name": "Avery"}})),
    }
}

fn create() -> Event {
    event(Action::Create)
}

fn suspend() -> Event {
    event(Action::SetStatus(ServiceStatus::Suspended))
}

fn begun(event: &Event) -> Case {
    let begin = Begin {
        call: CallId(ulid::Ulid::from_parts(1, 1)),
        module: module(),
        identity: Identity([1; 32]),
        received: second(0),
    };
    Case::begin(begin, &Arc::new(event.clone()))
}
