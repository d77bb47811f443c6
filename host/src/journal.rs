//! What happened in each call, durably and masked.
//!
//! A call is written down while it runs ([`CallLog`]) and read back whole ([`Journal::show`]) or in short
//! ([`Journal::list`]). Nothing here decides what a call does.

mod call;
mod entry;
mod lines;
mod mask;
mod order;
mod writing;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::call::CallLog;
use self::entry::{Entry, Later};
pub use self::mask::Known;
pub use self::order::masked;
pub use self::writing::{BODY_BYTES_KEPT, EXCHANGES_BYTES_KEPT, RECORD_BYTES_MAX};
use crate::domain::call::{CallId, CallRecord, Outcome};
use crate::domain::job::After;
use crate::domain::name::{ModuleName, TenantName};
use crate::storage::{Durability, Ends, Log, Position, StorageError};

/// Most calls of one page.
pub const PAGE_CALLS_MAX: usize = 200;

/// Most calls that one listing looks at. A page that found fewer than it was asked for by then says where to go on.
pub const SCAN_CALLS_MAX: usize = 2_000;

/// Calls that are read at a time.
const SCAN_STEP: usize = 100;

/// Milliseconds by which a call's id and the time of its event may differ: ids are made when the event is at hand.
const ID_SLACK_MS: i64 = 1_000;

/// Why a call could not be written down or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What was to be written along with it could not be made.
    #[error("what goes along with the call could not be written down: {0}")]
    Unwritable(String),
    /// The call is over: nothing more happens in it.
    #[error("the call has ended")]
    Ended,
}

/// A call that begins.
#[derive(Clone, Copy)]
pub struct NewCall<'a> {
    /// Whose module.
    pub tenant: &'a TenantName,
    /// Which module.
    pub module: &'a ModuleName,
    /// The version that is to run, if one is.
    pub version: Option<u32>,
    /// Names the call. Its time is that of the event.
    pub id: CallId,
    /// The call that it follows up, if it does.
    pub about: Option<CallId>,
    /// When the event arrived.
    pub received: Timestamp,
    /// When what is written of it has to be on the disk.
    pub durability: Durability,
    /// Bytes of log lines to keep.
    pub log_bytes: u64,
    /// The module's own secrets, to be masked where a carrier echoes them.
    pub secrets: &'a Arc<Known>,
}

/// Which calls to list. What is not stated is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this module.
    pub module: Option<ModuleName>,
    /// About this order.
    pub order_number: Option<String>,
    /// With this SERVICE, in any case.
    pub service: Option<String>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// That follow up this call.
    pub about: Option<CallId>,
    /// Received then or later.
    pub from: Option<Timestamp>,
    /// Received before then.
    pub to: Option<Timestamp>,
}

/// Which part of the calls to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only calls that are older than this one: [`Listing::next`] of the page before.
    pub before: Option<CallId>,
    /// Most calls to list, at most [`PAGE_CALLS_MAX`].
    pub limit: usize,
}

/// One page of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Newest first.
    pub calls: Vec<CallSummary>,
    /// Where the next page begins; `None` when there is nothing older. A page can be short, even empty, and still have
    /// a next one.
    pub next: Option<CallId>,
}

/// A call in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallSummary {
    /// Names the call.
    #[schema(value_type = String)]
    pub id: CallId,
    /// Which module was called.
    #[schema(value_type = String)]
    pub module: ModuleName,
    /// The version that ran, if one did.
    pub version: Option<u32>,
    /// The call that it follows up, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub about: Option<CallId>,
    /// When the event arrived.
    #[schema(value_type = String, format = DateTime)]
    pub received: Timestamp,
    /// Microseconds from then to the end of the module's work; 0 while it runs.
    pub micros: u64,
    /// SERVICE as sent; empty if it was not read.
    pub service: String,
    /// `Customer.account_number`.
    pub account_number: Option<String>,
    /// `order_number`.
    pub order_number: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Requests to carriers; 0 while it runs.
    pub requests: u32,
}

/// All calls of all tenants. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    log: Arc<dyn Log>,
}

