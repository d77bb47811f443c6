//! Changes: what is refused, what is removed, and what happens at the same time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::registry::components::COMPILED_VERSIONS;
use crate::storage::{Change, Durability};

#[tokio::test]
async fn only_a_platform_admin_names_a_network_in_a_grant() {
    let setup = with_module().await;
    let module = path("acme/sim");
    let by_tenant = holder("pipeline", &[Scope::Grants]);
    let put = |grants: Vec<Grant>, by: &Caller| {
        let (registry, module, by) = (Arc::clone(&setup.registry), module.clone(), by.clone());
        async move { registry.put_grants(&module, grants, &by).await }
    };
    let private = grant("lab", Some("lab"));
    let error = put(vec![private.clone()], &by_tenant).await.expect_err("refused");
    assert!(matches!(error, RegistryError::NetworkNotGranted { .. }), "{error}");
    put(vec![private.clone()], &platform()).await.expect("allowed");
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
    setup
        .registry
        .put_config(&module, good, &platform())
        .await
        .expect("written");
    for bad in [
        (0..201).map(|number| (key(number), String::new())).collect(),
        BTreeMap::from([(key(0), "x".repeat(8193))]),
        (0..10).map(|number| (key(number), "x".repeat(8000))).collect(),
    ] {
        let error = setup
            .registry
            .put_config(&module, bad, &platform())
            .await
            .expect_err("too much");
        assert!(error.to_string().contains("must be at most"), "{error}");
    }
    assert_eq!(setup.registry.config(&module).expect("config").len(), 1);
    for bad in [String::new(), "x".repeat(8193)] {
        let (name, bad) = (secret_name("token"), Secret::new(bad));
        assert!(
            setup
                .registry
                .put_secret(&module, &name, bad, &platform())
                .await
                .is_err()
        );
    }
    let limits = Limits {
        cpu_ms: 0,
        ..Limits::default()
    };
    let bad = ModuleSettings {
        limits,
        ..ModuleSettings::default()
    };
    assert!(setup.registry.put_module(&module, bad, &platform()).await.is_err());
    assert_eq!(
        setup.registry.module(&module).expect("a module").limits,
        Limits::default()
    );
}

#[tokio::test]
async fn removing_a_module_leaves_those_whose_names_begin_the_same() {
    let setup = with_module().await;
    setup.make("acme/sim2").await;
    setup
        .registry
        .delete_module(&path("acme/sim"), &platform())
        .await
        .expect("removed");
    assert!(setup.table.serving("acme", "sim").is_none());
    let again = start(setup.stores).await;
    assert!(again.table.serving("acme", "sim").is_none());
    assert!(again.table.serving("acme", "sim2").is_some());
}

/// The record of a call, and something of its order.
async fn write_late(setup: &Setup, tenants: &[&str]) {
    let record = (Position { call: 1, part: 0 }, Bytes::from_static(b"late"));
    let put = |tenant: &&str| Change::Put {
        key: format!("work/{tenant}/orders/1"),
        value: Bytes::from_static(b"late"),
        expect: Expect::Anything,
    };
    let changes = tenants.iter().map(put).collect();
    let log = &setup.stores.log;
    log.append(&tenant("acme"), vec![record], changes, Durability::Synced)
        .await
        .expect("appended");
}

/// What is below `work/`, and how many calls of acme are on record.
async fn left(setup: &Setup) -> (Vec<String>, usize) {
    let work = setup.stores.documents.list("work/").await.expect("documents");
    let calls = setup.stores.log.newest(&tenant("acme"), None, 10).await.expect("a log");
    (work.into_iter().map(|(key, _)| key).collect(), calls.len())
}

