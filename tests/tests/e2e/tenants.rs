//! What one tenant can learn of another: nothing.

use anyhow::{Context, Result};
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::{Admin, Deployment, Gateway};
use reqwest::Method;
use serde_json::{Value, json};

use super::hostile::{MODULE, call, call_with, fetching, order, with};

const ALL_SCOPES: [&str; 6] = ["read", "calls", "deploy", "grants", "operate", "access"];

fn secrets(value: &str) -> Vec<(String, String)> {
    vec![("token".to_owned(), value.to_owned())]
}

async fn token_of(admin: &Admin, tenant: &str) -> Result<Admin> {
    let made = admin
        .post(&format!("/v1/tenants/{tenant}/tokens"), json!({"scopes": ALL_SCOPES}))
        .await?;
    Ok(admin.with_token(made["value"].as_str().context("a token")?))
}

#[tokio::test]
async fn one_component_serves_two_tenants_and_each_sees_its_own() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    let mut carriers = Vec::new();
    for tenant in ["north", "south"] {
        let carrier = FakeCarrier::start().await?;
        let hello = Reply::new(StatusCode::OK, "text/plain", format!("for {tenant}"));
        carrier.always("/", Behaviour::answer(hello));
        let deployment = Deployment {
            secrets: secrets(&format!("secret-of-{tenant}")),
            ..fetching(&carrier.url(), json!({"secret": "token", "who": tenant}))?
        };
        admin.deploy(tenant, MODULE, deployment).await?;
        carriers.push(carrier);
    }
    let mut digests = Vec::new();
    for tenant in ["north", "south"] {
        let versions = admin
            .get(&format!("/v1/tenants/{tenant}/modules/{MODULE}/versions"))
            .await?;
        digests.push(versions["items"][0]["digest"].clone());
    }
    assert!(digests[0].is_string() && digests[0] == digests[1], "{digests:?}");

    // Its own carrier, its own secret.
    for (tenant, carrier) in ["north", "south"].into_iter().zip(&carriers) {
        let told = call(&gateway, tenant).await?;
        assert_eq!(told.element("VAR2"), Some(format!("for {tenant}")));
        let authorization = format!("Bearer secret-of-{tenant}");
        assert_eq!(
            carrier.requests()[0].header("authorization"),
            Some(authorization.as_str())
        );
    }

    // The other's carrier is not granted.
    let config = format!("/v1/tenants/north/modules/{MODULE}/config");
    admin
        .put(
            &config,
            json!({"mode": "fetch", "url": carriers[1].url(), "secret": "token"}),
        )
        .await?;
    let told = call_with(&gateway, "north", &order("2ZU2")).await?;
    assert!(
        told.error().starts_with("Carrier Error: carrier unreachable"),
        "{told:?}"
    );
    let denied = admin.newest_call("north").await?;
    assert_eq!(denied["exchanges"][0]["end"]["result"], "denied");
    assert_eq!(carriers[1].connections(), 1, "only its own tenant's call");

    // Its own settings, exactly.
    for tenant in ["north", "south"] {
        let config = format!("/v1/tenants/{tenant}/modules/{MODULE}/config");
        admin
            .put(&config, json!({"mode": "echo", "secret": "token", "who": tenant}))
            .await?;
        let told = call_with(&gateway, tenant, &order("3ZU3")).await?;
        assert_eq!(
            told.element("VAR7"),
            Some(format!("mode=echo;secret=token;who={tenant}"))
        );
        assert_eq!(told.element("VAR8").as_deref(), Some("{{secret:token}}"));
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_or_a_key_of_another_tenant_is_none() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    let config = json!({"mode": "echo", "secret": "token"});
    let south = Deployment {
        secrets: secrets("secret-of-south"),
        ..with(config.clone())?
    };
    admin.deploy("south", MODULE, south).await?;
    admin.deploy("north", MODULE, with(config)?).await?;
    assert_eq!(
        call(&gateway, "north").await?.error(),
        "This module's secret token is not set"
    );

    admin
        .post("/v1/tenants/south/telecloud-keys", json!({"key": "key_of_south"}))
        .await?;
    let mut fields = order("4617ZU4617");
    fields.insert("APIAuth[API_KEY]".to_owned(), "key_of_south".to_owned());
    assert_eq!(
        call_with(&gateway, "north", &fields).await?.error(),
        "Module authentication failed"
    );
    let told = call_with(&gateway, "south", &fields).await?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"));
    Ok(())
}

