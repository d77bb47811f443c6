//! An HTTP request from TeleCloud as an order event.
//!
//! How TeleCloud encodes a body is not documented, so whatever a sender may plausibly use is read, and every field that
//! was sent reaches the module under its own name. The first byte that is not white space decides: `{` is JSON, `<` is
//! XML, `[` is JSON if it is valid; else `Content-Type` does, and what it does not name is a form. A field at the top
//! that is not a text by the protocol (SERVICE, VARs, order numbers, …) may itself hold JSON or XML.
//!
//! | sent | means |
//! |---|---|
//! | `{}`, `[]`, empty text, null, absent | empty; kept as null under its name |
//! | bytes that are not UTF-8, overlong sequences among them | windows-1252: by name and value in forms, by the whole body else |
//! | `a=1&a=2`, `a[]=1&a[]=2`, `a[0]=1&a[1]=2`, a repeated JSON name or XML element | a list |
//! | `a=1&a[b]=2` | a list of both: `["1", {"b": "2"}]` |
//! | `a[`, `a]`, `[a]`, `a[b]c` | a name as it stands |
//! | `=1` | the empty name |
//! | `%zz` in a form | as it stands |
//! | number, true, false in JSON | the text as written: `1e999` loses nothing |
//! | lone surrogate in JSON | U+FFFD in a text, [`DecodeError::Malformed`] in a name |
//! | text beside attributes or elements in XML | under the name `0` |
//! | XML with a DTD, or with entities of its own | not XML |
//! | a field that begins like JSON or XML and is not | a text |
//! | `Customer` as a text; `Product`, `VARProduct` or `VAR` as `Array` | [`DecodeError::ObjectLost`] |
//! | `VAR0`, `VAR21`, `VAR01` | fields like any other, in the document only |
//! | SERVICE, NEW_STATE, a VAR, a number or a plan with two different values, also as `VAR1` and `var1` | [`DecodeError::Ambiguous`] |
//! | Order/Status without NEW_STATE | `SetStatus(Other(""))`: no guess at a state |
//! | body of a GET, or its query when it has none | order data in it is [`DecodeError::NotPosted`], never a test's success |
//!
//! What is empty once the credentials are out, or says "test" in SERVICE without order data, is a test request.
//!
//! Nothing here believes anything: who calls looks at [`Received::api_keys`] before acting on [`Received::kind`]. The
//! keys are nowhere else: not in the document, not in an error, not in debug output.

pub(super) mod charset;
mod credentials;
mod error;
mod event;
mod form;
mod json;
mod multipart;
pub(super) mod tree;
pub(super) mod xml;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};

pub use self::error::{DecodeError, Format};
pub use self::event::action;
use self::tree::Budget;
use crate::domain::event::{Document, Event};
use crate::domain::secret::Secret;

/// What a request may contain. How long its body may be is the listener's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Names and list positions that lead to a field. `Product[@attributes][product_id]` is 3 deep.
    pub nesting: u8,
    /// Texts and empty values, all told. An order with all of its objects has some hundred.
    pub fields: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            nesting: 16,
            fields: 2_000,
        }
    }
}

/// The parts of an HTTP request that matter here.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Orders come by POST.
    pub method: &'a Method,
    /// What follows `?` in the URL. Looked at only when a GET or HEAD has no body.
    pub query: Option<&'a str>,
    /// The header as sent, if it is text.
    pub content_type: Option<&'a str>,
    /// The whole body.
    pub body: &'a Bytes,
}

/// What was sent, with the keys that it was sent with, none of it checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Every API key in `APIAuth`, at most 8.
    pub api_keys: Vec<Secret>,
    /// What it says it is.
    pub kind: Kind,
}

/// What a request is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// TeleCloud wants to know whether anyone is there. Answered without calling a module.
    TestRequest,
    /// An order event.
    Order(Box<Event>),
    /// Something was posted, and it does not say what is to be done; for the record.
    MissingService(Document),
}

/// Reads a request.
///
/// # Errors
/// Why it cannot be acted on, whoever sent it.
pub fn decode(request: Request<'_>, limits: DecodeLimits) -> Result<Received, DecodeError> {
    let posted = match *request.method {
        Method::POST => true,
        Method::GET | Method::HEAD => false,
        _ => return Err(DecodeError::NotPosted),
    };
    let mut budget = Budget::new(limits);
    let mut fields = if !posted && request.body.is_empty() {
        form::read(request.query.unwrap_or_default().as_bytes(), &mut budget)?
    } else {
        body(request.content_type, request.body, &mut budget)?
    };
    open_up(&mut fields, &mut budget)?;
    let api_keys = credentials::take(&mut fields);
    let kind = event::kind(fields, posted)?;
    Ok(Received { api_keys, kind })
}

fn body(content_type: Option<&str>, body: &Bytes, budget: &mut Budget) -> Result<Map<String, Value>, DecodeError> {
    let content_type = content_type.unwrap_or_default();
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let bytes = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    match bytes.trim_ascii_start().first() {
        None => Ok(Map::new()),
        Some(b'{') => fields(Format::Json, json::read(&charset::text(bytes), 0, budget)?),
        Some(b'<') => fields(Format::Xml, xml::read(charset::text(bytes).trim_start(), 0, budget)?),
        Some(b'[') => match json::read(&charset::text(bytes), 0, budget) {
            Err(DecodeError::Malformed { .. }) if !essence.ends_with("json") => form::read(bytes, budget),
            read => fields(Format::Json, read?),
        },
        Some(_) if essence == "multipart/form-data" => multipart::read(content_type, body.clone(), budget),
        Some(_) if essence.ends_with("json") => fields(Format::Json, json::read(&charset::text(bytes), 0, budget)?),
        Some(_) => form::read(bytes, budget),
    }
}

/// A request is an object, or it is empty.
fn fields(format: Format, value: Value) -> Result<Map<String, Value>, DecodeError> {
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Null => Ok(Map::new()),
        _ => Err(DecodeError::Malformed {
            format,
            why: "it is a list or a text, where fields are expected".to_owned(),
        }),
    }
}

/// Puts what a field holds as JSON or XML in the place of its text.
fn open_up(fields: &mut Map<String, Value>, budget: &mut Budget) -> Result<(), DecodeError> {
    for (_, value) in fields.iter_mut().filter(|(name, _)| !event::is_text(name)) {
        let Value::String(text) = value else { continue };
        let inner = text.trim();
        let opened = match inner.as_bytes().first() {
            Some(b'{' | b'[') => json::read(inner, 1, budget),
            Some(b'<') => xml::read(inner, 1, budget),
            _ => continue,
        };
        match opened {
            // `<b>hello</b>` is better off as it is.
            Ok(Value::String(_)) | Err(DecodeError::Malformed { .. }) => {}
            Ok(tree) => *value = tree,
            Err(beyond_limits) => return Err(beyond_limits),
        }
    }
    Ok(())
}
