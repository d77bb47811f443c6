use jiff::Timestamp;
use ulid::Ulid;

use super::*;
use crate::domain::call::{CallId, Outcome};
use crate::domain::event::ServiceStatus;
use crate::domain::name::ModuleName;
use crate::domain::order::{Order, OrderRecord, OrderState};
use crate::domain::subscriber::Subscriber;

const ICCID: &str = "8901260000000000014";

fn vars(of: &[(u8, &str)]) -> Vars {
    let mut vars = Vars::default();
    for (index, value) in of {
        vars.set(*index, (*value).to_owned()).expect("a VAR");
    }
    vars
}

/// An order of the number `O-{id}`, on the plan `basic`.
fn order(id: u128, state: OrderState, of: &[(u8, &str)]) -> Order {
    Order {
        id: OrderId(Ulid(id)),
        record: OrderRecord {
            module: ModuleName::parse("sim").expect("a name"),
            order_number: Some(format!("O-{id}")),
            account_number: Some("9105012".to_owned()),
            parent_order_number: None,
            carrier_product_id: Some("basic".to_owned()),
            product_id: None,
            state,
            state_by: CallId(Ulid(id)),
            vars: vars(of),
            vars_by: CallId(Ulid(id)),
            answered: std::collections::BTreeSet::new(),
            created_by: None,
            replenished: None,
            first_seen: Timestamp::UNIX_EPOCH,
            last_change: Timestamp::UNIX_EPOCH,
            last_call: CallId(Ulid(id)),
            last_outcome: Outcome::Done,
        },
    }
}

fn active(id: u128, of: &[(u8, &str)]) -> Order {
    order(id, OrderState::Active, of)
}

/// A subscriber that is in service on the plan `basic`.
fn subscriber(id: &str, mdn: Option<&str>, iccid: Option<&str>) -> Subscriber {
    Subscriber {
        id: id.to_owned(),
        mdn: mdn.map(str::to_owned),
        iccid: iccid.map(str::to_owned),
        status: Some(ServiceStatus::Active),
        carrier_product_id: Some("basic".to_owned()),
    }
}

/// A difference as one line: `kind orders subscribers here there repair`.
fn lines(orders: &[Order], subscribers: &[Subscriber]) -> Vec<String> {
    let line = |row: Row| {
        let orders: Vec<_> = row
            .orders
            .iter()
            .filter_map(|order| order.order_number.clone())
            .collect();
        let repair: Vec<_> = row
            .repair
            .iter()
            .map(|(index, value)| format!("{index}={value}"))
            .collect();
        format!(
            "{:?} [{}] [{}] {} / {} repair [{}]",
            row.difference,
            orders.join(" "),
            row.subscribers.join(" "),
            row.here.as_deref().unwrap_or("-"),
            row.there.as_deref().unwrap_or("-"),
            repair.join(" ")
        )
    };
    differences(orders, subscribers, &AuditSettings::default())
        .into_iter()
        .map(line)
        .collect()
}

#[test]
fn what_is_the_same_on_both_sides_is_no_row() {
    let orders = [
        active(1, &[(14, "S-1"), (3, "2025550101"), (2, ICCID)]),
        active(2, &[(3, "2025550102")]),
        active(3, &[(2, "8901260000000000022")]),
    ];
    let subscribers = [
        subscriber("S-3", None, Some("8901260000000000022")),
        subscriber("S-1", Some("2025550101"), Some(ICCID)),
        subscriber("S-2", Some("1-202-555-0102"), None),
    ];
    // An id that the order did not have is what a repair adds.
    assert_eq!(
        lines(&orders, &subscribers),
        [
            "SubscriberId [O-2] [S-2] - / S-2 repair [14=S-2]",
            "SubscriberId [O-3] [S-3] - / S-3 repair [14=S-3]",
        ]
    );
}

#[test]
fn what_only_one_side_has_is_missing_on_the_other() {
    let orders = [
        active(1, &[(14, "S-1")]),
        order(2, OrderState::Suspended, &[(3, "2025550102")]),
        order(3, OrderState::Unknown, &[(2, ICCID)]),
        active(4, &[(1, "356938035643809")]),
    ];
    assert_eq!(
        lines(&orders, &[subscriber("S-9", Some("2025550109"), None)]),
        [
            "MissingThere [O-1] [] active / - repair []",
            "MissingThere [O-2] [] suspended / - repair []",
            "MissingThere [O-3] [] unknown / - repair []",
            "Unidentified [O-4] [] active / - repair []",
            "MissingHere [] [S-9] - / active repair []",
        ]
    );
}

#[test]
fn what_is_pending_or_over_is_not_missed_at_the_carrier() {
    let of: &[(u8, &str)] = &[(14, "S-1")];
    for state in [OrderState::Pending, OrderState::Failed, OrderState::Cancelled] {
        assert_eq!(lines(&[order(1, state, of)], &[]), Vec::<String>::new(), "{state}");
    }
}

