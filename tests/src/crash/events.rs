//! Events as TeleCloud has them: what each asks for, how it was posted, what came back, and when that is the last word.

use crate::telecloud::{Fields, Order, Posted, ServiceStatus};

use super::faults::REFUSED;

/// What an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A new line.
    Activation,
    /// A new line whose number comes from another carrier: it is pending for a while.
    PortIn,
    /// An order of its own, for a line that is there.
    TopUp,
    /// Out of service.
    Suspend,
    /// In service again.
    Restore,
    /// Another SIM.
    SwapSim,
    /// Another device.
    SwapDevice,
    /// Another cycle.
    Renewal,
    /// The end of a line.
    Cancel,
}

impl Kind {
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::Activation | Self::PortIn | Self::TopUp => "Order/Create",
            Self::Suspend | Self::Restore => "Order/Status",
            Self::SwapSim | Self::SwapDevice => "Order/Swap",
            Self::Renewal => "Order/Replenish",
            Self::Cancel => "Order/Cancel",
        }
    }

    /// Whether TeleCloud has a new order by it.
    pub(super) fn creates(self) -> bool {
        self.service() == "Order/Create"
    }
}

/// What TeleCloud was told in answer to a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Y, with the line's id if it was said.
    Done(Option<String>),
    /// Y, and an Order/Update will follow.
    Pending,
    /// N, and nothing was changed.
    NotDone,
    /// N, and nobody knows.
    Unknown,
    /// The gateway was killed.
    Lost,
    /// What should not have come.
    Strange(String),
}

impl Answer {
    pub(super) fn read(posted: &Posted) -> Self {
        let element = |name: &str| {
            let (_, rest) = posted.body.split_once(&format!("<{name}>"))?;
            rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
        };
        let error = element("ERROR").unwrap_or_default();
        match (element("SUCCESS"), element("STATUS")) {
            (Some("Y"), None) => Self::Done(element("VAR14").map(str::to_owned)),
            (Some("Y"), Some("PENDING")) => Self::Pending,
            (Some("N"), None) if error.contains("outcome unknown") => Self::Unknown,
            (Some("N"), None) if error.contains("nothing was changed") || error.contains(REFUSED) => Self::NotDone,
            _ => Self::Strange(posted.body.clone()),
        }
    }
}

/// One post of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// In which cycle.
    pub cycle: u64,
    /// What came back.
    pub answer: Answer,
}

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Whose.
    pub tenant: &'static str,
    /// What it asks for.
    pub kind: Kind,
    /// The customer's; each line has one of its own.
    pub account: String,
    /// The order that it creates or is about, by its number at TeleCloud. A new one is not always sent.
    pub order: String,
    /// What is posted.
    pub fields: Fields,
    /// The request that the carrier gets for it, in the form of [`trace`](super::check::trace). No other event has the same.
    pub trace: String,
    /// In the order in which they ended.
    pub posts: Vec<Post>,
}

impl Event {
    /// Whether an answer says that it was done.
    #[must_use]
    pub fn done(&self) -> bool {
        self.posts.iter().any(|post| matches!(post.answer, Answer::Done(_)))
    }

    /// Whether an answer said that it was taken, to be finished later.
    #[must_use]
    pub fn pending(&self) -> bool {
        self.posts.iter().any(|post| post.answer == Answer::Pending)
    }

    /// Whether TeleCloud need not post it again: it was taken, or an Order/Update has told how it ended, or all that was
    /// posted last was refused for good. `order` is its order at TeleCloud.
    #[must_use]
    pub fn settled(&self, order: Option<&Order>) -> bool {
        if self.done() || self.pending() || self.told(order).is_some() {
            return true;
        }
        let Some(last) = self.posts.last() else { return false };
        let mut latest = self.posts.iter().filter(|post| post.cycle == last.cycle);
        latest.all(|post| post.answer == Answer::NotDone)
    }

    /// How an Order/Update has said that its order ended.
    #[must_use]
    pub fn told(&self, order: Option<&Order>) -> Option<ServiceStatus> {
        let status = order?.service_status;
        (self.kind.creates() && status != ServiceStatus::Pending).then_some(status)
    }
}
