//! What a fuzzer starts from: `fuzz/corpus` holds what is made here, and nothing else.
//!
//! `WRITE_SEEDS=1 cargo test --workspace --test properties seeds` writes it anew.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use patchbay_tests::component;
use patchbay_tests::telecloud::{Encoding, Fields, scenarios};

type Seeds = BTreeMap<PathBuf, Vec<u8>>;

const FORMS: &[&str] = &[
    "SERVICE=Order/Create&APIAuth[API_KEY]=k&VAR1=1&var2=2",
    "a=1&a[b]=2&a=3",
    "a[=1&a]=2&[a]=3&a[b]c=4&a[[b]]=5",
    "a[]=1&a[]=2&a[7]=3&b[0]=1&b[1]=2&b[0][c]=3",
    "a=%zz&b=%C0%AF&c=%ff&d=%&e=+%2B",
    "=1&a=&&b&=",
    "Customer=Array&x={\"a\":[1]}&y=<a b='1'/>&z={",
];
const JSON: &[&str] = &[
    "{\"a\":[1,-0,1e999,true,null,{},[],\"\"],\"a\":{\"b\":\"\\ud83d\"}}",
    "{\"SERVICE\":\"Order/Status\",\"NEW_STATE\":\"NON-PAY\",\"APIAuth\":{\"API_KEY\":\"k\"},\"VAR1\":1}",
    "{\"Customer\":\"{\\\"account_number\\\":1}\",\"x\":\"<a>1</a>\"}",
    "[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
];
const MULTIPART: &[&str] = &[
    "--b\r\nContent-Disposition: form-data; name=\"a[b]\"\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--\r\n",
    "--b\r\nContent-Disposition: form-data; name=a; filename=\"f\"\r\n\r\n--b\r\n",
    "a=1\na[b]=2\nSERVICE=Order/Create\nVAR1=\r\n--b",
];
const XML: &[&str] = &[
    "<?xml version='1.0' encoding='UTF-8'?><!-- c --><r a='1' b=\"&lt;&#x41;\"><SERVICE>Order/Swap</SERVICE><a/><a>2</a></r>",
    "<r>x<![CDATA[<&>]]>&amp;&#13;\r\n<?p i?><b c='\t'>t</b> y</r>",
    "<!DOCTYPE r [<!ENTITY e 'x'>]><r>&e;</r>",
    "<r><APIAuth API_KEY='k'/><VAR1>1</VAR1><Customer><account_number>9</account_number></Customer></r>",
];
const ANSWERS: &[(u16, &str)] = &[
    (
        200,
        "<telecloud><trans_id>4c1</trans_id><module_id>7</module_id></telecloud>",
    ),
    (200, "<error>no such order</error>"),
    (
        200,
        "<telecloud><error code='4'><text>no such</text>order</error></telecloud>",
    ),
    (500, "<telecloud/>"),
    (302, "<html><body>moved</body></html>"),
    (200, "<telecloud old_value='1' new_value='2'/>"),
];
const NAMES: &[&str] = &[
    "acme-mobile",
    "Acme",
    "../x",
    "%2e%2e%2f",
    "a\0b",
    "\u{430}cme",
    "carrier.token_1",
];
const PATHS: &[&str] = &[
    "/v1/lines/2025550143\n/v1/lines/{mdn}",
    "/v1/orders/\n/v1/orders/**",
    "/%76%31/caf%c3%a9~a;b=1\n/v1/{x}",
    "/a%2Fb%5c%2e%25%00\n/**",
    "/a/..;x/./b//\n/a/{x}/b",
];
const GRANTS: &[&str] = &[
    "api.carrier.example\n/v1/**\nPOST\nPOST\nhttps://API.carrier.example.:443/v1/lines?q=1",
    "*.carrier.example\n/{x}\nGET\nGET\nhttps://a.carrier.example:8443/v1\n",
    "2001:db8::1\n/\nPUT\nPUT\nhttp://[2001:db8::1]:8443/\n\n",
    "carrier.example\n/v1\nPOST\nGET\nhttps://user@carrier.example/v1#f",
    "192.0.2.1\n/v1\nPOST\nPOST\nhttps://3221225985/%76%31",
];
const REPLIES: &[&[u8]] = &[
    b"\0A-1001\xFF\xFF2025550143\xFF<&>\"']]>",
    b"\x02a\r\nb\tc\0\x1F\xEF\xBF\xBE",
    b"\x01Plan <5GB> & \"Max\" can't mix ]]>",
    b"\x01 \n",
];
const COMPONENTS: &[&str] = &[
    "(component)",
    "(module (memory 1))",
    r#"(component (import "wasi:io/poll@0.2.0" (instance)) (instance $i) (export "patchbay:module/handler@0.1.0" (instance $i)))"#,
    r#"(component (import "acme:db/store@1.0.0" (instance)) (instance $i) (export "patchbay:module/handler@0.1.0" (instance $i)))"#,
    r#"(component (component (core module (func (export "f")))) (core module (memory i64 1)))"#,
];

