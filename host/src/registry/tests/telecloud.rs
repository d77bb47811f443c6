//! How TeleCloud's API is reached: kept sealed, prepared for calls, and not led astray.

use http::Method;

use super::*;
use crate::domain::event::ActionKind;
use crate::domain::telecloud::UrlTemplate;
use crate::egress::target::Target;
use crate::registry::telecloud::NewTelecloud;

const LOCAL: &str = "http://127.0.0.1:8080/{format}/{Service}/{Action}";

fn new(url: &str, on: Option<&str>) -> NewTelecloud {
    NewTelecloud {
        url: UrlTemplate::parse(url).expect("a template"),
        api_id_key: "1234".to_owned(),
        api_key: Secret::new("canary-4711".to_owned()),
        network: on.map(network),
    }
}

fn default() -> NewTelecloud {
    new(UrlTemplate::default().as_str(), None)
}

impl Setup {
    async fn put(&self, new: NewTelecloud, by: &Caller) -> Result<Written, RegistryError> {
        let put = self.registry.put_telecloud(&tenant("acme"), new, by).await;
        put.map(|(_, written)| written)
    }

    async fn put_by_admin(&self, new: NewTelecloud) -> Written {
        self.put(new, &platform()).await.expect("set")
    }

    /// What calls of acme's module have.
    fn telecloud(&self) -> Option<Arc<Telecloud>> {
        let serving = self.table.serving("acme", "sim").expect("a module");
        serving.settings.telecloud.clone()
    }
}

#[tokio::test]
async fn access_to_the_api_is_there_for_calls_until_it_is_removed_and_after_a_restart() {
    let setup = with_module().await;
    assert!(setup.telecloud().is_none());
    let none = setup.registry.telecloud(&tenant("acme"));
    assert!(matches!(none, Err(RegistryError::NoTelecloud(_))));

    assert_eq!(setup.put_by_admin(new(LOCAL, Some("loopback"))).await, Written::Created);
    assert_eq!(setup.put_by_admin(default()).await, Written::Replaced);
    let again = start(setup.stores.clone()).await;
    for setup in [&setup, &again] {
        let telecloud = setup.telecloud().expect("set");
        let kept = setup.registry.telecloud(&tenant("acme")).expect("set");
        assert_eq!(telecloud.access, kept.access);
        assert_eq!(telecloud.access.url, UrlTemplate::default());
        assert_eq!(telecloud.access.api_id_key, "1234");
        assert_eq!(telecloud.placeholder, "{{secret:telecloud-api-key}}");
        assert_eq!(
            telecloud.secrets[&secret_name("telecloud-api-key")].expose(),
            "canary-4711"
        );
    }

    again
        .registry
        .delete_telecloud(&tenant("acme"), &platform())
        .await
        .expect("removed");
    let gone = again.registry.delete_telecloud(&tenant("acme"), &platform()).await;
    assert!(matches!(gone, Err(RegistryError::NoTelecloud(_))));
    assert!(again.telecloud().is_none());
    assert!(start(setup.stores).await.telecloud().is_none());
}

#[tokio::test]
async fn nothing_but_the_calls_own_host_methods_and_key_is_allowed() {
    let setup = with_module().await;
    setup.put_by_admin(default()).await;
    let telecloud = setup.telecloud().expect("set");
    for (method, url, allowed) in [
        (Method::PATCH, "https://api.telecloud.app/xml/Order/Update", true),
        (Method::POST, "https://api.telecloud.app/xml/Order/ReportUsage", true),
        (Method::DELETE, "https://api.telecloud.app/xml/Module/Delete", true),
        (Method::PUT, "https://api.telecloud.app/xml/Order/Update", false),
        (Method::PATCH, "http://api.telecloud.app/xml/Order/Update", false),
        (Method::PATCH, "https://api.telecloud.app:8443/xml/Order/Update", false),
        (Method::PATCH, "https://telecloud.app/xml/Order/Update", false),
    ] {
        let target = Target::parse(&url.parse().expect("a URL")).expect("a target");
        let permit = telecloud.policy.permit(&target, &method, ActionKind::Create);
        assert_eq!(permit.is_ok(), allowed, "{method} {url}");
        if let Ok(permit) = permit {
            let grant = permit.grant();
            assert_eq!(Vec::from_iter(&grant.secrets), [&secret_name("telecloud-api-key")]);
            assert!(grant.network.is_none() && !grant.read_only);
        }
    }
    for address in ["https://192.0.2.1", "https://[2001:db8::1]:8443"] {
        setup
            .put_by_admin(new(&format!("{address}/{{Service}}/{{Action}}"), None))
            .await;
        let telecloud = setup.telecloud().expect("set");
        let url = telecloud.access.url.url("Order", "Update").parse().expect("a URL");
        let target = Target::parse(&url).expect("a target");
        let permit = telecloud.policy.permit(&target, &Method::PATCH, ActionKind::Other);
        assert!(permit.is_ok(), "{address}");
    }
}

