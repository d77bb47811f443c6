use proptest::prelude::*;

use super::*;

fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

fn grant() -> Grant {
    serde_json::from_value(serde_json::json!({
        "name": "carrier-api", "host": "api.carrier.example", "methods": [], "paths": [],
        "secrets": ["token", "user", "password", "odd", "lines", "long", "unset"],
    }))
    .expect("a grant")
}

fn secrets() -> BTreeMap<SecretName, Secret> {
    [
        ("token", "t0ken"),
        ("user", "Aladdin"),
        ("password", "open sesame"),
        ("odd", "a\"b\\c&d<e>é/+ %"),
        ("lines", "a\r\nX-Evil: 1"),
        ("long", &"x".repeat(1000)),
        ("elsewhere", "not for this carrier"),
    ]
    .map(|(key, value)| (name(key), Secret::new(value.to_owned())))
    .into()
}

fn place(text: &str, place: Place) -> Result<Option<String>, String> {
    let (grant, secrets) = (grant(), secrets());
    let filled = Placer::new(&grant, &secrets).place(text.as_bytes(), place, 10_000);
    filled
        .map(|filled| filled.map(|bytes| String::from_utf8(bytes).expect("text")))
        .map_err(|refused| refused.to_string())
}

#[test]
fn a_secret_is_escaped_for_where_it_lands() {
    for (text, where_to, expected) in [
        ("Bearer {{secret:token}}", Place::Header, "Bearer t0ken"),
        ("{{secret:token}}{{secret:token}}!", Place::Header, "t0kent0ken!"),
        // RFC 7617's own example.
        (
            "Basic {{basic:user:password}}",
            Place::Header,
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        (
            "a={{secret:odd}}&b=1",
            Place::Query,
            "a=a%22b%5Cc%26d%3Ce%3E%C3%A9%2F%2B%20%25&b=1",
        ),
        ("a=%7B%7Bsecret%3Atoken%7D%7D&b=1", Place::Query, "a=t0ken&b=1"),
        ("a=%7b%7bsecret:token%7d}", Place::FormBody, "a=t0ken"),
        (
            "a={{basic:user:password}}",
            Place::FormBody,
            "a=QWxhZGRpbjpvcGVuIHNlc2FtZQ%3D%3D",
        ),
        (
            r#"{"a":"{{secret:odd}}"}"#,
            Place::JsonBody,
            r#"{"a":"a\"b\\c&d<e>é/+ %"}"#,
        ),
        (
            r#"{"a":{"b":"{{secret:lines}}"}}"#,
            Place::JsonBody,
            r#"{"a":{"b":"a\r\nX-Evil: 1"}}"#,
        ),
        (
            "<p>{{secret:odd}}</p>",
            Place::XmlBody,
            "<p>a&quot;b\\c&amp;d&lt;e&gt;é/+ %</p>",
        ),
        ("{{secret:odd}}", Place::PlainBody, "a\"b\\c&d<e>é/+ %"),
    ] {
        assert_eq!(place(text, where_to), Ok(Some(expected.to_owned())), "{text}");
    }
}

#[test]
fn what_is_no_placeholder_stays_as_it_is() {
    for (text, where_to) in [
        ("", Place::Header),
        ("{{}}", Place::JsonBody),
        ("{{name}}", Place::PlainBody),
        ("{ {secret:token}}", Place::PlainBody),
        ("{{Secret:token}}", Place::PlainBody),
        // Encoded where nothing decodes it.
        ("%7B%7Bsecret%3Atoken%7D%7D", Place::Header),
        ("%7B%7Bsecret%3Atoken%7D%7D", Place::JsonBody),
        ("100%", Place::Query),
        ("%zz{%7", Place::Query),
    ] {
        assert_eq!(place(text, where_to), Ok(None), "{text}");
    }
}

#[test]
fn a_refusal_names_the_secret_and_the_grant() {
    for (text, where_to, expected) in [
        (
            "{{secret:elsewhere}}",
            Place::PlainBody,
            "grant \"carrier-api\" does not let secret \"elsewhere\" out: add it to the grant's secrets",
        ),
        (
            "{{basic:user:elsewhere}}",
            Place::Header,
            "grant \"carrier-api\" does not let secret \"elsewhere\" out: add it to the grant's secrets",
        ),
        (
            "{{secret:unset}}",
            Place::Query,
            "secret \"unset\" is not set: set it, or correct its name in the module",
        ),
        (
            "{{secret:lines}}",
            Place::Header,
            "secret \"lines\" has a line break or another control character in it and cannot stand in a header",
        ),
        (
            "{{secret:token}",
            Place::PlainBody,
            "the body has a placeholder in it that is neither {{secret:NAME}} nor {{basic:USER:PASSWORD}}",
        ),
        (
            "{{secret:}}",
            Place::Header,
            "a header has a placeholder in it that is neither {{secret:NAME}} nor {{basic:USER:PASSWORD}}",
        ),
        (
            "{{basic:user}}",
            Place::Header,
            "a header has a placeholder in it that is neither {{secret:NAME}} nor {{basic:USER:PASSWORD}}",
        ),
        (
            "{{secret:to ken}}",
            Place::Query,
            "the query has a placeholder in it that is neither {{secret:NAME}} nor {{basic:USER:PASSWORD}}",
        ),
    ] {
        assert_eq!(place(text, where_to), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn a_body_of_placeholders_does_not_grow_past_its_limit() {
    let text = "{{secret:long}}".repeat(11);
    assert_eq!(
        place(&text, Place::PlainBody),
        Err("the body is longer than 10000 bytes once its secrets are in it".to_owned())
    );
}

#[test]
fn what_was_placed_is_kept_in_every_form_that_could_come_back() {
    let (grant, secrets) = (grant(), secrets());
    let mut placer = Placer::new(&grant, &secrets);
    placer
        .place(b"a={{secret:odd}}&b={{basic:user:password}}", Place::Query, 1000)
        .expect("placed");
    let placed = placer.placed();
    let kept: Vec<&str> = placed.iter().map(Secret::expose).collect();
    assert_eq!(
        kept,
        [
            "a\"b\\c&d<e>é/+ %",
            "a%22b%5Cc%26d%3Ce%3E%C3%A9%2F%2B%20%25",
            "Aladdin",
            "open sesame",
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ%3D%3D",
        ]
    );
    assert_eq!(format!("{placed:?}").matches("***").count(), 6);
}

#[test]
fn a_content_type_says_how_its_body_is_escaped() {
    for (content_type, expected) in [
        (None, Place::PlainBody),
        (Some("text/plain"), Place::PlainBody),
        (Some("Application/JSON; charset=utf-8"), Place::JsonBody),
        (Some("application/problem+json"), Place::JsonBody),
        (Some("application/soap+xml;action=x"), Place::XmlBody),
        (Some("text/xml"), Place::XmlBody),
        (Some("application/x-www-form-urlencoded;charset=UTF-8"), Place::FormBody),
    ] {
        assert_eq!(Place::body(content_type), expected, "{content_type:?}");
    }
}

#[test]
fn a_written_placeholder_is_found_however_it_is_encoded() {
    assert_eq!(placeholder(&name("api-token")), "{{secret:api-token}}");
    assert_eq!(basic_placeholder(&name("u"), &name("p")), "{{basic:u:p}}");
    assert!(mentions(b"Avery {{secret:token}}"));
    assert!(mentions(b"%7b%7Bbasic%3A"));
    assert!(!mentions(b"{{first_name}}"));
}

proptest! {
    #[test]
    fn a_secret_in_json_reads_back_as_itself(value: String) {
        let grant = grant();
        let secrets = [(name("token"), Secret::new(value.clone()))].into();
        let body = Placer::new(&grant, &secrets).place(br#"["{{secret:token}}"]"#, Place::JsonBody, 1 << 20);
        let body = body.expect("placed").expect("had one");
        prop_assert_eq!(serde_json::from_slice::<Vec<String>>(&body).expect("JSON"), vec![value]);
    }

    #[test]
    fn a_secret_in_a_query_reads_back_as_itself(value: String) {
        let grant = grant();
        let secrets = [(name("token"), Secret::new(value.clone()))].into();
        let query = Placer::new(&grant, &secrets).place(b"a={{secret:token}}&b=1", Place::Query, 1 << 20);
        let query = String::from_utf8(query.expect("placed").expect("had one")).expect("ASCII");
        let inner = query.strip_prefix("a=").and_then(|rest| rest.strip_suffix("&b=1")).expect("in its place");
        prop_assert!(!inner.contains(['&', '=', '+', '#']));
        let decoded = percent_encoding::percent_decode_str(inner).decode_utf8().expect("UTF-8");
        prop_assert_eq!(decoded.as_ref(), value);
    }

    #[test]
    fn the_first_placeholder_is_found_as_by_looking_at_every_place(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec!["{", "%7B", "%7b", "%", "7", "secret:", "s%65cret%3A", "basic:", "sec", "}"]), 0..12),
        percent: bool,
    ) {
        let text = pieces.concat().into_bytes();
        let begins = |at: &usize| {
            [b"{{secret:".as_slice(), b"{{basic:"].iter().any(|word| skip(&text, *at, percent, word).is_some())
        };
        prop_assert_eq!(next_opening(&text, 0, percent), (0..text.len()).find(begins));
    }

    #[test]
    fn no_text_makes_the_search_fail(text: Vec<u8>) {
        let (grant, secrets) = (grant(), secrets());
        let filled = Placer::new(&grant, &secrets).place(&text, Place::FormBody, 1 << 20);
        prop_assert_eq!(filled.is_ok_and(|filled| filled.is_none()), !mentions(&text));
    }
}
