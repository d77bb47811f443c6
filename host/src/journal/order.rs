//! An order as it is shown: no more of it than the records of its calls show.

use std::sync::Arc;

use super::Known;
use super::mask::Masker;
use super::writing::masked_vars;
use crate::domain::order::OrderRecord;

/// Masks the record of an order as its calls are masked, where `secrets` are those of its module.
#[must_use]
pub fn masked(order: OrderRecord, secrets: &Arc<Known>) -> OrderRecord {
    let mut masker = Masker::new(Arc::clone(secrets));
    masker.learn_vars(&order.vars);
    let identity = |text: Option<String>| text.map(|text| masker.identity(&text).to_owned());
    OrderRecord {
        order_number: identity(order.order_number),
        account_number: identity(order.account_number),
        parent_order_number: identity(order.parent_order_number),
        vars: masked_vars(&mut masker, &order.vars),
        ..order
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::domain::name::SecretName;
    use crate::domain::secret::Secret;

    #[test]
    fn an_order_shows_what_its_calls_show() {
        let order: OrderRecord = serde_json::from_value(json!({
            "module": "sim", "order_number": "4711", "account_number": "OLD-ACCOUNT", "parent_order_number": null,
            "carrier_product_id": "SOC5GB", "product_id": "337", "state": "active",
            "vars": {"2": "8901260000000000017", "3": "2025550143", "5": "OLD-ACCOUNT", "6": "97", "7": "123-45-6789",
                     "8": "for 123-45-6789", "15": "by carrier-token"},
            "created_by": null, "first_seen": "2026-11-21T09:14:05Z", "last_change": "2026-11-21T09:14:05Z",
            "state_by": "01KAJ3X0V5R7W2Q8N4M6B1C9DF", "vars_by": "01KAJ3X0V5R7W2Q8N4M6B1C9DF",
            "last_call": "01KAJ3X0V5R7W2Q8N4M6B1C9DF", "last_outcome": "done",
        }))
        .expect("a record");
        let name = SecretName::parse("token").expect("a name");
        let own = BTreeMap::from([(name, Secret::new("carrier-token".to_owned()))]);
        let shown = masked(order, &Arc::new(Known::new(own.values())));
        assert_eq!(shown.order_number.as_deref(), Some("4711"));
        assert_eq!(shown.account_number.as_deref(), Some("***"));
        assert_eq!(shown.carrier_product_id.as_deref(), Some("SOC5GB"));
        let vars: Vec<_> = shown.vars.iter().collect();
        let expected = [
            (2, "8901260000000000017"),
            (3, "2025550143"),
            (5, "***"),
            (6, "***"),
            (7, "***"),
            (8, "for ***"),
            (15, "by ***"),
        ];
        assert_eq!(vars, expected);
    }
}
