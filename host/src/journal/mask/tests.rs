//! What is masked, case by case. That nothing gets past the record of a call is a property test beside the journal.

use serde_json::json;

use super::pace::{assert_linear, nanoseconds};
use super::*;

fn knowing(values: &[&str]) -> Masker {
    let own: Vec<Secret> = values.iter().map(|value| Secret::new((*value).to_owned())).collect();
    Masker::new(Arc::new(Known::new(&own)))
}

/// Knows the secrets of a posted request, and masks it.
fn posted(masker: &mut Masker, tree: &Value) -> Value {
    masker.learn_request(tree);
    masker.request(tree)
}

/// Masks a text whole.
fn whole<'a>(masker: &mut Masker, text: &'a str) -> Cow<'a, str> {
    masker.cut(text, text.len())
}

#[test]
fn secret_fields_of_the_request_are_masked_by_name_and_elsewhere_by_value() {
    let mut masker = Masker::default();
    let masked = posted(
        &mut masker,
        &json!({
            "SERVICE": "Order/Create",
            "VAR3": "2025550143", "var5": "OLD-ACCOUNT", "VAR6": "97", "VAR7": ["123-45-6789"], "VAR8": "x 123-45-6789",
            "Customer": {
                "first_name": "Avery", "PASSWORD": "hunter2", "empty": null, "dl": null,
                "@attributes": {"Ssn": "987-65-4321", "DL": "D1234567"},
                "note": "SSN 987654321, really 987-65-4321; call before 97",
            },
            "APIAuth": {"API_KEY": "live-key"},
            "Product": {"VAR5": "a name", "live-key": 1},
        }),
    );
    assert_eq!(
        masked,
        json!({
            "SERVICE": "Order/Create",
            "VAR3": "2025550143", "var5": MASK, "VAR6": MASK, "VAR7": MASK, "VAR8": "x ***",
            "Customer": {
                "first_name": "Avery", "PASSWORD": MASK, "empty": null, "dl": null,
                "@attributes": {"Ssn": MASK, "DL": MASK},
                "note": "SSN 987654321, really ***; call before 97",
            },
            "APIAuth": MASK,
            "Product": {"VAR5": "a name", "***": 1},
        })
    );
    assert_eq!(whole(&mut masker, "HUNTER2 and old-account"), "*** and ***");
}

#[test]
fn vars_below_attributes_of_the_top_are_masked_and_elsewhere_not() {
    let mut masker = Masker::default();
    let masked = posted(
        &mut masker,
        &json!({"@attributes": {"VAR6": "1234"}, "Customer": {"@attributes": {"VAR6": "x"}}}),
    );
    assert_eq!(
        masked,
        json!({"@attributes": {"VAR6": MASK}, "Customer": {"@attributes": {"VAR6": "x"}}})
    );
}

