use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use patchbay::domain::event::Event;
use patchbay::domain::secret::Secret;
use patchbay::telecloud::decode::{DecodeLimits, Kind, Received, Request, decode};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::sync::Barrier;

use super::*;

fn decoded(encoding: Encoding, fields: &Fields) -> Received {
    let (content_type, body) = encoding.encode(fields);
    let request = Request {
        method: &Method::POST,
        query: None,
        content_type,
        body: &body.into(),
    };
    decode(request, DecodeLimits::default()).unwrap_or_else(|error| panic!("{encoding:?}: {error}"))
}

fn order(received: &Received) -> &Event {
    match &received.kind {
        Kind::Order(event) => event,
        other => panic!("an order expected, not {other:?}"),
    }
}

#[test]
fn every_scenario_is_read_the_same_in_every_encoding() {
    let scenarios = scenarios().expect("readable");
    assert_eq!(scenarios.len(), 24);
    let mut ids = HashSet::new();
    for scenario in scenarios {
        if let Some(before) = &scenario.after {
            assert!(ids.contains(before), "{} comes before {before}", scenario.id);
        }
        assert!(ids.insert(scenario.id.clone()), "{} is there twice", scenario.id);
        for encoding in Encoding::ALL {
            let received = decoded(encoding, &scenario.fields);
            if scenario.fields.is_empty() {
                assert_eq!(received.kind, Kind::TestRequest, "{encoding:?}");
                continue;
            }
            let keys: Vec<_> = received.api_keys.iter().map(Secret::expose).collect();
            assert_eq!(keys, [&scenario.fields["APIAuth[API_KEY]"]], "{encoding:?}");
            let Some(service) = scenario.fields.get("SERVICE") else {
                assert!(matches!(received.kind, Kind::MissingService(_)), "{encoding:?}");
                continue;
            };
            let event = order(&received);
            assert_eq!(&event.service, service);
            assert_eq!(event.account_number.as_deref(), Some("9105012"));
            let expected = |name: &str| scenario.fields.get(name).map(String::as_str);
            assert_eq!(event.order_number.as_deref(), expected("order_number"));
            assert_eq!(event.parent_order_number.as_deref(), expected("parent_order_number"));
            assert_eq!(event.carrier_product_id.as_deref(), expected("CARRIER_PRODUCT_ID"));
            assert_eq!(event.new_state.as_deref(), expected("NEW_STATE"));
            for index in 1..=20 {
                assert_eq!(event.vars.get(index), expected(&format!("VAR{index}")), "{encoding:?}");
            }
            assert_eq!(event.document.text("Customer.first_name"), Some("Avery"));
            assert_eq!(event.document.text("Product.product_id"), Some("337"));
            assert_eq!(event.document.at("APIAuth"), None);
        }
    }
}

#[test]
fn the_encodings_look_as_they_should() {
    let fields: Fields = [
        ("SERVICE", "Order/Create"),
        ("Customer[first_name]", "Zoë"),
        ("Customer[tags][0]", "a"),
        ("Customer[tags][1]", ""),
        ("Product[@attributes][product_id]", "3<7"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let text = |encoding: Encoding| String::from_utf8(encoding.encode(&fields).1).expect("ASCII or UTF-8");
    assert_eq!(
        text(Encoding::FormWindows1252),
        "Customer%5Bfirst%5Fname%5D=Zo%EB&Customer%5Btags%5D%5B0%5D=a&Customer%5Btags%5D%5B1%5D=\
         &Product%5B%40attributes%5D%5Bproduct%5Fid%5D=3%3C7&SERVICE=Order%2FCreate"
    );
    assert!(text(Encoding::Form).starts_with("Customer%5Bfirst%5Fname%5D=Zo%C3%AB&"));
    let json: Value = serde_json::from_str(&text(Encoding::JsonUnderForm)).expect("JSON");
    assert_eq!(
        json,
        json!({
            "SERVICE": "Order/Create",
            "Customer": {"first_name": "Zoë", "tags": ["a", {}]},
            "Product": {"@attributes": {"product_id": "3<7"}},
        })
    );
    assert_eq!(
        text(Encoding::Xml),
        "<order><Customer><first_name>Zoë</first_name><tags>a</tags><tags></tags></Customer>\
         <Product product_id=\"3&#60;7\"></Product><SERVICE>Order/Create</SERVICE></order>"
    );
    assert!(text(Encoding::FormXmlFields).starts_with("Customer=%3CCustomer%3E"));
    assert!(text(Encoding::FormJsonFields).starts_with("Customer=%7B%22first%5Fname%22%3A"));
    assert!(text(Encoding::Multipart).contains("; name=\"Customer[tags][0]\"\r\n\r\na\r\n--"));
}

#[tokio::test]
async fn it_posts_what_it_says_and_reports_what_comes_back() {
    let echo = |method: Method, headers: HeaderMap, body: Bytes| async move {
        let content_type = headers.get(CONTENT_TYPE).cloned();
        let said = format!("{method} {content_type:?} {}", body.escape_ascii());
        (StatusCode::IM_A_TEAPOT, [(CONTENT_TYPE, "text/said")], said)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/m/acme/sim", listener.local_addr().expect("its address"));
    let server = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
    let client = client().expect("a client");

    let fields: Fields = [("VAR1".to_owned(), "x y".to_owned())].into();
    let said = |body: &str| Posted {
        status: 418,
        content_type: Some("text/said".to_owned()),
        body: body.to_owned(),
    };
    let form = post(&client, &url, Encoding::Form, &fields).await.expect("an answer");
    assert_eq!(
        form,
        said("POST Some(\"application/x-www-form-urlencoded\") VAR1=x%20y")
    );
    let json = post(&client, &url, Encoding::JsonUntyped, &fields)
        .await
        .expect("an answer");
    assert_eq!(json, said("POST None {\\\"VAR1\\\":\\\"x y\\\"}"));
    assert_eq!(post_empty(&client, &url).await.expect("an answer"), said("POST None "));
    assert_eq!(get(&client, &url).await.expect("an answer"), said("GET None "));
    assert_eq!(head(&client, &url).await.expect("an answer"), said(""));
    server.abort();
}

#[tokio::test]
async fn an_order_may_be_posted_many_times_at_once() {
    const TIMES: usize = 5;
    // Nobody is answered before everybody is there.
    let everybody = Arc::new(Barrier::new(TIMES));
    let meet = move |body: String| async move {
        everybody.wait().await;
        body
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("its address"));
    let server = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(meet)).await });
    let client = client().expect("a client");
    let fields: Fields = [("VAR1".to_owned(), "x".to_owned())].into();

    let answers = post_at_once(&client, &url, Encoding::Form, &fields, TIMES).await;

    let bodies: Vec<_> = answers
        .expect("answers")
        .into_iter()
        .map(|posted| posted.body)
        .collect();
    assert_eq!(bodies, ["VAR1=x"; TIMES]);
    server.abort();
}