#[tokio::test]
async fn a_removed_tenant_leaves_nothing_to_the_next_of_its_name() {
    let setup = with_module().await;
    setup.make("acme2/sim").await;
    let running = setup.table.serving("acme", "sim").expect("a call has begun");
    let registry = Arc::clone(&setup.registry);
    let removal = tokio::spawn(async move {
        let ended = Arc::new(AtomicBool::new(false));
        let end = {
            let ended = Arc::clone(&ended);
            move || ended.store(true, Ordering::SeqCst)
        };
        let removed = registry.delete_tenant(&tenant("acme"), &platform(), end).await;
        (removed, ended.load(Ordering::SeqCst))
    });
    while setup.table.serving("acme", "sim").is_some() {
        tokio::task::yield_now().await;
    }
    // The call goes on, and somebody makes the tenant again.
    let registry = Arc::clone(&setup.registry);
    let making = tokio::spawn(async move { registry.put_tenant(&tenant("acme"), String::new(), &platform()).await });
    tokio::task::yield_now().await;
    write_late(&setup, &["acme", "acme2"]).await;
    assert!(
        !removal.is_finished() && !making.is_finished(),
        "the call is waited for"
    );
    let gone = setup.registry.delete_tenant(&tenant("acme"), &platform(), || ()).await;
    assert!(matches!(gone, Err(RegistryError::NoSuchTenant(_))));

    drop(running);
    let (removed, ended) = removal.await.expect("no panic");
    removed.expect("removed");
    assert!(ended);
    assert_eq!(left(&setup).await, (vec!["work/acme2/orders/1".to_owned()], 0));
    assert_eq!(making.await.expect("no panic").expect("made").1, Written::Created);
    assert_eq!(setup.registry.modules(&tenant("acme")).expect("a tenant"), []);
    assert!(setup.table.serving("acme2", "sim").is_some());
}

#[tokio::test]
async fn what_a_removed_tenant_leaves_is_removed_however_long_its_calls_take() {
    let setup = with_module().await;
    let running = setup.table.serving("acme", "sim").expect("a call has begun");
    let acme = tenant("acme");
    let removed = setup.registry.remove(&acme, &platform(), || (), Duration::ZERO).await;
    assert!(matches!(removed, Err(RegistryError::Leaving(_))), "{removed:?}");
    write_late(&setup, &["acme"]).await;
    let making = setup.registry.put_tenant(&acme, String::new(), &platform()).await;
    assert!(matches!(making, Err(RegistryError::Leaving(_))), "{making:?}");

    drop(running);
    while !setup
        .stores
        .documents
        .list("leaving/")
        .await
        .expect("documents")
        .is_empty()
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(left(&setup).await, (vec![], 0));
    let making = setup.registry.put_tenant(&acme, String::new(), &platform()).await;
    assert_eq!(making.expect("made").1, Written::Created);
}

#[tokio::test]
async fn who_waits_to_change_a_tenant_that_is_removed_is_sent_away() {
    let setup = with_module().await;
    let acme = tenant("acme");
    let first = setup.registry.turn(&acme).await;
    let registry = Arc::clone(&setup.registry);
    let removal = tokio::spawn(async move { registry.delete_tenant(&tenant("acme"), &platform(), || ()).await });
    tokio::task::yield_now().await;
    // A request of the tenant's, which the removal waits for as for any.
    let (registry, present) = (Arc::clone(&setup.registry), setup.registry.enter(&acme).expect("there"));
    let adding = tokio::spawn(async move {
        let key = Secret::new("key".to_owned());
        let added = registry
            .add_key(&tenant("acme"), String::new(), &key, &platform())
            .await;
        drop(present);
        added
    });
    tokio::task::yield_now().await;
    drop(first);
    let added = adding.await.expect("no panic");
    assert!(matches!(added, Err(RegistryError::NoSuchTenant(_))), "{added:?}");
    removal.await.expect("no panic").expect("removed");
}

