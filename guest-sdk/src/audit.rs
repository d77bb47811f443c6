//! Listing what the carrier has, to be compared with the gateway's own record of orders.

use crate::bindings::audit::exports::patchbay::module::audit as wit;
use crate::host;
use crate::orders::ServiceStatus;
use crate::page::Page;

/// For a module whose carrier can list its lines. Exported by `export!(Type: audit)`, and asked on a schedule or by command.
///
/// ```
/// use patchbay_module::{Audit, Module, Page, ServiceStatus, Subscriber, config, http};
/// use serde::Deserialize;
///
/// struct Lines;
///
/// impl Module for Lines {
///     // …
/// }
///
/// #[derive(Deserialize)]
/// struct Listed {
///     lines: Vec<Line>,
///     next: Option<String>,
/// }
///
/// #[derive(Deserialize)]
/// struct Line {
///     id: String,
///     mdn: String,
///     active: bool,
/// }
///
/// impl Audit for Lines {
///     fn list(cursor: Option<&str>) -> Result<Page<Subscriber>, String> {
///         let url = format!("{}/lines?cursor={}", config::require("carrier_url")?, cursor.unwrap_or_default());
///         let listed: Listed = http::get(url).send()?.json()?;
///         let subscribers = listed.lines.into_iter().map(|line| {
///             let status = if line.active { ServiceStatus::Active } else { ServiceStatus::Suspended };
///             Subscriber::new(line.id).mdn(line.mdn).status(status)
///         });
///         Ok(Page::of(subscribers).next(listed.next))
///     }
/// }
///
/// patchbay_module::export!(Lines: audit);
///
/// // In the module's own tests:
/// use patchbay_module::testing::{Gateway, Reply};
///
/// let line = serde_json::json!({ "id": "S-2001", "mdn": "2025550143", "active": true });
/// let run = Gateway::new()
///     .config("carrier_url", "https://carrier.test")
///     .carrier(move |_| Reply::json(200, &serde_json::json!({ "lines": [line], "next": "2" })))
///     .list_subscribers::<Lines>(None);
/// let subscriber = Subscriber::new("S-2001").mdn("2025550143".to_owned()).status(ServiceStatus::Active);
/// assert_eq!(run.outcome, Ok(Page::of([subscriber]).next("2".to_owned())));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `Audit`",
    note = "a module that exports audit implements it, besides `Module`"
)]
pub trait Audit {
    /// Lists the carrier's subscribers, from `cursor` on: `None` at first, then what the page before said. It must change
    /// nothing at the carrier: the gateway lets out only GET, HEAD, and requests whose grant is read_only.
    ///
    /// # Errors
    /// Why the carrier could not be asked. The list ends here, to be resumed from `cursor`.
    fn list(cursor: Option<&str>) -> Result<Page<Subscriber>, String>;
}

/// One subscriber as the carrier has it. What is not set is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Subscriber {
    id: String,
    mdn: Option<String>,
    iccid: Option<String>,
    status: Option<ServiceStatus>,
    carrier_product_id: Option<String>,
}

impl Subscriber {
    /// Under the carrier's own id.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            mdn: None,
            iccid: None,
            status: None,
            carrier_product_id: None,
        }
    }

    /// Sets the line's number, digits only.
    pub fn mdn(mut self, mdn: impl Into<Option<String>>) -> Self {
        self.mdn = mdn.into();
        self
    }

    /// Sets the SIM.
    pub fn iccid(mut self, iccid: impl Into<Option<String>>) -> Self {
        self.iccid = iccid.into();
        self
    }

    /// Sets whether the line is in service.
    pub fn status(mut self, status: ServiceStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the plan, by TeleCloud's CARRIER_PRODUCT_ID.
    pub fn carrier_product_id(mut self, id: impl Into<Option<String>>) -> Self {
        self.carrier_product_id = id.into();
        self
    }
}

impl From<Subscriber> for wit::Subscriber {
    fn from(subscriber: Subscriber) -> Self {
        Self {
            id: subscriber.id,
            mdn: subscriber.mdn,
            iccid: subscriber.iccid,
            status: subscriber.status.map(Into::into),
            carrier_product_id: subscriber.carrier_product_id,
        }
    }
}

/// What the exported function does. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub fn list<M: Audit>(cursor: Option<&str>) -> Result<wit::Page, String> {
    host::begin();
    let page = M::list(cursor)?;
    Ok(wit::Page {
        subscribers: page.items.into_iter().map(Into::into).collect(),
        next: page.next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_crosses_the_boundary_whole() {
        let subscriber = Subscriber::new("S-2001")
            .mdn("2025550143".to_owned())
            .iccid("8901260000000000014".to_owned())
            .status(ServiceStatus::NonPay)
            .carrier_product_id("VZW-15GB-UNLTT".to_owned());
        let subscriber = wit::Subscriber::from(subscriber);
        assert_eq!(subscriber.id, "S-2001");
        assert_eq!(subscriber.mdn.as_deref(), Some("2025550143"));
        assert_eq!(subscriber.iccid.as_deref(), Some("8901260000000000014"));
        assert!(matches!(
            subscriber.status,
            Some(crate::bindings::patchbay::module::orders::ServiceStatus::NonPay)
        ));
        assert_eq!(subscriber.carrier_product_id.as_deref(), Some("VZW-15GB-UNLTT"));
        let bare = wit::Subscriber::from(Subscriber::new("S-1"));
        assert!(bare.mdn.is_none() && bare.iccid.is_none() && bare.status.is_none());
    }
}
