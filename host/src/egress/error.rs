//! Why an exchange came to nothing, told apart by what may be done next.

use super::record::Ended;

/// Why an exchange came to nothing.
///
/// Up to and including [`DoorError::CertificateInvalid`], the carrier has certainly not read one byte of the request. From
/// there on, some or all of it has left: the carrier may have carried it out, and nobody sends it again.
///
/// The texts are for the record of the call. None of them has a secret in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// No grant allows it: destination, secret, or a header that a module may not set.
    #[error("{0}")]
    Denied(String),
    /// A grant allows the name, and not the address that it stands for.
    #[error("{0}")]
    AddressDenied(String),
    /// The URL leads nowhere, or can be read in two ways.
    #[error("{0}")]
    UrlInvalid(String),
    /// The URL is over its limit.
    #[error("the URL is longer than {most} bytes")]
    UrlTooLong {
        /// The limit.
        most: usize,
    },
    /// The request's headers are over their limit.
    #[error("the request's headers are larger than {most} bytes")]
    RequestHeadersTooLarge {
        /// The limit.
        most: usize,
    },
    /// The request's body is over the module's limit.
    #[error("the request's body is larger than {most} bytes, the module's limit")]
    RequestTooLarge {
        /// The limit.
        most: u64,
    },
    /// The module did not finish the request's body, or it is not what its headers say.
    #[error("the module did not hand over a whole request: {0}")]
    RequestIncomplete(String),
    /// The call or the grant has no requests left, or the call no bytes.
    #[error("{0}")]
    LimitReached(String),
    /// What is sent must be on record first, and it could not be recorded.
    #[error("the request could not be recorded, so it was not sent: {0}")]
    NotRecorded(String),
    /// The name could not be looked up, or stands for no address.
    #[error("{0}")]
    DnsFailed(String),
    /// The carrier's machine says that nobody listens there.
    #[error("{0}")]
    Refused(String),
    /// There is no way there, or the connection closed before anything was sent.
    #[error("{0}")]
    Unreachable(String),
    /// Time ran out before anything was sent.
    #[error("{0}")]
    ConnectTimeout(String),
    /// No encrypted connection could be agreed upon. With TLS 1.3 a carrier that asked for the client's certificate judges it
    /// after the request was sent, and reads the request after it has judged.
    #[error("{0}")]
    TlsFailed(String),
    /// The carrier's certificate is not valid for its name, now, from a known authority.
    #[error("{0}")]
    CertificateInvalid(String),

    /// The connection closed after the request, or a part of it, was sent, and before the answer began.
    #[error("{0}")]
    Terminated(String),
    /// The answer, or its next part, did not come in time.
    #[error("{0}")]
    ResponseTimeout(String),
    /// The connection closed in the middle of the answer, or the answer's framing did.
    #[error("the carrier's answer broke off before its end")]
    ResponseIncomplete,
    /// The answer's headers are too many or too large.
    #[error("the carrier's answer has more than {most} headers, or more than {most_bytes} bytes of them")]
    ResponseHeadersTooLarge {
        /// The limit on their number.
        most: usize,
        /// The limit on their size.
        most_bytes: usize,
    },
    /// The answer's body, with all bodies of the call before, is over the module's limit; reading stopped there.
    #[error(
        "the carrier's answer brings the bodies of this call over {most} bytes, the module's limit for all together"
    )]
    TrafficUsedUp {
        /// The limit.
        most: u64,
    },
    /// The answer's body is over the module's limit; reading stopped there.
    #[error("the carrier's answer is larger than {most} bytes, the module's limit")]
    ResponseTooLarge {
        /// The limit.
        most: u64,
    },
    /// The answer is not HTTP.
    #[error("{0}")]
    ProtocolError(String),
}

impl DoorError {
    /// Whether any of the request may have reached the carrier. When not, it is safe to try again.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        match self {
            Self::Denied(_)
            | Self::AddressDenied(_)
            | Self::UrlInvalid(_)
            | Self::UrlTooLong { .. }
            | Self::RequestHeadersTooLarge { .. }
            | Self::RequestTooLarge { .. }
            | Self::RequestIncomplete(_)
            | Self::LimitReached(_)
            | Self::NotRecorded(_)
            | Self::DnsFailed(_)
            | Self::Refused(_)
            | Self::Unreachable(_)
            | Self::ConnectTimeout(_)
            | Self::TlsFailed(_)
            | Self::CertificateInvalid(_) => false,
            Self::Terminated(_)
            | Self::ResponseTimeout(_)
            | Self::ResponseIncomplete
            | Self::ResponseHeadersTooLarge { .. }
            | Self::TrafficUsedUp { .. }
            | Self::ResponseTooLarge { .. }
            | Self::ProtocolError(_) => true,
        }
    }

    /// How it is recorded, with this error's own text as the reason.
    pub(super) fn ended<'a>(&self, reason: &'a str) -> Ended<'a> {
        match self {
            Self::Denied(_)
            | Self::AddressDenied(_)
            | Self::UrlInvalid(_)
            | Self::UrlTooLong { .. }
            | Self::RequestHeadersTooLarge { .. }
            | Self::RequestTooLarge { .. }
            | Self::RequestIncomplete(_)
            | Self::LimitReached(_) => Ended::Denied { reason },
            _ if self.was_sent() => Ended::NoAnswer { reason },
            _ => Ended::NotSent { reason },
        }
    }
}
