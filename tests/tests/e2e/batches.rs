//! Usage and audits with the real module, a carrier and TeleCloud; but for the last test, over stores in memory.

mod rig;

use std::time::Duration;

use anyhow::{Context, Result};
use patchbay::domain::audit::Difference;
use patchbay::domain::batch::{BatchKind, RunStatus};
use patchbay_tests::carrier::TOKEN;
use patchbay_tests::gateway::{Deployment, guest};
use patchbay_tests::telecloud::{
    API_ID_KEY, API_KEY, Behaviour, Component, FakeTelecloud, Order, Reply, ServiceStatus, StatusCode, client,
};
use serde_json::{Value, json};

use super::stage::{MODULE, Stage, TENANT, fields_of, with};

use self::rig::{Rig, admin};

#[tokio::test]
async fn what_customers_used_reaches_telecloud_in_its_own_units() -> Result<()> {
    let rig = Rig::start().await?;
    for (number, line) in [("O-1", "S-2001"), ("O-2", "S-2002"), ("O-3", "S-2003")] {
        rig.order(number, &[(14, line)]).await?;
    }
    rig.carrier.set_page_size(1);
    rig.carrier
        .set_usage("S-2001", "DATA", "recurring", "123456789", "bytes");
    rig.carrier.set_usage("S-2002", "DATA", "rollover", "5", "bytes");
    rig.carrier.set_usage("S-2003", "DATA", "once-off", "1048576", "bytes");
    let run = rig.usage().await?;
    // 123,456,789 / 1,048,576 is 117.7376.
    assert_eq!(rig.counted("O-1")?, ("117.74".to_owned(), Some("117.74".to_owned())));
    assert_eq!(rig.counted("O-2")?, ("0".to_owned(), None));
    assert_eq!(rig.counted("O-3")?, ("1".to_owned(), Some("1".to_owned())));
    assert_eq!(
        (run.pages, run.counts["reported"], run.counts["unknown_kind"]),
        (3, 2, 1)
    );
    // The next one finds nothing new.
    let calls = rig.telecloud.received().len();
    rig.usage().await?;
    assert_eq!(rig.telecloud.received().len(), calls);
    rig.stop().await
}

#[tokio::test]
async fn a_run_waits_while_telecloud_is_down_and_nobody_is_forgotten() -> Result<()> {
    let rig = Rig::start().await?;
    rig.order("O-1", &[(14, "S-2001")]).await?;
    rig.carrier.set_usage("S-2001", "DATA", "recurring", "1048576", "bytes");
    rig.telecloud.refuse_connections().await;
    let id = rig.start_run(BatchKind::Usage).await?;
    let waiting = rig
        .once(id, |run| matches!(run.status, RunStatus::Waiting { .. }))
        .await?;
    assert_eq!(waiting.pages, 0);
    assert_eq!(rig.counted("O-1")?, ("0".to_owned(), None));
    rig.telecloud.accept_connections().await?;
    let done = rig.once(id, |run| matches!(run.status, RunStatus::Done)).await?;
    assert_eq!(done.counts["reported"], 1);
    assert_eq!(rig.counted("O-1")?.0, "1");
    rig.stop().await
}

#[tokio::test]
async fn what_telecloud_refuses_is_shown_with_its_words() -> Result<()> {
    let rig = Rig::start().await?;
    rig.order("O-1", &[(14, "S-2001"), (11, "1")]).await?;
    rig.carrier.set_usage("S-2001", "DATA", "recurring", "1048576", "bytes");
    let refusal = "<error>the order is locked</error>";
    let refusal = Reply::new(StatusCode::OK, "text/xml", refusal);
    rig.telecloud.next(Behaviour::answer(refusal));
    let run = rig.usage().await?;
    let results = rig.batches.results(&rig.path, run.id, None).await?.items;
    let shown = serde_json::to_value(&results[0].reported)?;
    assert!(
        shown["why"]
            .as_str()
            .is_some_and(|why| why.contains("the order is locked")),
        "{shown}"
    );
    rig.usage().await?;
    assert_eq!(rig.counted("O-1")?.0, "1");
    rig.stop().await
}