#[tokio::test]
async fn a_start_clears_up_behind_a_removal_that_was_cut_off() {
    let setup = with_module().await;
    setup.make("acme2/sim").await;
    setup
        .registry
        .delete_tenant(&tenant("acme"), &platform(), || ())
        .await
        .expect("removed");
    write_late(&setup, &["acme", "acme2"]).await;
    let leaving = setup
        .stores
        .documents
        .put("leaving/acme/since", Bytes::new(), Expect::Absent);
    leaving.await.expect("put");
    let making = setup
        .registry
        .put_tenant(&tenant("acme"), String::new(), &platform())
        .await;
    assert!(
        matches!(making, Err(RegistryError::Leaving(_))),
        "not before it is cleared up"
    );

    let again = start(setup.stores).await;
    assert_eq!(left(&again).await, (vec!["work/acme2/orders/1".to_owned()], 0));
    let making = again
        .registry
        .put_tenant(&tenant("acme"), String::new(), &platform())
        .await;
    assert_eq!(making.expect("made").1, Written::Created);
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
                registry
                    .add_key(&acme, String::new(), &key, &platform())
                    .await
                    .expect("added");
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
        registry
            .add_key(&acme, String::new(), &key, &platform())
            .await
            .expect("a key");
        let token = registry.create_token(&acme, new_token(), &platform()).await;
        token.expect("a token");
        if number > 0 {
            setup.make(&format!("acme/module-{number}")).await;
        }
    }
    let upload = async |number: usize| {
        let turn = setup.turn().await;
        registry
            .upload(&sim, Bytes::from(format!("good {number}")), turn, &platform())
            .await
    };
    for number in 0..200 {
        upload(number).await.expect("a version");
    }

    let key = Secret::new("one more".to_owned());
    let token = registry.create_token(&acme, new_token(), &platform()).await;
    for (refused, expected) in [
        (
            registry.add_key(&acme, String::new(), &key, &platform()).await.err(),
            "TeleCloud keys are at most 100",
        ),
        (token.err(), "tokens are at most 100"),
        (
            registry
                .put_module(&path("acme/one-more"), ModuleSettings::default(), &platform())
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
        .put_module(&sim, ModuleSettings::default(), &platform())
        .await
        .expect("what is there can be changed");
    assert_eq!(upload(7).await.expect("known").1, Written::Replaced);
}

#[tokio::test]
async fn machine_code_is_kept_of_the_newest_versions_and_of_the_one_that_serves() {
    let setup = with_module().await;
    let (registry, sim) = (&setup.registry, path("acme/sim"));
    let component = |number: usize| Bytes::from(format!("good {number}"));
    let digests = |numbers: &mut dyn Iterator<Item = usize>| -> Vec<Digest> {
        numbers.map(|number| Digest::of(&component(number))).collect()
    };
    for number in 0..=COMPILED_VERSIONS + 1 {
        let uploaded = registry
            .upload(&sim, component(number), setup.turn().await, &platform())
            .await;
        uploaded.expect("a version");
        if number == 0 {
            registry
                .activate(&sim, Which::Number(1), &platform())
                .await
                .expect("active");
        }
    }
    let newest = 2..=COMPILED_VERSIONS + 1;
    assert_eq!(
        setup.kept_code(),
        digests(&mut [0].into_iter().chain(newest.clone().rev()))
    );
    registry
        .activate(&sim, Which::Number(2), &platform())
        .await
        .expect("it is compiled again");

    let again = start(setup.stores.clone()).await;
    assert_eq!(again.kept_code(), digests(&mut [1].into_iter().chain(newest.rev())));
    registry.delete_module(&sim, &platform()).await.expect("removed");
    assert_eq!(setup.kept_code(), []);
}

#[tokio::test]
async fn a_ceiling_holds_modules_down_as_soon_as_it_is_set_and_after_a_restart() {
    let setup = with_module().await;
    let (acme, module) = (tenant("acme"), path("acme/sim"));
    let counts = |table: &Table<Bytes>| table.serving("acme", "sim").expect("a module").settings.limits.cpu_ms;
    let quota: Quota = serde_json::from_value(
        serde_json::json!({ "ceiling": { "cpu_ms": 500 }, "connections": 3, "record_bytes_per_second": 20_000 }),
    )
    .expect("a quota");
    setup
        .registry
        .put_quota(&acme, quota.clone(), &platform())
        .await
        .expect("written");
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
        serving.settings.written.spend(11 * 20_000);
        assert!(serving.settings.written.is_used_up(), "ten seconds of it are saved up");
    }
    let over = ModuleSettings {
        limits: Limits {
            cpu_ms: 501,
            ..Limits::default()
        },
        ..ModuleSettings::default()
    };
    let error = setup
        .registry
        .put_module(&module, over, &platform())
        .await
        .expect_err("refused");
    assert!(matches!(error, RegistryError::OverCeiling(_)), "{error}");
    let wrong = Quota {
        waiting: 1_001,
        ..Quota::default()
    };
    assert!(setup.registry.put_quota(&acme, wrong, &platform()).await.is_err());
    setup
        .registry
        .put_quota(&acme, Quota::default(), &platform())
        .await
        .expect("written");
    assert_eq!(
        counts(&setup.table),
        Limits::default().cpu_ms,
        "it counts again for what it is set to"
    );
}
