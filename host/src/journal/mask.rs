//! Masking: what must not be kept is replaced by [`MASK`] before a record is written.
//!
//! A value is secret by where it stands, and from then on by itself:
//! - in the posted request: VAR5 to VAR7, and fields named as in [`fields`], such as `Customer.password`, `Customer.SSN`,
//!   `Customer.DL` and `APIAuth`, whatever their case, also under `@attributes`;
//! - in any other text: fields of those names in JSON, forms, queries and XML, and the headers listed in [`fields`];
//! - the module's own secrets, which a carrier may echo.
//!
//! Values of three characters and more are then masked wherever they turn up in the same call, however they are encoded.
//! Shorter ones are masked only where they stand: a PIN of `1` would make every number unreadable. A secret field that
//! was met outside of the posted request makes its value known only from eight characters on, because such a field can
//! hold a word like `true`.
//!
//! Placeholders for secrets stay visible where a field or a header is masked: they say which secret was placed there.

mod fields;
mod view;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde_json::Value;

use crate::domain::name::SecretName;
use crate::domain::secret::{MASK, Secret};

/// Shortest value that is masked wherever it turns up, in characters.
const VALUE_CHARACTERS_MIN: usize = 3;

/// Shortest value that is learned from a field outside of the posted request, in bytes.
const LEARNED_BYTES_MIN: usize = 8;

/// Most values that are looked for. A call has a handful; of a sender or carrier that sends thousands the rest is masked
/// only where it stands, because time and memory grow with their number.
const VALUES_MAX: usize = 100;

/// The VARs of category "Porting Information": account number, PIN or password, SSN or tax ID at the old carrier.
const SECRET_VARS: [&str; 3] = ["VAR5", "VAR6", "VAR7"];

const PLACEHOLDER_OPEN: &str = "{{secret:";
const PLACEHOLDER_CLOSE: &str = "}}";

/// Knows the secret values of one call.
#[derive(Default)]
pub(super) struct Masker {
    values: BTreeSet<String>,
    /// Built when the first text is masked after a value was added.
    search: Option<AhoCorasick>,
}

impl Masker {
    /// Knows the module's own secrets.
    pub(super) fn new(secrets: &BTreeMap<SecretName, Secret>) -> Self {
        let mut masker = Self::default();
        secrets.values().for_each(|secret| masker.learn(secret.expose()));
        masker
    }

    /// Masks this value from now on, if it is long enough.
    pub(super) fn learn(&mut self, value: &str) {
        let value = value.trim();
        let known = self.values.len() >= VALUES_MAX || self.values.contains(value);
        if !known && value != MASK && value.chars().nth(VALUE_CHARACTERS_MIN - 1).is_some() {
            self.values.insert(value.to_owned());
            self.search = None;
        }
    }

    /// Masks the posted request, and knows its secrets from then on.
    pub(super) fn request(&mut self, tree: &Value) -> Value {
        self.learn_tree(tree, true, false);
        self.tree(tree, true)
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

    fn tree(&mut self, tree: &Value, top: bool) -> Value {
        match tree {
            Value::Object(children) => {
                let masked = children.iter().map(|(name, child)| {
                    let child = match child {
                        Value::Null => Value::Null,
                        _ if is_secret(name, top) => Value::from(MASK),
                        child => self.tree(child, top && name == "@attributes"),
                    };
                    (self.text(name).into_owned(), child)
                });
                Value::Object(masked.collect())
            }
            Value::Array(items) => items.iter().map(|item| self.tree(item, false)).collect(),
            Value::String(text) => Value::from(self.text(text)),
            Value::Number(number) => match self.text(&number.to_string()) {
                Cow::Borrowed(_) => tree.clone(),
                Cow::Owned(masked) => Value::from(masked),
            },
            Value::Null | Value::Bool(_) => tree.clone(),
        }
    }

    /// Masks a value that identifies something, such as an order number: only when all of it is secret. By a part of it
    /// that happens to look like a PIN nothing is given away, and without it the call could not be found.
    pub(super) fn identity(&self, text: &str) -> String {
        if self.values.contains(text.trim()) { MASK } else { text }.to_owned()
    }

    /// Masks the value of VAR`index` in an answer, which from then on is known.
    pub(super) fn var(&mut self, index: u8, value: &str) -> String {
        if is_secret(&format!("VAR{index}"), true) {
            self.learn(value);
            return MASK.to_owned();
        }
        self.text(value).into_owned()
    }

    /// Masks a header's value.
    pub(super) fn header(&mut self, name: &str, value: &str) -> String {
        if !fields::is_secret_header(name) {
            return self.text(value).into_owned();
        }
        let mut ranges = around_placeholders(value, 0..value.len());
        self.find(value.as_bytes(), &mut ranges);
        replace(value, ranges, value.len()).into_owned()
    }

    /// Masks any other text.
    pub(super) fn text<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        self.cut(text, text.len())
    }

