//! Work grows as its input does, whatever the input is made of.

use std::fmt::Write;

use bytes::Bytes;
use http::Method;
use patchbay::telecloud::decode::{DecodeError, DecodeLimits, Received, Request, decode};
use rustix::time::{ClockId, clock_gettime};

fn sent(content_type: &str, body: &Bytes, fields: usize) -> Result<Received, DecodeError> {
    let request = Request {
        method: &Method::POST,
        query: None,
        content_type: Some(content_type),
        body,
    };
    decode(request, DecodeLimits { nesting: 16, fields })
}

/// How long this thread computes for this, at the quickest of several times: what else runs on the machine does not count.
fn nanoseconds(work: impl Fn()) -> i64 {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec * 1_000_000_000 + now.tv_nsec
    };
    let took = |_| {
        let started = now();
        work();
        now() - started
    };
    (0..5).map(took).min().unwrap_or_default()
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const XML: &str = "text/xml";
const MULTIPART: &str = "multipart/form-data; boundary=b";

/// The same piece again and again, with its number in the place of `#`, between two ends.
fn made(before: &str, piece: &str, after: &str, count: usize) -> Bytes {
    let mut body = before.to_owned();
    for number in 0..count {
        match piece.split_once('#') {
            Some((left, right)) => write!(body, "{left}{number}{right}").expect("room"),
            None => body.push_str(piece),
        }
    }
    body.push_str(after);
    body.into()
}

/// Content type, beginning, what is repeated, end.
const SHAPES: [(&str, &str, &str, &str); 21] = [
    (FORM, "", "a=1&", ""),
    (FORM, "", "a#=1&", ""),
    (FORM, "", "a[]=1&", ""),
    (FORM, "", "a[#]=1&", ""),
    (FORM, "", "a[b][#]=1&", ""),
    (FORM, "", "a[b]=1&a=1&", ""),
    (FORM, "", "VAR1=1&", ""),
    (FORM, "", "x={&", ""),
    (FORM, "", "x=<a>&", ""),
    (FORM, "a=", "%41", ""),
    (FORM, "a", "[", "=1"),
    (FORM, "a[", "x][x[", "]=1"),
    (FORM, "x=", "[", ""),
    (JSON, "{", "\"a\":1,", "\"b\":1}"),
    (JSON, "{\"a\":[", "{\"b\":1},", "1]}"),
    (JSON, "{\"a\":[\"", "\\u0041", "\"]}"),
    (XML, "<r>", "<a>1</a>", "</r>"),
    (XML, "<r>", "<a#/>", "</r>"),
    (XML, "<r>", "&amp;<!-- -->", "</r>"),
    (
        MULTIPART,
        "",
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n",
        "--b--\r\n",
    ),
    (
        MULTIPART,
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
        "\r\n--",
        "\r\n--b--\r\n",
    ),
];

/// Even if the limits were of no use: sixteen times as much takes some sixteen times as long, and not 256 times.
#[test]
fn work_grows_with_the_input_and_not_with_its_square() {
    for (content_type, before, piece, after) in SHAPES {
        let took = |count| {
            let body = made(before, piece, after, count);
            nanoseconds(|| drop(sent(content_type, &body, usize::MAX)))
        };
        let (less, more) = (took(2_000), took(32_000));
        assert!(
            more < less * 45,
            "{before}{piece}…{after}: {less} ns, sixteen times as much: {more} ns"
        );
    }
}

/// What the limits refuse costs as much as reading what they allow, however much more there is of it.
#[test]
fn what_is_too_much_is_refused_whatever_it_is_made_of() {
    let most = DecodeLimits::default().fields;
    let million = 1_000_000;
    for (content_type, before, piece, after) in [
        (FORM, "", "a=1&", ""),
        (FORM, "", "p#=1&", ""),
        (FORM, "", "a[]=1&", ""),
        (JSON, "{\"a\":[", "1,", "1]}"),
        (XML, "<r>", "<a/>", "</r>"),
        (XML, "<r", " a#='1'", "/>"),
    ] {
        let body = made(before, piece, after, million);
        let refused = sent(content_type, &body, most);
        assert_eq!(
            refused.map(drop),
            Err(DecodeError::TooManyFields { most }),
            "{before}{piece}…{after}"
        );
    }
    for (content_type, before, piece, after) in [
        (FORM, "Customer", "[a]", "=1"),
        (JSON, "{\"a\":", "[", ""),
        (XML, "<r>", "<a>", ""),
    ] {
        let whole = match content_type {
            JSON => made(before, piece, &("]".repeat(10_000) + "}"), 10_000),
            _ => made(before, piece, after, 10_000),
        };
        let refused = sent(content_type, &whole, most);
        assert_eq!(
            refused.map(drop),
            Err(DecodeError::TooDeep { most: 16 }),
            "{before}{piece}…{after}"
        );
    }
}
