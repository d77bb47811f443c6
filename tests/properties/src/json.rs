//! JSON: what another reader finds in a text is what arrives.

use patchbay::telecloud::decode::DecodeError;
use serde_json::{Map, Value};

use crate::decoded::{may_be_opened, mentions_credentials, posted, tree};

/// Brackets within each other in a body that is accepted: sixteen names, and something empty below the last.
const BRACKETS: usize = 17;

/// The bytes as a JSON body.
///
/// It is taken if and only if it is an object within the limits, and has the fields that a reader of plain JSON finds, texts
/// as texts, of repeated names all.
pub fn json(data: &[u8]) {
    let received = posted("application/json", data);
    let body = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    if matches!(body.trim_ascii().first(), Some(b'<') | None) {
        return;
    }
    if received.is_ok() {
        assert!(brackets(body) <= BRACKETS, "brackets {} deep were read", brackets(body));
    }
    let Ok(Value::Object(plain)) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    match &received {
        Ok(received) => {
            if let Some(tree) = tree(received)
                .and_then(Value::as_object)
                .filter(|_| !mentions_credentials(body))
            {
                check(tree, &plain);
            }
        }
        Err(error) => assert!(
            !matches!(error, DecodeError::Malformed { .. } | DecodeError::NotPosted),
            "it is JSON, and {error}"
        ),
    }
}

/// How deep brackets are within each other, outside of texts.
fn brackets(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn check(tree: &Map<String, Value>, plain: &Map<String, Value>) {
    assert!(same_names(tree, plain), "other names");
    for (name, value) in plain {
        // JSON or XML in a text at the top is opened up.
        let opened = value.as_str().is_some_and(may_be_opened);
        assert!(
            opened || agrees(&tree[name], value),
            "{name:?} is {} and was {value}",
            tree[name]
        );
    }
}

/// Whether what was read is what was sent. Of a repeated name, a plain reader keeps the last value.
fn agrees(read: &Value, sent: &Value) -> bool {
    let same = match (read, sent) {
        (Value::Null, Value::Null) => true,
        (Value::Null, Value::String(text)) => text.is_empty(),
        (Value::Null, Value::Array(items)) => items.is_empty(),
        (Value::Null, Value::Object(fields)) => fields.is_empty(),
        (Value::String(text), Value::Bool(truth)) => *text == truth.to_string(),
        (Value::String(text), Value::Number(number)) => is_near(text, number.as_f64()),
        (Value::String(text), Value::String(sent)) => text == sent,
        (Value::Array(items), Value::Array(sent)) => {
            items.len() == sent.len() && items.iter().zip(sent).all(|(read, sent)| agrees(read, sent))
        }
        (Value::Object(fields), Value::Object(sent)) => {
            same_names(fields, sent) && sent.iter().all(|(name, value)| agrees(&fields[name], value))
        }
        _ => false,
    };
    same || read
        .as_array()
        .and_then(|values| values.last())
        .is_some_and(|last| agrees(last, sent))
}

/// In whatever order.
fn same_names(read: &Map<String, Value>, sent: &Map<String, Value>) -> bool {
    read.len() == sent.len() && sent.keys().all(|name| read.contains_key(name))
}

/// A plain reader rounds, and not always in the last place.
fn is_near(text: &str, number: Option<f64>) -> bool {
    let (Ok(read), Some(sent)) = (text.parse::<f64>(), number) else {
        return false;
    };
    (read - sent).abs() <= sent.abs() * 1e-9
}
