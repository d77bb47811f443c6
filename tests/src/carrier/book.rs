//! What the carrier knows: lines, ports, and every change. Nothing here knows that HTTP exists.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::requests::Settled;

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
    /// Prepaid money.
    pub balance_cents: u32,
}

impl Line {
    /// A working line as [`FakeCarrier::put_line`](super::FakeCarrier::put_line) may want one. Its ids come before the
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
            balance_cents: 0,
        }
    }

    /// The same line, suspended.
    #[must_use]
    pub fn suspended(self) -> Self {
        Self {
            status: LineStatus::Suspended,
            ..self
        }
    }

    /// As an amount of money is written: `8.00`.
    pub(super) fn balance(&self) -> String {
        format!("{}.{:02}", self.balance_cents / 100, self.balance_cents % 100)
    }

    pub(super) fn top_up(&mut self) {
        self.balance_cents += TOP_UP_CENTS;
    }

    fn is(&self, name: &str) -> bool {
        self.mdn == name || self.subscriber_id.as_deref() == Some(name) || self.reference.as_deref() == Some(name)
    }
}

/// How a port-in stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortStatus {
    /// The other carrier has been asked.
    Submitted,
    /// The number works here.
    Completed,
    /// It never will, for this reason.
    Rejected(String),
}

/// A port-in: a line to be, under a number that another carrier has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The line once the port is completed. Its number is the one to be ported.
    pub line: Line,
    /// How it stands.
    pub status: PortStatus,
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new line.
    Activated,
    /// A port-in was taken.
    PortSubmitted,
    /// A port-in became a line.
    PortCompleted,
    /// A port-in was finally refused.
    PortRejected,
    /// Suspended.
    Suspended,
    /// Active again.
    Restored,
    /// Another SIM: this ICCID.
    SimSwapped(String),
    /// Another device: this IMEI.
    DeviceSwapped(String),
    /// Another cycle of this plan.
    Renewed(String),
    /// An add-on of this plan.
    ToppedUp(String),
    /// Ended.
    Cancelled,
}

/// The identifiers that are given out next; each counts up by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// `A-…`, for activations and port-ins.
    pub activation: u32,
    /// `S-…`
    pub subscriber: u32,
    /// A line's number.
    pub mdn: u64,
    /// `R-…`
    pub renewal: u32,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            activation: 1001,
            subscriber: 2001,
            mdn: 2_025_550_143,
            renewal: 3001,
        }
    }
}

/// What a line is ordered with.
pub(super) struct Order {
    pub(super) reference: Option<String>,
    pub(super) plan: String,
    pub(super) imei: String,
    pub(super) iccid: String,
}

/// Everything that the carrier knows.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) numbers: Numbers,
    pub(super) lines: Vec<Line>,
    pub(super) ports: Vec<Port>,
    pub(super) history: Vec<(String, Change)>,
    /// What was answered under each idempotency key.
    pub(super) settled: HashMap<String, Settled>,
}

impl Book {
    pub(super) fn activate(&mut self, order: Order) -> &Line {
        let mdn = take(&mut self.numbers.mdn).to_string();
        let mut line = self.line_of(order, mdn);
        line.subscriber_id = Some(format!("S-{}", take(&mut self.numbers.subscriber)));
        self.changed(&line.activation_id, Change::Activated);
        self.lines.push_mut(line)
    }

    pub(super) fn submit_port(&mut self, order: Order, number: String) -> &Port {
        let line = self.line_of(order, number);
        self.changed(&line.activation_id, Change::PortSubmitted);
        self.ports.push_mut(Port {
            line,
            status: PortStatus::Submitted,
        })
    }

    pub(super) fn complete_port(&mut self, activation_id: &str, subscriber_id: Option<&str>) -> bool {
        let Some(port) = self.submitted(activation_id) else {
            return false;
        };
        port.line.subscriber_id = subscriber_id.map(str::to_owned);
        port.status = PortStatus::Completed;
        let line = port.line.clone();
        self.lines.push(line);
        self.changed(activation_id, Change::PortCompleted);
        true
    }

    pub(super) fn reject_port(&mut self, activation_id: &str, reason: &str) -> bool {
        let Some(port) = self.submitted(activation_id) else {
            return false;
        };
        port.status = PortStatus::Rejected(reason.to_owned());
        self.changed(activation_id, Change::PortRejected);
        true
    }

    /// The newest line of this name that still exists.
    pub(super) fn line(&mut self, name: &str) -> Option<&mut Line> {
        let live = |line: &&mut Line| line.status != LineStatus::Cancelled && line.is(name);
        self.lines.iter_mut().rev().find(live)
    }

    pub(super) fn line_even_cancelled(&self, name: &str) -> Option<&Line> {
        let called = |line: &&Line| line.is(name) || line.activation_id == name;
        self.lines.iter().rev().find(called)
    }

    pub(super) fn put_line(&mut self, line: Line) {
        self.lines.retain(|other| other.activation_id != line.activation_id);
        self.lines.push(line);
    }

    pub(super) fn changed(&mut self, activation_id: &str, change: Change) {
        self.history.push((activation_id.to_owned(), change));
    }

    fn line_of(&mut self, order: Order, mdn: String) -> Line {
        Line {
            activation_id: format!("A-{}", take(&mut self.numbers.activation)),
            subscriber_id: None,
            mdn,
            reference: order.reference,
            plan: order.plan,
            imei: order.imei,
            iccid: order.iccid,
            status: LineStatus::Active,
            balance_cents: 0,
        }
    }

    fn submitted(&mut self, activation_id: &str) -> Option<&mut Port> {
        let under_way =
            |port: &&mut Port| port.line.activation_id == activation_id && port.status == PortStatus::Submitted;
        self.ports.iter_mut().find(under_way)
    }
}

/// This number; the next one is one more.
pub(super) fn take<N: Copy + std::ops::AddAssign + From<u8>>(next: &mut N) -> N {
    let taken = *next;
    *next += N::from(1);
    taken
}