#[tokio::test]
async fn the_key_is_nowhere_in_the_documents_nor_in_debug_output() {
    let setup = with_module().await;
    setup.put_by_admin(default()).await;
    let documents = setup.stores.documents.list("").await.expect("a store");
    assert!(documents.iter().any(|(key, _)| key == "tenants/acme/telecloud/sealed"));
    for (key, stored) in documents {
        assert!(!String::from_utf8_lossy(&stored.value).contains("canary-4711"), "{key}");
    }
    let telecloud = setup.telecloud().expect("set");
    assert!(!format!("{telecloud:?} {:?}", default()).contains("canary-4711"));
}

#[tokio::test]
async fn only_a_platform_admin_leads_calls_into_a_network() {
    let setup = with_module().await;
    let by_tenant = holder("pipeline", &[Scope::Access]);
    let refused = setup
        .put(new(LOCAL, Some("loopback")), &by_tenant)
        .await
        .expect_err("refused");
    assert!(matches!(refused, RegistryError::NetworkNotGranted { .. }), "{refused}");
    setup.put_by_admin(new(LOCAL, Some("loopback"))).await;
    let kept = setup.put(new(LOCAL, Some("loopback")), &by_tenant).await;
    assert_eq!(kept.expect("kept as it was"), Written::Replaced);
    let elsewhere = new("http://127.0.0.1:9090/{Service}/{Action}", Some("loopback"));
    let refused = setup.put(elsewhere, &by_tenant).await.expect_err("refused");
    assert!(matches!(refused, RegistryError::NetworkNotGranted { .. }), "{refused}");

    setup.put(default(), &by_tenant).await.expect("public");
    let refused = setup.put(new(LOCAL, Some("loopback")), &by_tenant).await;
    assert!(refused.is_err(), "what was given up is not kept");
}

#[tokio::test]
async fn what_cannot_be_reached_safely_leaves_what_there_was() {
    let setup = with_module().await;
    setup.put_by_admin(default()).await;
    let with = |api_id_key: &str, api_key: &str| NewTelecloud {
        api_id_key: api_id_key.to_owned(),
        api_key: Secret::new(api_key.to_owned()),
        ..default()
    };
    for (bad, expected) in [
        (
            new("http://api.telecloud.app/{Service}/{Action}", None),
            "url must begin with https://, unless a network is named",
        ),
        (
            new("https://127.1/{Service}/{Action}", None),
            "url leads nowhere: host \"127.1\" is",
        ),
        (
            new("https://x.example:0/{Service}/{Action}", None),
            "url leads nowhere: port \"0\" is",
        ),
        (
            new("https://x.example/../{Service}/{Action}", None),
            "url leads nowhere: the path has",
        ),
        (
            new("https://x y/{Service}/{Action}".replace(' ', "%20").as_str(), None),
            "url makes no URL",
        ),
        (with("", "x"), "api_id_key must be 1 to 256 characters"),
        (with("7", ""), "api_key must be 1 to 256 characters"),
        (
            with("7", "x\n"),
            "api_key must be 1 to 256 characters, without white space",
        ),
    ] {
        let refused = setup.put(bad, &platform()).await.expect_err(expected);
        assert!(refused.to_string().starts_with(expected), "{refused}");
    }
    assert_eq!(setup.telecloud().expect("set").access.url, UrlTemplate::default());
    assert_eq!(
        start(setup.stores).await.telecloud().expect("set").access.api_id_key,
        "1234"
    );
}

#[tokio::test]
async fn what_was_sealed_for_one_tenant_does_not_open_for_another() {
    let setup = with_module().await;
    setup.put_by_admin(default()).await;
    setup.make("other/sim").await;
    let documents = &setup.stores.documents;
    let sealed = documents.get("tenants/acme/telecloud/sealed").await.expect("a store");
    let stolen = sealed.expect("there").value;
    let put = documents.put("tenants/other/telecloud/sealed", stolen, Expect::Absent);
    put.await.expect("written");
    let vault = vault();
    let given = Secret::new(ADMIN.to_owned());
    let admin = AdminToken::establish(&**documents, &vault, Some(&given), &std::env::temp_dir())
        .await
        .expect("a good token");
    let loaded = Registry::load(setup.stores.clone(), vault, FakeEngine::new(), &admin).await;
    let error = loaded.err().expect("refused").to_string();
    assert!(error.starts_with("tenants/other/telecloud/sealed: "), "{error}");
}
