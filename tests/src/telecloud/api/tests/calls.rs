use std::sync::Arc;

use http::Method;
use http::header::CONTENT_TYPE;

use super::{ACCOUNT, FORM, ORDER, call, form, outcomes, telecloud, try_call, update};
use crate::telecloud::{
    API_ID_KEY, API_KEY, Behaviour, Component, Delivery, FakeTelecloud, Fields, Gate, Order, Outcome, Reply,
    ServiceStatus, StatusCode, Units, client,
};

const FIELDS: [(&str, &str); 3] = [("account_number", ACCOUNT), ("order_number", ORDER), ("VAR3", "x")];

fn var_3(telecloud: &FakeTelecloud) -> Option<String> {
    telecloud.order(ORDER).expect("the order").vars.get(&3).cloned()
}

#[tokio::test]
async fn a_call_is_answered_in_the_shape_of_the_reference_and_seen_without_its_credentials() {
    let telecloud = telecloud(ServiceStatus::Active).await;
    let answer = |trans_id: u32| {
        format!(
            "<?xml version=\"1.0\"?>\n<telecloud trans_id=\"{trans_id}\"><order order_number=\"{ORDER}\"/></telecloud>\n"
        )
    };
    for trans_id in [3_123_688, 3_123_689] {
        let body = try_call(&telecloud, Method::PATCH, "Order/Update", &FIELDS).await;
        assert_eq!(body.expect("an answer"), answer(trans_id));
    }
    let calls = telecloud.wait_for_calls(2).await.expect("they are there");
    let [first, second] = calls.try_into().expect("two calls");
    assert_eq!(
        (first.service_action.as_str(), first.method.as_str()),
        ("Order/Update", "PATCH")
    );
    let fields: Fields = FIELDS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!((&first.fields, &first.outcome), (&fields, &Outcome::Applied));
    assert!(first.at < second.at);
}

#[tokio::test]
async fn a_call_that_could_mean_another_one_is_refused() {
    let telecloud = telecloud(ServiceStatus::Active).await;
    let rows = [
        (Method::POST, "Order/Update", "Invalid service: POST Order/Update"),
        (Method::PATCH, "Order/", "Invalid service: PATCH Order/"),
        (Method::PATCH, "Order/Cancel", "Invalid service: PATCH Order/Cancel"),
        (Method::PATCH, "order/update", "Invalid service: PATCH order/update"),
        (Method::GET, "Order/Update", "Invalid service: GET Order/Update"),
    ];
    for (method, service, error) in rows {
        assert_eq!(
            call(&telecloud, method, service, &FIELDS).await,
            format!("error: {error}")
        );
        assert_eq!(outcomes(&telecloud).last(), Some(&Outcome::Refused(error.to_owned())));
    }
    assert_eq!(var_3(&telecloud), None);
}

#[tokio::test]
async fn credentials_and_form_have_to_be_right() {
    let telecloud = telecloud(ServiceStatus::Active).await;
    let url = format!("{}/xml/Order/Update", telecloud.url());
    let keys = |id: &'static str, key: &'static str| vec![("API_ID_KEY", id), ("API_KEY", key)];
    let right = || [&keys(API_ID_KEY, API_KEY)[..], &FIELDS].concat();
    let with_keys = |keys: Vec<(&'static str, &'static str)>| form(&[&keys[..], &FIELDS].concat());
    let failed = "Authentication failed";
    let type_wrong = "Content-Type must be application/x-www-form-urlencoded";
    let rows = [
        (url.clone(), FORM, with_keys(keys(API_ID_KEY, "guess")), failed),
        (url.clone(), FORM, with_keys(keys(API_KEY, API_ID_KEY)), failed),
        (url.clone(), FORM, form(&FIELDS), failed),
        (url.clone(), "application/json", form(&right()), type_wrong),
        (
            format!("{url}?VAR4=y"),
            FORM,
            form(&right()),
            "Parameters of PATCH belong into the body",
        ),
        (
            url.clone(),
            FORM,
            format!("{}&VAR3=y", form(&right())),
            "Parameter given twice: VAR3",
        ),
    ];
    for (url, content_type, body, error) in rows {
        let request = client()
            .expect("a client")
            .patch(url)
            .header(CONTENT_TYPE, content_type);
        let answer = request.body(body).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);
        let expected = format!("<?xml version=\"1.0\"?>\n<error>{error}</error>\n");
        assert_eq!(answer.text().await.expect("a body"), expected);
        assert_eq!(outcomes(&telecloud).last(), Some(&Outcome::Refused(error.to_owned())));
    }
    assert_eq!(var_3(&telecloud), None);
}

