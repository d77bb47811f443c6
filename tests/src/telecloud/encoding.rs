//! One order, in every encoding that a sender might choose.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Fields;

/// The content type of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
const BOUNDARY: &str = "------------------------d74496d66958873e";

/// How a request is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// A form with PHP's brackets.
    #[default]
    Form,
    /// The same in windows-1252, where that can be told from UTF-8.
    FormWindows1252,
    /// A form whose objects and lists are JSON texts.
    FormJsonFields,
    /// A form whose objects are XML documents.
    FormXmlFields,
    /// JSON, called JSON. Empties are `{}`, as PHP leaves them when it turns XML into JSON.
    Json,
    /// JSON, called a form, as PHP's curl does.
    JsonUnderForm,
    /// JSON, called nothing.
    JsonUntyped,
    /// A multipart form with PHP's brackets.
    Multipart,
    /// One XML document.
    Xml,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Self; 9] = [
        Self::Form,
        Self::FormWindows1252,
        Self::FormJsonFields,
        Self::FormXmlFields,
        Self::Json,
        Self::JsonUnderForm,
        Self::JsonUntyped,
        Self::Multipart,
        Self::Xml,
    ];

    /// The content type and the body for these fields.
    #[must_use]
    pub fn encode(self, fields: &Fields) -> (Option<&'static str>, Vec<u8>) {
        let utf_8 = |text: &str| text.as_bytes().to_vec();
        let pairs = || fields.iter().map(|(name, value)| (name.clone(), value.clone()));
        match self {
            Self::Form => (Some(FORM), form(pairs(), utf_8)),
            Self::FormWindows1252 => (Some(FORM), form(pairs(), windows_1252)),
            Self::FormJsonFields => (Some(FORM), form(with_inner(fields, inner_json), utf_8)),
            Self::FormXmlFields => (Some(FORM), form(with_inner(fields, inner_xml), utf_8)),
            Self::Json => (Some("application/json"), json_text(fields)),
            Self::JsonUnderForm => (Some(FORM), json_text(fields)),
            Self::JsonUntyped => (None, json_text(fields)),
            Self::Multipart => (
                Some("multipart/form-data; boundary=------------------------d74496d66958873e"),
                multipart(fields),
            ),
            Self::Xml => (
                Some("text/xml"),
                xml("order", &Value::Object(tree(fields))).into_bytes(),
            ),
        }
    }
}

fn form(pairs: impl IntoIterator<Item = (String, String)>, bytes: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let escaped = |text: &str| percent_encode(&bytes(text), NON_ALPHANUMERIC).to_string();
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", escaped(&name), escaped(&value)));
    pairs.collect::<Vec<_>>().join("&").into_bytes()
}

/// UTF-8 stays for what windows-1252 cannot say, or says in bytes that are also UTF-8.
fn windows_1252(text: &str) -> Vec<u8> {
    match encoding_rs::WINDOWS_1252.encode(text) {
        (bytes, _, false) if str::from_utf8(&bytes).is_err() => bytes.into_owned(),
        _ => text.as_bytes().to_vec(),
    }
}

/// The fields with those in the place of brackets that `inner` can turn into a text.
fn with_inner(fields: &Fields, inner: fn(&str, &Value) -> Option<String>) -> Fields {
    let mut flat = fields.clone();
    for (name, value) in tree(fields) {
        if let Some(text) = inner(&name, &value) {
            flat.retain(|flat_name, _| !flat_name.starts_with(&format!("{name}[")));
            flat.insert(name, text);
        }
    }
    flat
}

fn inner_json(_: &str, value: &Value) -> Option<String> {
    (value.is_object() || value.is_array()).then(|| with_php_empties(value.clone()).to_string())
}

fn inner_xml(name: &str, value: &Value) -> Option<String> {
    value.is_object().then(|| xml(name, value))
}

fn json_text(fields: &Fields) -> Vec<u8> {
    with_php_empties(Value::Object(tree(fields))).to_string().into_bytes()
}

fn with_php_empties(value: Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => json!({}),
        Value::Array(items) => items.into_iter().map(with_php_empties).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, with_php_empties(value)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}

fn multipart(fields: &Fields) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in fields {
        body += &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!("--{BOUNDARY}--\r\n");
    body.into_bytes()
}

/// The fields as objects and lists.
fn tree(fields: &Fields) -> Map<String, Value> {
    let mut top = Map::new();
    for (name, value) in fields {
        let mut names = name.split('[').map(|part| part.trim_end_matches(']'));
        let mut here = top.entry(names.next().unwrap_or_default()).or_insert(Value::Null);
        for name in names {
            here = &mut here[name];
        }
        *here = Value::String(value.clone());
    }
    top.into_iter().map(|(name, value)| (name, with_lists(value))).collect()
}

/// Objects whose names are the numbers from 0 on are lists.
fn with_lists(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let mut fields: Map<_, _> = fields
        .into_iter()
        .map(|(name, value)| (name, with_lists(value)))
        .collect();
    let positions: Vec<String> = (0..fields.len()).map(|position| position.to_string()).collect();
    if positions.iter().all(|position| fields.contains_key(position)) {
        return positions
            .iter()
            .filter_map(|position| fields.remove(position))
            .collect();
    }
    Value::Object(fields)
}

fn xml(name: &str, value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut attributes = String::new();
            let mut children = String::new();
            for (child, value) in fields {
                match value {
                    Value::Object(inner) if child == "@attributes" => {
                        for (name, value) in inner {
                            attributes += &format!(" {name}=\"{}\"", xml_text(value.as_str().unwrap_or_default()));
                        }
                    }
                    _ => children += &xml(child, value),
                }
            }
            format!("<{name}{attributes}>{children}</{name}>")
        }
        Value::Array(items) => items.iter().map(|item| xml(name, item)).collect(),
        Value::String(text) => format!("<{name}>{}</{name}>", xml_text(text)),
        _ => format!("<{name}/>"),
    }
}

/// White space as references, because parsers change it in attributes and line ends everywhere.
pub(super) fn xml_text(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\t' | '\r' | '\n' => out += &format!("&#{};", u32::from(character)),
            _ => out.push(character),
        }
    }
    out
}
