//! A gateway's admin API over stores in memory, with one of each thing in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;
use ulid::Ulid;

use super::passwords::Asked;
use crate::batches::{Batches, fake};
use crate::domain::answer::{Pending, Reply};
use crate::domain::batch::BatchKind;
use crate::domain::call::{CallId, Outcome, Usage};
use crate::domain::event::{Action, Document, Event, Vars};
use crate::domain::handling::Handling;
use crate::domain::name::{ConfigKey, ModuleName, ModulePath, NetworkName, SecretName, TenantName};
use crate::domain::network::Block;
use crate::domain::secret::Secret;
use crate::domain::telecloud::UrlTemplate;
use crate::domain::tenant::Scope;
use crate::egress::{self, Door};
use crate::guessing::{Guard, Proxies};
use crate::jobs::{Came, Claim, Ending, Jobs, Posted};
use crate::journal::{CallLog, Journal, NewCall};
use crate::orders::{Observation, Orders, Seen};
use crate::registration::Registrar;
use crate::registry::access::NewToken;
use crate::registry::admin_token::AdminToken;
use crate::registry::fake::{FakeEngine, platform};
use crate::registry::modules::ModuleSettings;
use crate::registry::telecloud::NewTelecloud;
use crate::registry::versions::Which;
use crate::registry::{Registry, Table};
use crate::storage::memory::Memory;
use crate::storage::{Documents, Durability, Stores};
use crate::vault::Vault;

pub(crate) const ADMIN: &str = "an-admin-token-of-enough-letters";
/// Components of more bytes are refused.
pub(crate) const UPLOAD_BYTES: usize = 1 << 10;

pub(crate) const ALL: [Scope; 6] = [
    Scope::Read,
    Scope::Calls,
    Scope::Deploy,
    Scope::Grants,
    Scope::Operate,
    Scope::Access,
];

