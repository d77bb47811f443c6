//! Five times the orders that a tenant can have carried out.

use std::time::Duration;

use anyhow::{Result, ensure};
use reqwest::Client;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::latency::Latency;
use crate::carrier::{Behaviour, FakeCarrier, Reply, StatusCode};
use crate::gateway::{Deployment, Gateway, guest};
use crate::telecloud::{Encoding, Fields, client, post};

/// Calls at once: with the carrier's time, this is what can be carried out.
const CALLS: usize = 8;

/// Calls that wait for their turn.
const WAITING: usize = 16;

/// How long the carrier takes.
const CARRIER: Duration = Duration::from_millis(50);

/// How many times the peak is posted.
const TIMES: u32 = 5;

/// What was measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Overload {
    /// Orders a second that were carried out while no more were posted than that.
    pub(super) peak: f64,
    /// Orders a second that were carried out while five times as many were posted.
    pub(super) goodput: f64,
    /// How long it took to be told that the gateway is busy.
    pub(super) refusals: Latency,
}

/// What became of one order.
enum Answered {
    Done,
    Busy(Duration),
}

/// Measures for so long: the first half of the time as much as can be carried out.
///
/// # Errors
/// When the gateway cannot be set up, gives no answer, or one that is neither a success nor busy.
pub(super) async fn overload(gateway: &Gateway, time: Duration) -> Result<Overload> {
    let carrier = FakeCarrier::start().await?;
    let reply = Reply::new(StatusCode::OK, "text/plain", "ok".to_owned());
    carrier.always("/", Behaviour::answer(reply).after(CARRIER));
    let url = deploy(gateway, &carrier).await?;
    let client = client()?;

    let until = Instant::now() + time / 2;
    let mut lanes = JoinSet::new();
    for lane in 0..CALLS + WAITING {
        let (client, url) = (client.clone(), url.clone());
        lanes.spawn(async move {
            let mut done = 0_u32;
            while Instant::now() < until {
                let answered = one(&client, &url, &format!("{lane}-{done}")).await?;
                ensure!(matches!(answered, Answered::Done), "refused, and no more than may wait");
                done += 1;
            }
            Ok(done)
        });
    }
    let mut done = 0;
    while let Some(lane) = lanes.join_next().await {
        done += lane??;
    }
    let half = (time / 2).as_secs_f64();
    let peak = f64::from(done) / half;

    let mut posts = JoinSet::new();
    let mut ticks = interval(Duration::from_secs_f64(1.0 / (peak * f64::from(TIMES))));
    // The machine may be late; the number of posts is to be right.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let until = Instant::now() + time / 2;
    let (mut number, mut done, mut refusals) = (0_u64, 0_u32, Latency::default());
    let mut take = |answered| match answered {
        Answered::Done => done += 1,
        Answered::Busy(time) => refusals.add(time),
    };
    while Instant::now() < until {
        ticks.tick().await;
        number += 1;
        let (client, url) = (client.clone(), url.clone());
        posts.spawn(async move { one(&client, &url, &format!("over-{number}")).await });
        while let Some(answered) = posts.try_join_next() {
            take(answered??);
        }
    }
    // What is still under way was posted in time and is done after it, as at the beginning of the time.
    posts.shutdown().await;
    Ok(Overload {
        peak,
        goodput: f64::from(done) / half,
        refusals,
    })
}

/// A tenant whose module asks the carrier once, and the module's URL.
async fn deploy(gateway: &Gateway, carrier: &FakeCarrier) -> Result<String> {
    let admin = gateway.admin();
    let grant = json!({
        "name": "carrier", "scheme": "http", "host": "127.0.0.1", "port": carrier.address().port(), "methods": ["POST"],
        "paths": ["/**"], "network": "loopback",
    });
    let deployment = Deployment {
        config: json!({ "mode": "fetch", "method": "POST", "url": carrier.url() }),
        grants: json!([grant]),
        ..Deployment::of(guest("hostile")?)
    };
    admin.deploy("overloaded", "fetch", deployment).await?;
    let quota = json!({
        "concurrent_calls": CALLS, "waiting": WAITING, "calls_per_second": 100_000, "burst": 100_000,
    });
    admin.put("/v1/tenants/overloaded/quota", quota).await?;
    Ok(gateway.url("overloaded", "fetch"))
}

async fn one(client: &Client, url: &str, number: &str) -> Result<Answered> {
    let fields: Fields = [
        ("SERVICE", "Order/Create"),
        ("order_number", number),
        ("Customer[account_number]", "9105012"),
        ("APIAuth[API_KEY]", "key_good"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let began = Instant::now();
    let posted = post(client, url, Encoding::Form, &fields).await?;
    if posted.body.contains("<SUCCESS>Y</SUCCESS>") {
        return Ok(Answered::Done);
    }
    ensure!(posted.body.contains("Module Error: busy"), "{}", posted.body);
    Ok(Answered::Busy(began.elapsed()))
}
