//! The gateway calls TeleCloud: a module is registered there, with the tenant's own key.

use anyhow::{Context, Result};
use patchbay_tests::gateway::Gateway;
use patchbay_tests::telecloud::{API_ID_KEY, API_KEY, Behaviour, FakeTelecloud, Outcome};
use serde_json::{Value, json};

const URL: &str = "https://gateway.example/m/acme/lines";
const GROUP: &str = "75";

/// A gateway with a module, and a TeleCloud that it may call.
async fn start() -> Result<(Gateway, FakeTelecloud)> {
    let (gateway, telecloud) = (Gateway::start()?, FakeTelecloud::start().await?);
    telecloud.put_product_group(GROUP);
    let admin = gateway.admin();
    admin.put("/v1/tenants/acme", json!({})).await?;
    admin
        .put("/v1/tenants/acme/modules/lines", json!({"title": "Lines"}))
        .await?;
    admin.name_loopback().await?;
    let access = json!({
        "url": format!("{}/{{format}}/{{Service}}/{{Action}}", telecloud.url()),
        "api_id_key": API_ID_KEY,
        "api_key": API_KEY,
        "network": "loopback",
    });
    admin.put("/v1/tenants/acme/telecloud", access).await?;
    Ok((gateway, telecloud))
}

/// Registers the module for new orders and cancellations, and gives each call with how it went.
async fn register(gateway: &Gateway, dry_run: bool) -> Result<Vec<(String, String)>> {
    let wish = json!({
        "url": URL,
        "product_group": {"id": GROUP, "status": "unlocked", "events": ["order", "cancel"]},
        "dry_run": dry_run,
    });
    let path = "/v1/tenants/acme/modules/lines/telecloud-registration";
    let answer = gateway.admin().post(path, wish).await?;
    let steps = answer["steps"].as_array().context("steps")?.iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(steps
        .map(|step| (text(&step["service"]), text(&step["state"])))
        .collect())
}

fn steps(expected: [(&str, &str); 2]) -> Vec<(String, String)> {
    expected
        .map(|(service, state)| (service.to_owned(), state.to_owned()))
        .into()
}

#[tokio::test]
async fn a_module_is_registered_once_also_over_a_restart() -> Result<()> {
    let (gateway, telecloud) = start().await?;
    let planned = steps([("Module/Create", "planned"), ("ProductGroup/Edit", "planned")]);
    assert_eq!(register(&gateway, true).await?, planned);
    assert_eq!(telecloud.received(), []);

    let made = steps([("Module/Create", "accepted"), ("ProductGroup/Edit", "accepted")]);
    assert_eq!(register(&gateway, false).await?, made);
    let module = gateway.admin().get("/v1/tenants/acme/modules/lines").await?;
    let id = module["telecloud_module_id"].as_str().context("an id")?;
    let there = telecloud.module(id).context("a module")?;
    assert_eq!((there.name.as_str(), there.url.as_deref()), ("Lines", Some(URL)));
    assert!(there.external && there.active);
    let group = telecloud.product_group(GROUP).context("a product group")?;
    let linked: Vec<_> = group
        .modules
        .iter()
        .map(|(field, id)| (field.as_str(), id.as_str()))
        .collect();
    assert_eq!(linked, [("moduleid_cancel", id), ("moduleid_order", id)]);

    let gateway = Gateway::start_in(gateway.kill()?, &[])?;
    let edited = steps([("Module/Edit", "accepted"), ("ProductGroup/Edit", "accepted")]);
    assert_eq!(register(&gateway, false).await?, edited);
    let received = telecloud.received();
    assert_eq!(received.len(), 4);
    assert!(
        received.iter().all(|call| call.outcome == Outcome::Applied),
        "{received:#?}"
    );

    let calls = gateway.admin().get("/v1/tenants/acme/calls").await?;
    assert_eq!(calls["items"].as_array().map(Vec::len), Some(4), "{calls:#}");
    for call in calls["items"].as_array().context("calls")? {
        let id = call["id"].as_str().context("an id")?;
        let record = gateway.admin().get(&format!("/v1/tenants/acme/calls/{id}")).await?;
        assert_eq!(
            (&record["outcome"], &record["exchanges"][0]["grant"]),
            (&json!("done"), &json!("telecloud"))
        );
        assert!(!record.to_string().contains(API_KEY), "{record:#}");
    }
    assert!(!gateway.log().concat().contains(API_KEY));

    // Who had it done is on the trail, and that the module has an id there since. A dry run does nothing.
    let trail = gateway
        .admin()
        .get("/v1/tenants/acme/trail?object=lines/telecloud")
        .await?;
    let entries = trail["items"].as_array().context("entries")?.iter();
    let told: Vec<_> = entries
        .map(|entry| format!("{} {}: {}", entry["by"]["kind"], entry["verb"], entry["object"]).replace('"', ""))
        .collect();
    let registration = "platform-admin begin: tenants/acme/modules/lines/telecloud-registration";
    let id_kept = "platform-admin change: tenants/acme/modules/lines/telecloud-module-id";
    assert_eq!(told, [registration, id_kept, registration]);
    Ok(())
}

#[tokio::test]
async fn registration_stops_at_what_telecloud_refuses() -> Result<()> {
    let (gateway, telecloud) = start().await?;
    telecloud.next(Behaviour::telecloud_error("Modules are read-only today"));
    let refused = steps([("Module/Create", "refused"), ("ProductGroup/Edit", "not-tried")]);
    assert_eq!(register(&gateway, false).await?, refused);
    assert_eq!(telecloud.received().len(), 1);

    telecloud.refuse_connections().await;
    let unreachable = steps([("Module/Create", "not-sent"), ("ProductGroup/Edit", "not-tried")]);
    assert_eq!(register(&gateway, false).await?, unreachable);
    let newest = gateway.admin().newest_call("acme").await?;
    assert_eq!(newest["outcome"], "unreachable");
    Ok(())
}
