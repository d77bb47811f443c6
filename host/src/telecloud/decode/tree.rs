//! What all formats share: the limits, and how objects, texts and empties are kept.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{DecodeError, DecodeLimits};

/// Counts what is read against the limits.
pub(in crate::telecloud) struct Budget {
    limits: DecodeLimits,
    fields: usize,
}

impl Budget {
    pub(in crate::telecloud) fn new(limits: DecodeLimits) -> Self {
        Self { limits, fields: 0 }
    }

    /// Takes note of one more text or empty value.
    pub(super) fn field(&mut self) -> Result<(), DecodeError> {
        self.fields += 1;
        let most = self.limits.fields;
        if self.fields > most {
            return Err(DecodeError::TooManyFields { most });
        }
        Ok(())
    }

    /// Checks how many names and list positions lead to a field.
    pub(super) fn depth(&self, depth: usize) -> Result<(), DecodeError> {
        let most = self.limits.nesting;
        if depth > usize::from(most) {
            return Err(DecodeError::TooDeep { most });
        }
        Ok(())
    }
}

/// A text, or null for the empty one.
pub(super) fn text(text: String) -> Value {
    if text.is_empty() {
        Value::Null
    } else {
        Value::String(text)
    }
}

/// A list, or null for the empty one.
pub(super) fn list(items: Vec<Value>) -> Value {
    if items.is_empty() {
        Value::Null
    } else {
        Value::Array(items)
    }
}

/// The fields of one object as they are read. A name that comes again makes a list of all its values.
#[derive(Default)]
pub(super) struct Fields(BTreeMap<String, Vec<Value>>);

impl Fields {
    pub(super) fn add(&mut self, name: String, value: Value) {
        self.0.entry(name).or_default().push(value);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object, or null for the empty one.
    pub(super) fn finish(self) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        let one_each = self.0.into_iter().map(|(name, values)| (name, one_or_list(values)));
        Value::Object(one_each.collect::<Map<_, _>>())
    }
}

/// The value itself if it is the only one.
pub(super) fn one_or_list(mut values: Vec<Value>) -> Value {
    match values.pop() {
        Some(only) if values.is_empty() => only,
        Some(last) => {
            values.push(last);
            Value::Array(values)
        }
        None => Value::Null,
    }
}
