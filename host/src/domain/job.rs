//! Work that outlives a call: finding out what became of it, finishing a pending order, telling TeleCloud.
//!
//! A job follows one call and has its id. It begins before the call's first request leaves, so that a crash finds it, and
//! most end with their calls.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::call::{CallId, Outcome};
use super::event::ActionKind;
use super::name::ModuleName;

/// A keyed hash, 64 hexadecimal digits in text. Two events of the same identity are the same event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identity(pub [u8; 32]);

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        identity.to_string()
    }
}

impl TryFrom<String> for Identity {
    type Error = blake3::HexError;
    fn try_from(text: String) -> Result<Self, blake3::HexError> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes()))
    }
}

/// What TeleCloud has been told of the event so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Nothing: it was not answered, or nobody knows whether the answer arrived.
    #[default]
    Nothing,
    /// PENDING: it waits for an Order/Update.
    Pending,
    /// That the outcome is unknown and being checked.
    Unknown,
}

/// Where a job stands, and so what is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The module is at it, or was when the gateway stopped.
    Running,
    /// It may have happened at the carrier: the module's `reconcile` is asked.
    Unknown,
    /// The carrier has taken the order and will finish it: the module's `completion` is asked, or the carrier calls back.
    Pending,
    /// It did not happen, and TeleCloud waits for it: the event is run again.
    Again,
    /// It happened, and TeleCloud was told that the outcome is unknown: the answer is kept for the event's next post.
    Found,
    /// All is done at the carrier; TeleCloud is being told.
    Telling,
    /// A person has to look.
    Fallout,
}

impl fmt::Display for Stage {
    /// As in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Again => "again",
            Self::Found => "found",
            Self::Telling => "telling",
            Self::Fallout => "fallout",
        })
    }
}

/// Why a person has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It may have happened, and the active version has no `reconcile` to ask the carrier with.
    NoReconcile,
    /// The order is pending, and the active version has no `completion` to ask the carrier with.
    NoCompletion,
    /// The module was removed.
    NoModule,
    /// The carrier could not say within the age limit whether it happened.
    StillUnknown,
    /// The order has been pending for longer than the age limit.
    StillPending,
    /// TeleCloud waits for the order, and the module rejected it without an answer of the carrier that says so.
    NotRefusedByCarrier,
    /// The order was cancelled while it was under way, and the carrier has finished it all the same.
    CancelledMeanwhile,
    /// The event was to be run again and did not get through within the age limit.
    NotRunAgain,
    /// It happened, TeleCloud was told that the outcome is unknown, and the event was not posted again.
    NotPostedAgain,
    /// TeleCloud could not be told within the age limit, or refused what it was told.
    NotTold,
    /// There is news for TeleCloud, and the tenant has no access to its API set.
    NoTelecloud,
    /// There is news for TeleCloud, and the order's number is not known.
    NotLinked,
}

impl Reason {
    /// One sentence for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoReconcile => {
                "it may have happened at the carrier, and the module has no reconcile to find out: look there"
            }
            Self::NoCompletion => "the order is pending at the carrier, and the module has no completion to ask with",
            Self::NoModule => "the module was removed while the order was under way",
            Self::StillUnknown => "the carrier could not say in time whether it happened: look there",
            Self::StillPending => "the order has been pending at the carrier for too long: ask there",
            Self::NotRefusedByCarrier => {
                "the module rejected the order, but the carrier was not heard to refuse it, so it is not failed: see the \
                 last run for what it needs, such as a setting or a secret"
            }
            Self::CancelledMeanwhile => {
                "the order was cancelled while it was under way, and the carrier has finished it all the same: end it there"
            }
            Self::NotRunAgain => "it did not happen, TeleCloud waits for it, and running it again did not get through",
            Self::NotPostedAgain => {
                "it happened at the carrier, TeleCloud was told that the outcome is unknown, and did not ask again"
            }
            Self::NotTold => "TeleCloud could not be told, or refused what it was told",
            Self::NoTelecloud => "there is news for TeleCloud, and the tenant's access to its API is not set",
            Self::NotLinked => "there is news for TeleCloud, and the number of the order is not known: link it",
        }
    }
}

/// Who did something that a job remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The gateway by itself.
    Gateway,
    /// The carrier, by its callback.
    Carrier,
    /// TeleCloud, by posting the event again.
    Telecloud,
    /// A person: the label of the token.
    Operator(String),
}

/// What happened after the call, as recorded with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct After {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it.
    pub by: By,
    /// One sentence.
    pub what: String,
    /// The call in which the module or TeleCloud was asked, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub run: Option<CallId>,
    /// How the call counts since.
    pub outcome: Outcome,
}

/// News that TeleCloud has not taken yet. What it says is sealed with the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    /// When there was first something to tell.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When to try next.
    pub due: Timestamp,
}

/// Work that outlives a call. The event, the module's note and the news are sealed apart from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The call that it follows; its own id.
    pub call: CallId,
    /// The call in which the event runs or ran last.
    pub run: CallId,
    /// Which module.
    pub module: ModuleName,
    /// Of its event.
    pub identity: Identity,
    /// SERVICE as sent.
    pub service: String,
    /// What SERVICE asks for.
    pub action: ActionKind,
    /// `Customer.account_number`.
    pub account_number: Option<String>,
    /// `order_number`: as posted, or as linked since.
    pub order_number: Option<String>,
    /// When the event arrived.
    pub received: Timestamp,
    /// What TeleCloud was told.
    pub told: Told,
    /// Where it stands.
    pub stage: Stage,
    /// Since when it stands there.
    pub since: Timestamp,
    /// Why a person has to look, in [`Stage::Fallout`], and where the job stood before.
    pub fallout: Option<(Reason, Stage)>,
    /// How often the module was asked in this stage.
    pub attempts: u32,
    /// When to go on. Not looked at in [`Stage::Running`] and [`Stage::Fallout`].
    pub due: Timestamp,
    /// When this was last written: what is left until `due` counts from here, so that a clock that was set back does not
    /// put a job off for as long.
    pub written: Timestamp,
    /// Keyed hash of the module's note on a pending order, by which a carrier's callback finds the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Identity>,
    /// News for TeleCloud.
    pub unsent: Option<Unsent>,
    /// How the call counts now.
    pub outcome: Outcome,
    /// Microseconds from the event to its answer.
    pub micros: u64,
    /// Requests to carriers in the call itself.
    pub requests: u32,
    /// How many [`After`]s are on record.
    pub steps: u32,
}

impl Job {
    /// When something is to be done next, if anything is.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let stage = match self.stage {
            Stage::Running | Stage::Telling => None,
            Stage::Unknown | Stage::Pending | Stage::Again | Stage::Found | Stage::Fallout => Some(self.due),
        };
        let news = self.unsent.as_ref().map(|unsent| unsent.due);
        match (stage, news) {
            (Some(stage), Some(news)) => Some(stage.min(news)),
            (stage, news) => stage.or(news),
        }
    }

    /// Where it stands, or stood before a person was called.
    #[must_use]
    pub fn standing(&self) -> Stage {
        self.fallout.map_or(self.stage, |(_, was)| was)
    }
}
