use proptest::prelude::*;
use serde_json::json;

use super::*;

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
const JSON: Option<&str> = Some("application/json; charset=utf-8");
const MULTIPART: Option<&str> = Some("multipart/form-data; boundary=b");
const TYPES: [Option<&str>; 6] = [None, FORM, JSON, MULTIPART, Some("text/xml"), Some("text/plain")];

fn sent(method: &Method, content_type: Option<&str>, body: impl Into<Bytes>) -> Result<Received, DecodeError> {
    let request = Request {
        method,
        query: None,
        content_type,
        body: &body.into(),
    };
    decode(request, DecodeLimits::default())
}

fn posted(content_type: Option<&str>, body: impl Into<Bytes>) -> Result<Received, DecodeError> {
    sent(&Method::POST, content_type, body)
}

fn tree(received: Result<Received, DecodeError>) -> Value {
    match received.expect("readable").kind {
        Kind::Order(event) => event.document.tree().clone(),
        Kind::MissingService(document) => document.tree().clone(),
        Kind::TestRequest => Value::Null,
    }
}

#[test]
fn the_first_byte_decides_and_then_the_content_type() {
    let order = json!({"SERVICE": "Order/Create", "VAR1": "1"});
    let json = r#"{"SERVICE":"Order/Create","VAR1":1}"#;
    let xml = "<?xml version='1.0'?><order><SERVICE>Order/Create</SERVICE><VAR1>1</VAR1></order>";
    let form = "SERVICE=Order%2FCreate&VAR1=1";
    for content_type in TYPES {
        for body in [json, xml] {
            assert_eq!(tree(posted(content_type, body)), order, "{content_type:?}");
            assert_eq!(
                tree(posted(content_type, format!("\u{FEFF}\r\n {body}\n"))),
                order,
                "{content_type:?}"
            );
        }
    }
    for content_type in [None, FORM, Some("text/plain"), Some("")] {
        assert_eq!(tree(posted(content_type, form)), order, "{content_type:?}");
    }
    let malformed = |received: Result<Received, DecodeError>, expected| {
        assert!(
            matches!(&received, Err(DecodeError::Malformed { format, .. }) if *format == expected),
            "{received:?}"
        );
    };
    malformed(posted(JSON, form), Format::Json);
    malformed(posted(MULTIPART, form), Format::Multipart);
    malformed(posted(FORM, "{\"SERVICE\":"), Format::Json);
    malformed(posted(FORM, "<order>"), Format::Xml);
    malformed(posted(JSON, "\"text\""), Format::Json);
    malformed(posted(JSON, "[1]"), Format::Json);
    malformed(posted(FORM, "[1]"), Format::Json);
    malformed(posted(JSON, "[a]=1"), Format::Json);
    assert_eq!(tree(posted(FORM, "[a]=1")), json!({"[a]": "1"}));
}

#[test]
fn bytes_that_are_not_utf_8_are_windows_1252() {
    let body = b"{\"x\":\"Zo\xEB \x80\"}".as_slice();
    assert_eq!(tree(posted(JSON, body)), json!({"x": "Zoë €"}));
    assert_eq!(
        tree(posted(None, b"<r><x>Zo\xEB \x80</x></r>".as_slice())),
        json!({"x": "Zoë €"})
    );
    assert_eq!(tree(posted(FORM, b"x=Zo\xEB+%80".as_slice())), json!({"x": "Zoë €"}));
}

