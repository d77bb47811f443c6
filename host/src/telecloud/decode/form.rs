//! `application/x-www-form-urlencoded`, and the bracketed names that multipart forms share with it.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::tree::{self, Budget};
use super::{DecodeError, charset};

/// Reads a whole body. Every body is a form of some kind, so only the limits can refuse it.
pub(super) fn read(body: &[u8], budget: &mut Budget) -> Result<Map<String, Value>, DecodeError> {
    let mut form = Form::default();
    // White space cannot be part of a form as it is; around one, it is what was left of a file or an editor.
    for pair in body.trim_ascii().split(|byte| *byte == b'&') {
        if pair.is_empty() {
            continue;
        }
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = unescaped(halves.next().unwrap_or_default());
        let value = unescaped(halves.next().unwrap_or_default());
        form.add(name, value, budget)?;
    }
    Ok(form.finish())
}

/// `%` that does not begin an escape stays as it is.
fn unescaped(bytes: &[u8]) -> String {
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    charset::text(&percent_decode(&spaced).collect::<Vec<u8>>())
}

/// The fields of a form as they are read.
#[derive(Default)]
pub(super) struct Form(Node);

/// What was sent under one name.
#[derive(Default)]
struct Node {
    /// Without further brackets.
    texts: Vec<Value>,
    /// With further brackets.
    below: BTreeMap<String, Node>,
    /// What the next empty pair of brackets stands for.
    next: u64,
}

impl Form {
    pub(super) fn add(&mut self, name: String, value: String, budget: &mut Budget) -> Result<(), DecodeError> {
        budget.field()?;
        let mut node = &mut self.0;
        match brackets(&name) {
            Some((first, keys)) => {
                node = node.below.entry(first.to_owned()).or_default();
                for (index, key) in keys.split("][").enumerate() {
                    budget.depth(index + 2)?;
                    let key = if key.is_empty() {
                        node.next.to_string()
                    } else {
                        key.to_owned()
                    };
                    if let Some(position) = position(&key) {
                        node.next = node.next.max(position.saturating_add(1));
                    }
                    node = node.below.entry(key).or_default();
                }
            }
            None => node = node.below.entry(name).or_default(),
        }
        node.texts.push(tree::text(value));
        Ok(())
    }

    pub(super) fn finish(self) -> Map<String, Value> {
        let fields = self.0.below.into_iter();
        fields.map(|(name, node)| (name, node.finish())).collect()
    }
}

impl Node {
    fn finish(self) -> Value {
        let mut values = self.texts;
        if !self.below.is_empty() {
            match object_or_list(self.below) {
                Value::Array(items) => values.extend(items),
                object if values.is_empty() => return object,
                object => values.push(object),
            }
            return Value::Array(values);
        }
        tree::one_or_list(values)
    }
}

/// A list if the names are the numbers from 0 on, as PHP sends lists.
fn object_or_list(below: BTreeMap<String, Node>) -> Value {
    let in_range = |name: &String| position(name).is_some_and(|position| position < below.len() as u64);
    if !below.keys().all(in_range) {
        return Value::Object(below.into_iter().map(|(name, node)| (name, node.finish())).collect());
    }
    let mut items: Vec<_> = below
        .into_iter()
        .map(|(name, node)| (position(&name), node.finish()))
        .collect();
    items.sort_by_key(|(position, _)| *position);
    Value::Array(items.into_iter().map(|(_, value)| value).collect())
}

/// A number as PHP writes list positions: no sign, no leading zero.
fn position(key: &str) -> Option<u64> {
    key.parse().ok().filter(|number: &u64| number.to_string() == key)
}

