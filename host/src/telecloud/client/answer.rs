//! What TeleCloud's answer to a call means.
//!
//! A document whose root is `error` is a refusal, whatever the HTTP status, and so is one with an `error` just below its
//! root. A root `telecloud` with a status of success is acceptance. Anything else does not say what became of the call.

use http::StatusCode;
use serde_json::Value;

use super::Call;
use crate::domain::name::TelecloudId;
use crate::telecloud::decode::tree::Budget;
use crate::telecloud::decode::{DecodeError, DecodeLimits, charset, xml};

/// Most characters of a refusal's text that are kept. People read it on one screen; the rest is in the record.
const TEXT_CHARACTERS_MAX: usize = 1_000;

/// Where SimpleXML, and so our reader, puts the attributes of an element.
const ATTRIBUTES: &str = "@attributes";

/// The call was carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// What TeleCloud calls this transaction, for those who ask there.
    pub trans_id: Option<String>,
    /// The module that was made or changed.
    pub module_id: Option<TelecloudId>,
    /// What a usage component stood at, and stands at.
    pub usage: Option<Usage>,
}

/// A usage component's units, as TeleCloud writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Before the report.
    pub old: String,
    /// After it.
    pub new: String,
}

/// The call was not carried out, or nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// TeleCloud says no, in its own words.
    #[error("TeleCloud refused it: {0}")]
    Refused(String),
    /// It may have been carried out.
    #[error("{0}")]
    Unclear(String),
}

/// Reads the answer to a call.
///
/// # Errors
/// Why it is no acceptance.
pub fn read(call: &Call, status: StatusCode, body: &[u8]) -> Result<Accepted, NotAccepted> {
    let unclear = |why: &str| NotAccepted::Unclear(format!("TeleCloud answered {} {why}", status.as_u16()));
    let (root, content) = match document(body) {
        Ok(document) => document,
        Err(_) if status.is_redirection() => {
            return Err(unclear(
                "and wants to be asked elsewhere, which is not followed: correct the URL",
            ));
        }
        Err(error) => return Err(unclear(&format!("and not in XML that can be read: {error}"))),
    };
    if root.eq_ignore_ascii_case("error") {
        return Err(NotAccepted::Refused(brief(&content)));
    }
    if let Some(error) = below(&content, "error") {
        return Err(NotAccepted::Refused(brief(error)));
    }
    if !root.eq_ignore_ascii_case("telecloud") {
        return Err(unclear("in XML that is neither an acceptance nor an error"));
    }
    if !status.is_success() {
        return Err(unclear("with a document that says that it was accepted"));
    }
    let id = leaf(&content, "module_id").and_then(|id| TelecloudId::parse(id).ok());
    if id.is_none() && matches!(call, Call::CreateModule { .. }) {
        return Err(unclear(
            "that the module was made, without its module_id: look it up there",
        ));
    }
    let usage = match (leaf(&content, "old_value"), leaf(&content, "new_value")) {
        (Some(old), Some(new)) => Some(Usage {
            old: old.to_owned(),
            new: new.to_owned(),
        }),
        _ => None,
    };
    Ok(Accepted {
        trans_id: leaf(&content, "trans_id").map(str::to_owned),
        module_id: id,
        usage,
    })
}

/// The root's name and content.
fn document(body: &[u8]) -> Result<(String, Value), DecodeError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = charset::text(body);
    xml::document(text.trim_start(), 0, &mut Budget::new(DecodeLimits::default()))
}

/// An element right below.
fn below<'v>(content: &'v Value, name: &str) -> Option<&'v Value> {
    let mut fields = content.as_object()?.iter();
    fields.find_map(|(field, value)| field.eq_ignore_ascii_case(name).then_some(value))
}

/// The first attribute or element of this name that has a text, outermost first.
fn leaf<'v>(content: &'v Value, name: &str) -> Option<&'v str> {
    match content {
        Value::Object(fields) => {
            let own = below(content, ATTRIBUTES).and_then(|attributes| below(attributes, name));
            let own = own.or_else(|| below(content, name)).and_then(Value::as_str);
            own.map(str::trim)
                .or_else(|| fields.values().find_map(|value| leaf(value, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| leaf(item, name)),
        _ => None,
    }
}

/// All the text there is but attributes, cut to what people read.
fn brief(content: &Value) -> String {
    fn gather<'v>(content: &'v Value, texts: &mut Vec<&'v str>) {
        match content {
            Value::String(text) => texts.push(text.trim()),
            Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
            Value::Object(fields) => fields
                .iter()
                .filter(|(name, _)| *name != ATTRIBUTES)
                .for_each(|(_, value)| gather(value, texts)),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    gather(content, &mut texts);
    match texts.join(" ") {
        empty if empty.is_empty() => "it gave no reason".to_owned(),
        text => text.chars().take(TEXT_CHARACTERS_MAX).collect(),
    }
}
