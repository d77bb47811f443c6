//! What the carrier knows: lines, ports, usage, and every change. Nothing here knows that HTTP exists.

use std::collections::HashMap;

use serde::Serialize;

use super::operation::Settled;

mod line;
mod port;

pub use line::{Line, LineStatus};
pub use port::{Port, PortStatus};

/// Entries of a listing that come at once, if the test does not say otherwise.
const PAGE_SIZE: usize = 100;

/// One change.
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
    /// A port-in was refused until it is corrected.
    PortReturned,
    /// A port-in was corrected, and submitted again.
    PortCorrected,
    /// Suspended.
    Suspended,
    /// Suspended as before, but for this reason now.
    SuspendedFor(Option<String>),
    /// Active again.
    Restored,
    /// Another SIM: this ICCID.
    SimSwapped(String),
    /// Another device: this IMEI.
    DeviceSwapped(String),
    /// Another password.
    PasswordChanged,
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

/// The idempotency key that a request came with, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(pub(super) Option<String>);

/// A change that a request has made: under which key, and to which line.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) key: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) iccid: String,
}

/// What has been used of a line, of one bucket and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Usage {
    pub(super) line: String,
    pub(super) kind: String,
    pub(super) bucket: String,
    pub(super) used: String,
    pub(super) unit: String,
}

/// Everything that the carrier knows.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) numbers: Numbers,
    pub(super) lines: Vec<Line>,
    pub(super) ports: Vec<Port>,
    pub(super) usage: Vec<Usage>,
    /// Every change, with the activation id of its line.
    pub(super) history: Vec<(String, Change)>,
    /// Those of the changes that requests have made.
    pub(super) effects: Vec<Effect>,
    /// What was answered under each idempotency key.
    pub(super) settled: HashMap<String, Settled>,
    /// A key that was used before has an effect again.
    pub(super) acts_on_repeats: bool,
    pub(super) page_size: usize,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            numbers: Numbers::default(),
            lines: Vec::new(),
            ports: Vec::new(),
            usage: Vec::new(),
            history: Vec::new(),
            effects: Vec::new(),
            settled: HashMap::new(),
            acts_on_repeats: false,
            page_size: PAGE_SIZE,
        }
    }
}

impl Book {
    pub(super) fn activate(&mut self, key: Key, order: Order) -> &Line {
        let mdn = take(&mut self.numbers.mdn).to_string();
        let mut line = self.line_of(order, mdn);
        line.subscriber_id = Some(format!("S-{}", take(&mut self.numbers.subscriber)));
        self.effected(key, &line, Change::Activated);
        self.lines.push_mut(line)
    }

    pub(super) fn submit_port(&mut self, key: Key, order: Order, number: String) -> &Port {
        let line = self.line_of(order, number);
        self.effected(key, &line, Change::PortSubmitted);
        self.ports.push_mut(Port {
            line,
            status: PortStatus::Submitted,
        })
    }

    /// Submits a port again under a number that may be another. `None` if it was not rejected so that it can be.
    pub(super) fn correct_port(&mut self, key: Key, activation_id: &str, number: String) -> Option<&Port> {
        let position = self.ports.iter().position(|port| {
            let Port { line, .. } = port;
            line.activation_id == activation_id && port.is_correctable()
        })?;
        let port = &mut self.ports[position];
        port.line.mdn = number;
        port.status = PortStatus::Submitted;
        let line = port.line.clone();
        self.effected(key, &line, Change::PortCorrected);
        Some(&self.ports[position])
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

    pub(super) fn reject_port(&mut self, activation_id: &str, reason: &str, correctable: bool) -> bool {
        let Some(port) = self.submitted(activation_id) else {
            return false;
        };
        let reason = reason.to_owned();
        port.status = PortStatus::Rejected { reason, correctable };
        let change = if correctable {
            Change::PortReturned
        } else {
            Change::PortRejected
        };
        self.changed(activation_id, change);
        true
    }

    pub(super) fn port(&self, activation_id: &str) -> Option<&Port> {
        self.ports.iter().find(|port| port.line.activation_id == activation_id)
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
        let same = |other: &&mut Line| other.activation_id == line.activation_id;
        match self.lines.iter_mut().find(same) {
            Some(known) => *known = line,
            None => self.lines.push(line),
        }
    }

    /// Replaces what is known of the same line, bucket and kind.
    pub(super) fn set_usage(&mut self, usage: Usage) {
        let same =
            |other: &&mut Usage| (&other.line, &other.bucket, &other.kind) == (&usage.line, &usage.bucket, &usage.kind);
        match self.usage.iter_mut().find(same) {
            Some(known) => *known = usage,
            None => self.usage.push(usage),
        }
    }

    /// Remembers an answer under its key. A refusal does not take the place of a success: what was done stays done.
    pub(super) fn settle(&mut self, key: &str, settled: Settled) {
        let earlier = self.settled.get(key);
        if settled.reply.status.is_success() || earlier.is_none_or(|earlier| !earlier.reply.status.is_success()) {
            self.settled.insert(key.to_owned(), settled);
        }
    }

    /// Writes down what a request has done to this line, which it leaves as it is here.
    pub(super) fn effected(&mut self, Key(key): Key, line: &Line, change: Change) {
        self.effects.push(Effect {
            key,
            reference: line.reference.clone(),
            iccid: line.iccid.clone(),
        });
        self.changed(&line.activation_id, change);
    }

    fn changed(&mut self, activation_id: &str, change: Change) {
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
            suspended_for: None,
            password: None,
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
