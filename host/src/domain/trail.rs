//! The trail of administrative changes: who did what, when, from where, and what it was before and after.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::name::{ModulePath, TenantName};

/// Longest text of what something was or is, in bytes, that is kept as it is: a URL fits, a certificate does not.
pub const TEXT_BYTES_MAX: usize = 512;

/// Most bytes of all that something was, and of all that it is, as JSON. Ten grants fit.
pub const SHOWN_BYTES_MAX: usize = 8 << 10;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Actor {
    /// Whoever has the platform admin's token.
    PlatformAdmin {},
    /// Whoever has this token of a tenant.
    Token {
        /// Which tenant's.
        #[schema(value_type = String)]
        tenant: TenantName,
        /// The token's id, as it is listed.
        id: String,
        /// The token's label.
        label: String,
    },
    /// The gateway itself, or who runs its program.
    Gateway {},
    /// Somebody whose token is not valid.
    Stranger {},
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlatformAdmin {} => f.write_str("platform admin"),
            Self::Token { tenant, id, label } if label.trim().is_empty() => write!(f, "token {id} of {tenant}"),
            Self::Token { tenant, id, label } => write!(f, "token {id} of {tenant} ({label})"),
            Self::Gateway {} => f.write_str("gateway"),
            Self::Stranger {} => f.write_str("stranger"),
        }
    }
}

/// Who did something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who.
    pub actor: Actor,
    /// The address that the request came from, if it came from one.
    pub from: Option<IpAddr>,
}

impl Signature {
    /// The gateway's own.
    #[must_use]
    pub fn gateway() -> Self {
        Self {
            actor: Actor::Gateway {},
            from: None,
        }
    }
}

/// What is done to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// There was none, and now there is.
    Make,
    /// There was one, and now it is another.
    Change,
    /// There was one, and now there is none.
    Remove,
    /// A version serves.
    Activate,
    /// What was secret is replaced, and the old one is of no use any more.
    Rotate,
    /// What is secret was shown.
    Show,
    /// Calls to TeleCloud or to a carrier are made. Written before they are; their records say how they went.
    Begin,
    /// A person decided what becomes of something.
    Decide,
    /// The gateway runs.
    Start,
    /// The gateway was told to end.
    Stop,
    /// Somebody tried what they may not.
    Refuse,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Make => "make",
            Self::Change => "change",
            Self::Remove => "remove",
            Self::Activate => "activate",
            Self::Rotate => "rotate",
            Self::Show => "show",
            Self::Begin => "begin",
            Self::Decide => "decide",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Refuse => "refuse",
        })
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// What was done to it.
    pub verb: Verb,
    /// To what: the path of its route, without the version of the API.
    pub object: String,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
}

impl Deed {
    /// Something was done to an object: the path of its route, such as `tenants/acme/modules/sim/config`.
    /// Of a longer one than [`TEXT_BYTES_MAX`] the beginning is kept, and its size and hash.
    #[must_use]
    pub fn new(verb: Verb, object: impl Into<String>) -> Self {
        Self {
            verb,
            object: named(object.into()),
            before: None,
            after: None,
        }
    }

    /// The same, and what the object was. Nothing that is secret may be in it.
    #[must_use]
    pub fn before(self, before: &impl Serialize) -> Self {
        let before = Some(shown(before));
        Self { before, ..self }
    }

    /// The same, and what the object is from now on. Nothing that is secret may be in it.
    #[must_use]
    pub fn after(self, after: &impl Serialize) -> Self {
        let after = Some(shown(after));
        Self { after, ..self }
    }
}

/// The route of a module, as deeds name what is done to it and to what is below it.
#[must_use]
pub fn module_route(path: &ModulePath) -> String {
    format!("tenants/{}/modules/{}", path.tenant, path.module)
}

/// An entry of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    /// Counts from 1 within its trail, without a gap.
    pub number: u64,
    /// When it was written. Never before the entry that it follows.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it.
    pub by: Actor,
    /// The address that the request came from.
    #[schema(value_type = Option<String>)]
    pub from: Option<IpAddr>,
    /// What was done.
    pub verb: Verb,
    /// To what: the path of its route.
    #[schema(example = "tenants/acme/modules/sim/config")]
    pub object: String,
    /// What it was before, as the API shows it. Long texts are replaced by their size and BLAKE3 hash.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// What it was after.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
    /// BLAKE3 hash of the entry before this one; of nothing for the first. 64 hexadecimal digits.
    pub previous: String,
}

/// As the trail keeps it: what is long by its size and hash.
fn shown(value: &impl Serialize) -> Value {
    // What the API shows is JSON; if something should not be, the entry says so, and the change is on record.
    let value = serde_json::to_value(value).unwrap_or_else(|error| json!({"not_shown": error.to_string()}));
    let value = cut(value);
    let text = value.to_string();
    if text.len() > SHOWN_BYTES_MAX {
        return digest(&text);
    }
    value
}

fn cut(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES_MAX => digest(&text),
        Value::Array(items) => Value::Array(items.into_iter().map(cut).collect()),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, cut(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        value => value,
    }
}

/// An object's path can have what others posted in it, such as an order's number.
fn named(object: String) -> String {
    if object.len() <= TEXT_BYTES_MAX {
        return object;
    }
    let beginning = &object[..object.floor_char_boundary(TEXT_BYTES_MAX / 2)];
    let hash = blake3::hash(object.as_bytes()).to_hex();
    format!("{beginning}… ({} bytes, BLAKE3 {hash})", object.len())
}

fn digest(text: &str) -> Value {
    json!({"bytes": text.len(), "blake3": blake3::hash(text.as_bytes()).to_hex().to_string()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_kept_by_their_size_and_hash() {
        let deed = Deed::new(Verb::Change, "x")
            .before(&json!({"short": "s".repeat(TEXT_BYTES_MAX), "list": [1]}))
            .after(&json!({"long": ["l".repeat(TEXT_BYTES_MAX + 1)]}));
        let before = deed.before.expect("before");
        assert_eq!(before, json!({"short": "s".repeat(TEXT_BYTES_MAX), "list": [1]}));
        let hash = blake3::hash("l".repeat(TEXT_BYTES_MAX + 1).as_bytes())
            .to_hex()
            .to_string();
        let after = deed.after.expect("after");
        assert_eq!(after, json!({"long": [{"bytes": 513, "blake3": hash}]}));
    }

    #[test]
    fn an_object_stays_small_and_is_told_from_others() {
        let path = |last: char| format!("tenants/acme/{}{last}", "é".repeat(500_000));
        let (one, other) = (Deed::new(Verb::Decide, path('1')), Deed::new(Verb::Decide, path('2')));
        assert!(one.object.starts_with("tenants/acme/é") && one.object.len() < TEXT_BYTES_MAX);
        assert_ne!(one.object, other.object);
        let short = "s".repeat(TEXT_BYTES_MAX);
        assert_eq!(Deed::new(Verb::Decide, short.clone()).object, short);
    }

    #[test]
    fn an_entry_stays_small_however_much_was_changed() {
        let many: Vec<String> = (0..1_000).map(|number| format!("value {number}")).collect();
        let text = Value::from(many.clone()).to_string();
        let deed = Deed::new(Verb::Change, "x").after(&many);
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        assert_eq!(deed.after, Some(json!({"bytes": text.len(), "blake3": hash})));
    }
}