#[tokio::test]
async fn a_tenants_token_cannot_tell_another_tenant_from_none() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    for tenant in ["north", "south"] {
        let deployment = Deployment {
            secrets: secrets("secret"),
            ..with(json!({"mode": "echo"}))?
        };
        admin.deploy(tenant, MODULE, deployment).await?;
    }
    call(&gateway, "south").await?;
    let id = admin.newest_call("south").await?["id"]
        .as_str()
        .context("an id")?
        .to_owned();
    let north = token_of(admin, "north").await?;
    let snapshot = async || -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for below in ["", "/telecloud-keys", "/tokens", "/modules", "/calls"] {
            all.push(admin.get(&format!("/v1/tenants/south{below}")).await?);
        }
        for below in ["", "/config", "/grants", "/secrets", "/versions"] {
            all.push(admin.get(&format!("/v1/tenants/south/modules/{MODULE}{below}")).await?);
        }
        Ok(all)
    };
    let before = snapshot().await?;

    let description = admin.get("/v1/openapi.json").await?;
    let mut routes = 0;
    for (path, methods) in description["paths"].as_object().context("paths")? {
        if !path.contains("{tenant}") {
            continue;
        }
        for method in methods.as_object().context("methods")?.keys() {
            // `parameters` is no method.
            let method = match method.as_str() {
                "get" => Method::GET,
                "put" => Method::PUT,
                "post" => Method::POST,
                "delete" => Method::DELETE,
                _ => continue,
            };
            let ask = async |tenant: &str| -> Result<(u16, String)> {
                let path = path
                    .replace("{tenant}", tenant)
                    .replace("{module}", MODULE)
                    .replace("{name}", "token")
                    .replace("{id}", &id);
                let body = (method != Method::GET).then(|| json!({}));
                let answer = north.send(method.clone(), &path, body.as_ref()).await?;
                Ok((answer.status.as_u16(), answer.body.to_string().replace(tenant, "it")))
            };
            let (other, none) = (ask("south").await?, ask("nobody").await?);
            assert_eq!(other, none, "{method} {path}");
            assert_eq!(other.0, 404, "{method} {path}");
            assert!(other.1.contains("\"tenant-not-found\""), "{method} {path}: {}", other.1);
            routes += 1;
        }
    }
    assert!(routes >= 25, "only {routes} routes were found in the description");
    assert_eq!(snapshot().await?, before, "nothing of south's has changed");

    let all = north.send(Method::GET, "/v1/tenants", None).await?;
    assert_eq!(all.status.as_u16(), 403);
    assert!(!all.body.to_string().contains("south"));
    Ok(())
}

#[tokio::test]
async fn calls_are_listed_to_their_own_tenant_only() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    let mut ids = Vec::new();
    for tenant in ["north", "south"] {
        admin.deploy(tenant, MODULE, with(json!({"mode": "echo"}))?).await?;
        for number in 0..3 {
            call_with(&gateway, tenant, &order(&format!("{tenant}-{number}"))).await?;
        }
    }
    for tenant in ["north", "south"] {
        let own = token_of(admin, tenant).await?;
        let listed = own.get(&format!("/v1/tenants/{tenant}/calls")).await?;
        let items = listed["items"].as_array().context("items")?.clone();
        let numbers: Vec<_> = items.iter().map(|call| call["order_number"].as_str()).collect();
        let expected: Vec<_> = (0..3).rev().map(|number| format!("{tenant}-{number}")).collect();
        assert_eq!(
            numbers,
            expected.iter().map(|text| Some(text.as_str())).collect::<Vec<_>>()
        );
        ids.push((own, items[0]["id"].as_str().context("an id")?.to_owned()));
    }
    // Under its own name, the other's call is not there.
    let (north, _) = &ids[0];
    let (_, of_south) = &ids[1];
    let answer = north
        .send(Method::GET, &format!("/v1/tenants/north/calls/{of_south}"), None)
        .await?;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["code"]),
        (404, &json!("call-not-found"))
    );
    // Nor is it a place in its list that could be asked about.
    let older = north.get(&format!("/v1/tenants/north/calls?before={of_south}")).await?;
    assert!(!older.to_string().contains("south"), "{older}");
    Ok(())
}
