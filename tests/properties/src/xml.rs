//! XML: what another parser finds in a document is what arrives, in the shape that SimpleXML gives it.

use std::collections::BTreeMap;

use patchbay::telecloud::decode::DecodeError;
use roxmltree::{Document, Node};
use serde_json::{Map, Value};

use crate::decoded::{may_be_opened, mentions_credentials, posted, tree};

/// The bytes as an XML body.
///
/// A document that another parser accepts is accepted within the limits, and has the same fields. One with a DTD is refused.
pub fn xml(data: &[u8]) {
    let received = posted("text/xml", data);
    let Some(text) = text(data) else { return };
    let Some(document) = parsed(text) else { return };
    let fields = match simple(document.root_element()) {
        Value::Object(fields) => fields,
        // A text alone has no fields.
        Value::String(_) => return assert!(matches!(received, Err(DecodeError::Malformed { .. })), "{received:?}"),
        _ => Map::new(),
    };
    match &received {
        Ok(received) => {
            if let Some(tree) = tree(received).filter(|_| !mentions_credentials(data)) {
                check(tree, &fields);
            }
        }
        Err(error) => assert!(
            !matches!(error, DecodeError::Malformed { .. } | DecodeError::NotPosted),
            "it is XML, and {error}"
        ),
    }
}

/// What another parser is given: UTF-8 that begins like XML.
pub(crate) fn text(data: &[u8]) -> Option<&str> {
    let body = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    let text = str::from_utf8(body).ok()?.trim_ascii_start();
    text.starts_with('<').then_some(text)
}

/// The document as another parser reads it. Names in name spaces are left out: these are names as they stand to the gateway.
pub(crate) fn parsed(text: &str) -> Option<Document<'_>> {
    let document = Document::parse(text).ok()?;
    (!text.contains("xmlns")).then_some(document)
}

fn check(tree: &Value, fields: &Map<String, Value>) {
    let Some(tree) = tree.as_object() else {
        return assert!(fields.is_empty());
    };
    assert!(
        tree.keys().eq(fields.keys()),
        "{:?} and not {:?}",
        tree.keys(),
        fields.keys()
    );
    for (name, value) in fields {
        let opened = value.as_str().is_some_and(may_be_opened);
        assert!(
            opened || tree[name] == *value,
            "{name:?} is {} and was {value}",
            tree[name]
        );
    }
}

/// An element as SimpleXML has it in JSON, empties being null.
fn simple(element: Node<'_, '_>) -> Value {
    let mut fields: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let input = element.document().input_text();
    let attributes: Map<String, Value> = element
        .attributes()
        .map(|attribute| (input[attribute.range_qname()].to_owned(), or_null(attribute.value())))
        .collect();
    if !attributes.is_empty() {
        fields
            .entry("@attributes".to_owned())
            .or_default()
            .push(Value::Object(attributes));
    }
    let mut text = String::new();
    for child in element.children() {
        if child.is_element() {
            let tag = &input[child.range().start + 1..];
            let end = tag
                .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
                .unwrap_or(tag.len());
            fields.entry(tag[..end].to_owned()).or_default().push(simple(child));
        } else if child.is_text() {
            text.push_str(child.text().unwrap_or_default());
        }
    }
    let blank = text.trim().is_empty();
    if fields.is_empty() {
        return if blank { Value::Null } else { Value::String(text) };
    }
    if !blank {
        fields.entry("0".to_owned()).or_default().push(Value::from(text.trim()));
    }
    let one_each = fields.into_iter().map(|(name, mut values)| {
        let value = if values.len() == 1 {
            values.remove(0)
        } else {
            Value::Array(values)
        };
        (name, value)
    });
    Value::Object(one_each.collect())
}

fn or_null(text: &str) -> Value {
    if text.is_empty() {
        Value::Null
    } else {
        Value::from(text)
    }
}
