//! What a crash leaves behind: everything that was answered, and everything that was set up.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Reply, StatusCode, TOKEN, script_for};
use patchbay_tests::gateway::{Admin, Deployment, Gateway};
use patchbay_tests::scenarios::MODULE as SIM;
use patchbay_tests::telecloud::{Encoding, client, post, scenarios};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::hostile::{MODULE, Told, call, fetching, order, with};

#[tokio::test]
async fn an_answered_call_is_whole_after_a_crash() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    let gateway = Gateway::start()?;
    gateway
        .admin()
        .deploy("acme", SIM, Deployment::sim_activation(&carrier.url(), TOKEN)?)
        .await?;
    script_for("activate", &carrier).await?;
    let scenario = scenarios()?.into_iter().find(|scenario| scenario.id == "activate");
    let scenario = scenario.context("a scenario")?;
    let posted = post(
        &client()?,
        &gateway.url("acme", SIM),
        scenario.encoding,
        &scenario.fields,
    )
    .await?;
    let folder = gateway.kill()?;
    assert_eq!(Some(posted.body), scenario.expect);

    let gateway = Gateway::start_in(folder, &[])?;
    let listed = gateway.admin().get("/v1/tenants/acme/calls").await?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    let call = gateway.admin().newest_call("acme").await?;
    assert_eq!(
        (&call["outcome"], &call["module"], &call["version"]),
        (&json!("done"), &json!(SIM), &json!(1))
    );
    assert!(call["micros"].as_u64().context("micros")? > 0);
    assert_eq!(call["event"]["service"], "Order/Create");
    assert_eq!(call["event"]["account_number"], "9105012");
    assert_eq!(call["event"]["request"]["Product"]["name"], "Unlimited 15GB");
    let exchanges = call["exchanges"].as_array().context("exchanges")?;
    assert_eq!(exchanges.len(), 1);
    assert_eq!(exchanges[0]["grant"], "orders");
    assert_eq!(
        exchanges[0]["request"]["url"],
        format!("{}/v1/activations", carrier.url())
    );
    assert_eq!(exchanges[0]["end"]["result"], "answered");
    assert_eq!(exchanges[0]["end"]["response"]["status"], 201);
    assert_eq!(call["reply"]["success"], "Y");
    let vars = call["reply"]["vars"].as_object().context("VARs")?;
    assert_eq!(vars.keys().collect::<Vec<_>>(), ["13", "14", "3"]);
    assert_eq!(vars["13"], "A-1001");
    assert_eq!(call["usage"]["requests"], 1);
    Ok(())
}

/// Rounds of orders, each ended by a crash.
const ROUNDS: usize = 20;
/// Orders that are under way at the same time.
const AT_ONCE: usize = 6;
/// Orders that have been answered when it crashes. The next ones are under way then.
const ANSWERED: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answered_call_outlives_every_crash() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    carrier.always("/", Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", "done")));
    let mut gateway = Gateway::start()?;
    gateway
        .admin()
        .deploy("acme", MODULE, fetching(&carrier.url(), json!({"method": "POST"}))?)
        .await?;
    let mut all_answered = BTreeSet::new();
    let mut seen = 0;
    for round in 0..ROUNDS {
        let answered = answered_until_a_crash(&gateway, round).await?;
        assert!(answered.len() >= ANSWERED, "{}", answered.len());
        all_answered.extend(answered.clone());
        gateway = Gateway::start_in(gateway.kill()?, &[])?;

        // What was answered has ended, on record, with everything that was done.
        let admin = gateway.admin();
        let ids = ids_by_order(admin, &format!("{round}-")).await?;
        for number in &answered {
            let id = ids.iter().find(|(order, _)| order == number);
            let (_, id) = id.with_context(|| format!("order {number} was answered and is not on record"))?;
            let call = admin.get(&format!("/v1/tenants/acme/calls/{id}")).await?;
            assert_eq!(call["outcome"], "done", "{call:#}");
            assert_eq!(call["event"]["order_number"], **number);
            assert_eq!(call["exchanges"][0]["end"]["response"]["status"], 200, "{call:#}");
            assert_eq!(call["reply"]["vars"]["1"], "200");
        }
        // Whatever else is on record can be read as well.
        for (_, id) in &ids {
            admin.get(&format!("/v1/tenants/acme/calls/{id}")).await?;
        }
        // And what the carrier was asked is on record, answered or not.
        let requests = carrier.requests();
        for request in &requests[seen..] {
            let id = request.json["call"].as_str().context("the guest names its call")?;
            let call = admin.get(&format!("/v1/tenants/acme/calls/{id}")).await?;
            assert_eq!(call["exchanges"][0]["request"]["method"], "POST", "{call:#}");
        }
        seen = requests.len();
    }
    // No later crash took anything from an earlier round.
    let on_record: BTreeSet<String> = ids_by_order(gateway.admin(), "")
        .await?
        .into_iter()
        .map(|(order, _)| order)
        .collect();
    let lost: Vec<_> = all_answered.difference(&on_record).collect();
    assert!(lost.is_empty(), "{lost:?}");
    Ok(())
}

/// Posts orders, several at a time, kills the gateway once enough were answered, and says which were.
async fn answered_until_a_crash(gateway: &Gateway, round: usize) -> Result<BTreeSet<String>> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let crashed = Arc::new(AtomicBool::new(false));
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..AT_ONCE {
        let (tell, crashed, url) = (tell.clone(), Arc::clone(&crashed), gateway.url("acme", MODULE));
        senders.spawn(async move {
            let client = client()?;
            for turn in 0_usize.. {
                let number = format!("{round}-{sender}-{turn}");
                let Ok(posted) = post(&client, &url, Encoding::Form, &order(&number)).await else {
                    // No whole answer: nothing is promised.
                    anyhow::ensure!(crashed.load(Ordering::SeqCst), "no answer before the crash");
                    break;
                };
                let told = Told::read(posted.status, posted.body)?;
                assert_eq!(told.element("VAR2").as_deref(), Some("done"), "{told:?}");
                tell.send(number)?;
            }
            Ok(())
        });
    }
    drop(tell);
    let mut answered = BTreeSet::new();
    while let Some(number) = told.recv().await {
        answered.insert(number);
        if answered.len() == ANSWERED {
            crashed.store(true, Ordering::SeqCst);
            gateway.signal("KILL")?;
        }
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(answered)
}

