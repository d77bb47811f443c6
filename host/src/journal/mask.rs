//! Masking: what must not be kept is replaced by [`MASK`] before a record is written.
//!
//! A value is secret by where it stands, and from then on by itself:
//! - in the posted request: VAR5 to VAR7, and fields named as in [`fields`], such as `Customer.password`, `Customer.SSN`,
//!   `Customer.DL` and `APIAuth`, whatever their case, also under `@attributes`;
//! - in any other text: fields of those names in JSON, forms, queries and XML, and the headers listed in [`fields`];
//! - the module's own secrets, which a carrier may echo.
//!
//! Values of three characters and more are then masked wherever they turn up in the same call, as they are or percent-encoded,
//! as in a form, in JSON or in XML. In base64 they are masked where the door has placed them so, and nowhere else; in other
//! character sets than UTF-8 where they are ASCII.
//! Shorter ones are masked only where they stand: a PIN of `1` would make every number unreadable. A secret field that
//! was met outside of the posted request makes its value known only from eight characters on, because such a field can
//! hold a word like `true`.
//!
//! Placeholders for secrets stay visible where a field or a header is masked: they say which secret was placed there.
//!
//! What can be sent is not trusted to be short or harmless. A text is cut before it is looked at, a text is read once for
//! each way to decode it whatever was sent as values, and what is learned in a call is limited.

mod fields;
#[cfg(test)]
pub(super) mod pace;
mod placeholder;
mod values;
mod view;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

pub use self::values::Known;
use self::values::Values;
use crate::domain::event::Vars;
use crate::domain::secret::{MASK, Secret};

/// Shortest value that is learned from a field outside of the posted request, in bytes.
const LEARNED_BYTES_MIN: usize = 8;

/// Longest value that is learned, in bytes. A longer one is masked only where it stands.
const LEARNED_BYTES_MAX: usize = 8 << 10;

/// Most values that are learned. A call has a handful; of a sender or carrier that sends thousands the rest is masked
/// only where it stands, because time and memory grow with their number.
const VALUES_MAX: usize = 100;

/// Most bytes of the values that are learned. A carrier's tokens have some KiB.
const VALUES_BYTES_MAX: usize = 32 << 10;

/// How much more is learned when the door says what it placed: nobody can use that up by sending much.
const PLACED_FACTOR: usize = 2;

/// How much longer an encoded value is than the value, but for spellings that nobody uses.
const ENCODED_FACTOR: usize = 6;

/// Bytes that are kept of all names and texts of the posted request. A large order has some KiB.
pub(super) const REQUEST_BYTES_KEPT: usize = 32 << 10;

/// The VARs of category "Porting Information": account number, PIN or password, SSN or tax ID at the old carrier.
const SECRET_VARS: [(u8, &str); 3] = [(5, "VAR5"), (6, "VAR6"), (7, "VAR7")];

/// Knows the secret values of one call.
#[derive(Default)]
pub(super) struct Masker {
    module: Arc<Known>,
    call: Values,
}

impl Masker {
    /// Knows the module's own secrets.
    pub(super) fn new(module: Arc<Known>) -> Self {
        Self {
            module,
            call: Values::default(),
        }
    }

    /// Masks this value from now on, if it is neither too short nor too long.
    fn learn(&mut self, value: &str) {
        if value.len() <= LEARNED_BYTES_MAX && !self.module.0.contains(value.trim()) {
            self.call.add(value, VALUES_MAX, VALUES_BYTES_MAX);
        }
    }

    /// Masks these values from now on, because the door placed them into a request.
    pub(super) fn placed(&mut self, values: &[Secret]) {
        for value in values.iter().map(Secret::expose) {
            if !self.module.0.contains(value.trim()) {
                let (count, bytes) = (PLACED_FACTOR * VALUES_MAX, PLACED_FACTOR * VALUES_BYTES_MAX);
                self.call.add(value, count, bytes);
            }
        }
    }

    /// Knows the secrets of the posted request from now on.
    pub(super) fn learn_request(&mut self, tree: &Value) {
        self.learn_tree(tree, true, false);
    }

    /// Masks the posted request. Of its names and texts the first [`REQUEST_BYTES_KEPT`] bytes are kept.
    pub(super) fn request(&mut self, tree: &Value) -> Value {
        self.tree(tree, true, &mut { REQUEST_BYTES_KEPT })
    }

    /// Knows the secrets among an order's VARs from now on.
    pub(super) fn learn_vars(&mut self, vars: &Vars) {
        let secret = SECRET_VARS.iter().filter_map(|(index, _)| vars.get(*index));
        secret.for_each(|value| self.learn(value));
    }

