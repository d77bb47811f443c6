//! Runs over stores in memory, with a module and a TeleCloud that do as they are told.

mod audit;
mod pieces;
mod running;
mod usage;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use super::far::{Far, Trouble};
use super::*;
use crate::domain::call::CallId;
use crate::domain::event::Vars;
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::secret::Secret;
use crate::domain::subscriber::SubscriberPage;
use crate::domain::update::Update;
use crate::domain::usage::{Reading, Subscription, UsageKind, UsagePage};
use crate::orders::{Observation, Seen};
use crate::registry::admin_token::AdminToken;
use crate::registry::fake::{FakeEngine, holder, platform};
use crate::registry::modules::ModuleSettings;
use crate::runner::NotTold;
use crate::storage::Stores;
use crate::storage::memory::Memory;
use crate::telecloud::client::{Call, Expression};

/// What the far ends did and are to do.
#[derive(Default)]
struct Script {
    /// What the module answers, in order; nothing more to say after the last.
    usage: VecDeque<Result<UsagePage, Trouble>>,
    subscribers: VecDeque<Result<SubscriberPage, Trouble>>,
    /// The order numbers and the cursor of each question for usage.
    asked: Vec<(Vec<String>, Option<String>)>,
    /// What TeleCloud was told.
    told: Vec<Call>,
    /// Answers of TeleCloud to what it is told of an order; it takes what is not listed.
    answers: Vec<(String, NotTold)>,
    /// Stops the worker when the module is asked for the so manieth time.
    stop_at: Option<(usize, CancellationToken)>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Script>>);

impl Fake {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().expect("no test has failed while it held this")
    }
}

#[async_trait]
impl Far for Fake {
    async fn read_usage(
        &self,
        _: &ModulePath,
        subscriptions: Vec<Subscription>,
        cursor: Option<String>,
    ) -> Result<UsagePage, Trouble> {
        let mut script = self.script();
        let numbers = subscriptions.into_iter().map(|subscription| subscription.order_number);
        script.asked.push((numbers.collect(), cursor));
        if let Some((at, stop)) = &script.stop_at
            && script.asked.len() == *at
        {
            stop.cancel();
        }
        script.usage.pop_front().unwrap_or(Ok(page(Vec::new(), None)))
    }

    async fn list_subscribers(&self, _: &ModulePath, cursor: Option<String>) -> Result<SubscriberPage, Trouble> {
        let mut script = self.script();
        script.asked.push((Vec::new(), cursor));
        script.subscribers.pop_front().expect("a page that the test has given")
    }

    async fn tell(&self, _: &ModulePath, call: &Call) -> (CallId, Result<(), NotTold>) {
        let mut script = self.script();
        script.told.push(call.clone());
        let at = script.answers.iter().position(|(number, _)| number == number_of(call));
        let answer = at.map_or(Ok(()), |at| Err(script.answers.remove(at).1));
        (CallId(Ulid::generate()), answer)
    }
}

fn number_of(call: &Call) -> &str {
    match call {
        Call::UpdateOrder { order_number, .. } | Call::ReportUsage { order_number, .. } => order_number,
        other => panic!("a batch has no business with {other:?}"),
    }
}

/// A call as one line.
fn line(call: &Call) -> String {
    match call {
        Call::ReportUsage {
            account_number,
            order_number,
            component_id,
            units,
            expression,
        } => {
            let sign = match expression {
                Expression::Cumulative => "=",
                Expression::Additive => "+",
            };
            format!("report {account_number} {order_number} {component_id} {sign}{units}")
        }
        Call::UpdateOrder {
            account_number,
            order_number,
            update,
        } => {
            assert_eq!(*update, Update::vars(update.vars.clone()), "VARs and nothing else");
            let vars: Vec<_> = update
                .vars
                .iter()
                .map(|(index, value)| format!("{index}={value}"))
                .collect();
            format!("update {account_number} {order_number} {}", vars.join(" "))
        }
        other => panic!("a batch has no business with {other:?}"),
    }
}

struct Rig {
    stores: Stores,
    registry: Arc<Registry>,
    batches: Arc<Batches>,
    far: Fake,
    path: ModulePath,
}

fn vault() -> Arc<Vault> {
    Arc::new(Vault::new(&[7; 32]))
}

impl Rig {
    /// A module whose component 7 is told in units of 1,000 with one decimal and shown in VAR11, whose component 8 adds up,
    /// and whose component 9 is shown in VAR9 only.
    async fn new() -> Self {
        let stores = Memory::stores();
        let far = Fake::default();
        let path = ModulePath {
            tenant: TenantName::parse("acme").expect("a name"),
            module: ModuleName::parse("sim").expect("a name"),
        };
        let (registry, batches) = open(&stores, &far).await;
        registry
            .put_tenant(&path.tenant, String::new(), &platform())
            .await
            .expect("made");
        registry
            .put_module(&path, ModuleSettings::default(), &platform())
            .await
            .expect("made");
        let settings = json!({ "usage": { "components": {
            "7": { "unit_divisor": 1_000, "decimals": 1, "var": 11 },
            "8": { "expression": "additive" },
            "9": { "report": false, "var": 9 },
        }}});
        let settings = serde_json::from_value(settings).expect("settings");
        registry.put_batches(&path, settings, &platform()).await.expect("set");
        Self {
            stores,
            registry,
            batches,
            far,
            path,
        }
    }

