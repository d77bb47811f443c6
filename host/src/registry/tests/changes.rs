//! Changes: what is refused, what is removed, and what happens at the same time.

use super::*;
use crate::registry::versions::COMPILED_VERSIONS;
use crate::storage::{Change, Durability};

#[tokio::test]
async fn only_a_platform_admin_names_a_network_in_a_grant() {
    let setup = with_module().await;
    let module = path("acme/sim");
    let by_tenant = Principal::Tenant {
        tenant: tenant("acme"),
        name: "pipeline".to_owned(),
        scopes: BTreeSet::from([Scope::Grants]),
    };
    let put = |grants: Vec<Grant>, by: &Principal| {
        let (registry, module, by) = (Arc::clone(&setup.registry), module.clone(), by.clone());
        async move { registry.put_grants(&module, grants, &by).await }
    };
    let private = grant("lab", Some("lab"));
    let error = put(vec![private.clone()], &by_tenant).await.expect_err("refused");
    assert!(matches!(error, RegistryError::NetworkNotGranted { .. }), "{error}");
    put(vec![private.clone()], &Principal::PlatformAdmin)
        .await
        .expect("allowed");
    put(vec![grant("carrier", None), private.clone()], &by_tenant)
        .await
        .expect("kept as it was");
    let changed = Grant {
        host: "other.example".to_owned(),
        ..private.clone()
    };
    let elsewhere = Grant {
        network: Some(network("loopback")),
        ..private
    };
    for changed in [changed, elsewhere] {
        let error = put(vec![changed], &by_tenant).await.expect_err("refused");
        assert!(matches!(error, RegistryError::NetworkNotGranted { .. }), "{error}");
    }
    assert_eq!(setup.registry.grants(&module).expect("grants").len(), 2);
}

#[tokio::test]
async fn settings_that_are_too_many_or_too_large_leave_the_old_ones() {
    let setup = with_module().await;
    let module = path("acme/sim");
    let key = |number: usize| ConfigKey::parse(&format!("key-{number}")).expect("a key");
    let good = BTreeMap::from([(key(0), "value".to_owned())]);
    setup.registry.put_config(&module, good).await.expect("written");
    for bad in [
        (0..201).map(|number| (key(number), String::new())).collect(),
        BTreeMap::from([(key(0), "x".repeat(8193))]),
        (0..10).map(|number| (key(number), "x".repeat(8000))).collect(),
    ] {
        let error = setup.registry.put_config(&module, bad).await.expect_err("too much");
        assert!(error.to_string().contains("must be at most"), "{error}");
    }
    assert_eq!(setup.registry.config(&module).expect("config").len(), 1);
    for bad in [String::new(), "x".repeat(8193)] {
        let (name, bad) = (secret_name("token"), Secret::new(bad));
        assert!(setup.registry.put_secret(&module, &name, bad).await.is_err());
    }
    let limits = Limits {
        cpu_ms: 0,
        ..Limits::default()
    };
    let bad = ModuleSettings {
        limits,
        ..ModuleSettings::default()
    };
    assert!(setup.registry.put_module(&module, bad).await.is_err());
    assert_eq!(
        setup.registry.module(&module).expect("a module").limits,
        Limits::default()
    );
}

#[tokio::test]
async fn removing_a_module_leaves_those_whose_names_begin_the_same() {
    let setup = with_module().await;
    setup.make("acme/sim2").await;
    setup.registry.delete_module(&path("acme/sim")).await.expect("removed");
    assert!(setup.table.serving("acme", "sim").is_none());
    let again = start(setup.stores).await;
    assert!(again.table.serving("acme", "sim").is_none());
    assert!(again.table.serving("acme", "sim2").is_some());
}

#[tokio::test]
async fn a_removed_tenant_leaves_nothing_to_the_next_of_its_name() {
    let setup = with_module().await;
    setup.make("acme2/sim").await;
    let acme = tenant("acme");
    setup.registry.delete_tenant(&acme).await.expect("removed");
    let gone = setup.registry.delete_tenant(&acme).await;
    assert!(matches!(gone, Err(RegistryError::NoSuchTenant(_))));
    // The record of a call that was running meanwhile, and of its order.
    let record = (Position { call: 1, part: 0 }, Bytes::from_static(b"late"));
    let put = |tenant: &str| Change::Put {
        key: format!("work/{tenant}/orders/1"),
        value: Bytes::from_static(b"late"),
        expect: Expect::Anything,
    };
    let changes = vec![put("acme"), put("acme2")];
    let late = setup
        .stores
        .log
        .append(&acme, vec![record], changes, Durability::Synced);
    late.await.expect("appended");

    setup.make("acme/sim").await;
    assert_eq!(setup.stores.log.newest(&acme, None, 10).await.expect("a log"), []);
    let work = setup.stores.documents.list("work/").await.expect("documents");
    let left: Vec<_> = work.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(left, ["work/acme2/orders/1"]);
    assert_eq!(setup.registry.versions(&path("acme/sim")).expect("a module"), []);
    assert!(setup.table.serving("acme2", "sim").is_some());
}

#[tokio::test]
async fn changes_at_the_same_time_do_not_lose_one_another() {
    let setup = with_module().await;
    let acme = tenant("acme");
    let adding: Vec<_> = (0..50)
        .map(|number| {
            let (registry, acme) = (Arc::clone(&setup.registry), acme.clone());
            tokio::spawn(async move {
                let key = Secret::new(format!("key {number}"));
                registry.add_key(&acme, String::new(), &key).await.expect("added");
            })
        })
        .collect();
    for task in adding {
        task.await.expect("added");
    }
    assert_eq!(setup.registry.keys(&acme).expect("keys").len(), 50);
    let again = start(setup.stores).await;
    assert_eq!(again.registry.keys(&acme).expect("keys").len(), 50);
}

