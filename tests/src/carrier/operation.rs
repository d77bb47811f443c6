//! What was asked of the carrier under each idempotency key, and what it answered or would have.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::peer::Reply;

/// What a request wants to have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub(super) enum Operation {
    Activation,
    PortIn,
    PortCorrection,
    Status,
    Sim,
    Device,
    Password,
    Renewal,
    TopUp,
    Cancellation,
}

impl Operation {
    /// `None` for what changes nothing, or is not there.
    pub(super) fn of(method: &str, path: &str) -> Option<Self> {
        let path = path.split('?').next()?;
        let parts: Vec<_> = path.split('/').skip(1).collect();
        match (method, parts.as_slice()) {
            ("POST", ["v1", "activations"]) => Some(Self::Activation),
            ("POST", ["v1", "port-ins"]) => Some(Self::PortIn),
            ("PUT", ["v1", "port-ins", _]) => Some(Self::PortCorrection),
            ("PUT", ["v1", "lines", _, "status"]) => Some(Self::Status),
            ("PUT", ["v1", "lines", _, "sim"]) => Some(Self::Sim),
            ("PUT", ["v1", "lines", _, "device"]) => Some(Self::Device),
            ("PUT", ["v1", "lines", _, "password"]) => Some(Self::Password),
            ("POST", ["v1", "lines", _, "renewals"]) => Some(Self::Renewal),
            ("POST", ["v1", "lines", _, "top-ups"]) => Some(Self::TopUp),
            ("DELETE", ["v1", "lines", _]) => Some(Self::Cancellation),
            _ => None,
        }
    }
}

/// What was answered under an idempotency key, and to what.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) operation: Operation,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Bytes,
    pub(super) reply: Reply,
}

impl Settled {
    /// It was the same request.
    pub(super) fn answers(&self, method: &str, path: &str, body: &Bytes) -> bool {
        (self.method.as_str(), self.path.as_str(), &self.body) == (method, path, body)
    }

    /// As the API tells of it.
    pub(super) fn document(&self) -> Value {
        json!({
            "operation": self.operation,
            "status": self.reply.status.as_u16(),
            "result": serde_json::from_slice::<Value>(&self.reply.body).unwrap_or_default(),
        })
    }
}