/// A text that every encoding can carry: no character that XML forbids, and not only white space, which XML cannot tell
/// from formatting.
fn text() -> impl Strategy<Value = String> {
    let hard = "[ -~é€\t\r\n]{0,20}";
    prop_oneof![any::<String>(), hard].prop_map(|text| {
        let carried = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
        let text: String = text.chars().filter(carried).collect();
        if text.trim().is_empty() { String::new() } else { text }
    })
}

fn name() -> impl Strategy<Value = String> {
    "f_[a-zA-Z0-9_]{1,6}"
}

/// An object, as the document has it: empty texts are null.
fn object() -> impl Strategy<Value = Value> {
    let leaf = text()
        .prop_map(|text| {
            if text.is_empty() {
                Value::Null
            } else {
                Value::String(text)
            }
        })
        .boxed();
    let attributes = prop::collection::btree_map(name(), leaf.clone(), 1..3).prop_map(|fields| json!(fields));
    let field = leaf.clone().prop_recursive(3, 20, 4, move |inner| {
        let fields = prop::collection::btree_map(name(), inner, 1..4)
            .prop_map(|fields| json!(fields))
            .boxed();
        // A list of one looks like no list in XML, and a list in a list does not exist there.
        let item = prop_oneof![leaf.clone(), fields.clone()];
        prop_oneof![fields, prop::collection::vec(item, 2..4).prop_map(Value::Array)]
    });
    let fields = prop::collection::btree_map(name(), field, 1..5);
    (fields, prop::option::of(attributes)).prop_map(|(mut fields, attributes)| {
        fields.extend(attributes.map(|attributes| ("@attributes".to_owned(), attributes)));
        json!(fields)
    })
}

fn request() -> impl Strategy<Value = Map<String, Value>> {
    let vars = prop::collection::btree_map(1..=20_u8, text(), 0..6);
    let others = prop::collection::btree_map(name(), object(), 0..3);
    (object(), vars, others, text()).prop_map(|(customer, vars, others, order_number)| {
        let mut request: Map<String, Value> = others.into_iter().collect();
        request.insert("SERVICE".to_owned(), json!("Order/Create"));
        request.insert("Customer".to_owned(), customer);
        for (name, text) in vars
            .into_iter()
            .map(|(index, text)| (format!("VAR{index}"), text))
            .chain([("order_number".to_owned(), order_number)])
        {
            request.insert(name, if text.is_empty() { Value::Null } else { text.into() });
        }
        request
    })
}

fn flatten(path: &str, value: &Value, into: &mut Fields) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| flatten(&format!("{path}[{name}]"), value, into)),
        Value::Array(items) => (0..)
            .zip(items)
            .for_each(|(position, value): (usize, _)| flatten(&format!("{path}[{position}]"), value, into)),
        other => {
            into.insert(path.to_owned(), other.as_str().unwrap_or_default().to_owned());
        }
    }
}

proptest! {
    #[test]
    fn any_order_is_the_same_event_in_every_encoding(request in request()) {
        let mut fields = Fields::new();
        request.iter().for_each(|(name, value)| flatten(name, value, &mut fields));
        let form = decoded(Encoding::Form, &fields);
        prop_assert_eq!(order(&form).document.tree(), &Value::Object(request));
        for encoding in Encoding::ALL {
            prop_assert_eq!(&decoded(encoding, &fields), &form, "{:?}", encoding);
        }
    }
}
