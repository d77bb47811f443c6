use core::fmt;

use super::Request;
use crate::Failure;
use crate::bindings::wasi::http::types::ErrorCode;

/// Why there is no answer that can be read.
///
/// A response that is not a success is not an error by itself: the module decides, see
/// [`Response::success_or`](super::Response::success_or).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    request: String,
    fault: Fault,
}

/// What went wrong, and on which side of the sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) sent: bool,
    pub(crate) cause: String,
}

impl Fault {
    pub(crate) fn not_sent(cause: impl Into<String>) -> Self {
        Self {
            sent: false,
            cause: cause.into(),
        }
    }

    pub(crate) fn sent(cause: impl Into<String>) -> Self {
        Self {
            sent: true,
            cause: cause.into(),
        }
    }
}

impl From<ErrorCode> for Fault {
    /// Only what surely comes before the first byte of a request counts as not sent: taking an unknown outcome for a
    /// known one is the dearer mistake.
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
                Self::not_sent("the host's name does not resolve")
            }
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
                Self::not_sent("the gateway denied it; the record of the call says why")
            }
            ErrorCode::ConnectionRefused => Self::not_sent("the connection was refused"),
            ErrorCode::ConnectionTimeout => Self::not_sent("connecting timed out"),
            ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionLimitReached => Self::not_sent("the host cannot be reached"),
            ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
                Self::not_sent("no secure connection could be made")
            }
            ErrorCode::HttpRequestLengthRequired
            | ErrorCode::HttpRequestMethodInvalid
            | ErrorCode::HttpRequestUriInvalid
            | ErrorCode::HttpRequestUriTooLong
            | ErrorCode::HttpRequestHeaderSectionSize(_)
            | ErrorCode::HttpRequestHeaderSize(_) => Self::not_sent(format!("the request is not valid: {code:?}")),
            ErrorCode::ConnectionTerminated => Self::sent("the connection was closed before the answer"),
            ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => Self::sent("no answer in time"),
            ErrorCode::HttpResponseIncomplete => Self::sent("the answer broke off"),
            ErrorCode::InternalError(Some(cause)) => Self::sent(cause),
            other => Self::sent(format!("{other:?}")),
        }
    }
}

impl Error {
    pub(crate) fn new(request: &Request, fault: Fault) -> Self {
        Self {
            request: request.name(),
            fault,
        }
    }

    pub(crate) fn unreadable(request: &str, cause: &dyn fmt::Display) -> Self {
        Self {
            request: request.to_owned(),
            fault: Fault::sent(format!("the answer cannot be read: {cause}")),
        }
    }

    /// Whether the request, or a part of it, may have reached the carrier.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.fault.sent
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.fault.cause)
    }
}

impl core::error::Error for Error {}

impl From<Error> for Failure {
    /// Not sent is unreachable; sent without an answer is unknown.
    fn from(error: Error) -> Self {
        if error.was_sent() {
            Self::Unknown(error.to_string())
        } else {
            Self::Unreachable(error.to_string())
        }
    }
}

/// For what only asks the carrier, where it makes no difference whether the request was sent.
impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::wasi::http::types::{DnsErrorPayload, TlsAlertReceivedPayload};

    fn failure(code: ErrorCode) -> Failure {
        Error::new(&super::super::post("https://carrier.test/a?pin=1"), code.into()).into()
    }

    #[test]
    fn what_comes_before_the_sending_is_unreachable() {
        let dns = DnsErrorPayload {
            rcode: None,
            info_code: None,
        };
        let alert = TlsAlertReceivedPayload {
            alert_id: None,
            alert_message: None,
        };
        for code in [
            ErrorCode::DnsTimeout,
            ErrorCode::DnsError(dns),
            ErrorCode::DestinationNotFound,
            ErrorCode::DestinationUnavailable,
            ErrorCode::DestinationIpProhibited,
            ErrorCode::ConnectionRefused,
            ErrorCode::ConnectionTimeout,
            ErrorCode::TlsProtocolError,
            ErrorCode::TlsCertificateError,
            ErrorCode::TlsAlertReceived(alert),
            ErrorCode::HttpRequestDenied,
            ErrorCode::HttpRequestUriInvalid,
        ] {
            assert!(matches!(failure(code.clone()), Failure::Unreachable(_)), "{code:?}");
        }
    }

    #[test]
    fn what_may_come_after_it_is_unknown() {
        for code in [
            ErrorCode::ConnectionTerminated,
            ErrorCode::ConnectionReadTimeout,
            ErrorCode::ConnectionWriteTimeout,
            ErrorCode::HttpRequestBodySize(None),
            ErrorCode::HttpResponseIncomplete,
            ErrorCode::HttpResponseBodySize(None),
            ErrorCode::HttpResponseTimeout,
            ErrorCode::HttpProtocolError,
            ErrorCode::LoopDetected,
            ErrorCode::ConfigurationError,
            ErrorCode::InternalError(None),
        ] {
            assert!(matches!(failure(code.clone()), Failure::Unknown(_)), "{code:?}");
        }
    }

    #[test]
    fn the_text_names_the_request_without_its_query() {
        assert_eq!(
            failure(ErrorCode::ConnectionRefused),
            Failure::Unreachable("POST https://carrier.test/a: the connection was refused".into())
        );
    }
}
