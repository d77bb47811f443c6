//! Runs one task of a module with everything it may use, and has all of it on record.
//!
//! Nothing here decides what a task's end means.

mod telecloud;
mod witness;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::telecloud::{NotTold, tell};
pub use self::witness::Witness;
use crate::domain::answer::Failure;
use crate::domain::call::CallId;
use crate::domain::name::SecretName;
use crate::domain::quota::Quota;
use crate::domain::secret::{MASK, Secret};
use crate::egress::{Door, Passage, Spent};
use crate::fair::{Bounds, Computing, Kind, Line};
use crate::journal::{CallLog, Journal, NewCall};
use crate::registry::{Serving, Settings};
use crate::sandbox::{Ask, Invocation, Prepared, Ran, Sandbox};
use crate::storage::Durability;

/// Shortest secret that is hidden in a text that leaves the gateway, in bytes. A shorter one may be a word or a number like
/// any other.
const HIDDEN_BYTES_MIN: usize = 8;

/// How long a task may go on.
#[derive(Debug, Clone)]
pub struct Time {
    /// It is ended then, whatever it is waiting for.
    pub deadline: Instant,
    /// How long it was given until then, for the fault that says so.
    pub given: Duration,
    /// It is ended as soon as this is cancelled.
    pub stop: CancellationToken,
}

impl Time {
    /// So long from now.
    #[must_use]
    pub fn from_now(given: Duration) -> Self {
        Self {
            deadline: Instant::now() + given,
            given,
            stop: CancellationToken::new(),
        }
    }
}

/// Runs tasks. Shared by all who have some.
pub struct Runner {
    journal: Journal,
    sandbox: Arc<Sandbox>,
    door: Arc<Door>,
}

impl Runner {
    /// Puts the parts together.
    #[must_use]
    pub fn new(journal: Journal, sandbox: Arc<Sandbox>, door: Arc<Door>) -> Self {
        Self { journal, sandbox, door }
    }

    /// Whose turn it is to compute.
    #[must_use]
    pub fn computing(&self) -> Arc<Computing> {
        self.sandbox.computing()
    }

    /// Begins the record of a call of this module. `about` is the call that it follows, if it does.
    #[must_use]
    pub fn begin(&self, serving: &Serving<Prepared>, id: CallId, about: Option<CallId>) -> CallLog {
        let settings = &serving.settings;
        self.journal.begin(NewCall {
            tenant: &settings.path.tenant,
            module: &settings.path.module,
            version: serving.version.as_ref().ok().map(|version| version.number),
            id,
            about,
            received: Timestamp::now(),
            durability: durability(settings),
            log_bytes: settings.limits.log_bytes,
            secrets: &settings.known,
        })
    }

    /// Asks a module something, in a fresh instance. `kind` says whether somebody waits for the answer.
    pub async fn run<A: Ask>(
        &self,
        kind: Kind,
        settings: &Settings,
        prepared: &Arc<Prepared>,
        log: &CallLog,
        ask: A,
        time: Time,
    ) -> Ran<A::Word> {
        let witness = Arc::new(Witness::new(log.clone()));
        let passage = Passage {
            tenant: settings.path.tenant.clone(),
            policy: Arc::clone(&settings.policy),
            secrets: Arc::clone(&settings.secrets),
            limits: settings.limits.clone(),
            action: ask.action(),
            deadline: time.deadline,
            connections: Arc::clone(&settings.connections),
            recorder: Arc::<Witness>::clone(&witness),
            spent: Spent::default(),
        };
        let invocation = Invocation {
            config: Arc::clone(&settings.config),
            door: Arc::clone(&self.door),
            passage: Arc::new(passage),
            time: time.given,
            stop: time.stop,
            log: witness,
            line: Line {
                tenant: settings.path.tenant.clone(),
                kind,
            },
            bounds: bounds(kind, &settings.quota),
        };
        self.sandbox.run(prepared, ask, invocation).await
    }
}

/// What a tenant may have of the sandbox. Follow-ups are bounded by those who begin them.
fn bounds(kind: Kind, quota: &Quota) -> Bounds {
    match kind {
        Kind::Event => Bounds {
            held: count(quota.concurrent_calls),
            waiting: count(quota.waiting),
        },
        Kind::FollowUp => Bounds::NONE,
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The same for what a module said: a rejection goes to whoever ordered.
#[must_use]
pub fn hidden(failure: Failure, secrets: &BTreeMap<SecretName, Secret>) -> Failure {
    match failure {
        Failure::Rejected(text) => Failure::Rejected(without_secrets(text, secrets)),
        failure => failure,
    }
}

/// When what is written of this module's calls has to be on the disk.
#[must_use]
pub fn durability(settings: &Settings) -> Durability {
    match settings.handling.sync_within_ms {
        0 => Durability::Synced,
        ms => Durability::Within(Duration::from_millis(ms)),
    }
}

/// Hides secrets in a text that goes to others word for word: carriers like to quote what they were sent.
#[must_use]
pub fn without_secrets(text: String, secrets: &BTreeMap<SecretName, Secret>) -> String {
    let hidden = secrets.values().map(Secret::expose);
    let hidden = hidden.filter(|secret| secret.len() >= HIDDEN_BYTES_MIN);
    hidden.fold(text, |text, secret| text.replace(secret, MASK))
}
