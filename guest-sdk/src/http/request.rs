use serde::Serialize;

use super::error::Fault;
use super::{Error, Response};
use crate::host;

/// A request that is being put together, and what a test sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it leaves with send()"]
pub struct Request {
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The parts of a URL that the gateway wants one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) https: bool,
    pub(crate) authority: &'a str,
    pub(crate) path_with_query: &'a str,
}

/// A GET request.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url.into())
}

/// A POST request.
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url.into())
}

/// A PUT request.
pub fn put(url: impl Into<String>) -> Request {
    Request::new("PUT", url.into())
}

/// A PATCH request.
pub fn patch(url: impl Into<String>) -> Request {
    Request::new("PATCH", url.into())
}

/// A DELETE request.
pub fn delete(url: impl Into<String>) -> Request {
    Request::new("DELETE", url.into())
}

impl Request {
    fn new(method: &'static str, url: String) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Sets these bytes as the body.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sets `value` as the body, in JSON.
    ///
    /// # Errors
    /// When the value has no form in JSON, such as a map whose keys are not texts. Nothing was sent.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Error> {
        match serde_json::to_vec(value) {
            Ok(body) => Ok(self.body("application/json", body)),
            Err(error) => Err(Error::new(&self, Fault::not_sent(format!("no JSON body: {error}")))),
        }
    }

    /// Sets these fields as the body, as a browser's form sends them.
    pub fn form<K: AsRef<str>, V: AsRef<str>>(self, fields: impl IntoIterator<Item = (K, V)>) -> Self {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Sends the request and waits for the whole response, whatever its status.
    ///
    /// # Errors
    /// When there is no whole response. [`Error::was_sent`] tells whether the carrier may have acted.
    pub fn send(self) -> Result<Response, Error> {
        self.target()
            .and_then(|target| host::send(&self, target))
            .map_err(|fault| Error::new(&self, fault))
    }

    /// In upper case.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method
    }

    /// The whole URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The path of the URL, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target()
            .map_or("", |target| target.path_with_query)
            .split('?')
            .next()
            .unwrap_or_default()
    }

    /// The first header of that name, in any case.
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// Every header, names in lower case, in the order that they were added.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body's bytes.
    #[must_use]
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body read as JSON; null if it is none. For tests.
    #[cfg(not(target_family = "wasm"))]
    #[must_use]
    pub fn body_json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What messages call it. A query may hold personal data, so it is left out.
    pub(crate) fn name(&self) -> String {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        format!("{} {url}", self.method)
    }

    fn target(&self) -> Result<Target<'_>, Fault> {
        let invalid = || Fault::not_sent("the URL must be https://host/path or http://host/path");
        let (scheme, rest) = self.url.split_once("://").ok_or_else(invalid)?;
        let https = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(invalid()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path_with_query) = match rest.find(['/', '?']) {
            Some(end) => rest.split_at(end),
            None => (rest, "/"),
        };
        // `https://host?query` lacks its path; a gateway takes it only with one, and no carrier is asked that way.
        if authority.is_empty() || !path_with_query.starts_with('/') {
            return Err(invalid());
        }
        Ok(Target {
            https,
            authority,
            path_with_query,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, https, authority, path_with_query) in [
            ("https://carrier.test/v1/a?b=c#d", true, "carrier.test", "/v1/a?b=c"),
            ("http://127.0.0.1:8080/", false, "127.0.0.1:8080", "/"),
            ("https://carrier.test", true, "carrier.test", "/"),
        ] {
            let target = Target {
                https,
                authority,
                path_with_query,
            };
            assert_eq!(get(url).target(), Ok(target), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_not_sent() {
        for url in [
            "",
            "/v1",
            "carrier.test/v1",
            "ftp://carrier.test/",
            "https:///v1",
            "https://carrier.test?a=b",
        ] {
            let error = get(url).send().expect_err("no URL");
            assert!(!error.was_sent(), "{url}");
        }
    }

    #[test]
    fn a_form_body_is_encoded() {
        let request = post("https://carrier.test/").form([("plan", "5 GB & more"), ("name", "é=")]);
        assert_eq!(request.body_bytes(), b"plan=5+GB+%26+more&name=%C3%A9%3D");
        assert_eq!(
            request.header_value("Content-Type"),
            Some("application/x-www-form-urlencoded")
        );
    }

    #[test]
    fn what_has_no_form_in_json_is_not_sent() {
        let keyed_by_bytes = std::collections::BTreeMap::from([(vec![1_u8], 1)]);
        let error = post("https://carrier.test/")
            .json(&keyed_by_bytes)
            .expect_err("no JSON");
        assert!(!error.was_sent());
    }
}