#[tokio::test]
async fn it_may_refuse_connections_and_come_back() {
    let telecloud = telecloud(ServiceStatus::Active).await;
    telecloud.refuse_connections().await;
    let refused = try_call(&telecloud, Method::PATCH, "Order/Update", &FIELDS).await;
    assert!(refused.expect_err("nobody listens").is_connect());
    telecloud.accept_connections().await.expect("the port is still ours");
    update(&telecloud, &[("VAR3", "x")]).await;
    assert_eq!(
        (telecloud.received().len(), var_3(&telecloud).as_deref()),
        (1, Some("x"))
    );
}

#[tokio::test]
async fn it_may_answer_anything_without_an_effect() {
    let telecloud = telecloud(ServiceStatus::Active).await;
    telecloud.always("Order/", Behaviour::telecloud_error("Down for <maintenance>"));
    assert_eq!(update(&telecloud, &FIELDS[2..]).await, "error: Down for <maintenance>");
    let down = Reply::new(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "oops");
    telecloud.next(Behaviour::answer(down));
    let answer = try_call(&telecloud, Method::PATCH, "Order/Update", &FIELDS).await;
    assert_eq!(
        answer.expect_err("a failure").status().map(|status| status.as_u16()),
        Some(500)
    );
    assert_eq!(outcomes(&telecloud), [Outcome::Ignored, Outcome::Ignored]);
    assert_eq!(var_3(&telecloud), None);
}

#[tokio::test]
async fn an_effect_may_be_followed_by_no_answer_or_another() {
    for delivery in [
        Delivery::Closed,
        Delivery::Reset,
        Delivery::Replaced(Reply::new(StatusCode::BAD_GATEWAY, "text/html", "<p>oops")),
    ] {
        let telecloud = telecloud(ServiceStatus::Active).await;
        telecloud.next(Behaviour::normal().delivered(delivery.clone()));
        let answer = try_call(&telecloud, Method::PATCH, "Order/Update", &FIELDS).await;
        assert!(answer.is_err(), "{delivery:?}");
        assert_eq!(
            (outcomes(&telecloud), var_3(&telecloud).as_deref()),
            (vec![Outcome::Applied], Some("x"))
        );
    }
}

#[tokio::test]
async fn an_answer_may_wait_for_a_gate_while_the_effect_does_not() {
    let telecloud = Arc::new(telecloud(ServiceStatus::Active).await);
    let gate = Gate::default();
    telecloud.next(Behaviour::normal().when(&gate));
    let asking = Arc::clone(&telecloud);
    let answer = tokio::spawn(async move { update(&asking, &FIELDS[2..]).await });
    telecloud.wait_for_calls(1).await.expect("it comes");
    assert!(var_3(&telecloud).is_some() && !answer.is_finished());
    gate.open();
    assert_eq!(answer.await.expect("no panic"), "<order order_number=\"4617ZU4617\"/>");
}

/// The module's part is played by the same TeleCloud: what counts is that it can be called, and call, meanwhile.
#[tokio::test]
async fn a_maximum_that_is_reached_is_told_from_inside_the_call() {
    let telecloud = Arc::new(telecloud(ServiceStatus::Active).await);
    let component = Component {
        maximum: Some(Units::from(2000)),
        ..Component::default()
    };
    telecloud.put_order(Order::new(ACCOUNT, ORDER, ServiceStatus::Active).with_component("8", component));
    let extra: Fields = [("SERVICE".to_owned(), "Order/ReportUsage".to_owned())].into();
    telecloud.on_maximum(&format!("{}/m/acme/lines", telecloud.url()), extra);
    let gate = Gate::default();
    telecloud.always("/m/", Behaviour::telecloud_error("it is only a module").when(&gate));
    let report = async |telecloud: &FakeTelecloud, units: &str| {
        let fields = [
            ("account_number", ACCOUNT),
            ("order_number", ORDER),
            ("component_id", "8"),
        ];
        let fields = [&fields[..], &[("units", units), ("expression_type", "cumulative")]].concat();
        call(telecloud, Method::POST, "Order/ReportUsage", &fields).await
    };
    report(&telecloud, "1999.9").await;
    assert_eq!(telecloud.received().len(), 1, "not reached yet");

    let reporting = Arc::clone(&telecloud);
    let reported = tokio::spawn(async move { report(&reporting, "2000").await });
    let calls = telecloud.wait_for_calls(2).await.expect("the module is called");
    let told = calls.last().expect("a call");
    assert_eq!(
        (told.service_action.as_str(), told.method.as_str()),
        ("/m/acme/lines", "POST")
    );
    assert!(!reported.is_finished(), "the report is answered afterwards");
    update(&telecloud, &FIELDS[2..]).await;
    assert_eq!(var_3(&telecloud).as_deref(), Some("x"), "a module may call from there");
    gate.open();
    assert!(
        reported
            .await
            .expect("no panic")
            .contains("<new_value>2000</new_value>")
    );
    let [answer] = telecloud.maximum_answers().try_into().expect("one answer");
    assert!(answer.expect("an answer").body.contains("it is only a module"));

    report(&telecloud, "2100").await;
    assert_eq!(telecloud.maximum_answers().len(), 1, "it was reached before");
}
