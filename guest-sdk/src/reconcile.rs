//! Finding out whether an event of unknown outcome happened.

use crate::bindings::patchbay::module::orders;
use crate::bindings::reconcile::exports::patchbay::module::reconcile as wit;
use crate::host;
use crate::orders::{Answer, Document, Order};

/// For a module whose carrier can be asked what became of a request. Exported by `export!(Type: reconcile)`.
///
/// Without it, a person has to find out each time that an answer is lost.
///
/// ```
/// use patchbay_module::{Answer, Finding, Module, Order, Reconcile, config, http};
///
/// struct Lines;
///
/// impl Module for Lines {
///     // …
/// }
///
/// impl Reconcile for Lines {
///     fn find(order: &Order) -> Result<Finding, String> {
///         // The call's id went along as the idempotency key.
///         let url = format!("{}/operations/{}", config::require("carrier_url")?, order.call_id());
///         let response = http::get(url).send()?;
///         match response.status() {
///             404 => Ok(Finding::DidNotHappen),
///             200 => {
///                 let line: serde_json::Value = response.json()?;
///                 let mdn = line["mdn"].as_str().ok_or("the carrier names no MDN")?;
///                 Ok(Finding::Happened(Answer::done().var(3, mdn)))
///             }
///             _ => Ok(Finding::Undecided),
///         }
///     }
/// }
///
/// patchbay_module::export!(Lines: reconcile);
///
/// // In the module's own tests:
/// use patchbay_module::testing::{Event, Gateway, Reply};
///
/// let run = Gateway::new()
///     .config("carrier_url", "https://carrier.test")
///     .carrier(|_| Reply::status(404))
///     .find::<Lines>(Event::create());
/// assert_eq!(run.outcome, Ok(Finding::DidNotHappen));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `Reconcile`",
    note = "a module that exports reconcile implements it, besides `Module`"
)]
pub trait Reconcile {
    /// Asks the carrier whether the order was carried out. It must change nothing there: the gateway lets out only GET,
    /// HEAD, and requests whose grant is read_only.
    ///
    /// `order` is the event under the id of the call whose outcome is unknown, which carriers know as the idempotency key. It
    /// comes without its documents: every path of [`Order::document`] is absent.
    ///
    /// # Errors
    /// Why the carrier could not be asked. The gateway asks again later. `?` makes the text of a
    /// [`Failure`](crate::Failure) and of an [`http::Error`](crate::http::Error).
    fn find(order: &Order) -> Result<Finding, String>;
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Finding {
    /// It happened; this is the answer that was lost.
    Happened(Answer),
    /// It did not happen: the event is safe to run again.
    DidNotHappen,
    /// The carrier cannot say yet.
    Undecided,
}

impl From<Finding> for wit::Finding {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Happened(answer) => Self::Happened(answer.into()),
            Finding::DidNotHappen => Self::DidNotHappen,
            Finding::Undecided => Self::Undecided,
        }
    }
}

/// What the exported function does. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub fn find<M: Reconcile>(event: orders::Event) -> Result<wit::Finding, String> {
    host::begin();
    M::find(&Order::new(event, Document::absent())).map(Into::into)
}