    /// As after a crash: everything is read again from the documents.
    async fn restart(&mut self) {
        (self.registry, self.batches) = open(&self.stores, &self.far).await;
    }

    /// Has an order in service on record.
    async fn order(&self, number: &str, vars: &[(u8, &str)]) {
        self.observe(number, Update::active(vars_of(vars))).await;
    }

    async fn observe(&self, number: &str, update: Update) {
        let observation = Observation {
            module: &self.path.module,
            call: CallId(Ulid::generate()),
            at: Timestamp::now(),
            seen: Seen::Update {
                order_number: number,
                account_number: Some("9105012"),
                update: &update,
            },
        };
        let observed = self.batches.orders.observe(&self.path.tenant, observation).await;
        let mut prepared = observed.expect("observed");
        let changes = std::mem::take(&mut prepared.changes);
        self.batches.store.write(changes).await.expect("written");
    }

    async fn start(&self, kind: BatchKind, dry_run: bool) -> RunId {
        let run = self
            .batches
            .start(&self.path, kind, dry_run, &holder("operator", &[]))
            .await;
        run.expect("nothing else is under way").id
    }

    async fn carry_on(&self, id: RunId) -> Run {
        let stop = CancellationToken::new();
        self.carry_on_until(id, &stop).await
    }

    async fn carry_on_until(&self, id: RunId, stop: &CancellationToken) -> Run {
        let kind = self.get(id).await.kind;
        let carried = self.batches.carry_on(&self.path, kind, id, stop).await;
        carried.expect("the store is there");
        self.get(id).await
    }

    /// Has a run that waits be due.
    async fn hurry(&self, id: RunId) {
        let store = &self.batches.store;
        let mut record = store.record(&self.path, id).await.expect("a store").expect("a run");
        let RunStatus::Waiting { due, .. } = &mut record.run.status else {
            panic!("{:?}", record.run.status);
        };
        *due = Timestamp::UNIX_EPOCH;
        let change = store.put_record(&self.path, &record).expect("a document");
        store.write(vec![change]).await.expect("written");
    }

    async fn get(&self, id: RunId) -> Run {
        self.batches.run(&self.path, id).await.expect("a run")
    }

    /// Runs usage to its end, with these pages of the module.
    async fn usage(&self, pages: Vec<UsagePage>) -> Run {
        self.far.script().usage.extend(pages.into_iter().map(Ok));
        let id = self.start(BatchKind::Usage, false).await;
        let run = self.carry_on(id).await;
        assert_eq!(run.status, RunStatus::Done);
        run
    }

    /// What TeleCloud was told since this was last asked, in an order of its own.
    fn told(&self) -> Vec<String> {
        let mut lines: Vec<_> = std::mem::take(&mut self.far.script().told).iter().map(line).collect();
        lines.sort();
        lines
    }

    /// What became of each reading, as `order component verdict`.
    async fn results(&self, id: RunId) -> Vec<String> {
        let results = self.batches.results(&self.path, id, None).await.expect("results");
        let line = |result: &UsageResult| {
            let verdict = serde_json::to_value(&result.verdict).expect("JSON");
            format!(
                "{} {} {}",
                result.order_number,
                result.component_id,
                verdict["verdict"].as_str().expect("a word")
            )
        };
        let mut lines: Vec<_> = results.items.iter().map(line).collect();
        lines.sort();
        lines
    }
}

async fn open(stores: &Stores, far: &Fake) -> (Arc<Registry>, Arc<Batches>) {
    let given = Secret::new("an-admin-token-of-enough-letters".to_owned());
    let folder = std::env::temp_dir();
    let admin = AdminToken::establish(&*stores.documents, &vault(), Some(&given), &folder).await;
    let admin = admin.expect("a good token");
    let loaded = Registry::load(stores.clone(), vault(), FakeEngine::new(), &admin).await;
    let (registry, _) = loaded.expect("loaded");
    registry.prepare().await;
    let registry = Arc::new(registry);
    let orders = Orders::new(Arc::clone(&stores.documents), vault());
    let documents = Arc::clone(&stores.documents);
    let batches = Batches::with(documents, vault(), Arc::clone(&registry), orders, Box::new(far.clone())).await;
    (registry, batches.expect("opened"))
}

fn vars_of(of: &[(u8, &str)]) -> Vars {
    let mut vars = Vars::default();
    for (index, value) in of {
        vars.set(*index, (*value).to_owned()).expect("a VAR");
    }
    vars
}

fn reading(order: &str, component: &str, total: &str) -> Reading {
    Reading {
        order_number: order.to_owned(),
        kind: UsageKind::Recurring,
        component_id: component.to_owned(),
        total: total.parse().expect("an amount"),
        vars: Vars::default(),
    }
}

fn page(readings: Vec<Reading>, next: Option<&str>) -> UsagePage {
    UsagePage {
        readings,
        next: next.map(str::to_owned),
    }
}

fn passing() -> Trouble {
    Trouble::Passing("the carrier is down".to_owned())
}
