//! A sandbox with one component in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use patchbay::domain::call::CallId;
use patchbay::domain::event::{Action, Document, Event, Vars};
use patchbay::domain::grant::Grant;
use patchbay::domain::limits::Limits;
use patchbay::domain::module::Digest;
use patchbay::domain::name::{SecretName, TenantName};
use patchbay::domain::secret::Secret;
use patchbay::egress::policy::Policy;
use patchbay::egress::{self, Door, Ended, ExchangeNumber, Passage, RecordFailed, Recorder, Spent, Started};
use patchbay::fair::{Bounds, Kind, Line};
use patchbay::sandbox::{Ask, Fault, Invocation, LogLevel, LogSink, Prepared, Sandbox};
use patchbay::vault::Vault;
use patchbay_tests::gateway::{compiler, guest, loopback};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

/// Long enough for whatever does not wait on purpose.
pub(super) const TIME: Duration = Duration::from_secs(60);

/// A component, ready to be asked, with settings and grants.
pub(super) struct Rig {
    sandbox: Arc<Sandbox>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) grants: Vec<Grant>,
    pub(super) secrets: BTreeMap<SecretName, Secret>,
    pub(super) time: Duration,
    pub(super) stop: CancellationToken,
    pub(super) record: Arc<Record>,
    _artifacts: TempDir,
}

/// How exchanges ended.
#[derive(Default)]
pub(super) struct Record {
    ends: Mutex<Vec<String>>,
    stops: Option<CancellationToken>,
}

impl Record {
    /// One that stops the call as soon as an exchange has begun.
    pub(super) fn that_stops(stop: &CancellationToken) -> Self {
        Self {
            stops: Some(stop.clone()),
            ..Self::default()
        }
    }

    fn end(&self, end: &Ended<'_>) {
        let text = match end {
            Ended::Answered { response, .. } => format!("answered {}", response.status()),
            Ended::Denied { reason } => format!("denied: {reason}"),
            Ended::NotSent { reason } => format!("not sent: {reason}"),
            Ended::NoAnswer { reason } => format!("no answer: {reason}"),
        };
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    pub(super) fn ends(&self) -> Vec<String> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Recorder for Record {
    async fn started(&self, _: Started<'_>) -> Result<ExchangeNumber, RecordFailed> {
        if let Some(stop) = &self.stops {
            stop.cancel();
        }
        Ok(ExchangeNumber(1))
    }

    async fn ended(&self, _: ExchangeNumber, end: Ended<'_>, _: Duration) {
        self.end(&end);
    }

    fn cut(&self, _: ExchangeNumber, end: Ended<'_>, _: Duration) {
        self.end(&end);
    }
}

impl LogSink for Record {
    fn line(&self, _: LogLevel, _: &str) {}
}

impl Rig {
    pub(super) async fn of(name: &str, config: &[(&str, &str)]) -> Result<Self> {
        let artifacts = tempfile::tempdir()?;
        let settings = patchbay::sandbox::Config {
            concurrent_calls: 4,
            artifacts: artifacts.path().to_owned(),
            compiler: compiler()?,
        };
        let sandbox = Arc::new(Sandbox::new(&settings, Arc::new(Vault::new(&[7; 32])))?);
        let component = Bytes::from(guest(name)?);
        let prepared = sandbox.prepare(&Digest::of(&component), component).await?;
        Ok(Self {
            sandbox,
            prepared,
            config: config
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            grants: Vec::new(),
            secrets: BTreeMap::new(),
            time: TIME,
            stop: CancellationToken::new(),
            record: Arc::default(),
            _artifacts: artifacts,
        })
    }

    pub(super) async fn ask<A: Ask>(&self, ask: A) -> Result<A::Word, Fault> {
        let action = ask.action();
        let passage = Passage {
            tenant: TenantName::parse("acme").expect("a name"),
            policy: Arc::new(Policy::compile(self.grants.clone()).expect("valid grants")),
            secrets: Arc::new(self.secrets.clone()),
            limits: Limits::default(),
            action,
            deadline: Instant::now() + self.time,
            connections: Arc::new(Semaphore::new(1)),
            recorder: Arc::<Record>::clone(&self.record),
            spent: Spent::default(),
        };
        let invocation = Invocation {
            config: Arc::new(self.config.clone()),
            door: Arc::new(Door::new(egress::Config {
                networks: Arc::new(egress::Networks::from_iter([loopback()])),
                ..egress::Config::default()
            })),
            passage: Arc::new(passage),
            time: self.time,
            stop: self.stop.clone(),
            log: Arc::<Record>::clone(&self.record),
            line: Line {
                tenant: TenantName::parse("acme").expect("a name"),
                kind: Kind::Event,
            },
            bounds: Bounds::NONE,
        };
        self.sandbox.run(&self.prepared, ask, invocation).await.result
    }
}

/// An order event, with the call that it came in.
pub(super) fn order() -> (Arc<Event>, CallId) {
    let event = Event {
        service: "Order/Create".to_owned(),
        action: Action::Create,
        account_number: Some("9105012".to_owned()),
        order_number: Some("4617ZU4617".to_owned()),
        parent_order_number: None,
        carrier_product_id: None,
        new_state: None,
        vars: vars(&[(2, "8901260000000000014")]),
        document: Document::default(),
    };
    (Arc::new(event), CallId(Ulid::generate()))
}

pub(super) fn vars(pairs: &[(u8, &str)]) -> Vars {
    let mut vars = Vars::default();
    for (index, value) in pairs {
        vars.set(*index, (*value).to_owned()).expect("a VAR");
    }
    vars
}
