//! What customers used.

use std::collections::HashMap;

use patchbay_module::{Page, Reading, Subscription, Usage, config, http, log};
use serde::Deserialize;

use crate::{UsageSync, carrier};

/// What the carrier has counted for one line.
#[derive(Deserialize)]
struct Used {
    line: String,
    kind: String,
    bucket: String,
    used: String,
    unit: String,
}

impl Usage for UsageSync {
    /// One request for all orders. Totals go on as the carrier has them: the gateway divides and rounds.
    fn read(subscriptions: &[Subscription], cursor: Option<&str>) -> Result<Page<Reading>, String> {
        let mut orders = HashMap::new();
        for subscription in subscriptions {
            match subscription.var(14) {
                Some(line) => drop(orders.insert(line, subscription.order_number())),
                // The gateway counts it among the orders of which nothing was said.
                None => log::warn(format!(
                    "order {} has no VAR14 (SUBSCRIBER_ID)",
                    subscription.order_number()
                )),
            }
        }
        if orders.is_empty() {
            return Ok(Page::of([]));
        }
        let mut lines: Vec<_> = orders.keys().copied().map(http::encode).collect();
        lines.sort();
        let page: carrier::Page<Used> = carrier::page(&format!("/v1/usage?lines={}", lines.join(",")), cursor)?;
        let readings = page.items.into_iter().map(|used| {
            // Of a line that nobody asked about the gateway says that it knows no such order.
            let order = orders.get(used.line.as_str()).copied().unwrap_or(&used.line);
            used.reading(order)
        });
        Ok(Page::of(readings).next(page.next))
    }
}

impl Used {
    /// Says what this is of. What it cannot say goes on under the carrier's own name, to be counted and shown: usage that
    /// is dropped without a word is money that is lost without a word.
    fn reading(&self, order: &str) -> Reading {
        let component = config::get(&format!("component.{}", self.bucket)).unwrap_or_else(|| self.bucket.clone());
        let known = matches!(self.unit.as_str(), "bytes" | "seconds" | "messages");
        match self.kind.as_str() {
            _ if !known => Reading::other(format!("{} in {}", self.kind, self.unit), order, component, &self.used),
            "recurring" => Reading::recurring(order, component, &self.used),
            "once-off" => Reading::once_off(order, component, &self.used),
            other => Reading::other(other, order, component, &self.used),
        }
    }
}