#[test]
fn a_value_is_masked_however_it_is_spelled() {
    let secret = "a/b \"c\"é&<+%41";
    let rows = [
        (secret, "***"),
        ("x-a/b \"c\"é&<+%41-x", "x-***-x"),
        (r#"{"k":"a\/b \"c\"\u00e9\u0026<+%41"}"#, r#"{"k":"***"}"#),
        ("?q=a%2Fb%20%22c%22%C3%A9%26%3C%2B%2541&r=1", "?q=***&r=1"),
        ("q=a%2fb+%22c%22%c3%a9%26%3c%2b%2541", "q=***"),
        ("<q>a/b &quot;c&#34;&#xe9;&amp;&lt;+%41</q>", "<q>***</q>"),
        (
            r#"p=%7B%22k%22%3A%22a%5C%2Fb+%5C%22c%5C%22%C3%A9%26%3C%2B%2541%22%7D"#,
            "p=%7B%22k%22%3A%22***%22%7D",
        ),
        ("a/b \"c\"", "a/b \"c\""),
    ];
    for (text, expected) in rows {
        assert_eq!(whole(&mut knowing(&[secret]), text), expected, "{text}");
    }
}

#[test]
fn values_that_overlap_or_touch_are_masked_together() {
    let rows: [(&[&str], &str, &str); 5] = [
        (&["1234", "12345"], "x12345x", "x***x"),
        (&["abc", "bcd"], "abcd", "***"),
        (&["abc", "def"], "abcdef abc.def", "*** ***.***"),
        (&["ab", " ", ""], "ab a b", "ab a b"),
        (&["éé"], "éé", "éé"),
    ];
    for (values, text, expected) in rows {
        assert_eq!(whole(&mut knowing(values), text), expected, "{values:?} in {text}");
    }
    assert_eq!(whole(&mut knowing(&["  padded\n"]), "padded"), MASK);
}

#[test]
fn secret_headers_are_masked_but_for_placeholders() {
    let rows = [
        ("authorization", "Bearer abc", "***"),
        ("Authorization", "Bearer {{secret:token}}", "***{{secret:token}}"),
        ("x-api-key", "{{secret:a.b}}{{secret:c}}", "{{secret:a.b}}{{secret:c}}"),
        ("cookie", "a={{secret:x}}; b=1", "***{{secret:x}}***"),
        ("set-cookie", "{{secret:not a name}}", "***"),
        ("proxy-authorization", "{{secret:open", "***"),
        ("accept", "application/json", "application/json"),
        ("x-trace", "known-secret", "***"),
        ("authorization", "{{secret:known-secret}}", "{{secret:***}}"),
        ("authorization", "Basic {{basic:user:pass}}", "***{{basic:user:pass}}"),
    ];
    for (name, value, expected) in rows {
        assert_eq!(
            knowing(&["known-secret"]).header(name, value, 1_000),
            expected,
            "{name}: {value}"
        );
    }
}

#[test]
fn a_carriers_token_is_known_from_the_answer_that_gave_it() {
    let mut masker = Masker::default();
    assert_eq!(
        whole(&mut masker, r#"{"access_token":"t0k\/en-1234","pin":"true"}"#),
        r#"{"access_token":"***","pin":"***"}"#
    );
    assert_eq!(
        whole(&mut masker, "using t0k/en-1234, which is true"),
        "using ***, which is true"
    );
    assert_eq!(
        whole(&mut masker, r#"{"password":"{{secret:carrier}}"}"#),
        r#"{"password":"{{secret:carrier}}"}"#
    );
    assert_eq!(
        whole(&mut masker, r#"{"Authorization":"Basic {{basic:a:b}}"}"#),
        r#"{"Authorization":"***{{basic:a:b}}"}"#
    );
}

#[test]
fn a_cut_never_goes_through_a_secret() {
    let text = format!("{}hunter-two-and-more{}", "x".repeat(90), "y".repeat(90));
    for bytes in 0..=text.len() + 10 {
        let cut = knowing(&["hunter-two-and-more"]).cut(&text, bytes).into_owned();
        assert!(!cut.contains('h') && cut.len() <= bytes + MASK.len(), "{bytes}: {cut}");
    }
    assert_eq!(Masker::default().cut("aé", 2), "a");
}

#[test]
fn a_repetitive_text_with_many_values_takes_no_more_room() {
    let values: Vec<_> = (3..200).map(|length| "a".repeat(length)).collect();
    let mut masker = knowing(&values.iter().map(String::as_str).collect::<Vec<_>>());
    let mut ranges = Vec::new();
    masker.find("a".repeat(64 << 10).as_bytes(), &mut ranges);
    assert_eq!(ranges, std::iter::once(0..64 << 10).collect::<Vec<_>>());
    ranges.clear();
    masker.find("aaaa%61.".repeat(8 << 10).as_bytes(), &mut ranges);
    assert!(ranges.len() <= 8 << 10, "{}", ranges.len());
}

/// A posted request with so many values, each within the next, and a text that has all of them at every place and in
/// every encoding.
fn nested(values: usize, bytes: usize) -> Value {
    let values: Vec<_> = (3..3 + values).map(|length| "a".repeat(length)).collect();
    json!({"Customer": {"password": values, "note": format!("%41+\\n&amp;{}", "a".repeat(bytes))}})
}

#[test]
fn values_within_each_other_take_no_longer_than_one() {
    let time = |request: Value| nanoseconds(&|| drop(posted(&mut Masker::default(), &request)));
    let (one, many) = (time(nested(1, 64 << 10)), time(nested(100, 64 << 10)));
    assert!(many < one * 8, "one value: {one} ns, a hundred: {many} ns");
}

#[test]
fn a_text_in_every_encoding_takes_no_longer_than_another() {
    assert_linear(8 << 10, |bytes| {
        let request = nested(100, bytes);
        move || drop(posted(&mut Masker::default(), &request))
    });
}

#[test]
fn of_a_text_no_more_is_looked_at_than_is_kept() {
    let secret = "hunter-two-and-more";
    let masker = knowing(&[secret]);
    let text = "x".repeat(1 << 20);
    assert_eq!(masker.seen(&text, 1_000).len(), 1_000 + secret.len() * ENCODED_FACTOR);
    let longest = "y".repeat(LEARNED_BYTES_MAX + 1);
    let mut masker = Masker::default();
    posted(&mut masker, &json!({ "VAR6": longest, "VAR7": &longest[1..] }));
    assert_eq!(
        masker.seen(&text, 1_000).len(),
        1_000 + LEARNED_BYTES_MAX * ENCODED_FACTOR
    );
}

#[test]
fn of_a_posted_request_the_beginning_is_kept() {
    let large = "x".repeat(REQUEST_BYTES_KEPT - 10);
    let masked = posted(
        &mut Masker::default(),
        &json!({"a": large, "b": "0123456789", "c": "late"}),
    );
    assert_eq!(masked, json!({"a": large, "b": "01234567", "": ""}));
}

#[test]
fn what_is_learned_is_limited_and_what_was_placed_is_known_all_the_same() {
    let mut masker = Masker::default();
    for number in 0..1_000 {
        whole(&mut masker, &format!(r#"{{"access_token":"token-{number:04}"}}"#));
    }
    assert_eq!(masker.call.len(), VALUES_MAX);
    masker.placed(&[Secret::new("dXNlcjpwYXNz".into()), Secret::new("no".into())]);
    assert_eq!(
        whole(&mut masker, "token-0099 token-0100 dXNlcjpwYXNz no"),
        "*** token-0100 *** no"
    );
}

#[test]
fn a_call_without_secrets_of_its_own_builds_nothing() {
    let mut masker = knowing(&["known-secret"]);
    posted(&mut masker, &json!({"SERVICE": "Order/Create", "VAR6": "known-secret"}));
    masker.placed(&[Secret::new("known-secret".into())]);
    assert_eq!(whole(&mut masker, "a known-secret"), "a ***");
    assert!(masker.call.is_empty());
}

#[test]
fn an_identity_is_masked_only_as_a_whole() {
    let masker = knowing(&["1234"]);
    assert_eq!(masker.identity("1234"), MASK);
    assert_eq!(masker.identity("100123456"), "100123456");
}

#[test]
fn secret_vars_of_an_answer_are_masked() {
    let mut masker = Masker::default();
    assert_eq!(masker.var(6, "4711", 1_000), MASK);
    assert_eq!(masker.var(8, "was 4711", 1_000), "was ***");
    assert_eq!(masker.var(15, "DONE", 1_000), "DONE");
}
