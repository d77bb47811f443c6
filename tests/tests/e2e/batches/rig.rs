//! The example module over stores in memory, with a worker that carries out its runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use patchbay::batches::{Batches, Worker};
use patchbay::domain::batch::{BatchKind, Run, RunId, RunStatus};
use patchbay::domain::call::CallId;
use patchbay::domain::event::Vars;
use patchbay::domain::name::{ModuleName, ModulePath, SecretName, TenantName};
use patchbay::domain::secret::Secret;
use patchbay::domain::telecloud::UrlTemplate;
use patchbay::domain::update::Update;
use patchbay::egress::{self, Door};
use patchbay::journal::Journal;
use patchbay::orders::{Observation, Orders, Seen};
use patchbay::registry::access::Principal;
use patchbay::registry::admin_token::AdminToken;
use patchbay::registry::modules::ModuleSettings;
use patchbay::registry::telecloud::NewTelecloud;
use patchbay::registry::versions::Which;
use patchbay::registry::{Caller, Registry};
use patchbay::runner::Runner;
use patchbay::sandbox::Sandbox;
use patchbay::storage::memory::Memory;
use patchbay::storage::{Durability, Stores};
use patchbay::vault::Vault;
use patchbay_tests::carrier::{FakeCarrier, TOKEN};
use patchbay_tests::gateway::{compiler, guest, loopback};
use patchbay_tests::telecloud::{API_ID_KEY, API_KEY, Component, FakeTelecloud, Order, ServiceStatus};
use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

pub(super) const ACCOUNT: &str = "9105012";

/// The example module, with a worker that carries out its runs.
pub(super) struct Rig {
    pub(super) carrier: FakeCarrier,
    pub(super) telecloud: FakeTelecloud,
    pub(super) stores: Stores,
    pub(super) orders: Orders,
    pub(super) batches: Arc<Batches>,
    pub(super) path: ModulePath,
    pub(super) stop: CancellationToken,
    pub(super) worker: JoinHandle<()>,
    _artifacts: TempDir,
}

impl Rig {
    pub(super) async fn start() -> Result<Self> {
        let (carrier, telecloud) = (FakeCarrier::start().await?, FakeTelecloud::start().await?);
        let artifacts = tempfile::tempdir()?;
        let settings = patchbay::sandbox::Config {
            concurrent_calls: 4,
            artifacts: artifacts.path().to_owned(),
            compiler: compiler()?,
        };
        let vault = Arc::new(Vault::new(&[7; 32]));
        let stores = Memory::stores();
        let sandbox = Arc::new(Sandbox::new(&settings, Arc::clone(&vault))?);
        let given = Secret::new("an-admin-token-of-enough-letters".to_owned());
        let admin = AdminToken::establish(&*stores.documents, &vault, Some(&given), artifacts.path()).await?;
        let loaded = Registry::load(stores.clone(), Arc::clone(&vault), Arc::clone(&sandbox), &admin);
        let (registry, modules) = loaded.await?;
        let registry = Arc::new(registry);
        let path = ModulePath {
            tenant: TenantName::parse("acme")?,
            module: ModuleName::parse("lines")?,
        };
        set_up(&registry, &path, &carrier, &telecloud).await?;
        let orders = Orders::new(Arc::clone(&stores.documents), Arc::clone(&vault));
        let journal = Journal::new(Arc::clone(&stores.log));
        let door = Arc::new(Door::new(egress::Config {
            networks: registry.named_networks(),
            ..egress::Config::default()
        }));
        let batches = Batches::open(
            Arc::clone(&stores.documents),
            vault,
            registry,
            orders.clone(),
            Arc::new(Runner::new(journal, sandbox, door)),
            modules,
        );
        let batches = batches.await?;
        let stop = CancellationToken::new();
        let worker = tokio::spawn(Worker::new(Arc::clone(&batches)).run(stop.clone()));
        Ok(Self {
            carrier,
            telecloud,
            stores,
            orders,
            batches,
            path,
            stop,
            worker,
            _artifacts: artifacts,
        })
    }

    /// An order in service, here and at TeleCloud, which counts component 8417871 for it.
    pub(super) async fn order(&self, number: &str, vars: &[(u8, &str)]) -> Result<()> {
        let order = Order::new(ACCOUNT, number, ServiceStatus::Active);
        self.telecloud
            .put_order(order.with_component("8417871", Component::default()));
        let mut of = Vars::default();
        for (index, value) in vars {
            of.set(*index, (*value).to_owned())
                .map_err(|index| anyhow::anyhow!("VAR{index}"))?;
        }
        let update = Update::active(of);
        let observation = Observation {
            module: &self.path.module,
            call: CallId(Ulid::generate()),
            at: Timestamp::now(),
            seen: Seen::Update {
                order_number: number,
                account_number: Some(ACCOUNT),
                update: &update,
            },
        };
        let mut prepared = self.orders.observe(&self.path.tenant, observation).await?;
        let changes = std::mem::take(&mut prepared.changes);
        self.stores.documents.write(changes, Durability::Synced).await?;
        Ok(())
    }

