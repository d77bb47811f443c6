//! Usage and audits with the real module, a carrier and TeleCloud; but for the last test, over stores in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use patchbay::batches::{Batches, Worker};
use patchbay::domain::audit::Difference;
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
use patchbay_tests::gateway::{Deployment, compiler, guest, loopback};
use patchbay_tests::telecloud::{
    API_ID_KEY, API_KEY, Behaviour, Component, FakeTelecloud, Order, Reply, ServiceStatus, StatusCode, client,
};
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use super::stage::{MODULE, Stage, TENANT, fields_of, with};

const ACCOUNT: &str = "9105012";

/// The example module, with a worker that carries out its runs.
struct Rig {
    carrier: FakeCarrier,
    telecloud: FakeTelecloud,
    stores: Stores,
    orders: Orders,
    batches: Arc<Batches>,
    path: ModulePath,
    stop: CancellationToken,
    worker: JoinHandle<()>,
    _artifacts: TempDir,
}

impl Rig {
    async fn start() -> Result<Self> {
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
    async fn order(&self, number: &str, vars: &[(u8, &str)]) -> Result<()> {
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
    async fn line(&self, client: &Client, reference: &str, iccid: &str) -> Result<(String, String)> {
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

    async fn start_run(&self, kind: BatchKind) -> Result<RunId> {
        Ok(self.batches.start(&self.path, kind, false, &admin()).await?.id)
    }

    /// The run, once this is true of it.
    async fn once(&self, id: RunId, is: impl Fn(&Run) -> bool) -> Result<Run> {
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

    async fn usage(&self) -> Result<Run> {
        let id = self.start_run(BatchKind::Usage).await?;
        self.once(id, |run| run.status == RunStatus::Done).await
    }

    /// The units that TeleCloud has counted for an order, and its VAR11.
    fn counted(&self, number: &str) -> Result<(String, Option<String>)> {
        let order = self.telecloud.order(number).context("an order")?;
        let units = order.components["8417871"].units.to_string();
        Ok((units, order.vars.get(&11).cloned()))
    }

    async fn stop(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.worker.await?)
    }
}

/// The platform admin.
fn admin() -> Caller {
    Caller {
        principal: Principal::PlatformAdmin,
        from: None,
    }
}

async fn set_up(
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

#[tokio::test]
async fn what_customers_used_reaches_telecloud_in_its_own_units() -> Result<()> {
    let rig = Rig::start().await?;
    for (number, line) in [("O-1", "S-2001"), ("O-2", "S-2002"), ("O-3", "S-2003")] {
        rig.order(number, &[(14, line)]).await?;
    }
    rig.carrier.set_page_size(1);
    rig.carrier
        .set_usage("S-2001", "DATA", "recurring", "123456789", "bytes");
    rig.carrier.set_usage("S-2002", "DATA", "rollover", "5", "bytes");
    rig.carrier.set_usage("S-2003", "DATA", "once-off", "1048576", "bytes");
    let run = rig.usage().await?;
    // 123,456,789 / 1,048,576 is 117.7376.
    assert_eq!(rig.counted("O-1")?, ("117.74".to_owned(), Some("117.74".to_owned())));
    assert_eq!(rig.counted("O-2")?, ("0".to_owned(), None));
    assert_eq!(rig.counted("O-3")?, ("1".to_owned(), Some("1".to_owned())));
    assert_eq!(
        (run.pages, run.counts["reported"], run.counts["unknown_kind"]),
        (3, 2, 1)
    );
    // The next one finds nothing new.
    let calls = rig.telecloud.received().len();
    rig.usage().await?;
    assert_eq!(rig.telecloud.received().len(), calls);
    rig.stop().await
}

#[tokio::test]
async fn a_run_waits_while_telecloud_is_down_and_nobody_is_forgotten() -> Result<()> {
    let rig = Rig::start().await?;
    rig.order("O-1", &[(14, "S-2001")]).await?;
    rig.carrier.set_usage("S-2001", "DATA", "recurring", "1048576", "bytes");
    rig.telecloud.refuse_connections().await;
    let id = rig.start_run(BatchKind::Usage).await?;
    let waiting = rig
        .once(id, |run| matches!(run.status, RunStatus::Waiting { .. }))
        .await?;
    assert_eq!(waiting.pages, 0);
    assert_eq!(rig.counted("O-1")?, ("0".to_owned(), None));
    rig.telecloud.accept_connections().await?;
    let done = rig.once(id, |run| matches!(run.status, RunStatus::Done)).await?;
    assert_eq!(done.counts["reported"], 1);
    assert_eq!(rig.counted("O-1")?.0, "1");
    rig.stop().await
}

#[tokio::test]
async fn what_telecloud_refuses_is_shown_with_its_words() -> Result<()> {
    let rig = Rig::start().await?;
    rig.order("O-1", &[(14, "S-2001"), (11, "1")]).await?;
    rig.carrier.set_usage("S-2001", "DATA", "recurring", "1048576", "bytes");
    let refusal = "<error>the order is locked</error>";
    let refusal = Reply::new(StatusCode::OK, "text/xml", refusal);
    rig.telecloud.next(Behaviour::answer(refusal));
    let run = rig.usage().await?;
    let results = rig.batches.results(&rig.path, run.id, None).await?.items;
    let shown = serde_json::to_value(&results[0].reported)?;
    assert!(
        shown["why"]
            .as_str()
            .is_some_and(|why| why.contains("the order is locked")),
        "{shown}"
    );
    rig.usage().await?;
    assert_eq!(rig.counted("O-1")?.0, "1");
    rig.stop().await
}

#[tokio::test]
async fn an_audit_finds_what_differs_and_repairs_what_it_is_told_to() -> Result<()> {
    let rig = Rig::start().await?;
    let client = client()?;
    let (first, mdn) = rig.line(&client, "O-1", "8901260000000000014").await?;
    let (second, _) = rig.line(&client, "O-2", "8901260000000000022").await?;
    rig.order("O-1", &[(14, &first), (3, &mdn), (2, "8901260000000000030")])
        .await?;
    rig.order("O-3", &[(14, "S-gone")]).await?;
    rig.carrier.set_page_size(1);
    let id = rig.start_run(BatchKind::Audit).await?;
    rig.once(id, |run| run.status == RunStatus::Done).await?;
    let report = rig.batches.report(&rig.path, id).await?;
    let found: Vec<_> = report
        .iter()
        .map(|row| (row.row.difference, row.row.subscribers.clone()))
        .collect();
    assert_eq!(
        found,
        [
            (Difference::Sim, vec![first]),
            (Difference::MissingThere, vec![]),
            (Difference::MissingHere, vec![second]),
        ]
    );
    assert_eq!(rig.telecloud.received().len(), 0);
    rig.batches.repair(&rig.path, id, Some(&[1]), &admin()).await?;
    let order = rig.telecloud.order("O-1").context("an order")?;
    assert_eq!(order.vars.get(&2).map(String::as_str), Some("8901260000000000014"));
    rig.stop().await
}

#[tokio::test]
async fn telecloud_may_post_to_the_module_from_inside_of_a_report() -> Result<()> {
    // One slot for all: what a report held would be missed by the post.
    let stage = Stage::empty(&["--concurrent-calls", "1"]).await;
    let telecloud = FakeTelecloud::start().await?;
    let port = stage.carrier.address().port();
    let grant = |name: &str, methods: Value, paths: Value| {
        json!({
            "name": name, "scheme": "http", "host": "127.0.0.1", "port": port, "methods": methods, "paths": paths,
            "secrets": ["carrier-token"], "network": "loopback",
        })
    };
    stage
        .deploy(Deployment {
            config: json!({
                "carrier_url": stage.carrier.url(), "plan.VZW-15GB-UNLTT": "unlimited-15", "component.DATA": "8417871",
            }),
            grants: json!([
                grant("new-lines", json!(["POST"]), json!(["/v1/activations"])),
                grant("lists", json!(["GET"]), json!(["/v1/usage", "/v1/lines"])),
            ]),
            secrets: vec![("carrier-token".to_owned(), TOKEN.to_owned())],
            ..Deployment::of(guest("usage-sync")?)
        })
        .await;
    let admin = stage.gateway.admin();
    let access = json!({
        "url": format!("{}/{{format}}/{{Service}}/{{Action}}", telecloud.url()),
        "api_id_key": API_ID_KEY, "api_key": API_KEY, "network": "loopback",
    });
    admin.put(&format!("/v1/tenants/{TENANT}/telecloud"), access).await?;
    let module = format!("/v1/tenants/{TENANT}/modules/{MODULE}");
    let units = json!({ "usage": { "components": { "8417871": { "unit_divisor": 1_048_576 } } } });
    admin.put(&format!("{module}/schedules"), units).await?;

    let fields = with(fields_of("activate"), &[("order_number", "4711")]);
    let account = fields["Customer[account_number]"].clone();
    let created = stage.post(&fields).await;
    assert!(created.body.contains("<SUCCESS>Y</SUCCESS>"), "{}", created.body);
    let component = Component {
        maximum: Some("100".parse()?),
        ..Component::default()
    };
    let order = Order::new(&account, "4711", ServiceStatus::Active);
    telecloud.put_order(order.with_component("8417871", component));
    let reached = with(fields, &[("SERVICE", "Order/ReportUsage")]);
    telecloud.on_maximum(&stage.url(), reached);
    stage
        .carrier
        .set_usage("S-2001", "DATA", "recurring", "209715200", "bytes");

    let run = admin
        .post(&format!("{module}/runs"), json!({ "kind": "usage" }))
        .await?;
    let run = format!("{module}/runs/{}", run["id"].as_str().context("an id")?);
    let ended = async {
        loop {
            let now = admin.get(&run).await?;
            if now["status"] != "running" {
                return anyhow::Ok(now);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await??;
    assert_eq!(
        (&ended["status"], &ended["counts"]["reported"]),
        (&json!("done"), &json!(1)),
        "{ended}"
    );
    let order = telecloud.order("4711").context("an order")?;
    assert_eq!(order.components["8417871"].units.to_string(), "200");
    let answers = telecloud.maximum_answers();
    let [Ok(answer)] = answers.as_slice() else {
        anyhow::bail!("{answers:?}");
    };
    assert!(
        answer.body.contains("Unsupported SERVICE: Order/ReportUsage"),
        "{}",
        answer.body
    );
    Ok(())
}
