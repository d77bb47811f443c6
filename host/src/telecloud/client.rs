//! The calls that the gateway makes at TeleCloud's API: what is sent, and what an answer means.
//!
//! An answer is one of three things: accepted, refused, or unclear. What is unclear may have been carried out.

mod answer;
mod call;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::{HeaderValue, Method, Request, header};

pub use self::answer::{Accepted, NotAccepted, Usage, read};
pub use self::call::{Call, Expression};

use crate::domain::telecloud::UrlTemplate;

/// Some servers turn clients away that do not say what they are.
const USER_AGENT: &str = concat!("patchbay/", env!("CARGO_PKG_VERSION"));

/// What goes into every call besides its own fields.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// What the call's URL is made by.
    pub url: &'a UrlTemplate,
    /// Whose key it is.
    pub api_id_key: &'a str,
    /// The key, or a placeholder that is replaced by it on the way out.
    pub api_key: &'a str,
}

/// Makes the request for a call: fields and credentials as a form for POST and PATCH, as the URL's query for DELETE.
///
/// # Errors
/// When the URL is none that HTTP has room for.
pub fn request(access: &Access<'_>, call: &Call) -> Result<Request<Bytes>, http::Error> {
    let (service, action) = call.name();
    let mut url = access.url.url(service, action);
    let mut form = Serializer::new(String::new());
    form.append_pair("API_ID_KEY", access.api_id_key);
    form.append_pair("API_KEY", access.api_key);
    for (name, value) in call.fields() {
        form.append_pair(&name, &value);
    }
    let form = form.finish();
    let method = call.method();
    let request = Request::builder()
        .header(header::ACCEPT, HeaderValue::from_static("text/xml, application/xml"))
        .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if method == Method::DELETE {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&form);
        return request.method(method).uri(url).body(Bytes::new());
    }
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request
        .method(method)
        .uri(url)
        .header(header::CONTENT_TYPE, form_type)
        .body(Bytes::from(form))
}

#[cfg(test)]
mod tests;
