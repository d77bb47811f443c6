//! What a carrier has, as a module lists it.

use serde::{Deserialize, Serialize};

use super::event::ServiceStatus;

/// One subscriber as the carrier has it. Absent fields are not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// The carrier's own id.
    pub id: String,
    /// The line's number, digits only.
    pub mdn: Option<String>,
    /// The SIM.
    pub iccid: Option<String>,
    /// Whether the line is in service.
    pub status: Option<ServiceStatus>,
    /// The plan, by TeleCloud's CARRIER_PRODUCT_ID.
    pub carrier_product_id: Option<String>,
}

/// A part of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriberPage {
    /// In the carrier's order.
    pub subscribers: Vec<Subscriber>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}