/// Order number and id of each call whose order number begins so.
async fn ids_by_order(admin: &Admin, prefix: &str) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut page = admin.get("/v1/tenants/acme/calls?limit=200").await?;
    loop {
        for call in page["items"].as_array().context("items")? {
            let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
            if text("order_number").starts_with(prefix) {
                found.push((text("order_number"), text("id")));
            }
        }
        let Some(next) = page["next"].as_str() else {
            return Ok(found);
        };
        page = admin
            .get(&format!("/v1/tenants/acme/calls?limit=200&before={next}"))
            .await?;
    }
}

/// Every compiled component, by what changes when a file is written anew.
fn compiled(folder: &TempDir) -> Result<Vec<(PathBuf, u64, i64, i64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder.path().join("data/compiled"))? {
        let path = entry?.path();
        let about = path.metadata()?;
        files.push((path, about.ino(), about.mtime(), about.mtime_nsec()));
    }
    files.sort();
    Ok(files)
}

fn compiled_anew(gateway: &Gateway) -> bool {
    gateway.log().iter().any(|line| line.contains("compiling it anew"))
}

async fn set_up() -> Result<Gateway> {
    let gateway = Gateway::start()?;
    let admin = gateway.admin();
    let mut deployment = with(json!({"mode": "echo", "secret": "token", "region": "west"}))?;
    deployment.limits = json!({"deadline_ms": 1234});
    deployment.secrets = vec![("token".to_owned(), "secret".to_owned())];
    deployment.grants = json!([super::hostile::grant("http://127.0.0.1:9/")?]);
    admin.deploy("acme", MODULE, deployment).await?;
    let hello = patchbay_tests::gateway::guest("hello")?;
    admin.deploy("acme", "hello", Deployment::of(hello)).await?;
    admin.deploy("acme", "resting", with(json!({"mode": "echo"}))?).await?;
    admin
        .put("/v1/tenants/acme/modules/resting", json!({"status": "suspended"}))
        .await?;
    Ok(gateway)
}

async fn everything(admin: &Admin) -> Result<Vec<Value>> {
    let mut all = vec![admin.get("/v1/tenants").await?];
    for below in ["telecloud-keys", "tokens", "modules"] {
        all.push(admin.get(&format!("/v1/tenants/acme/{below}")).await?);
    }
    for module in [MODULE, "hello", "resting"] {
        for below in ["config", "grants", "secrets", "versions"] {
            all.push(admin.get(&format!("/v1/tenants/acme/modules/{module}/{below}")).await?);
        }
    }
    Ok(all)
}

#[tokio::test]
async fn modules_serve_as_they_were_set_up_and_are_not_compiled_again() -> Result<()> {
    let gateway = set_up().await?;
    let before = everything(gateway.admin()).await?;
    let folder = gateway.kill()?;
    let files = compiled(&folder)?;
    assert_eq!(
        files.len(),
        2,
        "one for each component, however many modules use it: {files:?}"
    );

    let gateway = Gateway::start_in(Arc::clone(&folder), &[])?;
    assert_eq!(everything(gateway.admin()).await?, before);
    let told = call(&gateway, "acme").await?;
    assert_eq!(
        told.element("VAR7").as_deref(),
        Some("mode=echo;region=west;secret=token")
    );
    assert_eq!(told.element("VAR8").as_deref(), Some("{{secret:token}}"));
    let suspended = post(
        &client()?,
        &gateway.url("acme", "resting"),
        Encoding::Form,
        &order("4617ZU4617"),
    )
    .await?;
    let suspended = Told::read(suspended.status, suspended.body)?;
    assert_eq!(
        suspended.error(),
        "Module Error: this module is suspended. Ask its operator to resume it."
    );
    assert_eq!(compiled(&folder)?, files, "no file was written anew");
    assert!(!compiled_anew(&gateway));
    Ok(())
}

fn flip(path: &Path, byte: usize) -> Result<()> {
    let mut file = fs::read(path)?;
    *file.get_mut(byte).context("a byte")? ^= 1;
    Ok(fs::write(path, file)?)
}

#[tokio::test]
async fn a_compiled_component_with_a_flipped_bit_is_compiled_again_and_never_run() -> Result<()> {
    let mut folder = set_up().await?.kill()?;
    let files = compiled(&folder)?;
    let path = &files[0].0;
    let size = usize::try_from(path.metadata()?.len())?;
    for byte in [0, size / 2, size - 1] {
        flip(path, byte)?;
        let damaged = fs::read(path)?;
        let gateway = Gateway::start_in(folder, &[])?;
        assert!(compiled_anew(&gateway), "byte {byte} of {size}");
        let told = call(&gateway, "acme").await?;
        assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"));
        folder = gateway.kill()?;
        assert_ne!(fs::read(path)?, damaged, "byte {byte} of {size}");
        let anew = compiled(&folder)?;
        assert_eq!(anew.len(), files.len(), "nothing is left lying about: {anew:?}");
    }
    // What was compiled again is loaded from then on.
    let gateway = Gateway::start_in(folder, &[])?;
    assert!(!compiled_anew(&gateway));
    Ok(())
}
