use serde_json::json;
use ulid::Ulid;

use super::*;
use crate::domain::event::{Document, ServiceStatus};

use Action::{Cancel, Create, Replenish, Swap, UsageLimit};
use OrderState::{Active, Cancelled, Failed, NonPay, Pending, Suspended};
use Outcome::{Done, Faulted, Refused, Rejected, Repeated, Running, Unreachable};

fn vars(of: &[(u8, &str)]) -> Vars {
    let mut vars = Vars::default();
    for (index, value) in of {
        vars.set(*index, (*value).to_owned()).expect("a VAR");
    }
    vars
}

fn status(to: ServiceStatus) -> Action {
    Action::SetStatus(to)
}

fn event(action: Action, order_number: Option<&str>, of: &[(u8, &str)]) -> Event {
    Event {
        service: String::new(),
        action,
        account_number: Some("100".to_owned()),
        order_number: order_number.map(str::to_owned),
        parent_order_number: None,
        carrier_product_id: None,
        new_state: None,
        vars: vars(of),
        document: Document::default(),
    }
}

/// Calls in the order of their numbers, a second apart.
fn call(number: u8) -> CallId {
    CallId(Ulid::from_parts(u64::from(number) * 1_000, 0))
}

fn at(number: u8) -> Timestamp {
    Timestamp::from_second(i64::from(number)).expect("a time")
}

fn sim() -> ModuleName {
    ModuleName::parse("sim").expect("a name")
}

/// What the event of call `number` makes of the record.
fn see(before: Option<OrderRecord>, number: u8, event: &Event, outcome: Outcome, answered: &[(u8, &str)]) -> After {
    let observation = Observation {
        module: &sim(),
        call: call(number),
        at: at(number),
        seen: Seen::Event {
            event,
            outcome,
            answered: &vars(answered),
        },
    };
    observation.apply(before)
}

fn tell(before: Option<OrderRecord>, number: u8, update: &Update) -> After {
    let observation = Observation {
        module: &sim(),
        call: call(number),
        at: at(number),
        seen: Seen::Update {
            order_number: "4711",
            account_number: Some("100"),
            update,
        },
    };
    observation.apply(before)
}

fn record(after: After) -> OrderRecord {
    match after {
        After::Record(record) => *record,
        other => panic!("there is no record: {other:?}"),
    }
}

/// Order 4711 in this state since call 1, which created it.
fn order(state: OrderState) -> OrderRecord {
    let mut order = record(see(None, 1, &event(Create, Some("4711"), &[(2, "card-1")]), Done, &[]));
    order.state = state;
    order
}

#[test]
fn an_order_remembers_when_it_was_last_replenished() {
    let replenish = event(Replenish, Some("4711"), &[]);
    let before = order(Active);
    assert_eq!(before.replenished, None);
    let after = record(see(Some(before.clone()), 3, &replenish, Done, &[]));
    assert_eq!(after.replenished, Some(at(3)));
    // What is learned of an older one does not undo it, and what was not done counts for nothing.
    let older = record(see(Some(after.clone()), 2, &replenish, Done, &[]));
    assert_eq!(older.replenished, Some(at(3)));
    let failed = record(see(Some(before), 3, &replenish, Rejected, &[]));
    assert_eq!(failed.replenished, None);
    let joined = joined(after, "4712", None);
    assert_eq!(joined.replenished, Some(at(3)));
}

#[test]
#[rustfmt::skip]
fn a_done_event_says_the_state_and_what_is_not_done_leaves_it() {
    let suspend = || status(ServiceStatus::Suspended);
    let rows = [
        ("created", Pending, Create, Done, Active),
        ("suspended", Active, suspend(), Done, Suspended),
        ("suspended for want of payment", Active, status(ServiceStatus::NonPay), Done, NonPay),
        ("back in service", Suspended, status(ServiceStatus::Active), Done, Active),
        ("a state not known here", Active, status(ServiceStatus::Other("PAUSED".into())), Done, Active),
        ("cancelled", Suspended, Cancel, Done, Cancelled),
        ("swapped", Suspended, Swap, Done, Suspended),
        ("replenished", Active, Replenish, Done, Active),
        ("used up", Active, UsageLimit, Done, Active),
        ("something else", NonPay, Action::Other("Order/Dance".into()), Done, NonPay),
        ("suspending was rejected", Active, suspend(), Rejected, Active),
        ("the carrier was not reached", Active, Cancel, Unreachable, Active),
        ("the module failed", Active, Cancel, Faulted, Active),
        ("nobody knows", Active, Cancel, Outcome::Unknown, Active),
        ("not ended yet", Active, suspend(), Running, Active),
        ("pending is for creating only", Active, suspend(), Outcome::Pending, Active),
        ("created again and rejected", Active, Create, Rejected, Active),
        ("created again while pending, and rejected", Pending, Create, Rejected, Pending),
        ("created again and unknown", Suspended, Create, Outcome::Unknown, Suspended),
        ("after a failure it may be there now", Failed, Create, Outcome::Unknown, OrderState::Unknown),
        ("after a failure it is pending now", Failed, Create, Outcome::Pending, Pending),
        ("after a failure it failed again", Failed, Create, Rejected, Failed),
    ];
    for (name, before, action, outcome, expected) in rows {
        let after = record(see(
            Some(order(before)),
            2,
            &event(action, Some("4711"), &[]),
            outcome,
            &[],
        ));
        assert_eq!(after.state, expected, "{name}");
        assert_eq!((after.last_call, after.last_outcome), (call(2), outcome), "{name}");
        assert_eq!((after.first_seen, after.last_change), (at(1), at(2)), "{name}");
    }
}

