//! Which headers go out, and which come back. Pure.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};

use super::error::DoorError;
use super::secrets::{Place, Placer};

/// Headers about one connection, which is the door's own affair, and `Expect`, which would make the exchange two.
const OF_THE_CONNECTION: [HeaderName; 11] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
    header::EXPECT,
];

/// Headers by which some servers take another method than the request's own, which is the one that was granted.
const OF_ANOTHER_METHOD: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
];

/// Checks a module's headers and puts secrets in their places. Host, which may only be one of `hosts`, Content-Length and
/// Connection are left out: [`frame`] sets them.
pub(super) fn outgoing(
    given: &HeaderMap,
    hosts: [&str; 2],
    body_bytes: usize,
    placer: &mut Placer<'_>,
    most: usize,
) -> Result<HeaderMap, DoorError> {
    // Before anything is copied: what is over the limit already cannot get shorter.
    let size = |headers: &HeaderMap| -> usize { headers.iter().map(|(name, value)| line_bytes(name, value)).sum() };
    if size(given) > most {
        return Err(DoorError::RequestHeadersTooLarge { most });
    }
    let mut headers = HeaderMap::with_capacity(given.len() + 3);
    for (name, value) in given {
        if *name == header::HOST {
            if !hosts
                .iter()
                .any(|host| value.as_bytes().eq_ignore_ascii_case(host.as_bytes()))
            {
                return Err(DoorError::Denied(
                    "the Host header is not the host of the URL: leave it out".to_owned(),
                ));
            }
        } else if *name == header::CONTENT_LENGTH {
            if value.as_bytes() != body_bytes.to_string().as_bytes() {
                let why = format!("the Content-Length header is not the body's length, {body_bytes}: leave it out");
                return Err(DoorError::Denied(why));
            }
        } else if OF_THE_CONNECTION.contains(name) || OF_ANOTHER_METHOD.contains(name) {
            return Err(DoorError::Denied(format!(
                "a module may not set the {name} header: leave it out"
            )));
        } else {
            let filled = placer.place(value.as_bytes(), Place::Header, most);
            let value = match filled.map_err(|refused| DoorError::Denied(refused.to_string()))? {
                Some(filled) => sensitive(filled)?,
                None => value.clone(),
            };
            headers.append(name, value);
        }
    }
    if size(&headers) > most {
        return Err(DoorError::RequestHeadersTooLarge { most });
    }
    Ok(headers)
}

/// Sets the headers that say where a message is for and where it ends.
pub(super) fn frame(
    headers: &mut HeaderMap,
    authority: &str,
    method: &Method,
    body_bytes: usize,
) -> Result<(), DoorError> {
    let host = HeaderValue::from_str(authority).map_err(|_| DoorError::UrlInvalid("the URL has no host".to_owned()))?;
    headers.insert(header::HOST, host);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    // For these methods a body is expected, so its absence is stated.
    if body_bytes > 0 || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body_bytes));
    }
    Ok(())
}

/// Leaves out of an answer what was about its connection: it has come in whole.
pub(super) fn incoming(headers: &mut HeaderMap) {
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
}

fn line_bytes(name: &HeaderName, value: &HeaderValue) -> usize {
    // The colon, the space and the line's end.
    name.as_str().len() + value.len() + 4
}

fn sensitive(filled: Vec<u8>) -> Result<HeaderValue, DoorError> {
    let mut value = HeaderValue::try_from(filled)
        .map_err(|_| DoorError::Denied("a secret has a character in it that no header may have".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
