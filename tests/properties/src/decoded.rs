//! What holds of every request that was decoded, however it was written.

use bytes::Bytes;
use http::Method;
use patchbay::domain::event::Event;
use patchbay::telecloud::decode::{DecodeError, DecodeLimits, Kind, Received, Request, decode};
use serde_json::Value;

/// Most names, and list positions that were sent as such, that lead to a field. A name that is repeated makes one more list.
const NESTING: usize = 16;

/// Most texts and empty values.
const FIELDS: usize = 2_000;

/// Most keys of one request.
const KEYS: usize = 8;

/// How a refusal that TeleCloud is told begins.
const REFUSED: &str = "The order could not be read: ";

/// Everything that the reasons in the call record may say, with `#` for numbers: nothing of the request is among it.
const REASONS: [&str; 16] = [
    "Content-Type names no boundary",
    "a part has no name, or one that is not UTF-#",
    "a part's headers cannot be read",
    "it ends too early",
    "it ends too early, or Content-Type names another boundary",
    "it is a list or a text, where fields are expected",
    "syntax error at line # column #",
    "an attribute is not well-formed, near byte #",
    "an attribute refers to an unknown entity, near byte #",
    "an element ends that did not begin, near byte #",
    "it ends too early, near byte #",
    "it has a DTD, which is not accepted, near byte #",
    "it has two root elements, near byte #",
    "it is not well-formed, near byte #",
    "it refers to an unknown entity, near byte #",
    "there is text outside of the root element, near byte #",
];

/// Decodes a post, and checks what holds of every decoded request; also where the same bytes come by GET, and where nothing
/// says what they are.
pub(crate) fn posted(content_type: &str, body: &[u8]) -> Result<Received, DecodeError> {
    let received = decoded(&Method::POST, Some(content_type), body);
    let by_get = decoded(&Method::GET, Some(content_type), body);
    let unnamed = decoded(&Method::POST, None, body);
    for received in [&received, &by_get, &unnamed] {
        match received {
            Ok(received) => check(received),
            Err(error) => check_error(error),
        }
    }
    received
}

fn decoded(method: &Method, content_type: Option<&str>, body: &[u8]) -> Result<Received, DecodeError> {
    let request = Request {
        method,
        query: None,
        content_type,
        body: &Bytes::copy_from_slice(body),
    };
    decode(request, DecodeLimits::default())
}

/// The fields that were read, unless there were none to speak of.
pub(crate) fn tree(received: &Received) -> Option<&Value> {
    match &received.kind {
        Kind::TestRequest => None,
        Kind::Order(event) => Some(event.document.tree()),
        Kind::MissingService(document) => Some(document.tree()),
    }
}

/// Whether a text or a name has something of credentials in it, so that it may have been taken out or masked.
pub(crate) fn mentions_credentials(bytes: &[u8]) -> bool {
    let letters: Vec<u8> = bytes
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_lowercase)
        .collect();
    ["apiauth", "apikey"]
        .iter()
        .any(|word| letters.windows(word.len()).any(|window| window == word.as_bytes()))
}

/// Whether a text at the top may have been opened up, being JSON or XML.
pub(crate) fn may_be_opened(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '<'])
}

/// What the fields hold at their ends.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// The texts.
    pub(crate) texts: Vec<String>,
    /// How many are empty.
    pub(crate) empty: usize,
    /// How many steps lead to the one that is deepest.
    pub(crate) depth: usize,
}

impl Leaves {
    pub(crate) fn of(tree: &Value) -> Self {
        let mut leaves = Self::default();
        leaves.gather(tree, 0, 0);
        leaves
    }

    fn gather(&mut self, value: &Value, names: usize, steps: usize) {
        assert!(names <= NESTING, "{names} names lead to a field");
        assert!(steps <= 2 * NESTING, "{steps} steps lead to a field");
        self.depth = self.depth.max(steps);
        match value {
            Value::Null => self.empty += 1,
            Value::String(text) => {
                assert!(!text.is_empty(), "an empty text is kept as such");
                let plain = text.to_ascii_lowercase();
                assert!(!plain.contains("apiauth"), "credentials are left in a text");
                self.texts.push(text.clone());
            }
            Value::Array(items) => {
                assert!(!items.is_empty(), "an empty list is kept as such");
                items.iter().for_each(|item| self.gather(item, names, steps + 1));
            }
            Value::Object(fields) => {
                assert!(!fields.is_empty(), "an empty object is kept as such");
                for (name, value) in fields {
                    check_name(name, value);
                    self.gather(value, names + 1, steps + 1);
                }
            }
            Value::Bool(_) | Value::Number(_) => assert!(value.is_string(), "{value} is not a text"),
        }
    }
}

