//! Keys, tokens, and who may do what with them.

use super::*;

#[tokio::test]
async fn secrets_that_other_keys_sealed_are_noticed_at_start() {
    let setup = with_module().await;
    let secret = Secret::new("hunter2".to_owned());
    setup
        .registry
        .put_secret(&path("acme/sim"), &secret_name("token"), secret, &platform())
        .await
        .expect("written");
    let other = Arc::new(Vault::new(&[8; 32]));
    let given = Secret::new(ADMIN.to_owned());
    let admin = AdminToken::establish(&*setup.stores.documents, &other, Some(&given), &std::env::temp_dir())
        .await
        .expect("a good token");
    let error = Registry::load(setup.stores, other, FakeEngine::new(), &admin)
        .await
        .err()
        .expect("refused");
    assert!(
        error
            .to_string()
            .starts_with("tenants/acme/modules/sim/secrets/token/sealed: "),
        "{error}"
    );
}

#[tokio::test]
async fn secrets_are_nowhere_in_the_documents() {
    let setup = with_module().await;
    let module = path("acme/sim");
    let secret = || Secret::new("canary-4711-canary-4711-canary-4711".to_owned());
    let registry = &setup.registry;
    registry
        .put_secret(&module, &secret_name("token"), secret(), &platform())
        .await
        .expect("written");
    registry
        .add_key(&module.tenant, String::new(), &secret(), &platform())
        .await
        .expect("added");
    let new = NewToken {
        label: String::new(),
        scopes: BTreeSet::from([Scope::Read]),
        expires: None,
    };
    let (_, token) = registry
        .create_token(&module.tenant, new, &platform())
        .await
        .expect("made");
    for (key, stored) in setup.stores.documents.list("").await.expect("a store") {
        let text = String::from_utf8_lossy(&stored.value).into_owned();
        assert!(!text.contains("canary-4711"), "{key}");
        assert!(!text.contains(&token.expose()[3..]), "{key}");
    }
}

#[tokio::test]
async fn each_of_a_tenants_keys_is_accepted_until_it_is_removed() {
    let setup = with_module().await;
    let acme = tenant("acme");
    let accepts = |key: &str| {
        let serving = setup.table.serving("acme", "sim").expect("serving");
        serving.settings.keys.accept(&vault(), key)
    };
    assert!(!accepts("first"));
    for key in ["first", "second"] {
        let key = Secret::new(key.to_owned());
        setup
            .registry
            .add_key(&acme, String::new(), &key, &platform())
            .await
            .expect("added");
    }
    assert!(accepts("first") && accepts("second") && !accepts("third") && !accepts(""));
    let first = Secret::new("first".to_owned());
    let again = setup.registry.add_key(&acme, String::new(), &first, &platform()).await;
    assert!(matches!(again, Err(RegistryError::KeyIsThere { .. })));

    let first = setup.registry.keys(&acme).expect("keys")[0].id.clone();
    setup
        .registry
        .delete_key(&acme, &first, &platform())
        .await
        .expect("removed");
    assert!(!accepts("first") && accepts("second"));
    let gone = setup.registry.delete_key(&acme, &first, &platform()).await;
    assert!(matches!(gone, Err(RegistryError::NoSuchKey(_))));
}

#[tokio::test]
async fn a_token_speaks_for_its_tenant_until_it_expires_or_is_revoked() {
    let setup = with_module().await;
    let acme = tenant("acme");
    let now = Timestamp::now();
    let new = NewToken {
        label: "pipeline".to_owned(),
        scopes: BTreeSet::from([Scope::Deploy]),
        expires: Some(now + SignedDuration::from_hours(1)),
    };
    let (token, secret) = setup
        .registry
        .create_token(&acme, new, &platform())
        .await
        .expect("made");
    let who = |now| setup.registry.authenticate(secret.expose(), now);
    let expected = Principal::Tenant {
        tenant: acme.clone(),
        id: token.id.clone(),
        label: "pipeline".to_owned(),
        scopes: BTreeSet::from([Scope::Deploy]),
        expires: Some(now + SignedDuration::from_hours(1)),
    };
    assert_eq!(who(now), Some(expected));
    assert_eq!(who(now + SignedDuration::from_hours(1)), None);
    setup
        .registry
        .delete_token(&acme, &token.id, &platform())
        .await
        .expect("revoked");
    assert_eq!(who(now), None);

    assert_eq!(setup.registry.authenticate(ADMIN, now), Some(Principal::PlatformAdmin));
    assert_eq!(setup.registry.authenticate("", now), None);
}

#[tokio::test]
async fn a_token_cannot_make_one_that_may_do_more() {
    let setup = with_module().await;
    let by = holder("pipeline", &[Scope::Access, Scope::Read]);
    let create = |scopes: &[Scope]| {
        let new = NewToken {
            label: String::new(),
            scopes: scopes.iter().copied().collect(),
            expires: None,
        };
        let (registry, by) = (Arc::clone(&setup.registry), by.clone());
        async move { registry.create_token(&tenant("acme"), new, &by).await }
    };
    assert!(create(&[Scope::Read]).await.is_ok());
    let error = create(&[Scope::Read, Scope::Grants]).await.expect_err("too much");
    assert!(matches!(error, RegistryError::ScopeNotHeld(Scope::Grants)), "{error}");
    let error = create(&[]).await.expect_err("useless");
    assert!(error.to_string().starts_with("scopes must name"), "{error}");
}

#[tokio::test]
async fn a_token_that_expires_cannot_make_one_that_outlives_it() {
    let setup = with_module().await;
    let own = Timestamp::now() + SignedDuration::from_hours(1);
    let mut by = holder("contractor", &[Scope::Access]);
    let Principal::Tenant { expires, .. } = &mut by.principal else {
        panic!("a tenant's");
    };
    *expires = Some(own);
    let later = own + SignedDuration::from_nanos(1);
    for (expires, made) in [(None, false), (Some(later), false), (Some(own), true)] {
        let new = NewToken {
            label: String::new(),
            scopes: BTreeSet::from([Scope::Access]),
            expires,
        };
        let created = setup.registry.create_token(&tenant("acme"), new, &by).await;
        match created {
            Ok(_) => assert!(made, "{expires:?}"),
            Err(error) => {
                assert!(!made, "{error}");
                assert!(
                    error.to_string().starts_with("expires must be given and be "),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn who_decides_goes_by_the_tokens_id_whatever_it_was_labelled() {
    let name = holder("platform admin", &[Scope::Operate]).name();
    assert!(
        name.starts_with("token ") && name.ends_with(" (platform admin)"),
        "{name}"
    );
    assert_eq!(platform().name(), "platform admin");
}