#[tokio::test]
async fn an_audit_finds_what_differs_and_repairs_what_it_is_told_to() -> Result<()> {
    let rig = Rig::start().await?;
    let client = client()?;
    let (first, mdn) = rig.line(&client, "O-1", "8901260000000000014").await?;
    let (second, _) = rig.line(&client, "O-2", "8901260000000000022").await?;
    rig.order("O-1", &[(14, &first), (3, &mdn), (2, "8901260000000000030")])
        .await?;
    rig.order("O-3", &[(14, "S-gone")]).await?;
    rig.carrier.set_page_size(1);
    let id = rig.start_run(BatchKind::Audit).await?;
    rig.once(id, |run| run.status == RunStatus::Done).await?;
    let report = rig.batches.report(&rig.path, id).await?;
    let found: Vec<_> = report
        .iter()
        .map(|row| (row.row.difference, row.row.subscribers.clone()))
        .collect();
    assert_eq!(
        found,
        [
            (Difference::Sim, vec![first]),
            (Difference::MissingThere, vec![]),
            (Difference::MissingHere, vec![second]),
        ]
    );
    assert_eq!(rig.telecloud.received().len(), 0);
    rig.batches.repair(&rig.path, id, Some(&[1]), &admin()).await?;
    let order = rig.telecloud.order("O-1").context("an order")?;
    assert_eq!(order.vars.get(&2).map(String::as_str), Some("8901260000000000014"));
    rig.stop().await
}

#[tokio::test]
async fn telecloud_may_post_to_the_module_from_inside_of_a_report() -> Result<()> {
    // One slot for all: what a report held would be missed by the post.
    let stage = Stage::empty(&["--concurrent-calls", "1"]).await;
    let telecloud = FakeTelecloud::start().await?;
    let port = stage.carrier.address().port();
    let grant = |name: &str, methods: Value, paths: Value| {
        json!({
            "name": name, "scheme": "http", "host": "127.0.0.1", "port": port, "methods": methods, "paths": paths,
            "secrets": ["carrier-token"], "network": "loopback",
        })
    };
    stage
        .deploy(Deployment {
            config: json!({
                "carrier_url": stage.carrier.url(), "plan.VZW-15GB-UNLTT": "unlimited-15", "component.DATA": "8417871",
            }),
            grants: json!([
                grant("new-lines", json!(["POST"]), json!(["/v1/activations"])),
                grant("lists", json!(["GET"]), json!(["/v1/usage", "/v1/lines"])),
            ]),
            secrets: vec![("carrier-token".to_owned(), TOKEN.to_owned())],
            ..Deployment::of(guest("usage-sync")?)
        })
        .await;
    let admin = stage.gateway.admin();
    let access = json!({
        "url": format!("{}/{{format}}/{{Service}}/{{Action}}", telecloud.url()),
        "api_id_key": API_ID_KEY, "api_key": API_KEY, "network": "loopback",
    });
    admin.put(&format!("/v1/tenants/{TENANT}/telecloud"), access).await?;
    let module = format!("/v1/tenants/{TENANT}/modules/{MODULE}");
    let units = json!({ "usage": { "components": { "8417871": { "unit_divisor": 1_048_576 } } } });
    admin.put(&format!("{module}/schedules"), units).await?;

    let fields = with(fields_of("activate"), &[("order_number", "4711")]);
    let account = fields["Customer[account_number]"].clone();
    let created = stage.post(&fields).await;
    assert!(created.body.contains("<SUCCESS>Y</SUCCESS>"), "{}", created.body);
    let component = Component {
        maximum: Some("100".parse()?),
        ..Component::default()
    };
    let order = Order::new(&account, "4711", ServiceStatus::Active);
    telecloud.put_order(order.with_component("8417871", component));
    let reached = with(fields, &[("SERVICE", "Order/ReportUsage")]);
    telecloud.on_maximum(&stage.url(), reached);
    stage
        .carrier
        .set_usage("S-2001", "DATA", "recurring", "209715200", "bytes");

    let run = admin
        .post(&format!("{module}/runs"), json!({ "kind": "usage" }))
        .await?;
    let run = format!("{module}/runs/{}", run["id"].as_str().context("an id")?);
    let ended = async {
        loop {
            let now = admin.get(&run).await?;
            if now["status"] != "running" {
                return anyhow::Ok(now);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await??;
    assert_eq!(
        (&ended["status"], &ended["counts"]["reported"]),
        (&json!("done"), &json!(1)),
        "{ended}"
    );
    let order = telecloud.order("4711").context("an order")?;
    assert_eq!(order.components["8417871"].units.to_string(), "200");
    let answers = telecloud.maximum_answers();
    let [Ok(answer)] = answers.as_slice() else {
        anyhow::bail!("{answers:?}");
    };
    assert!(
        answer.body.contains("Unsupported SERVICE: Order/ReportUsage"),
        "{}",
        answer.body
    );
    Ok(())
}
