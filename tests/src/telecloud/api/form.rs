//! The fields of one call, taken out one by one. What is left at the end is a field that the service does not have.

use std::collections::BTreeMap;

use crate::telecloud::Fields;

/// Why a call has no effect: the text of the `<error>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) String);

/// The number of variables that an order has.
const VARS: u8 = 20;

#[derive(Debug)]
pub(super) struct Form(Fields);

impl Form {
    pub(super) fn new(fields: Fields) -> Self {
        Self(fields)
    }

    /// A field that has to be there, and not be empty.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        let value = self.0.remove(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| Refusal(format!("Missing required parameter: {name}")))
    }

    /// A field that may be there, and then may be empty.
    pub(super) fn optional(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// `VAR1` to `VAR20`, as far as they are there.
    pub(super) fn vars(&mut self) -> BTreeMap<u8, String> {
        let var = |index| Some((index, self.0.remove(&format!("VAR{index}"))?));
        (1..=VARS).filter_map(var).collect()
    }

    /// Nothing else may be there.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.0.into_keys().next() {
            Some(name) => Err(Refusal(format!("Unknown parameter: {name}"))),
            None => Ok(()),
        }
    }
}

/// A value that does not have the form that it should.
pub(super) fn invalid(name: &str, value: &str) -> Refusal {
    Refusal(format!("Invalid {name}: {value}"))
}