fn check_name(name: &str, value: &Value) {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    assert!(
        !letters.starts_with("apiauth"),
        "credentials are left in the field {name:?}"
    );
    let masked = value.is_null() || value == "***";
    assert!(letters != "apikey" || masked, "a key is left in the field {name:?}");
}

fn check(received: &Received) {
    assert!(received.api_keys.len() <= KEYS);
    let Some(tree) = tree(received) else { return };
    let leaves = Leaves::of(tree);
    let count = leaves.texts.len() + leaves.empty;
    assert!(count <= FIELDS, "{count} fields");
    if let Kind::Order(event) = &received.kind {
        check_event(event);
    }
    check_again(received, tree, &leaves);
}

/// What decides what is done is in the fields, under the name that it goes by.
fn check_event(event: &Event) {
    let sent = |name: &str, text: Option<&str>| {
        if let Some(text) = text {
            let found = top_level(event.document.tree()).any(|(key, value)| {
                key.eq_ignore_ascii_case(name) && Leaves::of(value).texts.iter().any(|leaf| leaf == text)
            });
            assert!(found, "{name} {text:?} was not sent");
        }
    };
    sent("SERVICE", Some(&event.service));
    sent("order_number", event.order_number.as_deref());
    sent("parent_order_number", event.parent_order_number.as_deref());
    sent("CARRIER_PRODUCT_ID", event.carrier_product_id.as_deref());
    sent("NEW_STATE", event.new_state.as_deref());
    sent("Customer", event.account_number.as_deref());
    for (index, value) in event.vars.iter() {
        assert!((1..=20).contains(&index));
        sent(&format!("VAR{index}"), Some(value));
    }
}

fn top_level(tree: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let attributes = tree.get("@attributes").and_then(Value::as_object);
    tree.as_object()
        .into_iter()
        .flatten()
        .chain(attributes.into_iter().flatten())
}

/// What was read and is written as JSON is read as the same.
fn check_again(received: &Received, tree: &Value, leaves: &Leaves) {
    match decoded(&Method::POST, Some("application/json"), tree.to_string().as_bytes()) {
        Ok(again) => {
            assert_eq!(again.kind, received.kind);
            assert_eq!(again.api_keys, [], "credentials were left in the fields");
        }
        // Lists that came of repeated names are positions now, and count.
        Err(DecodeError::TooDeep { .. }) => assert!(leaves.depth > NESTING, "{} steps are too many", leaves.depth),
        Err(error) => assert_eq!(error.to_string(), "", "what was read cannot be read again"),
    }
}

/// Neither TeleCloud nor the record is told anything of what was sent: whatever is said is known beforehand.
fn check_error(error: &DecodeError) {
    let sentence = error.sentence();
    let known = match error {
        DecodeError::NotPosted => sentence == "Orders must be sent by POST",
        DecodeError::Malformed { why, .. } => {
            let why = without_numbers(why);
            assert!(REASONS.contains(&why.as_str()), "{why:?} is said of the body");
            ["JSON", "XML", "multipart/form-data"]
                .iter()
                .any(|format| sentence == format!("{REFUSED}its body is not valid {format}"))
        }
        DecodeError::TooManyFields { most } => {
            assert_eq!(*most, FIELDS);
            sentence == format!("{REFUSED}it has too many fields")
        }
        DecodeError::TooDeep { most } => {
            assert_eq!(usize::from(*most), NESTING);
            sentence == format!("{REFUSED}its fields are nested too deeply")
        }
        DecodeError::ObjectLost { field } => {
            assert!(["Customer", "Product", "VARProduct", "VAR"].contains(field));
            sentence == format!("{REFUSED}{field} arrived as plain text and its fields are lost")
        }
        DecodeError::Ambiguous { field } => {
            assert!(is_deciding(field), "{field:?} decides nothing");
            sentence == format!("{REFUSED}{field} has two different values")
        }
    };
    assert!(known, "TeleCloud is told {sentence:?}");
}

fn is_deciding(field: &str) -> bool {
    const NAMES: [&str; 6] = [
        "SERVICE",
        "order_number",
        "parent_order_number",
        "CARRIER_PRODUCT_ID",
        "NEW_STATE",
        "Customer.account_number",
    ];
    NAMES.contains(&field) || (1..=20).any(|index| field == format!("VAR{index}"))
}

/// Each run of digits as one `#`.
fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            '0'..='9' if plain.ends_with('#') => {}
            '0'..='9' => plain.push('#'),
            other => plain.push(other),
        }
    }
    plain
}
