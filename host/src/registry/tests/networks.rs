//! Networks: who may name them, what they may hold, and what becomes of grants that name them.

use super::*;

fn blocks(texts: &[&str]) -> Vec<Block> {
    texts.iter().map(|text| block(text)).collect()
}

#[tokio::test]
async fn a_network_is_there_at_once_and_after_a_restart() {
    let setup = with_module().await;
    let door = setup.registry.named_networks();
    let new = blocks(&["10.30.0.0/16", "fd12::/48"]);
    let put = setup.registry.put_network(&network("lab"), new, &platform()).await;
    let (lab, written) = put.expect("changed");
    assert_eq!(written, Written::Replaced);
    assert!(
        lab.contains("10.30.0.1".parse().expect("an address"))
            && !lab.contains("10.20.0.1".parse().expect("an address"))
    );
    assert_eq!(
        door.now().get(&network("lab")),
        Some(&lab),
        "the door goes by it already"
    );

    let again = start(setup.stores.clone()).await;
    assert_eq!(again.registry.network(&network("lab")).expect("kept"), lab);
    let names: Vec<String> = again
        .registry
        .networks()
        .into_iter()
        .map(|network| network.name.into())
        .collect();
    assert_eq!(names, ["lab", "loopback"]);
}

#[tokio::test]
async fn a_network_that_something_names_stays() {
    let setup = with_module().await;
    let (registry, module, admin) = (&setup.registry, path("acme/sim"), platform());
    // One name is the beginning of the other.
    registry
        .put_network(&network("lab-2"), blocks(&["10.0.0.0/8"]), &admin)
        .await
        .expect("named");
    registry
        .put_grants(&module, vec![grant("carrier", Some("lab-2"))], &admin)
        .await
        .expect("granted");
    let error = registry
        .delete_network(&network("lab-2"), &admin)
        .await
        .expect_err("in use");
    assert_eq!(
        error.to_string(),
        "network lab-2 is in use by grant carrier of module acme/sim"
    );

    registry.delete_network(&network("lab"), &admin).await.expect("removed");
    let error = registry
        .delete_network(&network("lab"), &admin)
        .await
        .expect_err("gone");
    assert!(matches!(error, RegistryError::NoSuchNetwork(_)), "{error}");
    registry
        .put_grants(&module, Vec::new(), &admin)
        .await
        .expect("given up");
    registry
        .delete_network(&network("lab-2"), &admin)
        .await
        .expect("removed");

    let again = start(setup.stores.clone()).await;
    assert_eq!(again.registry.networks().len(), 1, "the one called loopback");
}

#[tokio::test]
async fn no_grant_names_a_network_that_is_not_there() {
    let setup = with_module().await;
    let grants = vec![grant("carrier", Some("nowhere"))];
    let (registry, module) = (&setup.registry, path("acme/sim"));
    let put = registry.put_grants(&module, grants, &platform()).await;
    let error = put.expect_err("refused");
    assert!(matches!(error, RegistryError::NoSuchNetwork(_)), "{error}");
    assert!(setup.registry.grants(&path("acme/sim")).expect("grants").is_empty());
}

#[tokio::test]
async fn a_network_that_would_open_too_much_leaves_the_old_one() {
    let setup = with_module().await;
    for (texts, expected) in [
        (vec![], "blocks must be 1 to 64; 0 were given"),
        (vec!["10.0.0.0/8"; 65], "blocks must be 1 to 64; 65 were given"),
        (
            vec!["10.0.0.0/8", "169.254.169.254/32"],
            "blocks cannot have 169.254.169.254/32 among them, which is link-local (169.254.0.0/16): no grant leads there",
        ),
        (
            vec!["0.0.0.0/0"],
            "blocks cannot have 0.0.0.0/0 among them, which holds 127.0.0.0/8, which is this machine itself: write smaller \
             blocks, and 127.0.0.0/8 by itself if it is meant",
        ),
    ] {
        let error = setup
            .registry
            .put_network(&network("lab"), blocks(&texts), &platform())
            .await
            .expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(
        setup.registry.network(&network("lab")).expect("kept").blocks,
        [block("10.20.0.0/16")]
    );
}

#[tokio::test]
async fn grants_that_were_written_under_other_rules_open_nothing_and_damaged_ones_stop_the_start() {
    let setup = with_module().await;
    let place = "tenants/acme/modules/sim/grants";
    let old = serde_json::json!([
        {"name": "old", "host": "127.0.0.1", "methods": ["GET"], "paths": ["/**"], "private_network": true},
    ]);
    for (document, starts) in [(old.to_string(), true), ("[{\"name\": ".to_owned(), false)] {
        let put = setup
            .stores
            .documents
            .put(place, document.clone().into(), Expect::Anything);
        put.await.expect("written");
        let given = Secret::new(ADMIN.to_owned());
        let documents = Arc::clone(&setup.stores.documents);
        let admin = AdminToken::establish(&*documents, &vault(), Some(&given), &std::env::temp_dir()).await;
        let admin = admin.expect("a good token");
        let loaded = Registry::load(setup.stores.clone(), vault(), FakeEngine::new(), &admin).await;
        assert_eq!(loaded.is_ok(), starts, "{document}");
        if let Ok((registry, _)) = loaded {
            assert!(registry.grants(&path("acme/sim")).expect("a module").is_empty());
        }
    }
}
