//! What one tenant may take of what all share: slots, turns, connections, jobs.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Gate, TOKEN};
use patchbay_tests::gateway::{Deployment, Gateway};
use patchbay_tests::telecloud::{Encoding, Posted, client, post};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::hostile::{self, Told, order};
use super::super::stage::numbered;

const BUSY: &str = "Module Error: busy, nothing was changed. Please retry.";

/// The module of the tenants in these tests.
const MODULE: &str = hostile::MODULE;

/// A gateway with these arguments.
fn gateway(arguments: &[&str]) -> Result<Gateway> {
    Gateway::start_in(Arc::new(tempfile::tempdir()?), arguments)
}

async fn set_quota(gateway: &Gateway, tenant: &str, quota: Value) -> Result<()> {
    let admin = gateway.admin();
    admin.put(&format!("/v1/tenants/{tenant}"), json!({})).await?;
    admin.put(&format!("/v1/tenants/{tenant}/quota"), quota).await?;
    Ok(())
}

/// Posts order `number` to a tenant's module, and hangs up when it is dropped.
fn posting(gateway: &Gateway, tenant: &str, number: usize) -> impl Future<Output = Result<Told>> + use<> {
    let url = gateway.url(tenant, MODULE);
    async move {
        let posted = post(&client()?, &url, Encoding::Form, &order(&format!("{number}ZU{number}"))).await?;
        Told::read(posted.status, posted.body)
    }
}

async fn calls(gateway: &Gateway, tenant: &str) -> Result<Vec<Value>> {
    let path = format!("/v1/tenants/{tenant}/calls?limit=200");
    let listed = gateway.admin().get(&path).await?;
    Ok(listed["items"].as_array().context("a list")?.clone())
}

/// Why each of a tenant's calls that were refused was.
async fn refusals(gateway: &Gateway, tenant: &str) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    for call in calls(gateway, tenant).await? {
        if call["outcome"] == "refused" {
            let id = call["id"].as_str().context("an id")?;
            let call = gateway.admin().get(&format!("/v1/tenants/{tenant}/calls/{id}")).await?;
            ensure!(call["exchanges"] == json!([]), "{call:#}");
            reasons.push(call["detail"].as_str().context("a detail")?.to_owned());
        }
    }
    Ok(reasons)
}

#[tokio::test]
async fn a_tenant_whose_calls_hang_fills_its_own_line_and_no_other() -> Result<()> {
    const CALLS: usize = 40;
    let gateway = gateway(&["--concurrent-calls", "2"])?;
    let (carrier, gate) = (FakeCarrier::start().await?, Gate::default());
    carrier.always("/", Behaviour::normal().when(&gate));
    set_quota(&gateway, "north", json!({ "waiting": 10 })).await?;
    let north = Deployment {
        limits: json!({ "deadline_ms": 120_000 }),
        ..hostile::fetching(&carrier.url(), json!({}))?
    };
    gateway.admin().deploy("north", MODULE, north).await?;
    gateway
        .admin()
        .deploy("south", MODULE, hostile::with(json!({ "mode": "echo" }))?)
        .await?;

    let mut posts: JoinSet<_> = (0..CALLS).map(|number| posting(&gateway, "north", number)).collect();
    // One is at work, and ten wait. Nothing ends but those that are refused.
    for _ in 0..CALLS - 11 {
        let told = posts.join_next().await.context("more posts")???;
        assert_eq!(told.error(), BUSY);
    }
    assert_eq!(carrier.requests().len(), 1, "the other slot is left to others");
    let told = posting(&gateway, "south", 1).await?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"));

    gate.open();
    while let Some(told) = posts.join_next().await {
        let told = told??;
        assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "{told:?}");
    }
    assert_eq!(carrier.requests().len(), 11);
    let full = vec!["as many calls are waiting for a slot as may wait"; CALLS - 11];
    assert_eq!(refusals(&gateway, "north").await?, full, "each of them is on record");
    Ok(())
}