#[test]
fn json_and_xml_inside_fields_are_opened_up_but_not_in_texts() {
    let rows = [
        (
            r#"Customer={"first_name":"A","x":{"y":[1,2]}}"#,
            json!({"Customer": {"first_name": "A", "x": {"y": ["1", "2"]}}}),
        ),
        (
            r#"Customer= {} &VAR=[]&x=<a/>&y=1"#,
            json!({"Customer": null, "VAR": null, "x": null, "y": "1"}),
        ),
        (
            "Customer=<c id='1'><n>A</n></c>",
            json!({"Customer": {"@attributes": {"id": "1"}, "n": "A"}}),
        ),
        (r#"{"Product":"{\"name\":\"P\"}"}"#, json!({"Product": {"name": "P"}})),
        // Texts by the protocol, and what only begins like JSON or XML.
        (
            "VAR6=[1]&var5={}&order_number={}",
            json!({"VAR6": "[1]", "var5": "{}", "order_number": "{}"}),
        ),
        (
            "x={a}&y=<3&z=<b>hi</b>",
            json!({"x": "{a}", "y": "<3", "z": "<b>hi</b>"}),
        ),
        // Only at the top.
        ("Customer[note]={\"a\":1}", json!({"Customer": {"note": "{\"a\":1}"}})),
    ];
    for (body, expected) in rows {
        assert_eq!(tree(posted(FORM, body)), expected, "{body}");
    }
}

#[test]
fn the_limits_hold_inside_fields_too() {
    let deep = format!("x={}", "[".repeat(16) + "1" + &"]".repeat(16));
    assert_eq!(posted(FORM, deep).map(|_| ()), Err(DecodeError::TooDeep { most: 16 }));
    let many = format!("x=[{}]", vec!["1"; 2_000].join(","));
    assert_eq!(
        posted(FORM, many).map(|_| ()),
        Err(DecodeError::TooManyFields { most: 2_000 })
    );
}

#[test]
fn only_post_carries_orders_and_an_order_elsewhere_is_not_taken_for_a_test() {
    let get = |query| {
        let request = Request {
            method: &Method::GET,
            query,
            content_type: None,
            body: &Bytes::new(),
        };
        decode(request, DecodeLimits::default()).map(|received| received.kind)
    };
    for query in [None, Some(""), Some("x=1"), Some("SERVICE=test")] {
        assert_eq!(get(query), Ok(Kind::TestRequest), "{query:?}");
    }
    assert_eq!(get(Some("SERVICE=Order/Create&VAR1=1")), Err(DecodeError::NotPosted));
    assert_eq!(
        sent(&Method::HEAD, None, "").map(|received| received.kind),
        Ok(Kind::TestRequest)
    );
    assert_eq!(
        sent(&Method::GET, FORM, "SERVICE=Order/Create"),
        Err(DecodeError::NotPosted)
    );
    assert_eq!(sent(&Method::PUT, FORM, ""), Err(DecodeError::NotPosted));
    for empty in ["", " \r\n", "{}", "[]", "<order/>", "APIAuth[API_KEY]=k"] {
        assert_eq!(
            posted(FORM, empty).map(|received| received.kind),
            Ok(Kind::TestRequest),
            "{empty}"
        );
    }
    assert_eq!(
        posted(JSON, "null").map(|received| received.kind),
        Ok(Kind::TestRequest)
    );
    assert_eq!(
        posted(MULTIPART, "--b--\r\n").map(|received| received.kind),
        Ok(Kind::TestRequest)
    );
}

#[test]
fn every_error_has_a_sentence_without_internals() {
    let errors = [
        DecodeError::NotPosted,
        DecodeError::Malformed {
            format: Format::Json,
            why: "INTERNAL".into(),
        },
        DecodeError::TooManyFields { most: 2_000 },
        DecodeError::TooDeep { most: 16 },
        DecodeError::ObjectLost { field: "Customer" },
        DecodeError::Ambiguous { field: "VAR1".into() },
    ];
    for error in errors {
        let sentence = error.sentence();
        assert!(
            sentence.starts_with("Order") || sentence.starts_with("The order"),
            "{sentence}"
        );
        assert!(!sentence.contains("INTERNAL") && sentence.is_ascii(), "{sentence}");
    }
}

const KEY: &str = "0f2c9d5e-the-key";

/// Ways to send the key, each with room for more beside it.
fn with_key() -> impl Strategy<Value = (Option<&'static str>, String)> {
    let noise = "[a-zA-Z0-9_\\[\\]{}<>\"&=;:, ]{0,60}";
    let name = prop::sample::select(vec!["APIAuth", "apiauth", "API_AUTH", "ApiAuth"]);
    let key = prop::sample::select(vec!["API_KEY", "apikey", "Api_Key"]);
    (noise, name, key, 0..7_usize).prop_map(|(noise, name, key, way)| match way {
        0 => (FORM, format!("{name}[{key}]={KEY}&x={noise}")),
        1 => (FORM, format!("x={noise}&{name}={{\"{key}\":\"{KEY}\"}}")),
        2 => (FORM, format!("x={noise}&{name}=<a><{key}>{KEY}</{key}></a>")),
        3 => (FORM, format!("x[{name}][a][{key}][]={KEY}&{noise}")),
        4 => (JSON, format!("{{\"x\":{noise:?},\"{name}\":{{\"{key}\":\"{KEY}\"}}}}")),
        5 => (None, format!("<r><{name} {key}='{KEY}'/><x>{noise}</x></r>")),
        _ => (
            MULTIPART,
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}[{key}]\"\r\n\r\n{KEY}\r\n--b\r\n{noise}"),
        ),
    })
}

proptest! {
    #[test]
    fn the_key_is_in_api_keys_and_nowhere_else((content_type, body) in with_key(), post in any::<bool>()) {
        let method = if post { Method::POST } else { Method::GET };
        match sent(&method, content_type, body) {
            Ok(received) => {
                prop_assert!(received.api_keys.contains(&Secret::new(KEY.into())));
                let shown = format!("{received:?}");
                prop_assert!(!shown.contains(KEY));
            }
            Err(error) => {
                let shown = format!("{error:?} {error} {}", error.sentence());
                prop_assert!(!shown.contains(KEY));
            }
        }
    }

    #[test]
    fn no_content_type_makes_it_panic(content_type in "(multipart/form-data)?[ -~]{0,60}", body in "(--)?[ -~]{0,60}") {
        let _ = posted(Some(&content_type), body);
    }
}
