//! Components: what a tenant may have of them, and that they stay for as long as a version names them, and no longer.

mod crash;
mod races;

use super::*;
use crate::registry::versions::VERSIONS_MAX;
use crate::sandbox::CodeShare;

/// What uploads and removals are made of.
#[derive(Debug, Clone, Copy)]
enum Step {
    Make(&'static str),
    Upload(&'static str, &'static str),
    Activate(&'static str, u32),
    RemoveVersion(&'static str, u32),
    RemoveModule(&'static str),
    RemoveTenant(&'static str),
}

async fn step(registry: &Arc<Registry>, step: Step) -> Result<(), RegistryError> {
    let by = &platform();
    match step {
        Step::Make(module) => {
            let module = path(module);
            registry.put_tenant(&module.tenant, String::new(), by).await?;
            let made = registry.put_module(&module, ModuleSettings::default(), by).await;
            made.map(drop)
        }
        Step::Upload(module, component) => {
            let (module, component) = (path(module), Bytes::from(component));
            let turn = registry.turn_to_upload(&module.tenant).await?;
            registry.upload(&module, component, turn, by).await.map(drop)
        }
        Step::Activate(module, number) => {
            let activated = registry.activate(&path(module), Which::Number(number), by).await;
            activated.map(drop)
        }
        Step::RemoveVersion(module, number) => registry.remove_version(&path(module), number, by).await,
        Step::RemoveModule(module) => registry.delete_module(&path(module), by).await,
        Step::RemoveTenant(name) => registry.delete_tenant(&tenant(name), by, || ()).await,
    }
}

/// The components that versions name.
fn named(registry: &Registry) -> BTreeSet<Digest> {
    let mut named = BTreeSet::new();
    for tenant in registry.tenants() {
        for module in registry.modules(&tenant.name).expect("a tenant") {
            let module = ModulePath {
                tenant: tenant.name.clone(),
                module: module.name,
            };
            let versions = registry.versions(&module).expect("a module");
            let there = versions.iter().filter(|version| version.removed.is_none());
            named.extend(there.map(|version| version.digest));
        }
    }
    named
}

async fn kept(stores: &Stores) -> BTreeSet<Digest> {
    stores.blobs.list().await.expect("listed").into_iter().collect()
}

fn digests<const N: usize>(components: [&str; N]) -> BTreeSet<Digest> {
    components.map(|text| Digest::of(text.as_bytes())).into()
}

#[tokio::test]
async fn a_component_goes_with_the_last_version_that_names_it() {
    let Setup { stores, registry, .. } = start(Memory::stores()).await;
    for (todo, expected) in [
        (Step::Make("acme/sim"), digests([])),
        (Step::Make("acme/usage"), digests([])),
        (Step::Make("other/sim"), digests([])),
        (Step::Upload("acme/sim", "good one"), digests(["good one"])),
        (Step::Upload("acme/sim", "good two"), digests(["good one", "good two"])),
        (
            Step::Upload("acme/usage", "good one"),
            digests(["good one", "good two"]),
        ),
        (Step::Upload("other/sim", "good one"), digests(["good one", "good two"])),
        (Step::RemoveVersion("acme/sim", 1), digests(["good one", "good two"])),
        (Step::RemoveModule("acme/usage"), digests(["good one", "good two"])),
        (Step::RemoveVersion("acme/sim", 2), digests(["good one"])),
        (Step::RemoveTenant("other"), digests([])),
        (Step::Upload("acme/sim", "good one"), digests(["good one"])),
        (Step::RemoveModule("acme/sim"), digests([])),
    ] {
        step(&registry, todo).await.expect("done");
        assert_eq!(kept(&stores).await, expected, "after {todo:?}");
    }
}

#[tokio::test]
async fn what_no_version_names_is_removed_at_the_start() {
    let setup = with_module().await;
    setup.upload("good one").await;
    setup.stores.blobs.put("an orphan".into()).await.expect("put");
    let again = start(setup.stores).await;
    assert_eq!(kept(&again.stores).await, digests(["good one"]));
}

#[tokio::test]
async fn a_removed_version_stays_known_and_serves_no_more() {
    let setup = with_module().await;
    let (registry, sim) = (&setup.registry, path("acme/sim"));
    setup.upload("good one").await;
    setup.upload("good two").await;
    step(registry, Step::Activate("acme/sim", 2)).await.expect("active");
    let error = step(registry, Step::RemoveVersion("acme/sim", 2)).await;
    assert_eq!(
        error.expect_err("it serves").to_string(),
        "version 2 of module acme/sim serves"
    );
    let before = registry.versions(&sim).expect("a module");
    step(registry, Step::RemoveVersion("acme/sim", 1)).await.expect("done");

    let again = start(setup.stores.clone()).await;
    for registry in [registry, &again.registry] {
        let versions = registry.versions(&sim).expect("a module");
        let since = versions[0].removed;
        assert!(since.is_some());
        let first = Version {
            removed: since,
            ..before[0].clone()
        };
        assert_eq!(versions, [first, before[1].clone()]);
        for which in [Which::Number(1), Which::Digest(Digest::of(b"good one"))] {
            let error = registry.activate(&sim, which, &platform()).await.expect_err("gone");
            assert!(
                matches!(error, RegistryError::VersionRemoved { number: 1, .. }),
                "{error}"
            );
        }
        let error = registry.remove_version(&sim, 1, &platform()).await;
        assert!(matches!(error, Err(RegistryError::VersionRemoved { .. })));
    }

    // The same bytes again are another version.
    assert_eq!(again.upload("good one").await, 3);
    let digest = Which::Digest(Digest::of(b"good one"));
    again
        .registry
        .activate(&sim, digest, &platform())
        .await
        .expect("active");
    assert_eq!(again.serves(), Some((3, Bytes::from("good one"))));
    assert_eq!(
        BTreeSet::from_iter(again.kept_code()),
        digests(["good one", "good two"])
    );
}

#[tokio::test]
async fn removing_versions_makes_room_for_bytes_and_not_for_numbers_without_end() {
    let setup = with_module().await;
    for number in 1..=VERSIONS_MAX {
        assert_eq!(setup.upload("good one").await as usize, number);
        let number = u32::try_from(number).expect("small");
        let todo = Step::RemoveVersion("acme/sim", number);
        step(&setup.registry, todo).await.expect("removed");
    }
    let error = setup.try_upload("good one").await.expect_err("too many").to_string();
    assert!(error.starts_with("versions are at most 200"), "{error}");
    assert_eq!(kept(&setup.stores).await, digests([]));
}

#[tokio::test]
async fn components_over_the_quota_are_refused_before_they_are_compiled() {
    let setup = with_module().await;
    setup.make("acme/usage").await;
    let mebibyte = 1 << 20;
    let quota = Quota {
        component_bytes: mebibyte,
        ..Quota::default()
    };
    let acme = tenant("acme");
    setup
        .registry
        .put_quota(&acme, quota, &platform())
        .await
        .expect("written");
    let component = |first: &str, bytes: u64| {
        let mut component = first.as_bytes().to_vec();
        component.resize(usize::try_from(bytes).expect("small"), b' ');
        Bytes::from(component)
    };
    let upload = async |module: &str, component: Bytes| {
        let (module, turn) = (path(module), setup.turn().await);
        let uploaded = setup.registry.upload(&module, component, turn, &platform()).await;
        uploaded.map(|(version, _)| version.number)
    };
    let half = component("good half", mebibyte / 2);
    upload("acme/sim", half.clone()).await.expect("there is room");
    upload("acme/usage", half).await.expect("the same bytes take room once");
    // What is no component: whoever compiled it would say so.
    let error = upload("acme/usage", component("core", mebibyte / 2 + 1)).await;
    let expected = "the components of tenant acme have 524288 bytes, this one has 524289, and component_bytes of the \
                    quota is 1048576";
    assert_eq!(error.expect_err("no room").to_string(), expected);
    let rest = component("good rest", mebibyte / 2);
    upload("acme/usage", rest.clone())
        .await
        .expect("there is room for just that");
    let one = component("good", 4);
    upload("acme/sim", one.clone()).await.expect_err("no room at all");
    assert_eq!(upload("acme/usage", rest).await.expect("it is there"), 2);

    // In another module, the first version is still there.
    let remove = |module: &'static str| step(&setup.registry, Step::RemoveVersion(module, 1));
    remove("acme/sim").await.expect("removed");
    upload("acme/sim", one.clone()).await.expect_err("no room yet");
    remove("acme/usage").await.expect("removed");
    upload("acme/sim", one).await.expect("there is room");
}

#[tokio::test]
async fn machine_code_that_serves_is_bounded_over_all_modules_and_again_at_the_start() {
    let setup = with_module().await;
    for module in ["acme/usage", "acme/zones", "other/sim"] {
        setup.make(module).await;
    }
    let set = async |bytes: u64| {
        let quota = Quota {
            code_bytes: bytes,
            ..Quota::default()
        };
        let put = setup.registry.put_quota(&tenant("acme"), quota, &platform()).await;
        put.expect("written");
    };
    // What the test's engine prepares has as many bytes as its component.
    let mebibyte = 1 << 20;
    let component = |first: &str, bytes: usize| {
        let mut component = first.as_bytes().to_vec();
        component.resize(bytes, b' ');
        Bytes::from(component)
    };
    let (small, large) = (
        component("good small", 6 * mebibyte),
        component("good large", 11 * mebibyte),
    );
    for (module, components) in [
        ("acme/sim", vec![&small]),
        ("acme/usage", vec![&large, &small]),
        ("acme/zones", vec![&large]),
        ("other/sim", vec![&large]),
    ] {
        for component in components {
            let module = path(module);
            let turn = setup.registry.turn_to_upload(&module.tenant).await.expect("a turn");
            let uploaded = setup
                .registry
                .upload(&module, component.clone(), turn, &platform())
                .await;
            uploaded.expect("taken");
        }
    }
    let serving = |setup: &Setup| {
        ["acme/sim", "acme/usage", "acme/zones", "other/sim"].map(|module| {
            let (tenant, module) = module.split_once('/').expect("a path");
            let serving = setup.table.serving(tenant, module).expect("a module");
            serving.version.as_ref().ok().map(|version| version.number)
        })
    };
    let activate = |module: &'static str, number| step(&setup.registry, Step::Activate(module, number));
    set(16 << 20).await;
    activate("acme/sim", 1).await.expect("6 MiB");
    let error = activate("acme/usage", 1).await.expect_err("17 MiB").to_string();
    let expected = "the machine code that serves beside module acme/usage has 6291456 bytes, that of this version \
                    11534336, and code_bytes of the quota of tenant acme is 16777216";
    assert_eq!(error, expected);
    assert_eq!(
        setup.registry.module(&path("acme/usage")).expect("a module").active,
        None
    );
    activate("acme/usage", 2).await.expect("the same takes room once");
    activate("other/sim", 1).await.expect("another tenant's room");
    assert_eq!(serving(&setup), [Some(1), Some(2), None, Some(1)]);

    set(17 << 20).await;
    activate("acme/usage", 1).await.expect("17 MiB");
    activate("acme/zones", 1).await.expect("it is there");
    set(16 << 20).await;
    let expected = [Some(1), Some(1), Some(1), Some(1)];
    assert_eq!(serving(&setup), expected, "what serves goes on");
    let again = start(setup.stores.clone()).await;
    assert_eq!(serving(&again), [Some(1), None, None, Some(1)]);
    set(17 << 20).await;
    assert_eq!(serving(&start(setup.stores.clone()).await), expected);
}

#[tokio::test]
async fn a_tenants_machine_code_may_have_four_times_what_its_components_may_and_what_serves_comes_first() {
    let setup = with_module().await;
    setup.make("acme/usage").await;
    setup.make("other/sim").await;
    let quota = Quota {
        component_bytes: 1 << 20,
        ..Quota::default()
    };
    let put = setup.registry.put_quota(&tenant("acme"), quota, &platform()).await;
    put.expect("written");
    for todo in [
        Step::Upload("acme/sim", "good 1"),
        Step::Upload("acme/sim", "good 2"),
        Step::Upload("acme/usage", "good 3"),
        Step::Upload("acme/usage", "good 1"),
        Step::Activate("acme/usage", 1),
        Step::Upload("other/sim", "good 1"),
    ] {
        step(&setup.registry, todo).await.expect("done");
    }
    let share = |components: &[&str], bytes_max| CodeShare {
        digests: components.iter().map(|text| Digest::of(text.as_bytes())).collect(),
        bytes_max,
    };
    assert_eq!(
        *setup.engine.kept.lock().expect("no panic"),
        [
            share(&["good 3", "good 2", "good 1"], 4 << 20),
            share(&["good 1"], 16 << 30)
        ]
    );
}
