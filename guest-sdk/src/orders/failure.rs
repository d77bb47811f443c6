use crate::bindings::patchbay::module::orders as wit;

/// Why the order was not done.
///
/// The kinds differ in what may be done next, so choose with care: calling an unknown outcome a rejection can refund an
/// order that the carrier has carried out. `?` on an [`http::Error`](crate::http::Error) chooses between the last two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Definite: the carrier or the module refused, and nothing was changed. The text goes to TeleCloud's caller,
    /// unaltered.
    Rejected(String),
    /// The carrier did not take the request, so nothing was changed: safe to retry. The text is for the call record.
    Unreachable(String),
    /// The request was sent and no answer can be relied on: it may have happened. The text is for the call record.
    Unknown(String),
}

impl Failure {
    /// The module itself refuses. The text goes to TeleCloud's caller as it is.
    pub fn rejected(text: impl Into<String>) -> Self {
        Self::Rejected(text.into())
    }

    /// The carrier refused, in these words. TeleCloud's caller reads them after `Carrier Error: `.
    #[must_use]
    pub fn carrier(text: &str) -> Self {
        Self::Rejected(format!("Carrier Error: {text}"))
    }
}

impl From<Failure> for wit::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(text) => Self::Rejected(text),
            Failure::Unreachable(text) => Self::Unreachable(text),
            Failure::Unknown(text) => Self::Unknown(text),
        }
    }
}

/// For what only asks the carrier, where the kinds of failure make no difference.
impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        let (Failure::Rejected(text) | Failure::Unreachable(text) | Failure::Unknown(text)) = failure;
        text
    }
}