#[tokio::test]
async fn callers_that_hang_up_give_their_places_back() -> Result<()> {
    let gateway = gateway(&["--concurrent-calls", "1"])?;
    let (carrier, gate) = (FakeCarrier::start().await?, Gate::default());
    carrier.always("/", Behaviour::normal().when(&gate));
    set_quota(&gateway, "north", json!({ "waiting": 3 })).await?;
    gateway
        .admin()
        .deploy("north", MODULE, hostile::fetching(&carrier.url(), json!({}))?)
        .await?;
    let running = tokio::spawn(posting(&gateway, "north", 0));
    carrier.wait_for_requests(1).await;
    let mut waiting: JoinSet<_> = (1..=4).map(|number| posting(&gateway, "north", number)).collect();
    let refused = waiting.join_next().await.context("one of them")???;
    assert_eq!(refused.error(), BUSY, "three wait");
    running.abort();
    waiting.shutdown().await;

    gate.open();
    // Their calls go on, and then there is room again.
    let told = loop {
        let told = posting(&gateway, "north", 5).await?;
        if told.error() != BUSY {
            break told;
        }
    };
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "{told:?}");
    assert_eq!(carrier.requests().len(), 5);
    Ok(())
}

#[tokio::test]
async fn who_has_used_up_its_rate_is_told_so_and_still_gets_the_answers_that_it_had() -> Result<()> {
    let gateway = Gateway::start()?;
    set_quota(&gateway, "north", json!({ "calls_per_second": 1, "burst": 3 })).await?;
    for tenant in ["north", "south"] {
        gateway
            .admin()
            .deploy(tenant, MODULE, hostile::with(json!({ "mode": "echo" }))?)
            .await?;
    }
    let (mut first, mut number) = (None, 0);
    // On a slow machine a second goes by now and then, and one more is let in.
    let refused = loop {
        let told = posting(&gateway, "north", number).await?;
        first.get_or_insert_with(|| told.clone());
        if told.error() == BUSY {
            break told;
        }
        assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "{told:?}");
        number += 1;
        ensure!(number < 100, "the rate is never used up");
    };
    assert!(number >= 3, "the burst goes through: {number}");
    assert_eq!(refused.error(), BUSY);
    let again = posting(&gateway, "north", 0).await?;
    assert_eq!(
        Some(again),
        first,
        "it has run, so nobody may be told that nothing was changed"
    );
    let why = "there were more calls than the tenant's quota allows in this time";
    assert_eq!(refusals(&gateway, "north").await?, [why]);
    let told = posting(&gateway, "south", 0).await?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"));
    Ok(())
}

#[tokio::test]
async fn of_whom_too_much_was_written_is_told_so_and_what_is_refused_is_written_down_in_short() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    // Ten seconds' worth are there at once: five records of these orders, and some more.
    set_quota(&gateway, "north", json!({ "record_bytes_per_second": 16 << 10 })).await?;
    for tenant in ["north", "south"] {
        let echo = hostile::with(json!({ "mode": "echo" }))?;
        admin.deploy(tenant, MODULE, echo).await?;
    }
    let client = client()?;
    let large = async |tenant: &str, number: usize| {
        let mut fields = order(&format!("{number}ZU{number}"));
        fields.insert("notes".to_owned(), "x".repeat(30_000));
        let posted = post(&client, &gateway.url(tenant, MODULE), Encoding::Form, &fields).await?;
        Told::read(posted.status, posted.body)
    };
    let mut ran = 0;
    // What comes in the meantime is half a record in a second.
    loop {
        let told = large("north", ran).await?;
        if told.error() == BUSY {
            break;
        }
        assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "{told:?}");
        ran += 1;
        ensure!(ran < 100, "it is never used up");
    }
    assert!(ran >= 5, "what was saved up is there: {ran}");
    let why = "more was written down of the tenant's calls than record_bytes_per_second of its quota allows";
    assert_eq!(refusals(&gateway, "north").await?, [why]);
    let refused = admin.newest_call("north").await?;
    assert_eq!(
        refused["event"]["service"], "Order/Create",
        "what it was about is there"
    );
    assert_eq!(refused["event"]["request"], Value::Null, "and no more");

    let told = large("south", 0).await?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "{told:?}");
    set_quota(&gateway, "north", json!({})).await?;
    let told = large("north", ran).await?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "there is more: {told:?}");
    Ok(())
}

