//! Placeholders, and putting secrets in their places on the way out. Pure.
//!
//! A module never holds a secret. It writes `{{secret:NAME}}`, or `{{basic:USER:PASSWORD}}` with the names of two secrets for
//! the base64 form that HTTP's Basic authentication wants, into a header's value, the query or the body. In the query and in
//! a form body the placeholder is also found when it was percent-encoded, as HTTP libraries do.
//!
//! A secret is escaped for where it lands: percent-encoded in the query and in a form body, as text within a string in a JSON
//! body, as character data in an XML body, and unchanged anywhere else.
//!
//! A placeholder is found wherever it stands, also in text that came from a customer or a carrier and that the module only
//! passed on. It goes nowhere but to the destinations that its grant names. Whoever takes texts in from outside can refuse
//! those that [`mentions`] finds one in.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::grant::Grant;
use crate::domain::name::SecretName;
use crate::domain::secret::Secret;

/// What stands after the two braces.
const SECRET: &[u8] = b"secret:";
const BASIC: &[u8] = b"basic:";

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a module writes where a secret belongs.
#[must_use]
pub fn placeholder(name: &SecretName) -> String {
    format!("{{{{secret:{name}}}}}")
}

/// What a module writes after `Basic ` in an Authorization header.
#[must_use]
pub fn basic_placeholder(user: &SecretName, password: &SecretName) -> String {
    format!("{{{{basic:{user}:{password}}}}}")
}

/// Whether a text has the beginning of a placeholder in it, percent-encoded or not.
#[must_use]
pub fn mentions(text: &[u8]) -> bool {
    next_opening(text, 0, true).is_some()
}

/// Why a secret is not put in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Begun and not ended.
    #[error("{place} has a placeholder in it that is neither {{{{secret:NAME}}}} nor {{{{basic:USER:PASSWORD}}}}")]
    Malformed {
        /// Where.
        place: Place,
    },
    /// The grant does not list it.
    #[error("grant \"{grant}\" does not let secret \"{secret}\" out: add it to the grant's secrets")]
    NotGranted {
        /// By which the request would go out.
        grant: String,
        /// Which was asked for.
        secret: SecretName,
    },
    /// No value.
    #[error("secret \"{secret}\" is not set: set it, or correct its name in the module")]
    NotSet {
        /// Which was asked for.
        secret: SecretName,
    },
    /// A control character in it could end the header.
    #[error("secret \"{secret}\" has a line break or another control character in it and cannot stand in a header")]
    NotForHeader {
        /// Which was asked for.
        secret: SecretName,
    },
    /// Its colon would end the user name.
    #[error("secret \"{secret}\" has a colon in it and cannot be the user of {{{{basic:USER:PASSWORD}}}}")]
    ColonInUser {
        /// Which was asked for.
        secret: SecretName,
    },
    /// See there.
    #[error("{place} is longer than {most} bytes once its secrets are in it")]
    TooLong {
        /// What.
        place: Place,
        /// The limit that it is over.
        most: usize,
    },
}

/// Where a placeholder stands, which says how its secret is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A header's value.
    Header,
    /// The URL's query.
    Query,
    /// A body of `application/x-www-form-urlencoded`.
    FormBody,
    /// A body of `application/json` or `…+json`.
    JsonBody,
    /// A body of `application/xml`, `text/xml` or `…+xml`.
    XmlBody,
    /// Any other body.
    PlainBody,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "a header",
            Self::Query => "the query",
            Self::FormBody | Self::JsonBody | Self::XmlBody | Self::PlainBody => "the body",
        })
    }
}

impl Place {
    /// The kind of body that a Content-Type announces.
    #[must_use]
    pub fn body(content_type: Option<&str>) -> Self {
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => Self::FormBody,
            "application/json" => Self::JsonBody,
            "application/xml" | "text/xml" => Self::XmlBody,
            other if other.ends_with("+json") => Self::JsonBody,
            other if other.ends_with("+xml") => Self::XmlBody,
            _ => Self::PlainBody,
        }
    }

    fn is_percent_encoded(self) -> bool {
        matches!(self, Self::Query | Self::FormBody)
    }

    fn escape(self, value: &str) -> Cow<'_, str> {
        match self {
            Self::Query | Self::FormBody => utf8_percent_encode(value, RESERVED).into(),
            Self::JsonBody => {
                let quoted = serde_json::Value::from(value).to_string();
                Cow::Owned(quoted[1..quoted.len() - 1].to_owned())
            }
            Self::XmlBody => quick_xml::escape::escape(value),
            Self::Header | Self::PlainBody => Cow::Borrowed(value),
        }
    }
}

/// Puts one request's secrets in their places, and keeps what it put there.
pub struct Placer<'a> {
    grant: &'a Grant,
    secrets: &'a BTreeMap<SecretName, Secret>,
    placed: Vec<Secret>,
    /// The hashes of these: a module can have ten thousand placed in one request.
    kept: HashSet<blake3::Hash>,
}

impl<'a> Placer<'a> {
    /// For a request that goes out by this grant.
    #[must_use]
    pub fn new(grant: &'a Grant, secrets: &'a BTreeMap<SecretName, Secret>) -> Self {
        Self {
            grant,
            secrets,
            placed: Vec::new(),
            kept: HashSet::new(),
        }
    }

