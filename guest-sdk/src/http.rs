//! Requests to the carrier, one after the other.
//!
//! Every request leaves through the gateway's door, which opens only where the tenant has granted it. The gateway sets the
//! time limits, follows no redirect and decompresses nothing.

mod error;
mod request;
mod response;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use error::Error;
pub(crate) use error::Fault;
pub(crate) use request::Target;
pub use request::{Request, delete, get, patch, post, put};
pub use response::Response;

/// What RFC 3986 calls unreserved stays as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes a value for its place in a URL: one segment of a path, or one value of a query.
///
/// A segment of dots alone would be taken for a way up or nowhere, so its dots are encoded too.
#[must_use]
pub fn encode(value: &str) -> String {
    if value == "." || value == ".." {
        return value.replace('.', "%2E");
    }
    utf8_percent_encode(value, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_value_stays_one_segment() {
        for (value, encoded) in [
            ("2025550143", "2025550143"),
            ("a-b.c_d~e", "a-b.c_d~e"),
            ("a/b", "a%2Fb"),
            ("../x", "..%2Fx"),
            ("..", "%2E%2E"),
            ("?q=1#f", "%3Fq%3D1%23f"),
            ("50% é", "50%25%20%C3%A9"),
        ] {
            assert_eq!(encode(value), encoded);
        }
    }
}
