//! Reporting what customers used.

use core::fmt::Display;

use crate::bindings::usage::exports::patchbay::module::usage as wit;
use crate::host;
use crate::orders::vars;
use crate::page::Page;

/// For a module whose carrier meters usage. Exported by `export!(Type: usage)`, and read on a schedule.
///
/// ```
/// use patchbay_module::{Module, Page, Reading, Subscription, Usage, config, http};
/// use serde::Deserialize;
///
/// struct Lines;
///
/// impl Module for Lines {
///     // …
/// }
///
/// #[derive(Deserialize)]
/// struct Used {
///     megabytes: u64,
/// }
///
/// impl Usage for Lines {
///     fn read(subscriptions: &[Subscription], _: Option<&str>) -> Result<Page<Reading>, String> {
///         let url = config::require("carrier_url")?;
///         let mut readings = Vec::new();
///         for subscription in subscriptions {
///             let Some(mdn) = subscription.var(3) else { continue };
///             let used: Used = http::get(format!("{url}/usage/{mdn}")).send()?.json()?;
///             readings.push(Reading::recurring(subscription.order_number(), "data", used.megabytes));
///         }
///         Ok(Page::of(readings))
///     }
/// }
///
/// patchbay_module::export!(Lines: usage);
///
/// // In the module's own tests:
/// use patchbay_module::testing::{Gateway, Reply};
///
/// let run = Gateway::new()
///     .config("carrier_url", "https://carrier.test")
///     .carrier(|_| Reply::json(200, &serde_json::json!({ "megabytes": 512 })))
///     .read_usage::<Lines>(&[Subscription::new("9105012", "4617ZU4617").with_var(3, "2025550143")], None);
/// assert_eq!(run.outcome, Ok(Page::of([Reading::recurring("4617ZU4617", "data", 512)])));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `Usage`",
    note = "a module that exports usage implements it, besides `Module`"
)]
pub trait Usage {
    /// Reads usage for `subscriptions`, from `cursor` on: `None` at first, then what the page before said. It must change
    /// nothing at the carrier: the gateway lets out only GET, HEAD, and requests whose grant is read_only.
    ///
    /// # Errors
    /// Why the carrier could not be asked. The batch ends here, to be resumed from `cursor`.
    fn read(subscriptions: &[Subscription], cursor: Option<&str>) -> Result<Page<Reading>, String>;
}

/// An order whose usage is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    account_number: String,
    order_number: String,
    vars: Vec<(u8, String)>,
}

impl Subscription {
    /// The customer's account at TeleCloud.
    #[must_use]
    pub fn account_number(&self) -> &str {
        &self.account_number
    }

    /// The order.
    #[must_use]
    pub fn order_number(&self) -> &str {
        &self.order_number
    }

    /// VAR`index` of the order, if it has a value.
    #[must_use]
    pub fn var(&self, index: u8) -> Option<&str> {
        let (_, value) = self.vars.iter().find(|(given, _)| *given == index)?;
        Some(value)
    }
}

/// For tests.
#[cfg(not(target_family = "wasm"))]
impl Subscription {
    /// An order without VARs.
    #[must_use]
    pub fn new(account_number: &str, order_number: &str) -> Self {
        Self {
            account_number: account_number.to_owned(),
            order_number: order_number.to_owned(),
            vars: Vec::new(),
        }
    }

    /// Sets VAR`index`.
    #[must_use]
    pub fn with_var(mut self, index: u8, value: &str) -> Self {
        self.vars.retain(|(given, _)| *given != index);
        self.vars.push((index, value.to_owned()));
        self
    }
}

impl From<wit::Subscription> for Subscription {
    fn from(subscription: wit::Subscription) -> Self {
        let vars = subscription.vars.into_iter();
        Self {
            account_number: subscription.account_number,
            order_number: subscription.order_number,
            vars: vars.map(|var| (var.index, var.value)).collect(),
        }
    }
}

/// What one order used of one component of its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Reading {
    kind: Kind,
    order_number: String,
    component_id: String,
    total: String,
    vars: Vec<(u8, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Recurring,
    OnceOff,
    Other(String),
}

impl Reading {
    /// Of a plan's allowance, which starts again with each cycle. `total` is what was used since the cycle began: a
    /// decimal number such as 12 or 0.75, in the carrier's own unit. The gateway's settings for the component
    /// `component_id` make TeleCloud's units of it.
    pub fn recurring(order_number: impl Into<String>, component_id: impl Into<String>, total: impl Display) -> Self {
        Self::new(Kind::Recurring, order_number.into(), component_id.into(), &total)
    }

    /// Of a top-up, which is used once.
    pub fn once_off(order_number: impl Into<String>, component_id: impl Into<String>, total: impl Display) -> Self {
        Self::new(Kind::OnceOff, order_number.into(), component_id.into(), &total)
    }

    /// Of a kind that the carrier named and the module does not know. It is counted and reported, and never dropped.
    pub fn other(
        kind: impl Into<String>,
        order_number: impl Into<String>,
        component_id: impl Into<String>,
        total: impl Display,
    ) -> Self {
        Self::new(
            Kind::Other(kind.into()),
            order_number.into(),
            component_id.into(),
            &total,
        )
    }

    fn new(kind: Kind, order_number: String, component_id: String, total: &dyn Display) -> Self {
        Self {
            kind,
            order_number,
            component_id,
            total: total.to_string(),
            vars: Vec::new(),
        }
    }

    /// Saves VAR`index`, 1 to 20, on the order along with it. An empty value is left out.
    pub fn var(mut self, index: u8, value: impl Into<String>) -> Self {
        self.vars.push((index, value.into()));
        self
    }
}

impl From<Reading> for wit::Reading {
    fn from(reading: Reading) -> Self {
        Self {
            kind: match reading.kind {
                Kind::Recurring => wit::Kind::Recurring,
                Kind::OnceOff => wit::Kind::OnceOff,
                Kind::Other(kind) => wit::Kind::Other(kind),
            },
            order_number: reading.order_number,
            component_id: reading.component_id,
            total: reading.total,
            vars: vars(reading.vars),
        }
    }
}

/// What the exported function does. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub fn read<M: Usage>(subscriptions: Vec<wit::Subscription>, cursor: Option<&str>) -> Result<wit::Page, String> {
    host::begin();
    let subscriptions: Vec<Subscription> = subscriptions.into_iter().map(Into::into).collect();
    let page = M::read(&subscriptions, cursor)?;
    Ok(wit::Page {
        readings: page.items.into_iter().map(Into::into).collect(),
        next: page.next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_crosses_the_boundary_whole() {
        let reading = wit::Reading::from(Reading::recurring("4617ZU4617", "C-7", 0.75).var(11, "0.75"));
        assert!(matches!(reading.kind, wit::Kind::Recurring));
        assert_eq!(
            (reading.order_number.as_str(), reading.component_id.as_str()),
            ("4617ZU4617", "C-7")
        );
        assert_eq!((reading.total.as_str(), reading.vars[0].index), ("0.75", 11));
        let reading = wit::Reading::from(Reading::other("roaming", "4617ZU4617", "C-7", 1));
        assert!(matches!(reading.kind, wit::Kind::Other(kind) if kind == "roaming"));
        let reading = wit::Reading::from(Reading::once_off("4617ZU4617", "C-7", 1));
        assert!(matches!(reading.kind, wit::Kind::OnceOff));
    }
}
