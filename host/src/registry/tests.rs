mod access;
mod callback;
mod changes;
mod components;
mod networks;
mod preparing;
mod telecloud;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::access::{Caller, NewToken, Principal};
use super::admin_token::AdminToken;
use super::fake::{FakeEngine, holder, platform};
use super::modules::ModuleSettings;
use super::versions::Which;
use super::*;
use crate::domain::batch::BatchSettings;
use crate::domain::grant::Grant;
use crate::domain::handling::Handling;
use crate::domain::limits::Limits;
use crate::domain::module::{Digest, ModuleStatus, Version};
use crate::domain::name::{ConfigKey, ModuleName, ModulePath, NetworkName, SecretName, TenantName};
use crate::domain::network::Block;
use crate::domain::quota::Quota;
use crate::domain::secret::Secret;
use crate::domain::tenant::Scope;
use crate::storage::memory::Memory;
use crate::storage::{Expect, Position, Stores};

struct Setup {
    stores: Stores,
    registry: Arc<Registry>,
    table: Arc<Table<Bytes>>,
    engine: FakeEngine,
}

const ADMIN: &str = "an-admin-token-of-enough-letters";

fn vault() -> Arc<Vault> {
    Arc::new(Vault::new(&[7; 32]))
}

async fn start(stores: Stores) -> Setup {
    let setup = load(stores).await;
    setup.registry.prepare().await;
    setup
}

/// Nothing serves yet that has to be compiled.
async fn load(stores: Stores) -> Setup {
    let vault = vault();
    let given = Secret::new(ADMIN.to_owned());
    let folder = std::env::temp_dir();
    let admin = AdminToken::establish(&*stores.documents, &vault, Some(&given), &folder)
        .await
        .expect("a good token");
    let engine = FakeEngine::new();
    let (registry, table) = Registry::load(stores.clone(), vault, engine.clone(), &admin)
        .await
        .expect("loaded");
    Setup {
        stores,
        registry: Arc::new(registry),
        table,
        engine,
    }
}

fn tenant(name: &str) -> TenantName {
    TenantName::parse(name).expect("a tenant name")
}

fn path(text: &str) -> ModulePath {
    let (tenant_name, module) = text.split_once('/').expect("tenant/module");
    ModulePath {
        tenant: tenant(tenant_name),
        module: ModuleName::parse(module).expect("a module name"),
    }
}

fn secret_name(name: &str) -> SecretName {
    SecretName::parse(name).expect("a secret's name")
}

fn grant(name: &str, network: Option<&str>) -> Grant {
    serde_json::from_value(serde_json::json!({
        "name": name, "host": "api.carrier.example", "methods": ["GET"], "paths": ["/v1/**"],
        "network": network,
    }))
    .expect("a grant")
}

fn network(name: &str) -> NetworkName {
    NetworkName::parse(name).expect("a network's name")
}

fn block(text: &str) -> Block {
    Block::parse(text).expect("a block")
}

/// A tenant `acme` with a module `sim`, and the networks `lab` and `loopback`.
async fn with_module() -> Setup {
    let setup = start(Memory::stores()).await;
    setup.make("acme/sim").await;
    for (name, text) in [("lab", "10.20.0.0/16"), ("loopback", "127.0.0.0/8")] {
        let (name, blocks) = (network(name), vec![block(text)]);
        setup
            .registry
            .put_network(&name, blocks, &platform())
            .await
            .expect("named");
    }
    setup
}

impl Setup {
    async fn make(&self, module: &str) {
        let module = path(module);
        self.registry
            .put_tenant(&module.tenant, String::new(), &platform())
            .await
            .expect("a tenant");
        self.registry
            .put_module(&module, ModuleSettings::default(), &platform())
            .await
            .expect("a module");
    }

    async fn try_upload(&self, component: &'static str) -> Result<(Version, Written), RegistryError> {
        let component = Bytes::from_static(component.as_bytes());
        let turn = self.turn().await;
        self.registry
            .upload(&path("acme/sim"), component, turn, &platform())
            .await
    }

    async fn turn(&self) -> Turn {
        let turn = self.registry.turn_to_upload(&tenant("acme")).await;
        turn.expect("nothing else is worked on")
    }

    async fn upload(&self, component: &'static str) -> u32 {
        self.try_upload(component).await.expect("taken").0.number
    }

