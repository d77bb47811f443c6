//! Why a request could not be read.

use std::fmt;

/// How a body, or a field in it, is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/json`, or what begins with `{`.
    Json,
    /// What begins with `<`.
    Xml,
    /// `multipart/form-data`.
    Multipart,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::Xml => "XML",
            Self::Multipart => "multipart/form-data",
        })
    }
}

/// Why a request is not an order that can be acted on. The text is for the call record and quotes nothing of the
/// request, so no credential can be in it; [`DecodeError::sentence`] is for TeleCloud.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Order data came by another method than POST.
    #[error("an order came by another method than POST; only POST carries orders")]
    NotPosted,
    /// The body is not what its first byte or its content type says.
    #[error("the body was taken for {format} and is not: {why}")]
    Malformed {
        /// What it was taken for.
        format: Format,
        /// What is wrong, and where.
        why: String,
    },
    /// More fields than allowed.
    #[error("the request has more than {most} fields")]
    TooManyFields {
        /// How many are allowed.
        most: usize,
    },
    /// Fields inside fields, deeper than allowed.
    #[error("the request has fields that are nested deeper than {most} levels")]
    TooDeep {
        /// How many levels are allowed.
        most: u8,
    },
    /// An object arrived as a text, such as the `Array` that PHP writes for what multipart cannot carry.
    #[error("{field} arrived as a text instead of an object, so what was in it is lost")]
    ObjectLost {
        /// Which object.
        field: &'static str,
    },
    /// A field that decides what is done came more than once, with different values.
    #[error("{field} came more than once, with different values")]
    Ambiguous {
        /// Which field.
        field: String,
    },
}

impl DecodeError {
    /// What TeleCloud is told: a fixed sentence for whoever runs the module at TeleCloud's end.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::NotPosted => "Orders must be sent by POST".into(),
            Self::Malformed { format, .. } => format!("The order could not be read: its body is not valid {format}"),
            Self::TooManyFields { .. } => "The order could not be read: it has too many fields".into(),
            Self::TooDeep { .. } => "The order could not be read: its fields are nested too deeply".into(),
            Self::ObjectLost { field } => {
                format!("The order could not be read: {field} arrived as plain text and its fields are lost")
            }
            Self::Ambiguous { field } => format!("The order could not be read: {field} has two different values"),
        }
    }
}
