use http::Method;

use super::{ACCOUNT, ORDER, call, telecloud, update};
use crate::telecloud::{Component, FakeTelecloud, Notation, Order, Refund, ServiceStatus, Units};

const UPDATED: &str = "<order order_number=\"4617ZU4617\"/>";

#[tokio::test]
async fn an_update_changes_only_what_is_passed() {
    let telecloud = telecloud(ServiceStatus::Pending).await;
    assert_eq!(
        update(&telecloud, &[("VAR3", "2025550177"), ("VAR20", "last")]).await,
        UPDATED
    );
    let after_first = telecloud.order(ORDER).expect("the order");
    assert_eq!(
        (after_first.service_status, after_first.cycle_end_date.as_deref()),
        (ServiceStatus::Pending, None)
    );
    let active = [
        ("service_status", "ACTIVE"),
        ("cycle_end_date", "2/29/2028"),
        ("VAR3", ""),
    ];
    assert_eq!(update(&telecloud, &active).await, UPDATED);
    assert_eq!(update(&telecloud, &[]).await, UPDATED, "nothing to update is no error");
    let expected = Order {
        vars: [(3, String::new()), (20, "last".to_owned())].into(),
        cycle_end_date: Some("2/29/2028".to_owned()),
        ..Order::new(ACCOUNT, ORDER, ServiceStatus::Active)
    };
    assert_eq!(telecloud.order(ORDER), Some(expected));
    assert_eq!(telecloud.refunds(), []);
}

#[tokio::test]
async fn a_pending_order_that_fails_or_is_cancelled_is_refunded_once() {
    for (text, status, error) in [
        ("FAILED", ServiceStatus::Failed, Some("Port rejected: no <such> number")),
        ("CANCELLED", ServiceStatus::Cancelled, None),
    ] {
        let telecloud = telecloud(ServiceStatus::Pending).await;
        let mut fields = vec![("service_status", text)];
        fields.extend(error.map(|error| ("error_text", error)));
        for _ in 0..2 {
            assert_eq!(
                update(&telecloud, &fields).await,
                UPDATED,
                "{text}: sent again, it is the same"
            );
        }
        let refund = Refund {
            account_number: ACCOUNT.to_owned(),
            order_number: ORDER.to_owned(),
            service_status: status,
            error_text: error.map(str::to_owned),
        };
        assert_eq!(telecloud.refunds(), [refund], "{text}");
        let order = telecloud.order(ORDER).expect("the order");
        assert_eq!((order.service_status, order.error_text.as_deref()), (status, error));

        let revived = update(&telecloud, &[("service_status", "ACTIVE")]).await;
        assert_eq!(revived, "error: Order 4617ZU4617 has been refunded");
        assert_eq!(telecloud.order(ORDER).expect("the order").service_status, status);
    }
}

#[tokio::test]
async fn an_order_that_worked_ends_without_a_refund() {
    for status in [ServiceStatus::Active, ServiceStatus::Suspended, ServiceStatus::NonPay] {
        let telecloud = telecloud(status).await;
        assert_eq!(update(&telecloud, &[("service_status", "CANCELLED")]).await, UPDATED);
        assert_eq!(telecloud.refunds(), [], "{status:?}");
    }
}

#[tokio::test]
async fn an_update_that_is_not_as_it_should_be_changes_nothing() {
    let rows: [(&[(&str, &str)], &str); 13] = [
        (&[("service_status", "PENDING")], "Invalid service_status: PENDING"),
        (&[("service_status", "active")], "Invalid service_status: active"),
        (&[("service_status", "")], "Invalid service_status: "),
        (
            &[("cycle_end_date", "2028-02-29")],
            "Invalid cycle_end_date: 2028-02-29",
        ),
        (&[("cycle_end_date", "02/9/2028")], "Invalid cycle_end_date: 02/9/2028"),
        (&[("cycle_end_date", "2/30/2028")], "Invalid cycle_end_date: 2/30/2028"),
        (&[("cycle_end_date", "13/1/2028")], "Invalid cycle_end_date: 13/1/2028"),
        (&[("cycle_end_date", "1/1/28")], "Invalid cycle_end_date: 1/1/28"),
        (
            &[("error_text", "late")],
            "error_text is only for service_status FAILED",
        ),
        (
            &[("error_text", "late"), ("service_status", "ACTIVE")],
            "error_text is only for service_status FAILED",
        ),
        (&[("VAR0", "x")], "Unknown parameter: VAR0"),
        (&[("VAR21", "x")], "Unknown parameter: VAR21"),
        (&[("VAR03", "x")], "Unknown parameter: VAR03"),
    ];
    let telecloud = telecloud(ServiceStatus::Pending).await;
    let before = telecloud.order(ORDER);
    for (fields, error) in rows {
        let fields = [&[("VAR3", "2025550177")], fields].concat();
        assert_eq!(update(&telecloud, &fields).await, format!("error: {error}"));
    }
    assert_eq!(telecloud.order(ORDER), before);
}