#[test]
#[rustfmt::skip]
fn an_order_is_on_record_once_it_may_exist() {
    let rows = [
        ("created", Create, Some("4711"), Done, Some(Active)),
        ("created without a number", Create, None, Done, Some(Active)),
        ("pending without a number", Create, None, Outcome::Pending, Some(Pending)),
        ("unknown without a number", Create, None, Outcome::Unknown, Some(OrderState::Unknown)),
        ("rejected with a number", Create, Some("4711"), Rejected, Some(Failed)),
        ("not reached with a number", Create, Some("4711"), Unreachable, Some(Failed)),
        ("rejected without a number", Create, None, Rejected, None),
        ("the module failed, without a number", Create, None, Faulted, None),
        ("heard of by a swap", Swap, Some("4711"), Done, Some(OrderState::Unknown)),
        ("heard of by its suspension", status(ServiceStatus::Suspended), Some("4711"), Done, Some(Suspended)),
        ("a swap that was rejected", Swap, Some("4711"), Rejected, None),
        ("a cancellation that nobody knows of", Cancel, Some("4711"), Outcome::Unknown, None),
    ];
    for (name, action, number, outcome, expected) in rows {
        let after = see(None, 1, &event(action, number, &[]), outcome, &[]);
        let state = match &after {
            After::Record(record) => Some(record.state),
            _ => None,
        };
        assert_eq!(state, expected, "{name}");
    }
    for outcome in [Refused, Repeated] {
        let after = see(Some(order(Active)), 2, &event(Cancel, Some("4711"), &[]), outcome, &[]);
        assert_eq!(after, After::Unchanged, "{outcome}");
    }
}

#[test]
fn a_record_says_what_the_order_is() {
    let mut create = event(Create, Some("4712"), &[]);
    create.parent_order_number = Some("4711".to_owned());
    create.carrier_product_id = Some("SOC5GB".to_owned());
    create.document = Document::new(json!({"Product": {"@attributes": {"product_id": "337"}}}));
    let addon = record(see(None, 1, &create, Done, &[]));
    assert_eq!(
        addon.order_number.as_deref(),
        Some("4712"),
        "an add-on is an order of its own"
    );
    assert_eq!(addon.parent_order_number.as_deref(), Some("4711"));
    assert_eq!(addon.account_number.as_deref(), Some("100"));
    assert_eq!(addon.carrier_product_id.as_deref(), Some("SOC5GB"));
    assert_eq!(addon.product_id.as_deref(), Some("337"));
    assert_eq!(addon.created_by, Some(call(1)));

    let later = record(see(Some(addon), 2, &event(Replenish, Some("4712"), &[]), Done, &[]));
    assert_eq!(
        later.carrier_product_id.as_deref(),
        Some("SOC5GB"),
        "what is not said again stays"
    );
    assert_eq!(later.created_by, Some(call(1)));
}

#[test]
fn vars_are_those_of_the_event_and_over_them_those_of_the_answer() {
    let create = event(Create, Some("4711"), &[(2, "card-1"), (15, "NEW")]);
    let created = record(see(None, 1, &create, Done, &[(3, "2025550143"), (15, "DONE")]));
    assert_eq!(created.vars, vars(&[(2, "card-1"), (3, "2025550143"), (15, "DONE")]));
    assert!(
        created.answered.is_empty(),
        "with a number nothing has to be recognised"
    );

    let swap = event(Swap, Some("4711"), &[(2, "card-2")]);
    let swapped = record(see(Some(created.clone()), 2, &swap, Done, &[]));
    assert_eq!(swapped.vars, vars(&[(2, "card-2"), (3, "2025550143"), (15, "DONE")]));
    for outcome in [Rejected, Unreachable, Outcome::Unknown] {
        let kept = record(see(Some(created.clone()), 2, &swap, outcome, &[]));
        assert_eq!(kept.vars, created.vars, "{outcome}");
    }
}

#[test]
fn without_a_number_it_stays_known_what_the_answer_said() {
    let create = event(Create, None, &[(2, "card-1")]);
    let pending = record(see(None, 1, &create, Outcome::Pending, &[(13, "A-100")]));
    assert_eq!(pending.answered, BTreeSet::from([13]));
    let done = record(see(Some(pending), 1, &create, Done, &[(3, "2025550143")]));
    assert_eq!((done.state, done.answered), (Active, BTreeSet::from([3, 13])));
}