pub(crate) struct World {
    pub(crate) registry: Arc<Registry>,
    pub(crate) table: Arc<Table<Bytes>>,
    pub(crate) key: String,
    pub(crate) token: String,
    pub(crate) call: String,
    pub(crate) order: String,
    /// Runs that have ended.
    pub(crate) usage: String,
    pub(crate) audit: String,
    batches: Arc<Batches>,
    pub(crate) orders: Orders,
    pub(super) passwords: Arc<Asked>,
    documents: Arc<dyn Documents>,
    /// The call of a pending order.
    pub(crate) job: String,
    pub(crate) router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

pub(crate) fn tenant(name: &str) -> TenantName {
    TenantName::parse(name).expect("a tenant name")
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Memory::stores()).await
    }

    /// Tenants `acme` and `other`; acme has a module `sim` with versions 1 and 2, the first of them active, a setting, a
    /// secret, a grant, a key, a token, access to TeleCloud's API, an order that is pending, a newer call and an order on
    /// record, and a run of each kind that has ended.
    pub(crate) async fn on(stores: Stores) -> Self {
        let vault = Arc::new(Vault::new(&[7; 32]));
        let given = Secret::new(ADMIN.to_owned());
        let folder = std::env::temp_dir();
        let admin = AdminToken::establish(&*stores.documents, &vault, Some(&given), &folder).await;
        let journal = Journal::new(Arc::clone(&stores.log));
        let orders = Orders::new(Arc::clone(&stores.documents), Arc::clone(&vault));
        let jobs = Jobs::open(stores.clone(), Arc::clone(&vault), orders.clone(), &[]).await;
        let jobs = jobs.expect("opened");
        let documents = Arc::clone(&stores.documents);
        let loaded = Registry::load(
            stores,
            Arc::clone(&vault),
            FakeEngine::new(),
            &admin.expect("a good token"),
        )
        .await;
        let (registry, table) = loaded.expect("loaded");
        let registry = Arc::new(registry);
        let acme = tenant("acme");
        for name in [&acme, &tenant("other")] {
            registry
                .put_tenant(name, String::new(), &platform())
                .await
                .expect("made");
        }
        let sim = ModulePath {
            tenant: acme.clone(),
            module: ModuleName::parse("sim").expect("a module name"),
        };
        registry
            .put_module(&sim, ModuleSettings::default(), &platform())
            .await
            .expect("made");
        for component in ["good one", "good two"] {
            let turn = registry.turn_to_upload(&sim.tenant).await;
            let turn = turn.expect("nothing else is worked on");
            let uploaded = registry.upload(&sim, Bytes::from(component), turn, &platform()).await;
            uploaded.expect("uploaded");
        }
        registry
            .activate(&sim, Which::Number(1), &platform())
            .await
            .expect("activated");
        let networks = [
            ("lab", "10.20.0.0/16"),
            ("loopback", "127.0.0.0/8"),
            ("unused", "fd12::/48"),
        ];
        for (name, block) in networks {
            let block = Block::parse(block).expect("a block");
            let name = NetworkName::parse(name).expect("a name");
            let put = registry.put_network(&name, vec![block], &platform()).await;
            put.expect("named");
        }
        let region = BTreeMap::from([(ConfigKey::parse("region").expect("a key"), "west".to_owned())]);
        registry.put_config(&sim, region, &platform()).await.expect("set");
        let secret = Secret::new("canary-secret".to_owned());
        let name = SecretName::parse("carrier-token").expect("a name");
        registry
            .put_secret(&sim, &name, secret, &platform())
            .await
            .expect("set");
        let grants = serde_json::from_value(json!([grant("carrier")])).expect("grants");
        registry.put_grants(&sim, grants, &platform()).await.expect("set");
        let key = Secret::new("canary-key".to_owned());
        let key = registry
            .add_key(&acme, "reseller".to_owned(), &key, &platform())
            .await
            .expect("added");
        let telecloud = NewTelecloud {
            url: UrlTemplate::default(),
            api_id_key: "7".to_owned(),
            api_key: Secret::new("canary-telecloud-key".to_owned()),
            network: None,
        };
        registry
            .put_telecloud(&acme, telecloud, &platform())
            .await
            .expect("set");
        let job = pending(&jobs, &journal, &sim).await;
        // Tests count the orders on record, and this one is not among those.
        documents.delete("work/acme/orders").await.expect("removed");
        let work = json!({"usage": {"components": {"7": {"unit_divisor": 2}}}});
        let work = serde_json::from_value(work).expect("settings");
        registry.put_batches(&sim, work, &platform()).await.expect("set");
        let guard = Arc::new(Guard::new(Arc::clone(&vault), Proxies::default(), |_| ()));
        let batches = fake::agreeable(
            Arc::clone(&documents),
            vault,
            Arc::clone(&registry),
            orders.clone(),
            "2025550143",
        );
        let batches = batches.await;
        let call = record(&journal, &sim).await;
        let passwords = Arc::new(Asked::in_call(&call));
        let door = Arc::new(Door::new(egress::Config {
            networks: registry.named_networks(),
            ..egress::Config::default()
        }));
        let registrar = Arc::new(Registrar::new(Arc::clone(&registry), journal.clone(), door));
        let api = crate::api::Api {
            registry: Arc::clone(&registry),
            journal,
            jobs,
            orders: orders.clone(),
            registrar,
            batches: Arc::clone(&batches),
            guard,
            changes: Arc::default(),
            passwords: Arc::<Asked>::clone(&passwords),
        };
        let mut world = Self {
            router: crate::api::router(api, UPLOAD_BYTES),
            registry,
            table,
            key: key.id,
            token: String::new(),
            call,
            order: String::new(),
            usage: String::new(),
            audit: String::new(),
            batches,
            orders,
            passwords,
            documents,
            job,
        };
        world.order = world.order("sim", "4711", "2025550143").await;
        world.usage = fake::finished(&world.batches, &sim, BatchKind::Usage).await.to_string();
        world.audit = fake::finished(&world.batches, &sim, BatchKind::Audit).await.to_string();
        world.token("acme", &[Scope::Read]).await;
        world.token = world.registry.tokens(&acme).expect("tokens")[0].id.clone();
        world
    }

    /// Puts an order of a module of acme on record, active with this telephone number, and says its id.
    pub(crate) async fn order(&self, module: &str, number: &str, mdn: &str) -> String {
        let (acme, module) = (tenant("acme"), ModuleName::parse(module).expect("a module name"));
        let mut vars = Vars::default();
        for (index, value) in [
            (2, "8901260000000000017"),
            (3, mdn),
            (6, "canary-pin"),
            (8, "has canary-pin"),
        ] {
            vars.set(index, value.to_owned()).expect("a VAR");
        }
        let event = Event {
            service: "Order/Create".to_owned(),
            action: Action::Create,
            account_number: Some("100".to_owned()),
            order_number: Some(number.to_owned()),
            parent_order_number: None,
            carrier_product_id: Some("SOC5GB".to_owned()),
            new_state: None,
            vars,
            document: Document::default(),
        };
        let observation = Observation {
            module: &module,
            call: CallId(Ulid::generate()),
            at: Timestamp::now(),
            seen: Seen::Event {
                event: &event,
                outcome: Outcome::Done,
                answered: &Vars::default(),
            },
        };
        let mut prepared = self.orders.observe(&acme, observation).await.expect("read");
        let changes = std::mem::take(&mut prepared.changes);
        let written = self.documents.write(changes, Durability::Synced).await;
        written.expect("written");
        self.orders.id(&acme, &module, number).to_string()
    }

    /// A new token of a tenant.
    pub(crate) async fn token(&self, of: &str, scopes: &[Scope]) -> String {
        let new = NewToken {
            label: String::new(),
            scopes: BTreeSet::from_iter(scopes.iter().copied()),
            expires: None,
        };
        let made = self.registry.create_token(&tenant(of), new, &platform()).await;
        made.expect("made").1.expose().to_owned()
    }

    /// Sends JSON.
    pub(crate) async fn send(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.send_bytes(method, path, token, body).await
    }

    /// Sends a body of any type. `{key}`, `{token}`, `{call}` and `{job}` in the path are the ids of what there is.
    pub(crate) async fn send_bytes(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Answer {
        let path = path
            .replace("{key}", &self.key)
            .replace("{token}", &self.token)
            .replace("{call}", &self.call)
            .replace("{order}", &self.order)
            .replace("{job}", &self.job)
            .replace("{usage}", &self.usage)
            .replace("{audit}", &self.audit);
        let mut request = Request::builder()
            .method(method.parse::<Method>().expect("a method"))
            .uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some((media_type, bytes)) => {
                request = request.header(header::CONTENT_TYPE, media_type);
                Body::from(bytes)
            }
            None => Body::empty(),
        };
        self.answer(request.body(body).expect("a request")).await
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 16 << 20).await.expect("a body");
        let body = match &bytes[..] {
            [] => Value::Null,
            bytes => serde_json::from_slice(bytes).expect("JSON"),
        };
        if status.is_client_error() || status.is_server_error() {
            assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(body["status"], status.as_u16());
            for field in ["type", "title", "detail", "code"] {
                assert!(
                    body[field].as_str().is_some_and(|text| !text.is_empty()),
                    "{field}: {body}"
                );
            }
        }
        Answer { status, headers, body }
    }
}

