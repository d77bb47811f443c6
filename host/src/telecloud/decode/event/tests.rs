use serde_json::json;

use super::*;

fn posted(request: Value) -> Result<Kind, DecodeError> {
    match request {
        Value::Object(fields) => kind(fields, true),
        other => panic!("an object expected, not {other}"),
    }
}

fn order(request: Value) -> Event {
    match posted(request) {
        Ok(Kind::Order(event)) => *event,
        other => panic!("an order expected, not {other:?}"),
    }
}

fn ambiguous(field: &str) -> Result<Kind, DecodeError> {
    Err(DecodeError::Ambiguous {
        field: field.to_owned(),
    })
}

#[test]
fn names_match_in_any_case_and_below_attributes_and_the_document_keeps_them_as_sent() {
    let request = json!({
        "service": "Order/Swap",
        "Order_Number": "4617ZU4617",
        "customer": {"@attributes": {"ACCOUNT_NUMBER": "9105012"}},
        "@attributes": {"carrier_product_id": "SOC", "Parent_Order_Number": "P", "var20": "twenty"},
        "VAR1": "one",
        "var2": null,
        "New_State": "x",
        "Surprise": {"kept": ["1"]},
    });
    let event = order(request.clone());
    assert_eq!(event.service, "Order/Swap");
    assert_eq!(event.order_number.as_deref(), Some("4617ZU4617"));
    assert_eq!(event.account_number.as_deref(), Some("9105012"));
    assert_eq!(event.carrier_product_id.as_deref(), Some("SOC"));
    assert_eq!(event.parent_order_number.as_deref(), Some("P"));
    assert_eq!(event.new_state.as_deref(), Some("x"));
    assert_eq!(event.vars.iter().collect::<Vec<_>>(), [(1, "one"), (20, "twenty")]);
    assert_eq!(event.document.tree(), &request);
}

#[test]
fn vars_are_1_to_20_without_leading_zeros() {
    let event = order(json!({
        "SERVICE": "Order/Create", "VAR": {"company_name": "x"}, "VARProduct": {"name": "x"},
        "VAR0": "x", "VAR01": "x", "VAR21": "x", "VAR256": "x", "VAR+3": "x", "VAR 3": "x", "VARé": "x", "VAR1x": "x",
        "Var7": "seven",
    }));
    assert_eq!(event.vars.iter().collect::<Vec<_>>(), [(7, "seven")]);
}

#[test]
fn service_says_the_action_whatever_its_case_and_slashes() {
    let rows = [
        ("Order/Create", Action::Create),
        (" order/create\n", Action::Create),
        ("/Order//Create/", Action::Create),
        ("OrderCreate", Action::Create),
        ("ORDER/REPLENISH", Action::Replenish),
        ("Order/Swap", Action::Swap),
        ("Order/Cancel", Action::Cancel),
        ("Order/ReportUsage", Action::UsageLimit),
        ("Order/Teleport", Action::Other("Order/Teleport".into())),
        (" Order_Create ", Action::Other(" Order_Create ".into())),
        ("Create", Action::Other("Create".into())),
        (
            "Order/Create/Order/Cancel",
            Action::Other("Order/Create/Order/Cancel".into()),
        ),
    ];
    for (service, action) in rows {
        let event = order(json!({"SERVICE": service, "order_number": "1"}));
        assert_eq!((event.service.as_str(), event.action), (service, action));
    }
}

#[test]
fn new_state_says_the_status_and_its_absence_is_no_guess() {
    let rows = [
        (json!("ACTIVE"), ServiceStatus::Active),
        (json!(" suspended "), ServiceStatus::Suspended),
        (json!("NON-PAY"), ServiceStatus::NonPay),
        (json!("NonPay"), ServiceStatus::NonPay),
        (json!("PAUSED"), ServiceStatus::Other("PAUSED".into())),
        (json!(null), ServiceStatus::Other(String::new())),
    ];
    for (new_state, status) in rows {
        let event = order(json!({"SERVICE": "Order/Status", "NEW_STATE": new_state}));
        assert_eq!(event.action, Action::SetStatus(status), "{new_state}");
    }
}