    /// Masks a text and keeps what `bytes` of it have become. A secret that the cut goes through is masked as well.
    pub(super) fn cut<'a>(&mut self, text: &'a str, bytes: usize) -> Cow<'a, str> {
        // An encoded value is at most six times as long as itself, but for spellings that nobody uses.
        let longest = self.values.iter().map(String::len).max().unwrap_or(0) * 6;
        let seen = &text[..text.floor_char_boundary(bytes.saturating_add(longest))];
        let mut ranges = Vec::new();
        for field in fields::find(seen) {
            let parts = around_placeholders(seen, field.clone());
            if field.len() >= LEARNED_BYTES_MIN && parts.len() == 1 {
                let value = &seen[field];
                self.learn(value);
                view::decoded(value).iter().for_each(|value| self.learn(value));
            }
            ranges.extend(parts);
        }
        self.find(seen.as_bytes(), &mut ranges);
        replace(seen, ranges, bytes)
    }

    /// Adds where known values are in this text.
    fn find(&mut self, text: &[u8], ranges: &mut Vec<Range<usize>>) {
        if self.values.is_empty() {
            return;
        }
        if self.search.is_none() {
            // The kind that is quickest to build: it is used for one call.
            let kind = Some(AhoCorasickKind::NoncontiguousNFA);
            self.search = AhoCorasick::builder()
                .kind(kind)
                .ascii_case_insensitive(true)
                .build(&self.values)
                .ok();
        }
        // It is built from at most 100 values of a request, which is far below its limit of 2 GiB.
        let Some(search) = &self.search else {
            ranges.push(0..text.len());
            return;
        };
        search
            .find_overlapping_iter(text)
            .for_each(|found| add(ranges, found.range()));
        for view in view::views(text) {
            let found = search.find_overlapping_iter(&view.bytes);
            found.for_each(|found| add(ranges, view.source(found.range())));
        }
    }
}

/// Adds a range, or makes the one before it larger: a repetitive text has far more findings than characters.
fn add(ranges: &mut Vec<Range<usize>>, range: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if range.start <= last.end && last.start <= range.end => {
            *last = last.start.min(range.start)..last.end.max(range.end);
        }
        _ => ranges.push(range),
    }
}

/// Whether a field of the posted request is secret. VARs are numbered at the top only: elsewhere the names mean nothing.
fn is_secret(name: &str, top: bool) -> bool {
    fields::is_secret(name) || top && SECRET_VARS.iter().any(|var| name.eq_ignore_ascii_case(var))
}

/// The parts of a range that are not placeholders for secrets.
fn around_placeholders(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    let mut from = range.start;
    while let Some(open) = text[from..range.end].find(PLACEHOLDER_OPEN).map(|at| from + at) {
        from = open + PLACEHOLDER_OPEN.len();
        let Some(close) = text[from..range.end].find(PLACEHOLDER_CLOSE).map(|at| from + at) else {
            break;
        };
        if SecretName::parse(&text[from..close]).is_ok() {
            parts.push(start..open);
            start = close + PLACEHOLDER_CLOSE.len();
            from = start;
        }
    }
    parts.push(start..range.end);
    parts.retain(|part| !text[part.clone()].trim().is_empty());
    parts
}

/// Puts [`MASK`] in the place of the ranges, of which some may overlap, in the first `bytes` of the text.
fn replace(text: &str, mut ranges: Vec<Range<usize>>, bytes: usize) -> Cow<'_, str> {
    let kept = text.floor_char_boundary(bytes);
    if ranges.is_empty() {
        return Cow::Borrowed(&text[..kept]);
    }
    ranges.sort_by_key(|range| range.start);
    let mut masked = String::with_capacity(kept);
    let mut at = 0;
    for range in ranges {
        if range.start >= kept {
            break;
        }
        if range.start > at || at == 0 {
            // A range begins and ends with a character, but for one that an encoding split over several bytes.
            masked.push_str(&text[at..text.floor_char_boundary(range.start)]);
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