/// `Customer[address][city]` as `Customer` and `address][city`. `None` for a name whose brackets do not pair up that
/// way: it is a name as it stands.
fn brackets(name: &str) -> Option<(&str, &str)> {
    let (first, rest) = name.split_once('[')?;
    let keys = rest.strip_suffix(']')?;
    let paired = !first.is_empty() && !first.contains(']') && keys.split("][").all(|key| !key.contains(['[', ']']));
    paired.then_some((first, keys))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::telecloud::decode::DecodeLimits;

    fn decoded(body: &[u8]) -> Value {
        let mut budget = Budget::new(DecodeLimits::default());
        Value::Object(read(body, &mut budget).expect("within the limits"))
    }

    #[test]
    fn every_spelling_of_a_form_is_defined() {
        let rows: &[(&[u8], Value)] = &[
            (b"a=1&b=2", json!({"a": "1", "b": "2"})),
            (b"a&b=&=c&&", json!({"a": null, "b": null, "": "c"})),
            (b"a=1=2", json!({"a": "1=2"})),
            (b"\r\n a=1\r\n", json!({"a": "1"})),
            // Repeated names and lists.
            (b"a=1&a=2", json!({"a": ["1", "2"]})),
            (b"a[]=1&a[]=2", json!({"a": ["1", "2"]})),
            (b"a[]=1", json!({"a": ["1"]})),
            (b"a[1]=y&a[0]=x", json!({"a": ["x", "y"]})),
            (b"a[1]=y&a[]=z", json!({"a": {"1": "y", "2": "z"}})),
            (b"a[00]=x&a[01]=y", json!({"a": {"00": "x", "01": "y"}})),
            (b"a[][b]=1&a[][b]=2", json!({"a": [{"b": "1"}, {"b": "2"}]})),
            (
                b"a[18446744073709551615]=x&a[]=y",
                json!({"a": {"18446744073709551615": ["x", "y"]}}),
            ),
            // The same name with and without brackets: both are kept.
            (b"a=1&a[b]=2", json!({"a": ["1", {"b": "2"}]})),
            (b"a[b]=2&a=1", json!({"a": ["1", {"b": "2"}]})),
            (b"a=1&a[]=2", json!({"a": ["1", "2"]})),
            // Brackets.
            (b"a[b][c]=1&a[b][d]=2", json!({"a": {"b": {"c": "1", "d": "2"}}})),
            (b"a%5Bb%5D=1", json!({"a": {"b": "1"}})),
            (b"a[@attributes][x]=1", json!({"a": {"@attributes": {"x": "1"}}})),
            (b"a[=1", json!({"a[": "1"})),
            (b"a]=1", json!({"a]": "1"})),
            (b"[a]=1", json!({"[a]": "1"})),
            (b"a[b=1", json!({"a[b": "1"})),
            (b"a[b]c=1", json!({"a[b]c": "1"})),
            (b"a[[b]]=1", json!({"a[[b]]": "1"})),
            (b"a[b][=1", json!({"a[b][": "1"})),
            (b"a][b]=1", json!({"a][b]": "1"})),
            // Escapes and character sets.
            (b"a=x+y%2Bz", json!({"a": "x y+z"})),
            (b"a=%zz%4&b=100%", json!({"a": "%zz%4", "b": "100%"})),
            (b"a=%C3%A9&b=%E9&c=\xE9", json!({"a": "é", "b": "é", "c": "é"})),
            (b"%E9=%80", json!({"é": "€"})),
            // An overlong `/`, and an encoded surrogate: not UTF-8, so never what they imitate.
            (b"a=%C0%AF&b=%ED%A0%80", json!({"a": "À¯", "b": "í\u{a0}€"})),
            (b"a=%00", json!({"a": "\0"})),
        ];
        for (body, expected) in rows {
            assert_eq!(&decoded(body), expected, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn a_million_fields_stop_at_the_limit_and_are_kept_once_each_below_it() {
        let equal = b"a=1&".repeat(1_000_000);
        let mut budget = Budget::new(DecodeLimits::default());
        assert_eq!(
            read(&equal, &mut budget),
            Err(DecodeError::TooManyFields { most: 2_000 })
        );

        let fields = 1_000_000;
        let mut budget = Budget::new(DecodeLimits {
            fields,
            ..DecodeLimits::default()
        });
        let kept = read(&equal, &mut budget).expect("within the limit");
        assert_eq!(kept["a"].as_array().map(Vec::len), Some(fields));

        let different: String = (0..fields).map(|index| format!("{index}&")).collect();
        let mut budget = Budget::new(DecodeLimits::default());
        assert!(read(different.as_bytes(), &mut budget).is_err());
        let mut budget = Budget::new(DecodeLimits {
            fields,
            ..DecodeLimits::default()
        });
        assert_eq!(
            read(different.as_bytes(), &mut budget).map(|kept| kept.len()),
            Ok(fields)
        );
    }

    #[test]
    fn brackets_are_followed_to_the_limit_and_no_further() {
        let nested = |levels: usize| format!("a{}=1", "[a]".repeat(levels - 1));
        let mut budget = Budget::new(DecodeLimits::default());
        assert!(read(nested(16).as_bytes(), &mut budget).is_ok());
        for levels in [17, 10_000] {
            let refused = read(nested(levels).as_bytes(), &mut budget);
            assert_eq!(refused, Err(DecodeError::TooDeep { most: 16 }), "{levels}");
        }
    }
}
