//! What the carrier has.

use patchbay_module::{Audit, Page, ServiceStatus, Subscriber};
use serde::Deserialize;

use crate::{UsageSync, carrier};

#[derive(Deserialize)]
struct Line {
    subscriber_id: String,
    mdn: String,
    iccid: String,
    plan: String,
    status: String,
}

impl Audit for UsageSync {
    fn list(cursor: Option<&str>) -> Result<Page<Subscriber>, String> {
        let page: carrier::Page<Line> = carrier::page("/v1/lines", cursor)?;
        let subscribers = page.items.into_iter().map(Line::subscriber);
        Ok(Page::of(subscribers).next(page.next))
    }
}

impl Line {
    fn subscriber(self) -> Subscriber {
        let status = match self.status.as_str() {
            "ACTIVE" => ServiceStatus::Active,
            "SUSPENDED" => ServiceStatus::Suspended,
            _ => ServiceStatus::Other(self.status),
        };
        Subscriber::new(self.subscriber_id)
            .mdn(self.mdn)
            .iccid(self.iccid)
            .status(status)
            .carrier_product_id(product_of(&self.plan))
    }
}

/// The product that is sold as this plan, if it is one alone: what is not certain is not compared.
fn product_of(plan: &str) -> Option<String> {
    let mut products = carrier::products().filter(|(_, sold_as)| sold_as == plan);
    let (product, _) = products.next()?;
    products.next().is_none().then_some(product)
}
