//! From a tree of fields to an order event: which fields decide what is done, and what they say.

use serde_json::{Map, Value};

use super::{DecodeError, Kind};
use crate::domain::event::{Action, Document, Event, ServiceStatus, VAR_MAX, Vars};

/// The objects of a request, as TeleCloud names them.
const OBJECTS: [&str; 4] = ["Customer", "Product", "VARProduct", "VAR"];

/// The texts of a request besides the VARs.
const TEXTS: [&str; 5] = [
    "SERVICE",
    "order_number",
    "parent_order_number",
    "CARRIER_PRODUCT_ID",
    "NEW_STATE",
];

type Fields = Map<String, Value>;

/// Whether a field is a text by the protocol, whatever it looks like.
pub(super) fn is_text(name: &str) -> bool {
    var_index(name).is_some() || TEXTS.iter().any(|text| text.eq_ignore_ascii_case(name))
}

/// Reads the fields, without credentials, of a request that was posted or not.
pub(super) fn kind(fields: Fields, posted: bool) -> Result<Kind, DecodeError> {
    check_objects(&fields)?;
    let service = text(&fields, "SERVICE")?.filter(|service| !service.trim().is_empty());
    let vars = vars(&fields)?;
    let order_number = text(&fields, "order_number")?;
    let order_data = !vars.is_empty() || order_number.is_some() || named(&fields, "Customer").any(|c| !is_empty(c));
    let service = match service {
        Some(service) if !order_data && service.to_ascii_lowercase().contains("test") => return Ok(Kind::TestRequest),
        Some(service) if posted => service,
        None if posted && !fields.values().all(is_empty) => {
            return Ok(Kind::MissingService(Document::new(Value::Object(fields))));
        }
        None if !order_data => return Ok(Kind::TestRequest),
        _ => return Err(DecodeError::NotPosted),
    };
    let new_state = text(&fields, "NEW_STATE")?;
    Ok(Kind::Order(Box::new(Event {
        action: action(&service, new_state.as_deref()),
        service,
        account_number: account_number(&fields)?,
        order_number,
        parent_order_number: text(&fields, "parent_order_number")?,
        carrier_product_id: text(&fields, "CARRIER_PRODUCT_ID")?,
        new_state,
        vars,
        document: Document::new(Value::Object(fields)),
    })))
}

/// A customer who arrived as a text is a customer who was lost on the way. The other objects may be texts, but not the
/// one that PHP writes for an array.
fn check_objects(fields: &Fields) -> Result<(), DecodeError> {
    let lost = |field, value: &Value| match value {
        Value::String(text) => field == "Customer" || text.trim() == "Array",
        _ => false,
    };
    for field in OBJECTS {
        if named(fields, field).any(|value| lost(field, value)) {
            return Err(DecodeError::ObjectLost { field });
        }
    }
    Ok(())
}

/// What SERVICE asks for, whatever its case and the slashes and white space around and between its words.
#[must_use]
pub fn action(service: &str, new_state: Option<&str>) -> Action {
    let words = service.split(|c: char| c == '/' || c.is_whitespace());
    match words.collect::<String>().to_ascii_lowercase().as_str() {
        "ordercreate" => Action::Create,
        "orderreplenish" => Action::Replenish,
        "orderstatus" => Action::SetStatus(status(new_state.unwrap_or_default())),
        "orderswap" => Action::Swap,
        "ordercancel" => Action::Cancel,
        "orderreportusage" => Action::UsageLimit,
        _ => Action::Other(service.to_owned()),
    }
}

fn status(new_state: &str) -> ServiceStatus {
    match new_state.trim().to_ascii_uppercase().as_str() {
        "ACTIVE" => ServiceStatus::Active,
        "SUSPENDED" => ServiceStatus::Suspended,
        "NON-PAY" | "NON_PAY" | "NONPAY" => ServiceStatus::NonPay,
        _ => ServiceStatus::Other(new_state.to_owned()),
    }
}

/// 3 for `VAR3`; `None` for `VAR`, `VAR0`, `VAR03`, `VAR21`.
fn var_index(name: &str) -> Option<u8> {
    let (prefix, digits) = name.split_at_checked(3)?;
    if !prefix.eq_ignore_ascii_case("VAR") || !digits.starts_with(|first: char| first.is_ascii_digit() && first != '0')
    {
        return None;
    }
    digits.parse().ok().filter(|index| *index <= VAR_MAX)
}

fn vars(fields: &Fields) -> Result<Vars, DecodeError> {
    let mut vars = Vars::default();
    for (name, value) in all(fields) {
        let Some(index) = var_index(name) else { continue };
        let field = || format!("VAR{index}");
        let Some(value) = one(std::iter::once(value), field)? else {
            continue;
        };
        if vars.get(index).is_some_and(|other| other != value) {
            return Err(DecodeError::Ambiguous { field: field() });
        }
        // `var_index` gives no other numbers than those of VARs.
        let _ = vars.set(index, value);
    }
    Ok(vars)
}

fn account_number(fields: &Fields) -> Result<Option<String>, DecodeError> {
    let customers = named(fields, "Customer").flat_map(|customer| match customer {
        Value::Array(customers) => customers.as_slice(),
        one => std::slice::from_ref(one),
    });
    let numbers = customers
        .filter_map(Value::as_object)
        .flat_map(|customer| named(customer, "account_number"));
    one(numbers, || "Customer.account_number".to_owned())
}

fn text(fields: &Fields, name: &str) -> Result<Option<String>, DecodeError> {
    one(named(fields, name), || name.to_owned())
}

/// The fields of an object, and those below its `@attributes`.
fn all(fields: &Fields) -> impl Iterator<Item = (&String, &Value)> {
    let attributes = fields.get("@attributes").and_then(Value::as_object);
    fields.iter().chain(attributes.into_iter().flatten())
}

fn named<'a>(fields: &'a Fields, name: &str) -> impl Iterator<Item = &'a Value> {
    all(fields)
        .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The one text among these values. Acting on one of two different texts would be a guess, and it could cost money.
fn one<'a>(values: impl Iterator<Item = &'a Value>, field: impl Fn() -> String) -> Result<Option<String>, DecodeError> {
    let mut found: Option<&str> = None;
    let mut rest: Vec<&Value> = values.collect();
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) if found.is_some_and(|other| other != text) => {
                return Err(DecodeError::Ambiguous { field: field() });
            }
            Value::String(text) => found = Some(text),
            Value::Array(items) => rest.extend(items),
            // The text of an XML element that has attributes.
            Value::Object(fields) => rest.extend(fields.get("0")),
            _ => {}
        }
    }
    Ok(found.map(str::to_owned))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(fields) => fields.values().all(is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