    /// The text with secrets in the place of its placeholders; `None` when it has none.
    ///
    /// # Errors
    /// When a placeholder is malformed, its secret may not go there or does not fit there, or the result has more than
    /// `most` bytes. The error names the secret and never tells its value.
    pub fn place(&mut self, text: &[u8], place: Place, most: usize) -> Result<Option<Vec<u8>>, Refused> {
        let percent = place.is_percent_encoded();
        let Some(mut opening) = next_opening(text, 0, percent) else {
            return Ok(None);
        };
        let mut filled = Vec::with_capacity(text.len());
        let mut copied = 0;
        loop {
            let (named, end) = read_placeholder(text, opening, percent).ok_or(Refused::Malformed { place })?;
            let value = self.value(&named, place)?;
            filled.extend_from_slice(&text[copied..opening]);
            filled.extend_from_slice(value.expose().as_bytes());
            self.keep(value);
            copied = end;
            if filled.len() > most {
                return Err(Refused::TooLong { place, most });
            }
            match next_opening(text, end, percent) {
                Some(next) => opening = next,
                None => break,
            }
        }
        filled.extend_from_slice(&text[copied..]);
        if filled.len() > most {
            return Err(Refused::TooLong { place, most });
        }
        Ok(Some(filled))
    }

    /// Every text that was put somewhere, and the secrets that went into it: what must not be shown if it comes back.
    #[must_use]
    pub fn placed(self) -> Vec<Secret> {
        self.placed
    }

    fn value(&mut self, named: &Named, place: Place) -> Result<Secret, Refused> {
        let value = match named {
            Named::Secret(name) => self.secret(name)?.clone(),
            Named::Basic(user, password) => {
                let (user_value, password_value) = (self.secret(user)?, self.secret(password)?);
                if user_value.expose().contains(':') {
                    return Err(Refused::ColonInUser { secret: user.clone() });
                }
                let joined = Secret::new(format!("{}:{}", user_value.expose(), password_value.expose()));
                let (user_value, password_value) = (user_value.clone(), password_value.clone());
                self.keep(user_value);
                self.keep(password_value);
                Secret::new(STANDARD.encode(joined.expose()))
            }
        };
        if place == Place::Header && value.expose().chars().any(char::is_control) {
            let (Named::Secret(secret) | Named::Basic(secret, _)) = named;
            return Err(Refused::NotForHeader { secret: secret.clone() });
        }
        let escaped = Secret::new(place.escape(value.expose()).into_owned());
        self.keep(value);
        Ok(escaped)
    }

    fn secret(&self, name: &SecretName) -> Result<&'a Secret, Refused> {
        if !self.grant.secrets.contains(name) {
            return Err(Refused::NotGranted {
                grant: self.grant.name.to_string(),
                secret: name.clone(),
            });
        }
        self.secrets
            .get(name)
            .ok_or_else(|| Refused::NotSet { secret: name.clone() })
    }

    fn keep(&mut self, secret: Secret) {
        if !secret.expose().is_empty() && self.kept.insert(blake3::hash(secret.expose().as_bytes())) {
            self.placed.push(secret);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Named {
    Secret(SecretName),
    Basic(SecretName, SecretName),
}

/// The byte at a place, decoded if it is percent-encoded and that counts, and the place after it.
fn byte_at(text: &[u8], at: usize, percent: bool) -> Option<(u8, usize)> {
    let byte = *text.get(at)?;
    if percent && byte == b'%' {
        let digit = |offset| text.get(at + offset).and_then(|digit| char::from(*digit).to_digit(16));
        if let (Some(high), Some(low)) = (digit(1), digit(2)) {
            return Some((u8::try_from(high * 16 + low).unwrap_or(byte), at + 3));
        }
    }
    Some((byte, at + 1))
}

/// The place after `literal`, if that stands here.
fn skip(text: &[u8], mut at: usize, percent: bool, literal: &[u8]) -> Option<usize> {
    for expected in literal {
        let (byte, next) = byte_at(text, at, percent)?;
        if byte != *expected {
            return None;
        }
        at = next;
    }
    Some(at)
}

/// Where the next placeholder begins. Whatever stands in a text, each byte of it is looked at a few times at most: modules
/// choose what is searched.
fn next_opening(text: &[u8], from: usize, percent: bool) -> Option<usize> {
    let may_be_brace = |byte: &u8| *byte == b'{' || (percent && *byte == b'%');
    let mut at = from;
    // The place of a brace that stands right before.
    let mut brace = None;
    loop {
        if brace.is_none() {
            at += text.get(at..)?.iter().position(may_be_brace)?;
        }
        let (byte, next) = byte_at(text, at, percent)?;
        let before = brace.take();
        if byte == b'{' {
            let named = |word| skip(text, next, percent, word).is_some();
            if before.is_some() && (named(SECRET) || named(BASIC)) {
                return before;
            }
            brace = Some(at);
        }
        at = next;
    }
}

/// Reads the placeholder that begins here, and says where it ends.
fn read_placeholder(text: &[u8], at: usize, percent: bool) -> Option<(Named, usize)> {
    let at = skip(text, at, percent, b"{{")?;
    if let Some(at) = skip(text, at, percent, SECRET) {
        let (name, at) = read_name(text, at, percent)?;
        return Some((Named::Secret(name), skip(text, at, percent, b"}}")?));
    }
    let at = skip(text, at, percent, BASIC)?;
    let (user, at) = read_name(text, at, percent)?;
    let (password, at) = read_name(text, skip(text, at, percent, b":")?, percent)?;
    Some((Named::Basic(user, password), skip(text, at, percent, b"}}")?))
}

fn read_name(text: &[u8], mut at: usize, percent: bool) -> Option<(SecretName, usize)> {
    let mut name = String::new();
    while let Some((byte, next)) = byte_at(text, at, percent)
        && !matches!(byte, b':' | b'}')
        // One more than a name may have is enough to be refused.
        && name.len() <= 64
    {
        name.push(char::from(byte));
        at = next;
    }
    Some((SecretName::parse(&name).ok()?, at))
}

#[cfg(test)]
mod tests;
