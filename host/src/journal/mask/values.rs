//! The values that are looked for in texts, and the search for them.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use aho_corasick::Anchored;
use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::noncontiguous::NFA;

use crate::domain::secret::{MASK, Secret};

/// Shortest value that is masked wherever it turns up, in characters.
const VALUE_CHARACTERS_MIN: usize = 3;

/// A module's own secrets, prepared to be found in what its calls say: made once, and shared by all of them.
#[derive(Default)]
pub struct Known(pub(super) Values);

impl Known {
    /// Takes the values of these secrets.
    #[must_use]
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let mut values = Values::default();
        for secret in secrets {
            values.add(secret.expose(), usize::MAX, usize::MAX);
        }
        values.prepare();
        Self(values)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Values to be looked for.
#[derive(Default)]
pub(super) struct Values {
    all: BTreeSet<String>,
    /// Of all of them together.
    bytes: usize,
    longest: usize,
    search: Search,
}

#[derive(Default)]
enum Search {
    /// There is nothing to look for, or there is more than when it was last built.
    #[default]
    None,
    Built(Box<NFA>),
    /// It would be larger than 2 GiB, which the limits on values do not allow.
    TooLarge,
}

impl Values {
    /// Adds a value that is long enough, while there are fewer than `count` of them and no more than `bytes` in all.
    pub(super) fn add(&mut self, value: &str, count: usize, bytes: usize) {
        let value = value.trim();
        let fits = self.all.len() < count && self.bytes.saturating_add(value.len()) <= bytes;
        if fits
            && value != MASK
            && value.chars().nth(VALUE_CHARACTERS_MIN - 1).is_some()
            && self.all.insert(value.to_owned())
        {
            self.bytes += value.len();
            self.longest = self.longest.max(value.len());
            self.search = Search::None;
        }
    }

    pub(super) fn contains(&self, value: &str) -> bool {
        self.all.contains(value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Bytes of the longest one.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Builds the search, if a value was added since.
    pub(super) fn prepare(&mut self) {
        if matches!(self.search, Search::None) && !self.all.is_empty() {
            // Only where a search begins is it worth to have a table: it is built for few texts.
            let built = NFA::builder()
                .ascii_case_insensitive(true)
                .prefilter(false)
                .dense_depth(1)
                .build(&self.all);
            self.search = built.map_or(Search::TooLarge, |search| Search::Built(Box::new(search)));
        }
    }

    /// Gives the longest value that ends at each place, in the order of the places. Every other value that is there lies
    /// within these, so the work is that of reading the text once, whatever the values have in common.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        let search = match &self.search {
            Search::None => return,
            Search::Built(search) => search,
            Search::TooLarge => return found(0..text.len()),
        };
        let Ok(mut state) = search.start_state(Anchored::No) else {
            unreachable!("a search that begins anywhere is what was built");
        };
        for (at, byte) in text.iter().enumerate() {
            state = search.next_state(Anchored::No, state, *byte);
            if search.is_match(state) {
                // The values that end here are in the order in which the search falls back: from long to short.
                let length = search.pattern_len(search.match_pattern(state, 0));
                found(at + 1 - length..at + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(all: &[String]) -> Values {
        let mut values = Values::default();
        all.iter().for_each(|value| values.add(value, usize::MAX, usize::MAX));
        values.prepare();
        values
    }

    fn marked(text: &str, ranges: &[Range<usize>]) -> Vec<bool> {
        (0..text.len())
            .map(|at| ranges.iter().any(|range| range.contains(&at)))
            .collect()
    }

    proptest! {
        #[test]
        fn every_byte_of_every_value_is_found(
            all in proptest::collection::vec("[abA]{3,9}", 1..12),
            text in "[abAx]{0,60}",
        ) {
            let mut found = Vec::new();
            values(&all).find(text.as_bytes(), |range| found.push(range));
            let lower = text.to_lowercase();
            let mut expected = Vec::new();
            for value in &all {
                let value = value.to_lowercase();
                let starts = (0..text.len()).filter(|at| lower[*at..].starts_with(&value));
                expected.extend(starts.map(|at| at..at + value.len()));
            }
            prop_assert_eq!(marked(&text, &found), marked(&text, &expected));
        }
    }

    #[test]
    fn there_is_at_most_one_finding_at_each_place() {
        let nested: Vec<_> = (3..103).map(|length| "a".repeat(length)).collect();
        let mut found = 0;
        values(&nested).find(&[b'a'; 10_000], |_| found += 1);
        assert_eq!(found, 9_998);
    }

    #[test]
    fn values_past_the_limits_are_left_out() {
        let mut values = Values::default();
        for value in ["first", "too", "  first ", "no", "second", "third"] {
            values.add(value, 3, 12);
        }
        assert!(values.contains("first") && values.contains("too"));
        assert_eq!((values.len(), values.longest()), (2, 5));
    }

    #[test]
    fn known_secrets_are_not_printed() {
        let known = Known::new([&Secret::new("hunter2".into())]);
        assert_eq!(format!("{known:?}"), MASK);
    }
}
