//! What TeleCloud asks for.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Largest VAR number. VAR1 to VAR20 are an order's fields.
pub const VAR_MAX: u8 = 20;

/// VARs of the category "Porting Information".
pub const PORTING_VARS: [u8; 3] = [5, 6, 7];

/// Most characters of a VAR in an answer. The longest that carriers hand out, eSIM activation codes, stay below 300.
pub const VAR_CHARACTERS_MAX: usize = 4_096;

/// The VARs of an order that have a value, by number, 1 to [`VAR_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Vars(BTreeMap<u8, String>);

/// By hand, because inside a tagged enum serde offers the keys of a map as texts only.
impl<'de> Deserialize<'de> for Vars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut vars = Self::default();
        for (name, value) in BTreeMap::<String, String>::deserialize(deserializer)? {
            let set = name.parse().is_ok_and(|index| vars.set(index, value).is_ok());
            if !set {
                return Err(D::Error::custom(format_args!("{name:?} is not the number of a VAR")));
            }
        }
        Ok(vars)
    }
}

impl Vars {
    /// Sets VAR`index`. An empty value counts as absent and is left out.
    ///
    /// # Errors
    /// The index again, when it is not 1 to 20.
    pub fn set(&mut self, index: u8, value: String) -> Result<(), u8> {
        if !(1..=VAR_MAX).contains(&index) {
            return Err(index);
        }
        if !value.is_empty() {
            self.0.insert(index, value);
        }
        Ok(())
    }

    /// VAR`index`, if it has a value.
    #[must_use]
    pub fn get(&self, index: u8) -> Option<&str> {
        self.0.get(&index).map(String::as_str)
    }

    /// Takes over every VAR that `other` has.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// All but those that are secret, which a number is ported with: account, PIN and tax id at the other carrier.
    #[must_use]
    pub fn without_porting(mut self) -> Self {
        self.0.retain(|index, _| !PORTING_VARS.contains(index));
        self
    }

    /// Those that `other` does not have with the same value.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        self.0.retain(|index, value| other.get(*index) != Some(value.as_str()));
        self
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &str)> {
        self.0.iter().map(|(index, value)| (*index, value.as_str()))
    }

    /// Whether no VAR has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The state that an Order/Status event asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceStatus {
    /// In service.
    Active,
    /// Out of service, to come back.
    Suspended,
    /// Suspended for want of payment.
    NonPay,
    /// A state that is not known here, as sent.
    Other(String),
}

/// What is to be done: as read from SERVICE, or as an operator asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Order/Create.
    Create,
    /// Order/Replenish.
    Replenish,
    /// Order/Status with its NEW_STATE.
    SetStatus(ServiceStatus),
    /// Order/Swap.
    Swap,
    /// Order/Cancel.
    Cancel,
    /// Order/ReportUsage: what was bought is used up.
    UsageLimit,
    /// A new password for the service. An operator asks for it; TeleCloud never does.
    ChangePassword,
    /// A SERVICE that is not known here, as sent.
    Other(String),
}

/// The kinds of action that a grant can be limited to: what an event asks for, and what the gateway asks a module by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Order/Create.
    Create,
    /// Order/Replenish.
    Replenish,
    /// Order/Status, whatever the state.
    SetStatus,
    /// Order/Swap.
    Swap,
    /// Order/Cancel.
    Cancel,
    /// Order/ReportUsage.
    UsageLimit,
    /// An operator's new password.
    ChangePassword,
    /// Any SERVICE that is not known here.
    Other,
    /// How a pending order stands, whether the gateway asks or the carrier calls back.
    Completion,
    /// Whether an event of unknown outcome happened.
    Reconcile,
    /// What customers used.
    Usage,
    /// What the carrier has.
    Audit,
}

impl ActionKind {
    /// Whether the module may only look, and change nothing at the carrier.
    #[must_use]
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Reconcile | Self::Usage | Self::Audit)
    }
}

impl Action {
    /// The action without its particulars.
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::Create => ActionKind::Create,
            Self::Replenish => ActionKind::Replenish,
            Self::SetStatus(_) => ActionKind::SetStatus,
            Self::Swap => ActionKind::Swap,
            Self::Cancel => ActionKind::Cancel,
            Self::UsageLimit => ActionKind::UsageLimit,
            Self::ChangePassword => ActionKind::ChangePassword,
            Self::Other(_) => ActionKind::Other,
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Replenish => "replenish",
            Self::SetStatus => "set-status",
            Self::Swap => "swap",
            Self::Cancel => "cancel",
            Self::UsageLimit => "usage-limit",
            Self::ChangePassword => "change-password",
            Self::Other => "other",
            Self::Completion => "completion",
            Self::Reconcile => "reconcile",
            Self::Usage => "usage",
            Self::Audit => "audit",
        })
    }
}