#[tokio::test]
async fn an_order_is_found_by_its_account_and_number_only() {
    let telecloud = telecloud(ServiceStatus::Pending).await;
    let rows = [
        (
            "9105012",
            "4617ZU4618",
            "Order not found on account 9105012: 4617ZU4618",
        ),
        ("9105013", ORDER, "Order not found on account 9105013: 4617ZU4617"),
        ("", ORDER, "Missing required parameter: account_number"),
        (ACCOUNT, "", "Missing required parameter: order_number"),
    ];
    for (account, order, error) in rows {
        let fields = [("account_number", account), ("order_number", order), ("VAR1", "x")];
        let answer = call(&telecloud, Method::PATCH, "Order/Update", &fields).await;
        assert_eq!(answer, format!("error: {error}"));
    }
    assert_eq!(
        telecloud.order(ORDER),
        Some(Order::new(ACCOUNT, ORDER, ServiceStatus::Pending))
    );
}

fn units(text: &str) -> Units {
    text.parse().expect("a number")
}

/// With the component 8417871 of which 1014 units are used, each of which costs 0.0030.
async fn with_usage() -> FakeTelecloud {
    let telecloud = telecloud(ServiceStatus::Active).await;
    let component = Component {
        units: Units::from(1014),
        unit_price: units("0.0030"),
        maximum: None,
    };
    telecloud.put_order(Order::new(ACCOUNT, ORDER, ServiceStatus::Active).with_component("8417871", component));
    telecloud
}

async fn report(telecloud: &FakeTelecloud, units: &str, expression_type: &str) -> String {
    let fields = [
        ("account_number", ACCOUNT),
        ("component_id", "8417871"),
        ("order_number", ORDER),
        ("units", units),
        ("expression_type", expression_type),
    ];
    call(telecloud, Method::POST, "Order/ReportUsage", &fields).await
}

fn used(telecloud: &FakeTelecloud) -> String {
    let order = telecloud.order(ORDER).expect("the order");
    order.components["8417871"].units.to_string()
}

#[tokio::test]
async fn additive_usage_adds_and_cumulative_usage_sets() {
    let telecloud = with_usage().await;
    assert_eq!(
        report(&telecloud, "500", "additive").await,
        "<order order_number=\"4617ZU4617\"><ProductComponents><component component_id=\"8417871\">\
         <old_value>1014</old_value><new_value>1514</new_value><unit_price>0.003</unit_price><total>1.5</total>\
         </component></ProductComponents></order>"
    );
    for (units, expression_type, expected) in [
        ("0.25", "additive", "1514.25"),
        ("2000.5", "cumulative", "2000.5"),
        ("2000.5", "cumulative", "2000.5"),
        ("0", "cumulative", "0"),
        ("0.000001", "additive", "0.000001"),
    ] {
        report(&telecloud, units, expression_type).await;
        assert_eq!(used(&telecloud), expected, "{units} {expression_type}");
    }
}

#[tokio::test]
async fn usage_that_is_not_as_it_should_be_counts_nothing() {
    let telecloud = with_usage().await;
    for text in [
        "",
        "-1",
        "+1",
        "1e3",
        "1,5",
        "1.",
        ".5",
        " 1",
        "0x10",
        "NaN",
        "1.0000001",
        "1000000000000000",
    ] {
        let answer = report(&telecloud, text, "additive").await;
        let missing = "error: Missing required parameter: units".to_owned();
        let expected = if text.is_empty() {
            missing
        } else {
            format!("error: Invalid units: {text}")
        };
        assert_eq!(answer, expected);
    }
    assert_eq!(
        report(&telecloud, "1", "absolute").await,
        "error: Invalid expression_type: absolute"
    );
    assert_eq!(used(&telecloud), "1014");

    telecloud.put_order(Order::new(ACCOUNT, ORDER, ServiceStatus::Active));
    assert_eq!(
        report(&telecloud, "1", "additive").await,
        "error: Component not found: 8417871"
    );
    telecloud.put_order(Order::new(ACCOUNT, ORDER, ServiceStatus::Suspended));
    assert_eq!(
        report(&telecloud, "1", "additive").await,
        "error: Order 4617ZU4617 is not active"
    );
}

#[tokio::test]
async fn a_notation_is_kept_with_the_account_and_perhaps_the_order() {
    let telecloud = telecloud(ServiceStatus::Active).await;
    let fields = [
        ("account_number", ACCOUNT),
        ("subject", "Port"),
        ("content", "a < b & c"),
    ];
    assert_eq!(
        call(&telecloud, Method::POST, "Customer/Notation", &fields).await,
        "<customer account_number=\"9105012\"><notation id=\"1\"><subject>Port</subject>\
         <content>a &#60; b &#38; c</content></notation></customer>"
    );
    let with_order = [&[("order_number", ORDER)], &fields[..]].concat();
    call(&telecloud, Method::POST, "Customer/Notation", &with_order).await;
    let notation = |order_number: Option<&str>| Notation {
        account_number: ACCOUNT.to_owned(),
        order_number: order_number.map(str::to_owned),
        subject: "Port".to_owned(),
        content: "a < b & c".to_owned(),
    };
    assert_eq!(telecloud.notations(), [notation(None), notation(Some(ORDER))]);

    let stranger = [("account_number", "1"), ("subject", "Port"), ("content", "x")];
    let answer = call(&telecloud, Method::POST, "Customer/Notation", &stranger).await;
    assert_eq!(answer, "error: Customer not found: 1");
    let answer = call(&telecloud, Method::POST, "Customer/Notation", &fields[..2]).await;
    assert_eq!(answer, "error: Missing required parameter: content");
    assert_eq!(telecloud.notations().len(), 2);
}