    /// The components whose machine code was to be kept, those first that are missed most.
    fn kept_code(&self) -> Vec<Digest> {
        let shares = self.engine.kept.lock().expect("no panic").clone();
        shares.into_iter().flat_map(|share| share.digests).collect()
    }

    /// Number and component of what serves.
    fn serves(&self) -> Option<(u32, Bytes)> {
        let serving = self.table.serving("acme", "sim").expect("a module");
        let version = serving.version.as_ref().ok()?;
        Some((version.number, Bytes::clone(&version.prepared)))
    }
}

#[tokio::test]
async fn an_upload_serves_once_it_is_activated_and_an_older_one_can_be_again() {
    let setup = with_module().await;
    assert_eq!(setup.upload("good one").await, 1);
    assert_eq!(setup.upload("good two").await, 2);
    assert_eq!(setup.serves(), None);

    for (which, number, component) in [
        (Which::Number(2), 2, "good two"),
        (Which::Digest(Digest::of(b"good one")), 1, "good one"),
    ] {
        let module = setup
            .registry
            .activate(&path("acme/sim"), which, &platform())
            .await
            .expect("active");
        assert_eq!(module.active, Some(number));
        assert_eq!(setup.serves(), Some((number, Bytes::from(component))));
    }
}

#[tokio::test]
async fn the_same_bytes_again_are_the_version_that_they_were() {
    let setup = with_module().await;
    let (first, written) = setup.try_upload("good one").await.expect("taken");
    assert_eq!(written, Written::Created);
    let again = setup.try_upload("good one").await.expect("known");
    assert_eq!(again, (first, Written::Replaced));
    assert_eq!(setup.registry.versions(&path("acme/sim")).expect("a module").len(), 1);
}

