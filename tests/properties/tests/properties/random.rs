//! Random inputs: some of any bytes, more of those that look like what is read.

use patchbay_properties as properties;
use patchbay_tests::component;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Pieces in any order, or any bytes.
fn of(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec(select(pieces), 0..most).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![4 => pieces, 1 => vec(any::<u8>(), 0..300)]
}

const FORM: &[&str] = &[
    "=",
    "&",
    "[",
    "]",
    "[]",
    "][",
    "[0]",
    "[1]",
    "a",
    "b",
    "SERVICE",
    "Order/Create",
    "VAR1",
    "var1",
    "Customer",
    "Array",
    "order_number",
    "APIAuth[API_KEY]=k&",
    "%",
    "%5B",
    "%5d",
    "%zz",
    "%C0%AF",
    "%ff",
    "+",
    "é",
    "{",
    "}",
    "\"a\":",
    "<a>",
    "</a>",
    " ",
    "\r\n",
    "\u{FEFF}",
];
const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"a\"",
    "\"b\"",
    "\"SERVICE\"",
    "\"VAR1\"",
    "\"Customer\"",
    "\"APIAuth\"",
    "\"API_KEY\"",
    "{\"a\":",
    "\"a\":",
    "\"\\ud83d\"",
    "\"\\u0000\"",
    "\"<a/>\"",
    "\"{}\"",
    "1",
    "-0",
    "1e999",
    "0.5",
    "true",
    "null",
    "\"\"",
    " ",
    "\\",
    "\"",
];
const MULTIPART: &[&str] = &[
    "--b\r\n",
    "--b--\r\n",
    "\r\n",
    "\r\n\r\n",
    "Content-Disposition: form-data; name=\"a\"",
    "name=",
    "\"",
    "a=1\n",
    "b[]=2\n",
    "a[b]=",
    "\n",
    "é",
    "Content-Type: x",
    ":",
    ";",
    "{",
    "<",
    "APIAuth[API_KEY]=k\n",
];
const XML: &[&str] = &[
    "<a>",
    "</a>",
    "<b>",
    "</b>",
    "<a/>",
    "<a b='1'>",
    "<a b=\"x\ty\"/>",
    "<r>",
    "</r>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml version='1.0'?>",
    "<?p i?>",
    "<!DOCTYPE r>",
    "&amp;",
    "&#13;",
    "&#0;",
    "&e;",
    "&",
    "<",
    ">",
    "text",
    " ",
    "\r\n",
    "<SERVICE>",
    "</SERVICE>",
    "<APIAuth API_KEY='k'/>",
    "é",
    "\u{FEFF}",
    "'",
    "\"",
];
const ANSWER: &[&str] = &[
    "<telecloud>",
    "</telecloud>",
    "<error>",
    "</error>",
    "<Error/>",
    "<trans_id>1</trans_id>",
    "<module_id>7</module_id>",
    "<telecloud error='1'/>",
    "no such order",
    "<a>",
    "</a>",
    "<?xml version='1.0'?>",
    "<![CDATA[x]]>",
    " ",
    "<html>",
];
const NAME: &[&str] = &[
    "a",
    "Z",
    "0",
    "-",
    "_",
    ".",
    "..",
    "/",
    "%2e",
    "\0",
    "\u{430}",
    "é",
    " ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
const PATH: &[&str] = &[
    "/",
    "//",
    "a",
    "v1",
    ".",
    "..",
    ";",
    ";x",
    "%2F",
    "%2e",
    "%41",
    "%c3%a9",
    "%C0%AF",
    "%25",
    "%3b",
    "%0a",
    "%c2%85",
    "\\",
    "{id}",
    "/**",
    "*",
    "?",
    "#",
    "~",
    "%7E",
    ":",
    "@",
    "\n",
    "\n/a/",
    "\n/{id}/**",
];
const HOST: &[&str] = &[
    "a",
    "b.example",
    "*.",
    ".",
    "carrier.example",
    "xn--a",
    "127.0.0.1",
    "::1",
    "0x7f",
    "1",
    "A",
    "-",
    "_",
];
const URL: &[&str] = &[
    "https://",
    "http://",
    "HTTPS://",
    "a",
    ".",
    "b.example",
    "carrier.example",
    "x.carrier.example",
    "evilcarrier.example",
    "@",
    ":",
    ":443",
    ":80",
    ":8443",
    ":0",
    ":99999",
    "[::1]",
    "127.1",
    "/",
    "/v1",
    "/a",
    "?q",
    "#f",
    "%2F",
    "..",
    "\\",
];

/// What fails is printed, made small, and goes into `fuzz/regressions`.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn form(data in of(FORM, 40)) {
        properties::form(&data);
    }

    #[test]
    fn json(data in of(JSON, 60)) {
        properties::json(&data);
    }

    #[test]
    fn multipart(data in of(MULTIPART, 30)) {
        properties::multipart(&data);
    }

    #[test]
    fn xml(data in of(XML, 40)) {
        properties::xml(&data);
    }

    #[test]
    fn api_answer(status in prop_oneof![Just(200_u16), 100..600_u16], body in of(ANSWER, 12)) {
        let status = (status - 100).to_be_bytes();
        properties::api_answer(&[&status, body.as_slice()].concat());
    }

    #[test]
    fn name(data in of(NAME, 8)) {
        properties::name(&data);
    }

    #[test]
    fn path(data in of(PATH, 12)) {
        properties::path(&data);
    }

    #[test]
    fn grant(
        host in vec(select(HOST), 1..3),
        path in select(&["/**", "/v1", "/{x}", "/a/**", "/%61"][..]),
        method in select(&["POST", "GET", "post"][..]),
        url in vec(select(URL), 1..6),
        more in select(&["", "\n", "\n\n"][..]),
    ) {
        let url = url.concat();
        // As it comes, and leading somewhere at least.
        for url in [url.clone(), format!("https://{}{url}", host.concat())] {
            properties::grant(format!("{}\n{path}\nPOST\n{method}\n{url}{more}", host.concat()).as_bytes());
        }
    }

    #[test]
    fn reply(
        choice in any::<u8>(),
        texts in vec(prop_oneof![any::<String>(), "[\\x00-\\x20<>&;\"'\\]\u{FFFE}\u{FFFF}a]{0,40}"], 0..22),
    ) {
        let texts: Vec<_> = texts.iter().map(String::as_bytes).collect();
        properties::reply(&[&[choice], texts.join(&0xFF).as_slice()].concat());
    }

    #[test]
    fn upload(changes in vec((any::<Index>(), any::<u8>(), 0..4_u8), 0..4)) {
        let mut bytes = component::handler("", "unreachable").expect("made").to_vec();
        for (index, byte, kind) in changes {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        properties::upload(&bytes);
    }
}
