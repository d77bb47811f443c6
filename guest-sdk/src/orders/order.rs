use super::{Document, Failure, ServiceStatus};
use crate::bindings::patchbay::module::orders as wit;

/// Why a line is taken out of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// NEW_STATE SUSPENDED: somebody asked for it.
    Requested,
    /// NEW_STATE NON-PAY: for want of payment.
    NonPayment,
}

/// One order event.
pub struct Order<'a> {
    event: wit::Event,
    document: Document<'a>,
}

impl<'a> Order<'a> {
    pub(crate) fn new(event: wit::Event, document: Document<'a>) -> Self {
        Self { event, document }
    }

    pub(crate) fn action(&self) -> &wit::Action {
        &self.event.action
    }

    /// The gateway's name for the call that the event came in, unique: what to send as an idempotency key.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.event.call_id
    }

    /// SERVICE as it was sent.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.event.service
    }

    /// The state that an Order/Status event asks for; `None` for every other event.
    #[must_use]
    pub fn new_state(&self) -> Option<ServiceStatus> {
        match &self.event.action {
            wit::Action::SetStatus(status) => Some(status.into()),
            _ => None,
        }
    }

    /// The customer's account at TeleCloud.
    #[must_use]
    pub fn account_number(&self) -> Option<&str> {
        self.event.account_number.as_deref()
    }

    /// The order. Absent for most Order/Create events: it does not exist yet.
    #[must_use]
    pub fn order_number(&self) -> Option<&str> {
        self.event.order_number.as_deref()
    }

    /// For an add-on: the order that it is added to.
    #[must_use]
    pub fn parent_order_number(&self) -> Option<&str> {
        self.event.parent_order_number.as_deref()
    }

    /// The carrier's code for the plan, such as a SOC code.
    #[must_use]
    pub fn carrier_product_id(&self) -> Option<&str> {
        self.event.carrier_product_id.as_deref()
    }

    /// VAR`index`, if it has a value.
    #[must_use]
    pub fn var(&self, index: u8) -> Option<&str> {
        let var = self.event.vars.iter().find(|var| var.index == index)?;
        Some(&var.value)
    }

    /// VAR`index`, which the module cannot do without. `meaning` is for the message, such as `ICCID`.
    ///
    /// # Errors
    /// [`Failure::Rejected`] that names the VAR and its meaning.
    pub fn require_var(&self, index: u8, meaning: &str) -> Result<&str, Failure> {
        self.var(index)
            .ok_or_else(|| Failure::rejected(format!("VAR{index} ({meaning}) is missing")))
    }

    /// Every VAR that has a value, in ascending order.
    pub fn vars(&self) -> impl Iterator<Item = (u8, &str)> {
        self.event.vars.iter().map(|var| (var.index, var.value.as_str()))
    }

    /// The documents that TeleCloud sent along. They are not there when the module is asked about an order later, in
    /// [`Completion::check`](crate::Completion::check) and [`Reconcile::find`](crate::Reconcile::find).
    #[must_use]
    pub fn document(&self) -> Document<'a> {
        self.document
    }
}
