use serde::de::DeserializeOwned;

use crate::Failure;
use crate::host;

/// The documents that TeleCloud sent along: the whole posted request, as one tree with `Customer`, `Product`,
/// `VARProduct` (the rate plan), `VAR` (the reseller's account) and whatever else was posted.
///
/// They stay with the gateway, and a module pulls what it needs. They come with the event only: when a module is asked about
/// an order later, every path is absent.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    tree: Option<host::Tree<'a>>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(tree: host::Tree<'a>) -> Self {
        Self { tree: Some(tree) }
    }

    /// Of an order that came without its documents.
    pub(crate) fn absent() -> Self {
        Self { tree: None }
    }

    /// The text at `path`: names joined by dots, such as `Customer.first_name`.
    ///
    /// Names match whatever their case. A name is also found under `@attributes` of the object it is looked for in, and a
    /// number selects from a list, counting from 0. Empty and absent values are both `None`, as is a path that ends at an
    /// object or a list.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<String> {
        self.tree?.get(path)
    }

    /// The tree below `path` as JSON text; the empty path is the whole request. `None` where there is nothing.
    #[must_use]
    pub fn json(&self, path: &str) -> Option<String> {
        self.tree?.json(path)
    }

    /// The tree below `path`, read into a type of the module's own. Every leaf is a text. Inside of it, names have the case
    /// that they were sent in.
    ///
    /// # Errors
    /// [`Failure::Rejected`] that names the path, when what is there does not fit the type.
    pub fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        let Some(json) = self.json(path) else {
            return Ok(None);
        };
        match serde_json::from_str(&json) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(Failure::rejected(format!("{path} cannot be read: {error}"))),
        }
    }
}
