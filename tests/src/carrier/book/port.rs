//! Port-ins.

use serde_json::{Value, json};

use super::Line;

/// How a port-in stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortStatus {
    /// The other carrier has been asked.
    Submitted,
    /// The number works here.
    Completed,
    /// The other carrier said no.
    Rejected {
        /// What it said.
        reason: String,
        /// It will look at it again with other details. Otherwise this is final.
        correctable: bool,
    },
}

/// A port-in: a line to be, under a number that another carrier has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The line once the port is completed. Its number is the one to be ported.
    pub line: Line,
    /// How it stands.
    pub status: PortStatus,
}

impl Port {
    /// As the API and the callbacks tell of it.
    pub(crate) fn document(&self) -> Value {
        let Self { line, status } = self;
        let completed = *status == PortStatus::Completed;
        let (port_status, reason, correctable) = match status {
            PortStatus::Submitted => ("SUBMITTED", None, false),
            PortStatus::Completed => ("COMPLETED", None, false),
            PortStatus::Rejected { reason, correctable } => ("REJECTED", Some(reason), *correctable),
        };
        json!({
            "activation_id": line.activation_id,
            "port_status": port_status,
            "mdn": completed.then_some(&line.mdn),
            "subscriber_id": line.subscriber_id.as_ref().filter(|_| completed),
            "reason": reason,
            "correctable": correctable,
        })
    }

    pub(super) fn is_correctable(&self) -> bool {
        matches!(self.status, PortStatus::Rejected { correctable: true, .. })
    }
}