#[test]
fn states_are_compared_by_what_they_mean() {
    use OrderState::{Active, Cancelled, Failed, NonPay, Pending, Suspended, Unknown};
    let word = |text: &str| ServiceStatus::Other(text.to_owned());
    let rows = [
        (Active, ServiceStatus::Active, None),
        (Active, ServiceStatus::Suspended, Some("active / suspended")),
        (Active, word("HOTLINED"), Some("active / HOTLINED")),
        (Suspended, ServiceStatus::Suspended, None),
        (Suspended, ServiceStatus::NonPay, None),
        (NonPay, ServiceStatus::Suspended, None),
        (NonPay, ServiceStatus::Active, Some("non-pay / active")),
        (Pending, ServiceStatus::Active, Some("pending / active")),
        (Failed, ServiceStatus::Active, Some("failed / active")),
        (Cancelled, ServiceStatus::Suspended, Some("cancelled / suspended")),
        (Unknown, ServiceStatus::Suspended, None),
    ];
    for (here, there, difference) in rows {
        let orders = [order(1, here, &[(14, "S-1")])];
        let mut line = subscriber("S-1", None, None);
        line.status = Some(there);
        let expected: Vec<_> = difference
            .map(|difference| format!("State [O-1] [S-1] {difference} repair []"))
            .into_iter()
            .collect();
        assert_eq!(lines(&orders, &[line]), expected, "{here}");
    }
}

#[test]
fn plan_number_and_sim_are_compared_and_vars_are_what_can_be_repaired() {
    let orders = [active(1, &[(14, "S-1"), (3, "2025550101"), (2, ICCID)])];
    let mut line = subscriber("S-1", Some("2025550199"), Some("8901260000000000022"));
    line.carrier_product_id = Some("unlimited".to_owned());
    assert_eq!(
        lines(&orders, &[line]),
        [
            "Plan [O-1] [S-1] basic / unlimited repair []",
            "Number [O-1] [S-1] 2025550101 / 2025550199 repair [3=2025550199]",
            "Sim [O-1] [S-1] 8901260000000000014 / 8901260000000000022 repair [2=8901260000000000022]",
        ]
    );
}

#[test]
fn what_the_carrier_does_not_say_is_not_compared() {
    let orders = [active(1, &[(14, "S-1"), (3, "2025550101"), (2, ICCID)])];
    let line = Subscriber {
        id: "S-1".to_owned(),
        mdn: None,
        iccid: None,
        status: None,
        carrier_product_id: None,
    };
    assert_eq!(lines(&orders, &[line]), Vec::<String>::new());
}

#[test]
fn a_line_under_another_id_may_be_somebody_elses_so_nothing_of_it_is_taken_over() {
    let orders = [active(1, &[(14, "S-1"), (3, "2025550101"), (2, ICCID)])];
    let line = subscriber("S-8", Some("2025550101"), Some("8901260000000000022"));
    assert_eq!(
        lines(&orders, &[line]),
        [
            "SubscriberId [O-1] [S-8] S-1 / S-8 repair []",
            "Sim [O-1] [S-8] 8901260000000000014 / 8901260000000000022 repair []",
        ]
    );
}

#[test]
fn the_strongest_sign_decides_who_belongs_together() {
    // The number moved from the first order's line to the second's.
    let orders = [
        active(1, &[(14, "S-1"), (3, "2025550101")]),
        active(2, &[(14, "S-2"), (3, "2025550102")]),
    ];
    let subscribers = [
        subscriber("S-1", Some("2025550103"), None),
        subscriber("S-2", Some("2025550101"), None),
    ];
    assert_eq!(
        lines(&orders, &subscribers),
        [
            "Number [O-1] [S-1] 2025550101 / 2025550103 repair [3=2025550103]",
            "Number [O-2] [S-2] 2025550102 / 2025550101 repair [3=2025550101]",
        ]
    );
}

#[test]
fn a_number_that_was_given_to_the_next_customer_is_theirs() {
    let orders = [
        order(1, OrderState::Cancelled, &[(3, "2025550101")]),
        active(2, &[(3, "2025550101")]),
    ];
    let subscribers = [subscriber("S-2", Some("2025550101"), None)];
    assert_eq!(
        lines(&orders, &subscribers),
        ["SubscriberId [O-2] [S-2] - / S-2 repair [14=S-2]"]
    );
    // A line that goes on although its order is over is what an audit is for.
    assert_eq!(
        lines(&orders[..1], &subscribers),
        ["State [O-1] [S-2] cancelled / active repair []"]
    );
}

#[test]
fn a_sign_that_fits_several_decides_nothing() {
    let orders = [
        active(1, &[(3, "2025550101")]),
        active(2, &[(3, "2025550101")]),
        active(3, &[(2, ICCID)]),
    ];
    let subscribers = [
        subscriber("S-1", Some("2025550101"), None),
        subscriber("S-2", None, Some(ICCID)),
        subscriber("S-3", None, Some(ICCID)),
    ];
    assert_eq!(
        lines(&orders, &subscribers),
        [
            "Ambiguous [O-1 O-2] [S-1] 2025550101 / 2025550101 repair []",
            "Ambiguous [O-3] [S-2 S-3] 8901260000000000014 / 8901260000000000014 repair []",
        ]
    );
}

#[test]
fn of_a_subscriber_that_was_listed_twice_the_later_word_counts() {
    let orders = [active(1, &[(14, "S-1")])];
    let mut earlier = subscriber("S-1", None, None);
    earlier.status = Some(ServiceStatus::Suspended);
    let later = subscriber("S-1", None, None);
    assert_eq!(lines(&orders, &[earlier, later]), Vec::<String>::new());
}

#[test]
fn a_sign_that_is_not_configured_is_not_looked_at() {
    let settings = AuditSettings {
        matching: MatchVars {
            subscriber_id: None,
            mdn: Some(8),
            iccid: None,
        },
    };
    let orders = [active(1, &[(8, "2025550101"), (14, "S-7"), (2, ICCID)])];
    let line = subscriber("S-1", Some("2025550101"), Some("8901260000000000022"));
    assert_eq!(differences(&orders, &[line], &settings), []);
}