/// The posted request as one tree of objects, lists and texts, without its credentials.
///
/// Leaves are texts; every spelling of "empty" has become [`Value::Null`] or is gone. Field names are as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(Value);

impl Document {
    /// Wraps a decoded tree. Whoever decodes leaves `APIAuth` out.
    #[must_use]
    pub fn new(tree: Value) -> Self {
        Self(tree)
    }

    /// The whole tree.
    #[must_use]
    pub fn tree(&self) -> &Value {
        &self.0
    }

    /// The text at a dotted path: names in any case, also below `@attributes`; numbers select from lists.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.at(path)? {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// What is at a dotted path; the empty path is the whole tree. `None` for what is absent or empty.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Value> {
        let mut here = &self.0;
        if !path.is_empty() {
            for name in path.split('.') {
                here = child(here, name)?;
            }
        }
        (!here.is_null()).then_some(here)
    }
}

fn child<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => named(fields, name).or_else(|| {
            named(fields, "@attributes")
                .and_then(Value::as_object)
                .and_then(|inner| named(inner, name))
        }),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

fn named<'a>(fields: &'a serde_json::Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| {
        fields
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

/// One order event, ready for a module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// SERVICE as it was sent.
    pub service: String,
    /// What SERVICE and NEW_STATE ask for.
    pub action: Action,
    /// `Customer.account_number`.
    pub account_number: Option<String>,
    /// `order_number`; most Order/Create events have none yet.
    pub order_number: Option<String>,
    /// `parent_order_number`: for an add-on.
    pub parent_order_number: Option<String>,
    /// `CARRIER_PRODUCT_ID`.
    pub carrier_product_id: Option<String>,
    /// `NEW_STATE` as it was sent.
    pub new_state: Option<String>,
    /// VAR1 to VAR20.
    pub vars: Vars,
    /// Everything that was posted, but the credentials.
    pub document: Document,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_finds_names_in_any_case_and_below_attributes() {
        let document = Document::new(json!({
            "Customer": {"First_Name": "Avery", "empty": null},
            "Product": {"@attributes": {"product_id": "337"}},
            "list": [{"a": "x"}],
        }));
        assert_eq!(document.text("customer.first_name"), Some("Avery"));
        assert_eq!(document.text("Product.product_id"), Some("337"));
        assert_eq!(document.text("list.0.a"), Some("x"));
        for absent in [
            "Customer",
            "Customer.empty",
            "Customer.last_name",
            "list.1.a",
            "list.x",
            "",
        ] {
            assert_eq!(document.text(absent), None, "{absent}");
        }
    }

    #[test]
    fn vars_are_1_to_20_and_never_empty() {
        let mut vars = Vars::default();
        assert_eq!(vars.set(0, "x".into()), Err(0));
        assert_eq!(vars.set(21, "x".into()), Err(21));
        assert_eq!(vars.set(3, String::new()), Ok(()));
        assert!(vars.is_empty());
        vars.set(20, "b".into()).expect("20 is a VAR");
        vars.set(1, "a".into()).expect("1 is a VAR");
        assert_eq!(vars.iter().collect::<Vec<_>>(), [(1, "a"), (20, "b")]);
    }

    #[test]
    fn vars_in_json_are_checked_too() {
        let vars: Vars = serde_json::from_value(json!({"3": "a", "20": "b", "4": ""})).expect("VARs");
        assert_eq!(vars.iter().collect::<Vec<_>>(), [(3, "a"), (20, "b")]);
        for bad in [
            json!({"21": "x"}),
            json!({"0": "x"}),
            json!({"x": "y"}),
            json!({"3": 1}),
        ] {
            assert!(serde_json::from_value::<Vars>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_event_that_was_kept_is_the_same_event() {
        let mut vars = Vars::default();
        vars.set(15, "SUBMITTED".into()).expect("15 is a VAR");
        for action in [
            Action::Create,
            Action::SetStatus(ServiceStatus::NonPay),
            Action::SetStatus(ServiceStatus::Other("PAUSED".into())),
            Action::ChangePassword,
            Action::Other("Order/Teleport".into()),
        ] {
            let event = Event {
                service: "Order/Create".into(),
                action,
                account_number: Some("9105012".into()),
                order_number: None,
                parent_order_number: None,
                carrier_product_id: Some("VZW-15GB-UNLTT".into()),
                new_state: None,
                vars: vars.clone(),
                document: Document::new(json!({"Customer": {"first_name": "Avery"}})),
            };
            let kept = serde_json::to_string(&event).expect("an event has a form in JSON");
            assert_eq!(serde_json::from_str::<Event>(&kept).expect("read back"), event);
        }
    }
}
