//! Lines.

use serde::{Deserialize, Serialize};

/// What each top-up adds, in cents.
const TOP_UP_CENTS: u32 = 800;

/// Whether a line works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LineStatus {
    /// It does.
    Active,
    /// Not for now.
    Suspended,
    /// Never again; the API no longer finds it.
    #[serde(skip_deserializing)]
    Cancelled,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Unique.
    pub activation_id: String,
    /// The carrier's own id. A ported line may go by its number alone.
    pub subscriber_id: Option<String>,
    /// Its number, digits only.
    pub mdn: String,
    /// What the one who ordered it calls it.
    pub reference: Option<String>,
    /// Plan code.
    pub plan: String,
    /// Device.
    pub imei: String,
    /// SIM.
    pub iccid: String,
    /// Whether it works.
    pub status: LineStatus,
    /// Why it was suspended, if it is and a reason was given.
    pub suspended_for: Option<String>,
    /// What its user signs in with, once it was set.
    pub password: Option<String>,
    /// Prepaid money.
    pub balance_cents: u32,
}

impl Line {
    /// A working line as [`FakeCarrier::put_line`](crate::carrier::FakeCarrier::put_line) may want one. Its ids come before the
    /// first that the carrier gives out.
    #[must_use]
    pub fn active(reference: &str) -> Self {
        Self {
            activation_id: "A-1000".to_owned(),
            subscriber_id: Some("S-2000".to_owned()),
            mdn: "2025550142".to_owned(),
            reference: Some(reference.to_owned()),
            plan: "VZW-15GB-UNLTT".to_owned(),
            imei: "356938035643809".to_owned(),
            iccid: "8901260000000000014".to_owned(),
            status: LineStatus::Active,
            suspended_for: None,
            password: None,
            balance_cents: 0,
        }
    }

    /// The same line, suspended for no particular reason.
    #[must_use]
    pub fn suspended(self) -> Self {
        Self {
            status: LineStatus::Suspended,
            ..self
        }
    }

    /// As an amount of money is written: `8.00`.
    pub(crate) fn balance(&self) -> String {
        format!("{}.{:02}", self.balance_cents / 100, self.balance_cents % 100)
    }

    pub(crate) fn top_up(&mut self) {
        self.balance_cents += TOP_UP_CENTS;
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.mdn == name || self.subscriber_id.as_deref() == Some(name) || self.reference.as_deref() == Some(name)
    }
}
