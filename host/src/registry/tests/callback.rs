//! The secret in a module's callback URL.

use super::*;

#[tokio::test]
async fn it_is_the_same_after_a_restart_and_written_down_only_sealed() {
    let setup = with_module().await;
    let module = path("acme/sim");
    let first = setup
        .registry
        .show_callback(&module, &platform())
        .await
        .expect("a module");
    let second = setup
        .registry
        .rotate_callback(&module, &platform())
        .await
        .expect("rotated");
    assert_ne!(first, second);
    let stores = setup.stores.clone();
    drop(setup);

    let again = start(stores).await;
    assert_eq!(
        again
            .registry
            .show_callback(&module, &platform())
            .await
            .expect("a module"),
        second
    );
    let serving = again.table.serving("acme", "sim").expect("serving");
    assert_eq!(serving.settings.callback, second);
    let place = "tenants/acme/modules/sim/callback";
    let sealed = again
        .stores
        .documents
        .get(place)
        .await
        .expect("a store")
        .expect("there");
    assert!(sealed.value.starts_with(b"PBS1"), "so a new data key seals it anew");
    for (key, stored) in again.stores.documents.list("").await.expect("a store") {
        let text = String::from_utf8_lossy(&stored.value);
        assert!(
            !text.contains(second.expose()) && !text.contains(first.expose()),
            "{key}"
        );
    }
}

#[tokio::test]
async fn each_module_has_another_one() {
    let setup = with_module().await;
    let other = path("acme/other");
    let made = setup
        .registry
        .put_module(&other, ModuleSettings::default(), &platform())
        .await;
    made.expect("made");
    let of = async |path: ModulePath| setup.registry.show_callback(&path, &platform()).await;
    assert_ne!(
        of(path("acme/sim")).await.expect("a module"),
        of(other).await.expect("a module")
    );
    let removed = of(path("acme/sim")).await.expect("a module");
    let delete = setup.registry.delete_module(&path("acme/sim"), &platform()).await;
    delete.expect("removed");
    let made = setup
        .registry
        .put_module(&path("acme/sim"), ModuleSettings::default(), &platform())
        .await;
    made.expect("made anew");
    assert_ne!(of(path("acme/sim")).await.expect("a module"), removed);
    assert!(of(path("acme/none")).await.is_err());
    assert!(
        setup
            .registry
            .rotate_callback(&path("acme/none"), &platform())
            .await
            .is_err()
    );
}