#[test]
fn what_telecloud_was_told_is_so() {
    let rows = [
        (NewStatus::Active, Active),
        (NewStatus::Suspended, Suspended),
        (NewStatus::NonPay, NonPay),
        (NewStatus::Failed, Failed),
        (NewStatus::Cancelled, Cancelled),
    ];
    for (told, expected) in rows {
        let update = Update {
            status: Some(told),
            ..Update::vars(vars(&[(3, "2025550143")]))
        };
        let after = record(tell(Some(order(Pending)), 2, &update));
        assert_eq!(after.state, expected, "{told}");
        assert_eq!(after.vars, vars(&[(2, "card-1"), (3, "2025550143")]), "{told}");
    }
    let after = record(tell(Some(order(Suspended)), 2, &Update::vars(vars(&[(9, "12")]))));
    assert_eq!(after.state, Suspended, "VARs alone leave the state");
    let heard_of = record(tell(None, 2, &Update::vars(vars(&[(9, "12")]))));
    assert_eq!(
        (heard_of.state, heard_of.account_number.as_deref()),
        (OrderState::Unknown, Some("100"))
    );
}

#[test]
fn what_is_found_out_late_does_not_undo_what_came_after() {
    let create = event(Create, Some("4711"), &[(2, "card-1")]);
    let unknown = record(see(None, 1, &create, Outcome::Unknown, &[]));
    let swap = event(Swap, Some("4711"), &[(2, "card-2")]);
    let swapped = record(see(Some(unknown), 2, &swap, Done, &[]));
    let cancelled = record(see(Some(swapped), 3, &event(Cancel, Some("4711"), &[]), Done, &[]));

    let found = record(see(Some(cancelled.clone()), 1, &create, Done, &[(3, "2025550143")]));
    assert_eq!(found.state, Cancelled);
    assert_eq!(
        found.vars,
        vars(&[(2, "card-2"), (3, "2025550143")]),
        "only what was missing"
    );
    assert_eq!((found.last_call, found.last_outcome), (call(3), Done));
    let refused = record(see(Some(cancelled), 1, &create, Rejected, &[]));
    assert_eq!(refused.state, Cancelled);

    // A newer call that changed nothing is no reason to leave out what is found.
    let touched = record(see(
        Some(order(Active)),
        3,
        &event(Replenish, Some("4711"), &[(2, "card-1")]),
        Done,
        &[],
    ));
    let found = record(see(Some(touched), 2, &swap, Done, &[]));
    assert_eq!((found.vars.get(2), found.last_call), (Some("card-2"), call(3)));
}

#[test]
fn an_order_that_did_not_come_to_be_after_all_has_failed_or_is_gone() {
    for begun in [Outcome::Pending, Outcome::Unknown, Running] {
        for ended in [Rejected, Unreachable, Faulted] {
            let numbered = event(Create, Some("4711"), &[]);
            let before = record(see(None, 1, &numbered, begun, &[]));
            let after = record(see(Some(before), 1, &numbered, ended, &[]));
            assert_eq!((after.state, after.last_outcome), (Failed, ended), "{begun} {ended}");

            let unlinked = event(Create, None, &[]);
            let before = record(see(None, 1, &unlinked, begun, &[]));
            assert_eq!(
                see(Some(before), 1, &unlinked, ended, &[]),
                After::Gone,
                "{begun} {ended}"
            );
        }
    }
}

#[test]
fn two_records_of_one_order_make_one_in_which_the_newer_goes_first() {
    let mut create = event(Create, None, &[(2, "card-1")]);
    create.carrier_product_id = Some("SOC5GB".to_owned());
    let unlinked = record(see(None, 1, &create, Outcome::Pending, &[(13, "A-100")]));
    let alone = joined(unlinked.clone(), "4711", None);
    assert_eq!(alone.order_number.as_deref(), Some("4711"));
    assert!(alone.answered.is_empty());
    assert_eq!((alone.state, alone.created_by), (Pending, Some(call(1))));

    let suspend = event(status(ServiceStatus::Suspended), Some("4711"), &[(2, "card-2")]);
    let numbered = record(see(None, 2, &suspend, Done, &[]));
    let both = joined(unlinked.clone(), "4711", Some(numbered));
    assert_eq!((both.state, both.state_by), (Suspended, call(2)));
    assert_eq!(both.vars, vars(&[(2, "card-2"), (13, "A-100")]));
    assert_eq!(both.carrier_product_id.as_deref(), Some("SOC5GB"));
    assert_eq!((both.created_by, both.last_call), (Some(call(1)), call(2)));
    assert_eq!((both.first_seen, both.last_change), (at(1), at(2)));

    let swapped = record(see(None, 2, &event(Swap, Some("4711"), &[]), Done, &[]));
    let both = joined(unlinked, "4711", Some(swapped));
    assert_eq!(both.state, Pending, "what says nothing of the state leaves it");
}