#[tokio::test]
async fn what_a_callback_says_of_orders_counts_for_what_may_be_written() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    // The order's note changes with each notice, so each is written.
    let settings = json!({ "mode": "claim", "claim": "pending", "notices": "1000" });
    admin.deploy("north", MODULE, hostile::with(settings)?).await?;
    let told = posting(&gateway, "north", 1).await?;
    assert_eq!(told.element("STATUS").as_deref(), Some("PENDING"), "{told:?}");
    set_quota(&gateway, "north", json!({ "record_bytes_per_second": 16 << 10 })).await?;
    let shown = admin
        .get(&format!("/v1/tenants/north/modules/{MODULE}/callback"))
        .await?;
    let url = format!("{}{}", gateway.public(), shown["path"].as_str().context("a path")?);
    let called = client()?.post(&url).body("A-1").send().await?;
    assert_eq!(called.status(), 503, "the carrier is to call again");
    let call = admin.newest_call("north").await?;
    let detail = call["detail"].as_str().context("a detail")?;
    let why = "more was written down of the tenant's calls than record_bytes_per_second of its quota allows";
    let taken: usize = detail.split(' ').next().context("a word")?.parse()?;
    let left = 1_000 - taken;
    assert_eq!(detail, format!("{taken} notices taken, and {left} of 1000 not: {why}"));
    assert!((1..=500).contains(&taken), "{detail}");
    Ok(())
}

#[tokio::test]
async fn a_ceiling_holds_whatever_a_module_was_given_before_and_after() -> Result<()> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    let spinning = Deployment {
        limits: json!({ "cpu_ms": 20_000 }),
        ..hostile::with(json!({ "mode": "spin" }))?
    };
    admin.deploy("north", MODULE, spinning).await?;
    set_quota(&gateway, "north", json!({ "ceiling": { "cpu_ms": 50 } })).await?;
    let told = posting(&gateway, "north", 1).await?;
    assert!(told.error().starts_with("Module Error: "), "{told:?}");
    let call = admin.newest_call("north").await?;
    let detail = call["detail"].as_str().context("a detail")?;
    assert!(detail.contains("50"), "the ceiling counts: {detail}");

    let at = format!("/v1/tenants/north/modules/{MODULE}");
    let module = admin.get(&at).await?;
    assert_eq!(module["limits"]["cpu_ms"], 20_000, "as it is set");
    assert_eq!(
        module["held_down"],
        json!({ "cpu_ms": { "set": 20_000, "counts": 50 } })
    );
    let refused = admin
        .send(Method::PUT, &at, Some(&json!({ "limits": { "cpu_ms": 60 } })))
        .await?;
    assert_eq!(refused.status, 422);
    let why = "limits.cpu_ms must be at most 50, which is this tenant's ceiling, and 60 is not.";
    assert_eq!(refused.body["detail"], why);
    let lower = admin.put(&at, json!({ "limits": { "cpu_ms": 40 } })).await?;
    assert_eq!(
        (&lower["limits"]["cpu_ms"], &lower["held_down"]),
        (&json!(40), &Value::Null)
    );
    Ok(())
}

/// A post to a tenant whose body is being read, and does not come. It is one byte.
async fn slow(gateway: &Gateway, tenant: &str) -> Result<TcpStream> {
    #[expect(clippy::disallowed_methods, reason = "a test dials the gateway itself")]
    let mut slow = TcpStream::connect(gateway.public().trim_start_matches("http://")).await?;
    let head = format!(
        "POST /m/{tenant}/{MODULE} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\ncontent-length: 1\r\n\
         expect: 100-continue\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await?;
    let mut go_on = [0; 25];
    slow.read_exact(&mut go_on).await.context("its body is being read")?;
    Ok(slow)
}

async fn answer(mut stream: TcpStream) -> Result<String> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    Ok(answer)
}