#[tokio::test]
async fn nothing_of_a_tenant_grows_without_end() {
    let setup = with_module().await;
    let (registry, acme, sim) = (&setup.registry, tenant("acme"), path("acme/sim"));
    let new_token = || NewToken {
        label: String::new(),
        scopes: BTreeSet::from([Scope::Read]),
        expires: None,
    };
    for number in 0..100 {
        let key = Secret::new(format!("key {number}"));
        registry.add_key(&acme, String::new(), &key).await.expect("a key");
        let token = registry.create_token(&acme, new_token(), &Principal::PlatformAdmin);
        token.await.expect("a token");
        if number > 0 {
            setup.make(&format!("acme/module-{number}")).await;
        }
    }
    let upload = async |number: usize| {
        let turn = setup.turn().await;
        registry.upload(&sim, Bytes::from(format!("good {number}")), turn).await
    };
    for number in 0..200 {
        upload(number).await.expect("a version");
    }

    let key = Secret::new("one more".to_owned());
    let token = registry.create_token(&acme, new_token(), &Principal::PlatformAdmin);
    for (refused, expected) in [
        (
            registry.add_key(&acme, String::new(), &key).await.err(),
            "TeleCloud keys are at most 100",
        ),
        (token.await.err(), "tokens are at most 100"),
        (
            registry
                .put_module(&path("acme/one-more"), ModuleSettings::default())
                .await
                .err(),
            "modules are at most 100",
        ),
        (upload(200).await.err(), "versions are at most 200"),
    ] {
        let said = refused.expect("refused").to_string();
        assert!(said.starts_with(expected), "{said}");
    }
    let blob = setup.stores.blobs.get(&Digest::of(b"good 200")).await;
    assert_eq!(blob.expect("a store"), None, "what is refused is not kept");
    registry
        .put_module(&sim, ModuleSettings::default())
        .await
        .expect("what is there can be changed");
    assert_eq!(upload(7).await.expect("known").1, Written::Replaced);
}

#[tokio::test]
async fn machine_code_is_kept_of_the_newest_versions_and_of_the_one_that_serves() {
    let setup = with_module().await;
    let (registry, sim) = (&setup.registry, path("acme/sim"));
    let kept = || setup.kept.lock().expect("no panic").clone();
    let component = |number: usize| Bytes::from(format!("good {number}"));
    let digests = |numbers: &mut dyn Iterator<Item = usize>| -> HashSet<Digest> {
        numbers.map(|number| Digest::of(&component(number))).collect()
    };
    for number in 0..=COMPILED_VERSIONS + 1 {
        let uploaded = registry.upload(&sim, component(number), setup.turn().await).await;
        uploaded.expect("a version");
        if number == 0 {
            registry.activate(&sim, Which::Number(1)).await.expect("active");
        }
    }
    let newest = 2..=COMPILED_VERSIONS + 1;
    assert_eq!(kept(), digests(&mut newest.clone().chain([0])));
    registry
        .activate(&sim, Which::Number(2))
        .await
        .expect("it is compiled again");

    let again = start(setup.stores.clone()).await;
    assert_eq!(*again.kept.lock().expect("no panic"), digests(&mut newest.chain([1])));
    registry.delete_module(&sim).await.expect("removed");
    assert_eq!(kept(), HashSet::new());
}

#[tokio::test]
async fn a_ceiling_holds_modules_down_as_soon_as_it_is_set_and_after_a_restart() {
    let setup = with_module().await;
    let (acme, module) = (tenant("acme"), path("acme/sim"));
    let counts = |table: &Table<Bytes>| table.serving("acme", "sim").expect("a module").settings.limits.cpu_ms;
    let quota: Quota =
        serde_json::from_value(serde_json::json!({ "ceiling": { "cpu_ms": 500 }, "connections": 3 })).expect("a quota");
    setup.registry.put_quota(&acme, quota.clone()).await.expect("written");
    let again = start(setup.stores.clone()).await;
    for Setup { registry, table, .. } in [&setup, &again] {
        assert_eq!(*registry.quota(&acme).expect("a quota"), quota);
        assert_eq!(*table.quota(&acme), quota);
        assert_eq!(counts(table), 500);
        assert_eq!(
            registry.module(&module).expect("a module").limits,
            Limits::default(),
            "as it is set"
        );
        let serving = table.serving("acme", "sim").expect("a module");
        assert_eq!(serving.settings.connections.available_permits(), 3);
    }
    let over = ModuleSettings {
        limits: Limits {
            cpu_ms: 501,
            ..Limits::default()
        },
        ..ModuleSettings::default()
    };
    let error = setup.registry.put_module(&module, over).await.expect_err("refused");
    assert!(matches!(error, RegistryError::OverCeiling(_)), "{error}");
    let wrong = Quota {
        waiting: 1_001,
        ..Quota::default()
    };
    assert!(setup.registry.put_quota(&acme, wrong).await.is_err());
    setup
        .registry
        .put_quota(&acme, Quota::default())
        .await
        .expect("written");
    assert_eq!(
        counts(&setup.table),
        Limits::default().cpu_ms,
        "it counts again for what it is set to"
    );
}
