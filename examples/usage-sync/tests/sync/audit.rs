//! What the carrier has.

use patchbay_module::testing::Reply;
use patchbay_module::{Page, ServiceStatus, Subscriber};
use serde_json::{Value, json};
use usage_sync::UsageSync;

use crate::{answers, gateway};

fn line(id: &str, plan: &str, status: &str) -> Value {
    json!({
        "subscriber_id": id, "mdn": "2025550143", "iccid": "8901260000000000014", "imei": "356938035643809",
        "plan": plan, "status": status, "reference": null,
    })
}

fn subscriber(id: &str, status: ServiceStatus) -> Subscriber {
    Subscriber::new(id)
        .mdn("2025550143".to_owned())
        .iccid("8901260000000000014".to_owned())
        .status(status)
}

#[test]
fn lines_are_listed_in_the_words_of_telecloud() {
    let body = json!({
        "lines": [
            line("S-1", "unlimited-15", "ACTIVE"),
            line("S-2", "unlimited-15", "SUSPENDED"),
            line("S-3", "nobody-sells-this", "HOTLINED"),
        ],
        "next": "3",
    });
    let run = answers("/v1/lines", 200, body).list_subscribers::<UsageSync>(None);
    let product = || "VZW-15GB-UNLTT".to_owned();
    let subscribers = [
        subscriber("S-1", ServiceStatus::Active).carrier_product_id(product()),
        subscriber("S-2", ServiceStatus::Suspended).carrier_product_id(product()),
        subscriber("S-3", ServiceStatus::Other("HOTLINED".to_owned())),
    ];
    assert_eq!(run.outcome, Ok(Page::of(subscribers).next("3".to_owned())));
}

#[test]
fn a_plan_that_is_sold_as_two_products_is_not_compared() {
    let body = json!({ "lines": [line("S-1", "unlimited-15", "ACTIVE")], "next": null });
    let run = answers("/v1/lines?cursor=3", 200, body)
        .config("plan.VZW-15GB-PROMO", "unlimited-15")
        .list_subscribers::<UsageSync>(Some("3"));
    assert_eq!(run.outcome, Ok(Page::of([subscriber("S-1", ServiceStatus::Active)])));
}

#[test]
fn a_carrier_that_does_not_answer_well_ends_the_page() {
    for reply in [Reply::Refused, Reply::Lost, Reply::text(200, "{}"), Reply::status(500)] {
        let run = gateway()
            .carrier(move |_| reply.clone())
            .list_subscribers::<UsageSync>(None);
        assert!(run.outcome.is_err(), "{:?}", run.outcome);
    }
}
