//! What customers used.

use patchbay_module::testing::{Reply, placeholder};
use patchbay_module::{Page, Reading, Subscription};
use serde_json::{Value, json};
use usage_sync::UsageSync;

use crate::{answers, gateway};

fn subscriptions() -> Vec<Subscription> {
    vec![
        Subscription::new("9105012", "O-1").with_var(14, "S-2001"),
        Subscription::new("9105013", "O-2").with_var(14, "S-2002"),
    ]
}

fn used(line: &str, kind: &str, bucket: &str, used: &str, unit: &str) -> Value {
    json!({ "line": line, "kind": kind, "bucket": bucket, "used": used, "unit": unit })
}

const BOTH: &str = "/v1/usage?lines=S-2001,S-2002";

#[test]
fn all_orders_are_asked_about_at_once() {
    let body = json!({
        "usage": [
            used("S-2002", "recurring", "DATA", "123456789", "bytes"),
            used("S-2001", "once-off", "DATA", "52428800", "bytes"),
        ],
        "next": "2",
    });
    let run = answers(BOTH, 200, body).read_usage::<UsageSync>(&subscriptions(), None);
    let readings = [
        Reading::recurring("O-2", "8417871", "123456789"),
        Reading::once_off("O-1", "8417871", "52428800"),
    ];
    assert_eq!(run.outcome, Ok(Page::of(readings).next("2".to_owned())));
    assert_eq!(run.requests.len(), 1);
    let token = format!("Bearer {}", placeholder("carrier-token"));
    assert_eq!(run.requests[0].header_value("authorization"), Some(token.as_str()));
}

#[test]
fn the_next_page_begins_where_the_carrier_said() {
    let body = json!({ "usage": [], "next": null });
    let path = "/v1/usage?lines=S-2001,S-2002&cursor=a%2Fb%20c";
    let run = answers(path, 200, body).read_usage::<UsageSync>(&subscriptions(), Some("a/b c"));
    assert_eq!(run.outcome, Ok(Page::of([])));
}

#[test]
fn what_the_module_does_not_know_goes_on_under_the_carriers_own_name() {
    let body = json!({
        "usage": [
            used("S-2001", "rollover", "DATA", "5", "bytes"),
            used("S-2001", "recurring", "DATA", "5", "fortnights"),
            used("S-2001", "recurring", "ROAMING", "5", "bytes"),
            used("S-9999", "recurring", "DATA", "5", "bytes"),
        ],
        "next": null,
    });
    let run = answers(BOTH, 200, body).read_usage::<UsageSync>(&subscriptions(), None);
    let readings = [
        Reading::other("rollover", "O-1", "8417871", "5"),
        Reading::other("recurring in fortnights", "O-1", "8417871", "5"),
        Reading::recurring("O-1", "ROAMING", "5"),
        Reading::recurring("S-9999", "8417871", "5"),
    ];
    assert_eq!(run.outcome, Ok(Page::of(readings)));
}

#[test]
fn an_order_without_a_line_is_left_out_with_a_warning() {
    let without = [Subscription::new("9105012", "O-1")];
    let run = gateway().read_usage::<UsageSync>(&without, None);
    assert_eq!(run.outcome, Ok(Page::of([])));
    assert!(run.requests.is_empty());
    assert!(run.log[0].1.contains("O-1"), "{:?}", run.log);
}

#[test]
fn a_carrier_that_does_not_answer_well_ends_the_page() {
    for reply in [
        Reply::Refused,
        Reply::Lost,
        Reply::text(200, "<html>"),
        Reply::status(503),
        Reply::text(422, "unknown cursor"),
    ] {
        let run = gateway()
            .carrier(move |_| reply.clone())
            .read_usage::<UsageSync>(&subscriptions(), None);
        assert!(run.outcome.is_err(), "{:?}", run.outcome);
    }
}