pub(crate) fn grant(name: &str) -> Value {
    json!({"name": name, "host": "api.carrier.example", "methods": ["GET"], "paths": ["/v1/**"]})
}

pub(crate) fn in_an_hour() -> String {
    (Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string()
}

fn begin(journal: &Journal, at: &ModulePath, id: CallId) -> CallLog {
    journal.begin(NewCall {
        tenant: &at.tenant,
        module: &at.module,
        version: Some(1),
        id,
        about: None,
        durability: Durability::Synced,
        received: Timestamp::now(),
        log_bytes: 1 << 10,
        secrets: &Arc::default(),
    })
}

/// Puts a finished call on record, and says its id.
async fn record(journal: &Journal, at: &ModulePath) -> String {
    let id = CallId(Ulid::generate());
    let call = begin(journal, at, id);
    call.event("Order/Create", &Document::new(json!({"order_number": "4711"})));
    let ended = call
        .finish(Some(&Reply::success()), Outcome::Done, None, &Usage::default())
        .await;
    ended.expect("recorded");
    id.to_string()
}

/// Has an order taken by the carrier, to be finished later, and says the id of its call.
async fn pending(jobs: &Arc<Jobs>, journal: &Journal, at: &ModulePath) -> String {
    let id = CallId(Ulid::generate());
    let event = Arc::new(Event {
        service: "Order/Create".to_owned(),
        action: Action::Create,
        account_number: Some("9105012".to_owned()),
        order_number: None,
        parent_order_number: None,
        carrier_product_id: None,
        new_state: None,
        vars: Vars::default(),
        document: Document::new(json!({"Customer": {"account_number": "9105012"}})),
    });
    let posted = Posted {
        path: at,
        handling: &Handling::default(),
        call: id,
        event: &event,
    };
    let Claim::Run(running) = jobs.claim(posted).await.expect("claimed") else {
        panic!("nobody else has it");
    };
    let call = begin(journal, at, id);
    call.event(&event.service, &event.document);
    let taken = Pending {
        vars: Vars::default(),
        state: "A-1".to_owned(),
        check_after: None,
    };
    let reply = Reply::Success {
        pending: true,
        vars: Vars::default(),
    };
    let ending = Ending {
        came: Came::Pending(taken),
        reply: &reply,
        outcome: Outcome::Pending,
        detail: None,
        usage: &Usage::default(),
    };
    running.end(&call, ending).await.expect("kept");
    id.to_string()
}