    /// A line at the carrier: its subscriber id and its number.
    pub(super) async fn line(&self, client: &Client, reference: &str, iccid: &str) -> Result<(String, String)> {
        let body = json!({
            "reference": reference, "plan": "unlimited-15", "imei": "356938035643809", "iccid": iccid, "customer": {},
        });
        let request = client.post(format!("{}/v1/activations", self.carrier.url()));
        let request = request
            .bearer_auth(TOKEN)
            .header("idempotency-key", reference)
            .json(&body);
        let line: BTreeMap<String, String> = request.send().await?.error_for_status()?.json().await?;
        Ok((line["subscriber_id"].clone(), line["mdn"].clone()))
    }

    pub(super) async fn start_run(&self, kind: BatchKind) -> Result<RunId> {
        Ok(self.batches.start(&self.path, kind, false, &admin()).await?.id)
    }

    /// The run, once this is true of it.
    pub(super) async fn once(&self, id: RunId, is: impl Fn(&Run) -> bool) -> Result<Run> {
        let seen = async {
            loop {
                let run = self.batches.run(&self.path, id).await?;
                if is(&run) {
                    return Ok(run);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), seen).await?
    }

    pub(super) async fn usage(&self) -> Result<Run> {
        let id = self.start_run(BatchKind::Usage).await?;
        self.once(id, |run| run.status == RunStatus::Done).await
    }

    /// The units that TeleCloud has counted for an order, and its VAR11.
    pub(super) fn counted(&self, number: &str) -> Result<(String, Option<String>)> {
        let order = self.telecloud.order(number).context("an order")?;
        let units = order.components["8417871"].units.to_string();
        Ok((units, order.vars.get(&11).cloned()))
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.worker.await?)
    }
}

/// The platform admin.
pub(super) fn admin() -> Caller {
    Caller {
        principal: Principal::PlatformAdmin,
        from: None,
    }
}

pub(super) async fn set_up(
    registry: &Registry,
    path: &ModulePath,
    carrier: &FakeCarrier,
    telecloud: &FakeTelecloud,
) -> Result<()> {
    let admin = admin();
    let network = loopback();
    registry.put_network(&network.name, network.blocks, &admin).await?;
    registry.put_tenant(&path.tenant, String::new(), &admin).await?;
    registry.put_module(path, ModuleSettings::default(), &admin).await?;
    let config = json!({
        "carrier_url": carrier.url(), "plan.VZW-15GB-UNLTT": "unlimited-15", "component.DATA": "8417871",
    });
    registry
        .put_config(path, serde_json::from_value(config)?, &admin)
        .await?;
    let grants = json!([{
        "name": "lists", "scheme": "http", "host": "127.0.0.1", "port": carrier.address().port(), "methods": ["GET"],
        "paths": ["/v1/usage", "/v1/lines"], "actions": ["usage", "audit"], "secrets": ["carrier-token"],
        "network": "loopback",
    }]);
    registry
        .put_grants(path, serde_json::from_value(grants)?, &admin)
        .await?;
    let token = Secret::new(TOKEN.to_owned());
    registry
        .put_secret(path, &SecretName::parse("carrier-token")?, token, &admin)
        .await?;
    let batches = json!({ "usage": { "components": {
        "8417871": { "unit_divisor": 1_048_576, "decimals": 2, "rounding": "half-up", "var": 11 },
    }}});
    registry
        .put_batches(path, serde_json::from_value(batches)?, &admin)
        .await?;
    let access = NewTelecloud {
        url: UrlTemplate::parse(&format!("{}/{{format}}/{{Service}}/{{Action}}", telecloud.url()))?,
        api_id_key: API_ID_KEY.to_owned(),
        api_key: Secret::new(API_KEY.to_owned()),
        network: Some(loopback().name),
    };
    registry.put_telecloud(&path.tenant, access, &admin).await?;
    let turn = registry.turn_to_upload(&path.tenant).await?;
    registry.upload(path, guest("usage-sync")?.into(), turn, &admin).await?;
    registry.activate(path, Which::Number(1), &admin).await?;
    Ok(())
}