#[tokio::test]
async fn a_version_that_cannot_be_prepared_leaves_the_old_one_serving() {
    let setup = with_module().await;
    setup.upload("good one").await;
    setup.upload("unpreparable").await;
    let module = path("acme/sim");
    setup
        .registry
        .activate(&module, Which::Number(1), &platform())
        .await
        .expect("active");
    let error = setup
        .registry
        .activate(&module, Which::Number(2), &platform())
        .await
        .expect_err("not prepared");
    assert_eq!(
        error.to_string(),
        "version 2 cannot be prepared: it needs 200 MiB of memory"
    );
    assert_eq!(setup.serves().map(|(number, _)| number), Some(1));
    assert_eq!(setup.registry.module(&module).expect("a module").active, Some(1));

    for which in [Which::Number(3), Which::Digest(Digest::of(b"never uploaded"))] {
        let error = setup
            .registry
            .activate(&module, which, &platform())
            .await
            .expect_err("absent");
        assert!(matches!(error, RegistryError::NoSuchVersion { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing_behind() {
    let setup = with_module().await;
    let error = setup.try_upload("core").await.expect_err("refused");
    assert_eq!(error.to_string(), "expected a component, found a core module");
    assert_eq!(setup.registry.versions(&path("acme/sim")).expect("a module"), []);
    let blob = setup.stores.blobs.get(&Digest::of(b"core")).await.expect("a store");
    assert_eq!(blob, None);
}

#[tokio::test]
async fn a_call_keeps_what_it_began_with() {
    let setup = with_module().await;
    setup.upload("good one").await;
    setup.upload("good two").await;
    let module = path("acme/sim");
    setup
        .registry
        .activate(&module, Which::Number(1), &platform())
        .await
        .expect("active");
    let in_flight = setup.table.serving("acme", "sim").expect("serving");
    setup
        .registry
        .activate(&module, Which::Number(2), &platform())
        .await
        .expect("active");
    setup
        .registry
        .delete_module(&module, &platform())
        .await
        .expect("removed");
    assert_eq!(in_flight.version.as_ref().ok().map(|version| version.number), Some(1));
    assert!(setup.table.serving("acme", "sim").is_none());
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let setup = with_module().await;
    let (registry, module) = (&setup.registry, path("acme/sim"));
    let settings = ModuleSettings {
        title: "SIM activation".to_owned(),
        status: ModuleStatus::Suspended,
        limits: Limits {
            cpu_ms: 50,
            ..Limits::default()
        },
        handling: Handling {
            repeat_s: 300,
            ..Handling::default()
        },
    };
    registry
        .put_module(&module, settings, &platform())
        .await
        .expect("written");
    let config = BTreeMap::from([(ConfigKey::parse("region").expect("a key"), "west".to_owned())]);
    registry
        .put_config(&module, config, &platform())
        .await
        .expect("written");
    registry
        .put_grants(&module, vec![grant("carrier", Some("lab"))], &platform())
        .await
        .expect("written");
    for name in ["token", "token2"] {
        let secret = Secret::new(format!("the secret {name}"));
        registry
            .put_secret(&module, &secret_name(name), secret, &platform())
            .await
            .expect("written");
    }
    // A name that is the start of another's goes alone.
    registry
        .delete_secret(&module, &secret_name("token"), &platform())
        .await
        .expect("removed");
    let key = Secret::new("telecloud key".to_owned());
    registry
        .add_key(&module.tenant, "reseller".to_owned(), &key, &platform())
        .await
        .expect("added");
    let batches = serde_json::json!({ "schedules": { "audit": { "cron": "0 5 * * 1" } } });
    let batches: BatchSettings = serde_json::from_value(batches).expect("settings");
    registry
        .put_batches(&module, batches.clone(), &platform())
        .await
        .expect("written");
    setup.upload("good one").await;
    registry
        .activate(&module, Which::Number(1), &platform())
        .await
        .expect("active");

    let again = start(setup.stores.clone()).await;
    let old = setup.table.serving("acme", "sim").expect("serving");
    let new = again.table.serving("acme", "sim").expect("serving");
    assert_eq!(new.settings.status, ModuleStatus::Suspended);
    assert_eq!(new.settings.limits.cpu_ms, 50);
    assert_eq!(new.settings.handling.repeat_s, 300);
    assert_eq!(new.settings.config, old.settings.config);
    assert_eq!(new.settings.config["region"], "west");
    assert_eq!(new.settings.secrets.len(), 1);
    assert_eq!(
        new.settings.secrets[&secret_name("token2")].expose(),
        "the secret token2"
    );
    assert!(new.settings.keys.accept(&vault(), "telecloud key"));
    assert_eq!(again.serves(), Some((1, Bytes::from("good one"))));
    assert_eq!(
        again.registry.module(&module).expect("a module"),
        registry.module(&module).expect("a module")
    );
    assert_eq!(
        *again.registry.grants(&module).expect("grants"),
        [grant("carrier", Some("lab"))]
    );
    assert_eq!(again.registry.scheduled(), [(module, Arc::new(batches))]);
}

#[tokio::test]
async fn schedules_that_cannot_be_read_any_more_do_not_keep_the_gateway_from_starting() {
    let setup = with_module().await;
    let module = path("acme/sim");
    // As a gateway on a machine that knows more time zones would have left it.
    let stored = r#"{"schedules": {"usage": {"cron": "30 4 * * *", "time_zone": "Mars/Olympus"}}}"#;
    let key = "tenants/acme/modules/sim/batches";
    let put = setup.stores.documents.put(key, stored.into(), Expect::Anything);
    put.await.expect("written");
    let again = start(setup.stores).await;
    assert_eq!(
        *again.registry.batches(&module).expect("a module"),
        BatchSettings::default()
    );
    assert_eq!(again.registry.scheduled(), []);
}

#[tokio::test]
async fn a_version_that_cannot_be_prepared_at_start_does_not_keep_others_from_serving() {
    let setup = with_module().await;
    setup.make("acme/usage").await;
    setup.upload("unpreparable").await;
    let usage = path("acme/usage");
    let good = setup
        .registry
        .upload(&usage, Bytes::from_static(b"good"), setup.turn().await, &platform())
        .await;
    good.expect("taken");
    setup
        .registry
        .activate(&usage, Which::Number(1), &platform())
        .await
        .expect("active");
    // As an earlier gateway, with more memory to give, would have left it.
    let key = "tenants/acme/modules/sim/module";
    let stored = setup.stores.documents.get(key).await.expect("a store").expect("there");
    let text = String::from_utf8_lossy(&stored.value).replace("\"active\":null", "\"active\":1");
    let put = setup.stores.documents.put(key, text.into(), Expect::Anything);
    put.await.expect("written");

    let again = start(setup.stores).await;
    assert_eq!(again.serves(), None);
    let usage = again.table.serving("acme", "usage").expect("serving");
    assert!(usage.version.is_ok());
}
