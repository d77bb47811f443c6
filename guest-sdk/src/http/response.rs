use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::{Error, Request};
use crate::Failure;

/// A whole response, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    request: String,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(request: &Request, status: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>) -> Self {
        Self {
            request: request.name(),
            status,
            headers,
            body,
        }
    }

    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of that name, in any case, if it is a text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))?;
        core::str::from_utf8(value).ok()
    }

    /// Every header, in the order received.
    #[must_use]
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// The body's bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// When it does not fit the type. The request was sent, so `?` makes it an unknown outcome.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::unreadable(&self.request, &error))
    }

    /// The response itself if its status is a success, and otherwise the failure that the status tells of.
    ///
    /// With a status 4xx the carrier refused; `text` finds its words in the response, and they follow `Carrier Error: `.
    /// An empty text is replaced by the status. Any other status leaves the outcome unknown.
    ///
    /// # Errors
    /// [`Failure::Rejected`] or [`Failure::Unknown`], as above.
    pub fn success_or(self, text: impl FnOnce(&Self) -> String) -> Result<Self, Failure> {
        match self.status {
            200..300 => Ok(self),
            400..500 => match text(&self) {
                text if text.is_empty() => Err(Failure::carrier(&format!("HTTP {}", self.status))),
                text => Err(Failure::carrier(&text)),
            },
            _ => Err(self.unknown()),
        }
    }

    /// The failure of a response that leaves open what happened.
    #[must_use]
    pub fn unknown(&self) -> Failure {
        Failure::Unknown(format!("{}: the carrier answered HTTP {}", self.request, self.status))
    }

    /// What messages call the request that this answers: its method and its URL without the query.
    #[must_use]
    pub fn request(&self) -> &str {
        &self.request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response::new(
            &super::super::post("https://carrier.test/a"),
            status,
            Vec::new(),
            body.into(),
        )
    }

    #[test]
    fn a_status_tells_a_refusal_from_an_unknown_outcome() {
        let words = |response: &Response| response.text().into_owned();
        assert!(response(201, "").success_or(words).is_ok());
        for (status, body, failure) in [
            (422, "No such plan", Failure::carrier("No such plan")),
            (404, "", Failure::rejected("Carrier Error: HTTP 404")),
            (
                502,
                "No such plan",
                Failure::Unknown("POST https://carrier.test/a: the carrier answered HTTP 502".into()),
            ),
            (
                302,
                "",
                Failure::Unknown("POST https://carrier.test/a: the carrier answered HTTP 302".into()),
            ),
        ] {
            assert_eq!(response(status, body).success_or(words), Err(failure));
        }
    }

    #[test]
    fn an_unreadable_body_is_an_unknown_outcome() {
        let error = response(200, "<html>").json::<u8>().expect_err("no JSON");
        assert!(error.was_sent());
        assert!(matches!(Failure::from(error), Failure::Unknown(_)));
    }
}
