use serde_json::Value;

use crate::bindings::patchbay::module::orders as wit;
use crate::testing::Tree;

/// The call id of every event in a test.
pub const CALL_ID: &str = "01TEST00000000000000000000";

/// An order event, put together by a test. What is set to an empty text is absent, as in the gateway.
#[derive(Clone)]
pub struct Event {
    pub(super) event: wit::Event,
    pub(super) tree: Tree,
}

impl Event {
    /// Order/Create.
    #[must_use]
    pub fn create() -> Self {
        Self::new("Order/Create", wit::Action::Create)
    }

    /// Order/Replenish.
    #[must_use]
    pub fn replenish() -> Self {
        Self::new("Order/Replenish", wit::Action::Replenish)
    }

    /// Order/Status with this NEW_STATE.
    #[must_use]
    pub fn set_status(new_state: &str) -> Self {
        let status = match new_state {
            "ACTIVE" => wit::ServiceStatus::Active,
            "SUSPENDED" => wit::ServiceStatus::Suspended,
            "NON-PAY" => wit::ServiceStatus::NonPay,
            other => wit::ServiceStatus::Other(other.to_owned()),
        };
        Self::new("Order/Status", wit::Action::SetStatus(status))
    }

    /// Order/Swap.
    #[must_use]
    pub fn swap() -> Self {
        Self::new("Order/Swap", wit::Action::Swap)
    }

    /// Order/Cancel.
    #[must_use]
    pub fn cancel() -> Self {
        Self::new("Order/Cancel", wit::Action::Cancel)
    }

    /// Order/ReportUsage.
    #[must_use]
    pub fn usage_limit() -> Self {
        Self::new("Order/ReportUsage", wit::Action::UsageLimit)
    }

    /// An operator's change of password.
    #[must_use]
    pub fn change_password() -> Self {
        Self::new("Order/ChangePassword", wit::Action::ChangePassword)
    }

    /// A SERVICE that none of the others is.
    #[must_use]
    pub fn other(service: &str) -> Self {
        Self::new(service, wit::Action::Other(service.to_owned()))
    }

    fn new(service: &str, action: wit::Action) -> Self {
        Self {
            event: wit::Event {
                call_id: CALL_ID.to_owned(),
                service: service.to_owned(),
                action,
                account_number: None,
                order_number: None,
                parent_order_number: None,
                carrier_product_id: None,
                vars: Vec::new(),
            },
            tree: Tree::default(),
        }
    }

    /// Sets the customer's account.
    #[must_use]
    pub fn account_number(mut self, number: &str) -> Self {
        self.event.account_number = present(number);
        self
    }

    /// Sets `order_number`.
    #[must_use]
    pub fn order_number(mut self, number: &str) -> Self {
        self.event.order_number = present(number);
        self
    }

    /// Sets `parent_order_number`.
    #[must_use]
    pub fn parent_order_number(mut self, number: &str) -> Self {
        self.event.parent_order_number = present(number);
        self
    }

    /// Sets `CARRIER_PRODUCT_ID`.
    #[must_use]
    pub fn carrier_product_id(mut self, id: &str) -> Self {
        self.event.carrier_product_id = present(id);
        self
    }

    /// Sets VAR`index`.
    #[must_use]
    pub fn var(mut self, index: u8, value: &str) -> Self {
        self.event.vars.retain(|var| var.index != index);
        if let Some(value) = present(value) {
            self.event.vars.push(wit::Var { index, value });
            self.event.vars.sort_by_key(|var| var.index);
        }
        self
    }

    /// Sets the documents: an object with `Customer`, `Product` and so on.
    #[must_use]
    pub fn document(mut self, tree: Value) -> Self {
        self.tree = Tree::new(tree);
        self
    }
}

fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
