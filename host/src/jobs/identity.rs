//! Whether two posts are the same event.
//!
//! TeleCloud documents no mark of a retry, so the content decides: two posts are one event when SERVICE, account, order,
//! parent order, plan, NEW_STATE and every VAR are the same, or, where both carry a `trans_id`, when that is.

use crate::domain::event::Event;
use crate::domain::job::Identity;
use crate::domain::name::ModulePath;
use crate::vault::Vault;

/// What names a plan, besides CARRIER_PRODUCT_ID: two orders of one customer may differ in nothing else.
const PLAN: [&str; 3] = ["Product.product_id", "VARProduct.rate_plan_id", "Product.name"];

/// The identity of an event posted to this module. A keyed hash: it says nothing about the customer.
pub(super) fn identity(vault: &Vault, path: &ModulePath, event: &Event) -> Identity {
    let mut text = Fields::default();
    text.add(path.tenant.as_str());
    text.add(path.module.as_str());
    text.add(&event.service.to_ascii_lowercase());
    text.maybe(event.account_number.as_deref());
    text.maybe(event.order_number.as_deref());
    if let Some(transaction) = event.document.text("trans_id") {
        text.add("trans_id");
        text.add(transaction);
    } else {
        text.add("fields");
        text.maybe(event.parent_order_number.as_deref());
        text.maybe(event.carrier_product_id.as_deref());
        text.maybe(event.new_state.as_deref());
        for plan in PLAN {
            text.maybe(event.document.text(plan));
        }
        for (index, value) in event.vars.iter() {
            text.add(&index.to_string());
            text.add(value);
        }
    }
    Identity(vault.hash_for("identity of an event", &text.0))
}

/// Fields one after another, each with its length, so that no two lists of fields are the same text.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn add(&mut self, field: &str) {
        self.0.extend_from_slice(&(field.len() as u64 + 1).to_be_bytes());
        self.0.extend_from_slice(field.as_bytes());
    }

    /// An absent field is not an empty one.
    fn maybe(&mut self, field: Option<&str>) {
        match field {
            Some(field) => self.add(field),
            None => self.0.extend_from_slice(&0_u64.to_be_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::event::{Action, Document, Vars};
    use crate::domain::name::{ModuleName, TenantName};

    fn path(tenant: &str) -> ModulePath {
        ModulePath {
            tenant: TenantName::parse(tenant).expect("a name"),
            module: ModuleName::parse("sim").expect("a name"),
        }
    }

    fn event() -> Event {
        let mut vars = Vars::default();
        vars.set(2, "8901260000000000014".into()).expect("a VAR");
        Event {
            service: "Order/Create".into(),
            action: Action::Create,
            account_number: Some("9105012".into()),
            order_number: None,
            parent_order_number: None,
            carrier_product_id: Some("P1".into()),
            new_state: None,
            vars,
            document: document(json!({})),
        }
    }

    fn document(more: Value) -> Document {
        let mut tree = json!({"Product": {"@attributes": {"product_id": "337"}}, "Customer": {"first_name": "Avery"}});
        if let (Value::Object(tree), Value::Object(more)) = (&mut tree, more) {
            tree.extend(more);
        }
        Document::new(tree)
    }

    fn of(event: &Event) -> Identity {
        identity(&Vault::new(&[7; 32]), &path("acme"), event)
    }

    #[test]
    fn what_differs_in_no_field_that_counts_is_the_same_event() {
        let same = [
            Event {
                service: "order/create".into(),
                ..event()
            },
            Event {
                document: document(json!({"Customer": {"first_name": "Avery", "phone": "2025550100"}})),
                ..event()
            },
        ];
        for other in same {
            assert_eq!(of(&other), of(&event()), "{other:?}");
        }
    }

    #[test]
    fn every_field_that_counts_makes_another_event() {
        let mut vars = event().vars;
        vars.set(4, "NO".into()).expect("a VAR");
        let others = [
            Event {
                service: "Order/Swap".into(),
                ..event()
            },
            Event {
                account_number: Some("9105013".into()),
                ..event()
            },
            Event {
                account_number: None,
                ..event()
            },
            Event {
                order_number: Some("1".into()),
                ..event()
            },
            Event {
                parent_order_number: Some("1".into()),
                ..event()
            },
            Event {
                carrier_product_id: Some("P2".into()),
                ..event()
            },
            Event {
                new_state: Some("ACTIVE".into()),
                ..event()
            },
            Event { vars, ..event() },
            Event {
                document: document(json!({"Product": {"@attributes": {"product_id": "338"}}})),
                ..event()
            },
        ];
        let mut seen = vec![of(&event()), identity(&Vault::new(&[7; 32]), &path("other"), &event())];
        for other in &others {
            seen.push(of(other));
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn a_transaction_id_decides_where_there_is_one() {
        let with = |id: &str, iccid: &str| {
            let mut vars = Vars::default();
            vars.set(2, iccid.into()).expect("a VAR");
            Event {
                vars,
                document: document(json!({"trans_id": id})),
                ..event()
            }
        };
        assert_eq!(of(&with("1", "a")), of(&with("1", "b")));
        assert_ne!(of(&with("1", "a")), of(&with("2", "a")));
        assert_ne!(of(&with("1", "a")), of(&event()));
    }

    #[test]
    fn the_key_is_part_of_it() {
        let other = identity(&Vault::new(&[8; 32]), &path("acme"), &event());
        assert_ne!(other, of(&event()));
    }
}
