//! Machine code that is not there at the start. The engine of these tests never keeps any.

use super::super::table::NotServing;
use super::*;

/// Has a component serve.
async fn serve(setup: &Setup, module: &str, component: &'static str) {
    let module = path(module);
    let turn = setup.registry.turn_to_upload(&module.tenant).await.expect("a turn");
    let component = Bytes::from_static(component.as_bytes());
    let uploaded = setup.registry.upload(&module, component, turn, &platform()).await;
    let (version, _) = uploaded.expect("taken");
    let (which, by) = (Which::Number(version.number), platform());
    setup.registry.activate(&module, which, &by).await.expect("active");
}

fn serves(setup: &Setup, module: &str) -> Result<u32, NotServing> {
    let (tenant, name) = module.split_once('/').expect("tenant/module");
    let serving = setup.table.serving(tenant, name).expect("a module");
    serving
        .version
        .as_ref()
        .map(|version| version.number)
        .map_err(|why| *why)
}

#[tokio::test]
async fn what_is_being_prepared_says_so_until_it_serves_or_cannot() {
    let setup = with_module().await;
    setup.make("acme/broken").await;
    serve(&setup, "acme/sim", "good one").await;
    serve(&setup, "acme/broken", "good until now").await;
    let setup = load(setup.stores).await;
    for module in ["acme/sim", "acme/broken"] {
        assert_eq!(serves(&setup, module), Err(NotServing::Preparing));
    }
    // Settings that are changed meanwhile change nothing of it.
    setup.make("acme/sim").await;
    assert_eq!(serves(&setup, "acme/sim"), Err(NotServing::Preparing));
    *setup.engine.unpreparable.lock().expect("no panic") = Some(Bytes::from("good until now"));
    setup.registry.prepare().await;
    assert_eq!(serves(&setup, "acme/sim"), Ok(1));
    assert_eq!(serves(&setup, "acme/broken"), Err(NotServing::NoVersion));
    assert!(
        !setup.kept_code().is_empty(),
        "what it takes on the disk is looked at again"
    );
}

#[tokio::test]
async fn what_is_activated_meanwhile_serves() {
    let setup = with_module().await;
    serve(&setup, "acme/sim", "good slow").await;
    let setup = load(setup.stores).await;
    let slow = Arc::clone(&setup.engine.slow).write_owned().await;
    let registry = Arc::clone(&setup.registry);
    let preparing = tokio::spawn(async move { registry.prepare().await });
    serve(&setup, "acme/sim", "good two").await;
    assert_eq!(serves(&setup, "acme/sim"), Ok(2));
    drop(slow);
    preparing.await.expect("no panic");
    assert_eq!(serves(&setup, "acme/sim"), Ok(2), "and not the one from before");
}

#[tokio::test]
async fn a_tenant_with_one_module_does_not_wait_for_all_of_one_with_many() {
    let setup = with_module().await;
    for number in 0..8 {
        let module = format!("acme/sim-{number}");
        setup.make(&module).await;
        serve(&setup, &module, "good of many").await;
    }
    setup.make("other/sim").await;
    serve(&setup, "other/sim", "good alone").await;
    let setup = load(setup.stores).await;
    setup.registry.prepare().await;
    let prepared = setup.engine.prepared.lock().expect("no panic").clone();
    let alone = prepared.iter().position(|component| component == "good alone");
    assert_eq!((prepared.len(), alone), (9, Some(1)), "{prepared:?}");
}
