//! JSON, taken one level at a time, so that numbers stay as they were written and depth costs no stack.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::tree::{self, Budget, Fields};
use super::{DecodeError, Format};

/// Reads a whole JSON text whose value is `depth` names deep in the request.
pub(super) fn read(text: &str, depth: usize, budget: &mut Budget) -> Result<Value, DecodeError> {
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    value(whole.get(), depth, budget)
}

/// Turns one value, known to be syntactically right, into a tree.
fn value(text: &str, depth: usize, budget: &mut Budget) -> Result<Value, DecodeError> {
    let mut parser = serde_json::Deserializer::from_str(text);
    match text.as_bytes().first() {
        Some(b'{') => {
            let pairs = parser.deserialize_map(Pairs).map_err(|error| malformed(&error))?;
            let mut fields = Fields::default();
            for (name, raw) in pairs {
                budget.depth(depth + 1)?;
                fields.add(name, value(raw.get(), depth + 1, budget)?);
            }
            leaf_if_null(fields.finish(), budget)
        }
        Some(b'[') => {
            let raws: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| malformed(&error))?;
            let mut items = Vec::new();
            for raw in raws {
                budget.depth(depth + 1)?;
                items.push(value(raw.get(), depth + 1, budget)?);
            }
            leaf_if_null(tree::list(items), budget)
        }
        Some(b'"') => {
            budget.field()?;
            let text = parser.deserialize_bytes(Text).map_err(|error| malformed(&error))?;
            Ok(tree::text(text))
        }
        Some(b'n') => leaf_if_null(Value::Null, budget),
        _ => {
            budget.field()?;
            Ok(Value::String(text.to_owned()))
        }
    }
}

/// An empty object, an empty list and null count as one field.
fn leaf_if_null(value: Value, budget: &mut Budget) -> Result<Value, DecodeError> {
    if value.is_null() {
        budget.field()?;
    }
    Ok(value)
}

/// Says where, and not what: the parser's own message may quote the text.
fn malformed(error: &serde_json::Error) -> DecodeError {
    DecodeError::Malformed {
        format: Format::Json,
        why: format!("syntax error at line {} column {}", error.line(), error.column()),
    }
}

/// The fields of one object, in order, the repeated ones too.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = object.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

/// A text in which a lone surrogate, as JavaScript leaves behind when it cuts a text, becomes U+FFFD.
struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<String, E> {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::telecloud::decode::DecodeLimits;

    fn decoded(text: &str) -> Result<Value, DecodeError> {
        read(text, 0, &mut Budget::new(DecodeLimits::default()))
    }

    #[test]
    fn scalars_are_kept_as_they_were_written() {
        let rows = [
            ("1", "1"),
            ("-0", "-0"),
            ("1.50", "1.50"),
            ("1e999", "1e999"),
            (
                "89012600000000000149012345678901234567890",
                "89012600000000000149012345678901234567890",
            ),
            ("true", "true"),
            ("false", "false"),
            (r#""a\u00e9\n\"😀\ud83d\ude00""#, "aé\n\"😀😀"),
            (r#""a\ud83d""#, "a\u{FFFD}\u{FFFD}\u{FFFD}"),
        ];
        for (written, kept) in rows {
            let body = format!(" {{\"x\" : [ {written} ]}}\n");
            assert_eq!(decoded(&body), Ok(json!({"x": [kept]})), "{written}");
        }
    }

    #[test]
    fn every_empty_is_null_and_a_repeated_name_is_a_list() {
        for empty in ["{}", "[]", "\"\"", "null", "{ }", "[ ]"] {
            assert_eq!(decoded(empty), Ok(Value::Null));
            assert_eq!(decoded(&format!("{{\"x\":{empty}}}")), Ok(json!({"x": null})));
        }
        assert_eq!(
            decoded(r#"{"a":1,"b":0,"a":{"c":2}}"#),
            Ok(json!({"a": ["1", {"c": "2"}], "b": "0"}))
        );
    }

    #[test]
    fn what_is_not_json_is_refused_without_quoting_it() {
        let bad = [
            "{",
            "{\"secret\":}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\\x\"}",
            "{'a':1}",
            "{} {}",
            "{\"a\":NaN}",
            "{\"\\ud800\":1}",
        ];
        for text in bad {
            let error = decoded(text).expect_err(text);
            assert!(
                matches!(
                    error,
                    DecodeError::Malformed {
                        format: Format::Json,
                        ..
                    }
                ),
                "{text}"
            );
            assert!(!format!("{error:?} {error}").contains("secret"));
        }
    }

    #[test]
    fn depth_and_number_of_fields_are_bounded() {
        let lists = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(decoded(&lists(16)).is_ok());
        for levels in [17, 10_000, 500_000] {
            assert_eq!(
                decoded(&lists(levels)),
                Err(DecodeError::TooDeep { most: 16 }),
                "{levels}"
            );
        }
        for item in ["1", "\"\"", "{}", "[]", "null", "{\"a\":0}"] {
            let items = |count: usize| format!("[{}]", vec![item; count].join(","));
            assert!(decoded(&items(2_000)).is_ok(), "{item}");
            assert_eq!(
                decoded(&items(2_001)),
                Err(DecodeError::TooManyFields { most: 2_000 }),
                "{item}"
            );
        }
    }
}