#[test]
fn one_value_sent_twice_is_that_value_and_two_values_are_no_order() {
    let twice = order(json!({"SERVICE": ["Order/Create", "Order/Create"], "VAR1": "a", "var1": ["a", null]}));
    assert_eq!((twice.action, twice.vars.get(1)), (Action::Create, Some("a")));

    let with = |fields: Value| {
        let mut request = json!({"SERVICE": "Order/Create"});
        request
            .as_object_mut()
            .expect("an object")
            .extend(fields.as_object().expect("an object").clone());
        posted(request)
    };
    assert_eq!(with(json!({"service": "Order/Cancel"})), ambiguous("SERVICE"));
    assert_eq!(with(json!({"VAR1": "a", "var1": "b"})), ambiguous("VAR1"));
    assert_eq!(with(json!({"VAR1": ["a", "b"]})), ambiguous("VAR1"));
    assert_eq!(
        with(json!({"VAR1": "a", "@attributes": {"VAR1": "b"}})),
        ambiguous("VAR1")
    );
    assert_eq!(with(json!({"order_number": ["1", "2"]})), ambiguous("order_number"));
    assert_eq!(
        with(json!({"Customer": [{"account_number": "1"}, {"account_number": "2"}]})),
        ambiguous("Customer.account_number")
    );
}

#[test]
fn the_text_of_an_element_with_attributes_counts() {
    let event = order(json!({"SERVICE": {"@attributes": {"type": "string"}, "0": "Order/Create"}}));
    assert_eq!(event.service, "Order/Create");
}

#[test]
fn an_object_that_became_a_text_is_refused_by_name() {
    let lost = |field| Err(DecodeError::ObjectLost { field });
    assert_eq!(
        posted(json!({"SERVICE": "Order/Create", "Customer": "Array"})),
        lost("Customer")
    );
    assert_eq!(
        posted(json!({"SERVICE": "Order/Create", "customer": "{\"first_name\":\"A"})),
        lost("Customer")
    );
    assert_eq!(
        posted(json!({"SERVICE": "Order/Create", "VARProduct": "Array"})),
        lost("VARProduct")
    );
    let event = order(json!({"SERVICE": "Order/Create", "Product": "337", "Note": "Array"}));
    assert_eq!(event.document.text("Product"), Some("337"));
}

#[test]
fn a_request_is_a_test_an_order_or_something_without_service() {
    enum Is {
        Test,
        Order,
        Missing,
        NotPosted,
    }
    // Fields, what they are when posted, what they are in a GET.
    let rows = [
        (json!({}), Is::Test, Is::Test),
        (
            json!({"SERVICE": null, "Customer": {"first_name": null}, "x": [null]}),
            Is::Test,
            Is::Test,
        ),
        (json!({"SERVICE": "Module/Test"}), Is::Test, Is::Test),
        (json!({"SERVICE": "TEST", "Product": {"name": "x"}}), Is::Test, Is::Test),
        (
            json!({"SERVICE": "test", "Customer": {"first_name": "x"}}),
            Is::Order,
            Is::NotPosted,
        ),
        (json!({"SERVICE": "test", "VAR3": "x"}), Is::Order, Is::NotPosted),
        (
            json!({"SERVICE": "test", "order_number": "x"}),
            Is::Order,
            Is::NotPosted,
        ),
        (json!({"SERVICE": "Order/Create"}), Is::Order, Is::NotPosted),
        (json!({"SERVICE": " ", "order_number": "1"}), Is::Missing, Is::NotPosted),
        (json!({"Customer": {"first_name": "x"}}), Is::Missing, Is::NotPosted),
        (json!({"cache_buster": "1"}), Is::Missing, Is::Test),
    ];
    for (request, when_posted, when_not) in rows {
        for (posted, expected) in [(true, when_posted), (false, when_not)] {
            let fields = request.as_object().expect("an object").clone();
            let got = kind(fields, posted);
            let right = match expected {
                Is::Test => got == Ok(Kind::TestRequest),
                Is::Order => matches!(&got, Ok(Kind::Order(event)) if event.document.tree() == &request),
                Is::Missing => got == Ok(Kind::MissingService(Document::new(request.clone()))),
                Is::NotPosted => got == Err(DecodeError::NotPosted),
            };
            assert!(right, "{request}, posted: {posted}, gave {got:?}");
        }
    }
}