#[tokio::test]
async fn who_sends_slowly_keeps_nobody_out() -> Result<()> {
    const GAVE_WAY: &str = "The order could not be read: too many are sent at once. Please retry.";
    // Two bodies are read at once.
    let gateway = gateway(&["--connections", "4"])?;
    for tenant in ["north", "south"] {
        gateway
            .admin()
            .deploy(tenant, MODULE, hostile::with(json!({ "mode": "echo" }))?)
            .await?;
    }
    let (first, second) = (slow(&gateway, "north").await?, slow(&gateway, "north").await?);
    let told = posting(&gateway, "north", 1).await?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "{told:?}");
    let gave_way = answer(first).await?;
    assert!(gave_way.contains(GAVE_WAY), "the one that took longest: {gave_way}");

    let mut third = slow(&gateway, "north").await?;
    let told = posting(&gateway, "south", 1).await?;
    assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "{told:?}");
    let gave_way = answer(second).await?;
    assert!(gave_way.contains(GAVE_WAY), "{gave_way}");
    third.write_all(b"x").await?;
    let whole = answer(third).await?;
    assert!(!whole.contains(GAVE_WAY), "{whole}");
    Ok(())
}

#[tokio::test]
async fn who_opens_connections_and_says_nothing_keeps_nobody_out() -> Result<()> {
    let gateway = gateway(&["--connections", "2"])?;
    let mut silent = Vec::new();
    for _ in 0..2 {
        #[expect(clippy::disallowed_methods, reason = "a test dials the gateway itself")]
        let stream = TcpStream::connect(gateway.public().trim_start_matches("http://")).await?;
        silent.push(stream);
    }
    let told = posting(&gateway, "nobody", 1).await?;
    assert!(
        told.error()
            .starts_with("Module Error: there is no module at this URL."),
        "{told:?}"
    );
    // The one that waited for longest had to go, and the other one is still there: none has waited for too long.
    let mut answer = String::new();
    let request = "GET /m/nobody/there HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n";
    silent[1].write_all(request.as_bytes()).await?;
    silent[1].read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(silent[0].read(&mut [0]).await?, 0);
    Ok(())
}

#[tokio::test]
async fn jobs_of_a_tenant_whose_carrier_hangs_do_not_stop_anothers() -> Result<()> {
    const PENDING: usize = 12;
    let gateway = Gateway::start()?;
    let (north, south, gate) = (
        FakeCarrier::start().await?,
        FakeCarrier::start().await?,
        Gate::default(),
    );
    for (tenant, carrier, orders) in [("north", &north, PENDING), ("south", &south, 1)] {
        let module = Deployment::sim_activation(&carrier.url(), TOKEN)?;
        gateway.admin().deploy(tenant, MODULE, module).await?;
        for number in 0..orders {
            let fields = numbered("port-in-pending", &format!("{number}ZU{number}"));
            let Posted { body, .. } = post(&client()?, &gateway.url(tenant, MODULE), Encoding::Form, &fields).await?;
            ensure!(body.contains("<STATUS>PENDING</STATUS>"), "{body}");
        }
    }
    set_quota(&gateway, "north", json!({ "jobs_at_once": 4 })).await?;
    north.always("/v1/port-ins/", Behaviour::normal().when(&gate));
    check_all(&gateway, "north").await?;
    north.wait_for_requests(PENDING + 4).await;
    check_all(&gateway, "south").await?;
    south.wait_for_requests(2).await;
    assert_eq!(north.requests().len(), PENDING + 4);
    gate.open();
    north.wait_for_requests(PENDING + PENDING).await;
    let asked: BTreeSet<_> = north.requests()[PENDING..]
        .iter()
        .map(|request| request.path.clone())
        .collect();
    assert_eq!(asked.len(), PENDING, "each was asked about");
    Ok(())
}

/// Has all of a tenant's jobs looked at now.
async fn check_all(gateway: &Gateway, tenant: &str) -> Result<()> {
    for job in gateway.admin().jobs(tenant).await? {
        let call = job["call"].as_str().context("an id")?;
        let path = format!("/v1/tenants/{tenant}/jobs/{call}/actions");
        gateway.admin().post(&path, json!({ "action": "check-again" })).await?;
    }
    Ok(())
}