impl Journal {
    /// Keeps calls in this log.
    #[must_use]
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self { log }
    }

    /// Begins to write a call down. Nothing is kept yet.
    #[must_use]
    pub fn begin(&self, call: NewCall<'_>) -> CallLog {
        CallLog::new(self.log.clone(), call)
    }

    /// The calls of a tenant that match, newest first. Its work is bounded by [`SCAN_CALLS_MAX`].
    ///
    /// # Errors
    /// When the store refuses or a record is damaged.
    pub async fn list(&self, tenant: &TenantName, filter: &Filter, page: Page) -> Result<Listing, JournalError> {
        let limit = page.limit.clamp(1, PAGE_CALLS_MAX);
        let oldest = filter.from.map_or(0, |from| first_id(from, -ID_SLACK_MS));
        // What follows up a call is younger than that.
        let oldest = oldest.max(
            filter
                .about
                .map_or(0, |call| first_in_millisecond(call.0.timestamp_ms())),
        );
        let newest = filter.to.map(|to| first_id(to, ID_SLACK_MS));
        let mut before = match (page.before.map(|id| id.0.0), newest) {
            (Some(before), Some(newest)) => Some(before.min(newest)),
            (before, newest) => before.or(newest),
        };
        let mut calls = Vec::new();
        for _ in 0..SCAN_CALLS_MAX / SCAN_STEP {
            let ends = self.log.newest(tenant, before, SCAN_STEP).await?;
            let exhausted = ends.len() < SCAN_STEP;
            for ends in ends {
                if ends.call < oldest {
                    return Ok(Listing { calls, next: None });
                }
                if calls.len() == limit {
                    return Ok(Listing {
                        calls,
                        next: before.map(id),
                    });
                }
                before = Some(ends.call);
                let call = summary(&ends)?;
                if filter.matches(&call) {
                    calls.push(call);
                }
            }
            if exhausted {
                return Ok(Listing { calls, next: None });
            }
        }
        Ok(Listing {
            calls,
            next: before.map(id),
        })
    }

    /// One call, whole; `None` when this tenant has no such call.
    ///
    /// # Errors
    /// When the store refuses or a record is damaged.
    pub async fn show(&self, tenant: &TenantName, id: CallId) -> Result<Option<CallRecord>, JournalError> {
        let records = self.log.call(tenant, id.0.0).await?;
        if records.is_empty() {
            return Ok(None);
        }
        let call = entry::fold(id, records.iter().map(|(_, record)| &record[..]));
        Ok(Some(call.map_err(|why| damaged(id, &why))?))
    }
}

/// One more thing that happened after a call.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Counts from 0 within the call.
    pub number: u32,
    /// What happened.
    pub after: &'a After,
    /// Of the call itself, for listings.
    pub micros: u64,
    /// Of the call itself, for listings.
    pub requests: u32,
}

/// Where the records of what happened after a call begin. The call itself has a few thousand parts at most.
const AFTER_PART: u32 = 1 << 20;

impl Step<'_> {
    /// The record of this step, to be appended to the tenant's log.
    #[must_use]
    pub fn record(&self, call: CallId) -> (Position, Bytes) {
        let mut line = Vec::new();
        let later = Later {
            after: self.after.clone(),
            micros: self.micros,
            requests: self.requests,
        };
        Entry::After(later).write(&mut line);
        let position = Position {
            call: call.0.0,
            part: AFTER_PART + self.number,
        };
        (position, line.into())
    }
}

impl Filter {
    fn matches(&self, call: &CallSummary) -> bool {
        self.module.as_ref().is_none_or(|module| *module == call.module)
            && self
                .order_number
                .as_ref()
                .is_none_or(|order| Some(order) == call.order_number.as_ref())
            && self
                .service
                .as_ref()
                .is_none_or(|service| service.eq_ignore_ascii_case(&call.service))
            && self.outcome.is_none_or(|outcome| outcome == call.outcome)
            && self.about.is_none_or(|about| call.about == Some(about))
            && self.from.is_none_or(|from| from <= call.received)
            && self.to.is_none_or(|to| call.received < to)
    }
}

fn summary(ends: &Ends) -> Result<CallSummary, StorageError> {
    let id = id(ends.call);
    let received = entry::first(&ends.first).map_err(|why| damaged(id, &why))?;
    let end = entry::last(&ends.last).map_err(|why| damaged(id, &why))?;
    Ok(CallSummary {
        id,
        module: received.module,
        version: received.version,
        about: received.about,
        received: received.received,
        micros: end.as_ref().map_or(0, |end| end.micros),
        service: received.service,
        account_number: received.account_number,
        order_number: received.order_number,
        outcome: end.as_ref().map_or(Outcome::Running, |end| end.outcome),
        requests: end.as_ref().map_or(0, |end| end.requests),
    })
}

fn damaged(id: CallId, why: &entry::Unreadable) -> StorageError {
    StorageError::Damaged {
        what: format!("the record of call {id}"),
        why: why.to_string(),
    }
}

fn id(call: u128) -> CallId {
    CallId(ulid::Ulid(call))
}

/// The smallest id that a call can have that was received then, give or take.
fn first_id(received: Timestamp, slack_ms: i64) -> u128 {
    let milliseconds = received.as_millisecond().saturating_add(slack_ms);
    u64::try_from(milliseconds).map_or(0, first_in_millisecond)
}

/// The smallest id that is made then.
fn first_in_millisecond(milliseconds: u64) -> u128 {
    u128::from(milliseconds) << 80
}

#[cfg(test)]
mod tests;