    fn learn_tree(&mut self, tree: &Value, top: bool, secret: bool) {
        match tree {
            Value::Object(children) => {
                for (name, child) in children {
                    let attributes = name == "@attributes";
                    self.learn_tree(child, top && attributes, secret || is_secret(name, top));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_tree(item, false, secret)),
            Value::String(text) if secret => self.learn(text),
            Value::Number(number) if secret => self.learn(&number.to_string()),
            _ => {}
        }
    }

    fn tree(&mut self, tree: &Value, top: bool, left: &mut usize) -> Value {
        match tree {
            Value::Object(children) => {
                let masked = children.iter().map(|(name, child)| {
                    let masked = self.leaf(name, left).into_owned();
                    let child = match child {
                        Value::Null => Value::Null,
                        _ if is_secret(name, top) => Value::from(MASK),
                        child => self.tree(child, top && name == "@attributes", left),
                    };
                    (masked, child)
                });
                Value::Object(masked.collect())
            }
            Value::Array(items) => items.iter().map(|item| self.tree(item, false, left)).collect(),
            Value::String(text) => Value::from(self.leaf(text, left)),
            Value::Number(number) => match self.leaf(&number.to_string(), left) {
                Cow::Borrowed(_) => tree.clone(),
                Cow::Owned(masked) => Value::from(masked),
            },
            Value::Null | Value::Bool(_) => tree.clone(),
        }
    }

    fn leaf<'a>(&mut self, text: &'a str, left: &mut usize) -> Cow<'a, str> {
        if *left == 0 {
            return Cow::Borrowed("");
        }
        let masked = self.cut(text, *left);
        *left -= text.len().min(*left);
        masked
    }

    /// Masks a value that identifies something, such as an order number: only when all of it is secret. By a part of it
    /// that happens to look like a PIN nothing is given away, and without it the call could not be found.
    pub(super) fn identity<'a>(&self, text: &'a str) -> &'a str {
        let value = text.trim();
        if self.module.0.contains(value) || self.call.contains(value) {
            MASK
        } else {
            text
        }
    }

    /// Masks the value of VAR`index` in an answer, which from then on is known, and keeps what `bytes` of it have become.
    pub(super) fn var<'a>(&mut self, index: u8, value: &'a str, bytes: usize) -> Cow<'a, str> {
        if SECRET_VARS.iter().any(|(secret, _)| *secret == index) {
            self.learn(value);
            return Cow::Borrowed(MASK);
        }
        self.cut(value, bytes)
    }

    /// Masks a header's value, and keeps what `bytes` of it have become.
    pub(super) fn header<'a>(&mut self, name: &str, value: &'a str, bytes: usize) -> Cow<'a, str> {
        if !fields::is_secret_header(name) {
            return self.cut(value, bytes);
        }
        let seen = self.seen(value, bytes);
        let mut ranges = placeholder::around(seen, 0..seen.len());
        self.find(seen.as_bytes(), &mut ranges);
        replace(seen, ranges, bytes)
    }

    /// Masks a text and keeps what `bytes` of it have become. A secret that the cut goes through is masked as well.
    pub(super) fn cut<'a>(&mut self, text: &'a str, bytes: usize) -> Cow<'a, str> {
        let seen = self.seen(text, bytes);
        let mut ranges = Vec::new();
        for field in fields::find(seen) {
            let parts = placeholder::around(seen, field.clone());
            let learned = LEARNED_BYTES_MIN..=LEARNED_BYTES_MAX * ENCODED_FACTOR;
            let bare = parts.first() == Some(&field);
            if bare && learned.contains(&field.len()) && self.call.len() < VALUES_MAX {
                let value = &seen[field];
                self.learn(value);
                view::decoded(value).iter().for_each(|value| self.learn(value));
            }
            ranges.extend(parts);
        }
        self.find(seen.as_bytes(), &mut ranges);
        replace(seen, ranges, bytes)
    }

    /// As much of a text as has to be looked at to keep `bytes` of it.
    fn seen<'a>(&self, text: &'a str, bytes: usize) -> &'a str {
        let longest = self.module.0.longest().max(self.call.longest());
        &text[..text.floor_char_boundary(bytes.saturating_add(longest * ENCODED_FACTOR))]
    }

    /// Adds where known values are in this text.
    fn find(&mut self, text: &[u8], ranges: &mut Vec<Range<usize>>) {
        self.call.prepare();
        let known = [&self.module.0, &self.call];
        if known.iter().all(|values| values.is_empty()) {
            return;
        }
        for values in known {
            values.find(text, |found| add(ranges, found));
        }
        view::each(text, |view| {
            for values in known {
                values.find(&view.bytes, |found| add(ranges, view.source(found)));
            }
            settle(ranges);
        });
    }
}

/// Adds a range, or makes the one before it larger: a repetitive text has as many findings as characters.
fn add(ranges: &mut Vec<Range<usize>>, range: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if range.start <= last.end && last.start <= range.end => {
            *last = last.start.min(range.start)..last.end.max(range.end);
        }
        _ => ranges.push(range),
    }
}

/// Puts ranges in order and makes one of those that overlap or touch, so that there are never many more than characters.
fn settle(ranges: &mut Vec<Range<usize>>) {
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by(|next, kept| {
        let touches = next.start <= kept.end;
        if touches {
            kept.end = kept.end.max(next.end);
        }
        touches
    });
}

/// Whether a field of the posted request is secret. VARs are numbered at the top only: elsewhere the names mean nothing.
fn is_secret(name: &str, top: bool) -> bool {
    fields::is_secret(name) || top && SECRET_VARS.iter().any(|(_, var)| name.eq_ignore_ascii_case(var))
}

/// Puts [`MASK`] in the place of the ranges, of which some may overlap, in the first `bytes` of the text.
fn replace(text: &str, mut ranges: Vec<Range<usize>>, bytes: usize) -> Cow<'_, str> {
    let kept = text.floor_char_boundary(bytes);
    if ranges.is_empty() {
        return Cow::Borrowed(&text[..kept]);
    }
    settle(&mut ranges);
    let mut masked = String::with_capacity(kept);
    let mut at = 0;
    for range in ranges {
        if range.start >= kept {
            break;
        }
        // A range begins and ends with a character, but for one that an encoding split over several bytes.
        let start = text.floor_char_boundary(range.start);
        if start > at || at == 0 {
            masked.push_str(&text[at..start.max(at)]);
            masked.push_str(MASK);
        }
        at = at.max(text.ceil_char_boundary(range.end));
    }
    if at < kept {
        masked.push_str(&text[at..kept]);
    }
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests;