#[test]
fn the_corpus_is_what_its_generator_makes() -> Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (path, bytes) in seeds()? {
        let path = root.join(path);
        if std::env::var_os("WRITE_SEEDS").is_some() {
            std::fs::create_dir_all(path.parent().context("a folder")?)?;
            std::fs::write(&path, &bytes)?;
        }
        let kept = std::fs::read(&path).with_context(|| path.display().to_string())?;
        assert!(kept == bytes, "{} is something else", path.display());
    }
    Ok(())
}

fn seeds() -> Result<Seeds> {
    let mut seeds = Seeds::new();
    by_hand(&mut seeds, "form", FORMS);
    by_hand(&mut seeds, "json", JSON);
    by_hand(&mut seeds, "multipart", MULTIPART);
    by_hand(&mut seeds, "xml", XML);
    by_hand(&mut seeds, "name", NAMES);
    by_hand(&mut seeds, "path", PATHS);
    by_hand(&mut seeds, "grant", GRANTS);
    by_hand(&mut seeds, "reply", REPLIES);
    let answers: Vec<_> = ANSWERS
        .iter()
        .map(|(status, body)| [&(status - 100).to_be_bytes(), body.as_bytes()].concat())
        .collect();
    by_hand(&mut seeds, "api_answer", &answers);
    let components = COMPONENTS.iter().map(|text| Ok(wat::parse_str(text)?));
    let mut components = components.collect::<Result<Vec<_>>>()?;
    components.push(component::handler("", "unreachable")?.to_vec());
    by_hand(&mut seeds, "upload", &components);
    for scenario in scenarios()?.iter().filter(|scenario| scenario.id == "activate") {
        encoded(&mut seeds, &scenario.fields);
    }
    Ok(seeds)
}

fn by_hand(seeds: &mut Seeds, target: &str, inputs: &[impl AsRef<[u8]>]) {
    for (number, input) in (1..).zip(inputs) {
        let path = PathBuf::from(target).join(format!("{number:02}"));
        seeds.insert(path, input.as_ref().to_vec());
    }
}

/// A whole order in every encoding.
fn encoded(seeds: &mut Seeds, fields: &Fields) {
    for encoding in Encoding::ALL {
        let target = match encoding {
            Encoding::Form | Encoding::FormWindows1252 | Encoding::FormJsonFields | Encoding::FormXmlFields => "form",
            Encoding::Json | Encoding::JsonUnderForm | Encoding::JsonUntyped => "json",
            Encoding::Multipart => "multipart",
            Encoding::Xml => "xml",
        };
        let (_, body) = encoding.encode(fields);
        let path = PathBuf::from(target).join(format!("order-{encoding:?}").to_lowercase());
        // The three kinds of JSON are the same bytes.
        if !seeds.values().any(|seed| *seed == body) {
            seeds.insert(path, body);
        }
    }
}
