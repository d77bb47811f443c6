//! One tenant with an ordinary module, alone and beside eight that take what they can get. And beside loops that have nothing to
//! do with the gateway: what a machine is like of which every processor is busy, no gateway can do anything about.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use reqwest::Client;
use rustix::process::nice;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::latency::Latency;
use crate::gateway::{Admin, Deployment, Gateway, guest};
use crate::telecloud::{Encoding, Fields, client, post, post_body};

/// How often the ordinary tenant posts an order.
const EVERY: Duration = Duration::from_millis(20);

/// Orders that each neighbour posts at once.
const AT_ONCE: usize = 8;

/// How long a neighbour that was refused waits: not at all would only measure this machine's sockets.
const REFUSED: Duration = Duration::from_millis(10);

/// Versions after which a neighbour makes its module anew: a module has 200 at most.
const VERSIONS: usize = 150;

/// How far those who are elsewhere give way.
const NICENESS: i32 = 10;

/// Bytes in a neighbour's large posts. More than a mebibyte is not read.
const LARGE: usize = 1_000_000;

/// What the ordinary tenant met with.
#[derive(Debug, Clone, Default)]
pub(super) struct Met {
    /// How long its answers took.
    pub(super) latency: Latency,
    /// How many of them were no success.
    pub(super) failed: usize,
}

/// What was measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Neighbours {
    /// The ordinary tenant by itself.
    pub(super) alone: Met,
    /// The same while each processor has a loop to run, outside of the gateway, that gives way as hostile modules do.
    pub(super) loops: Met,
    /// The same beside the others.
    pub(super) beside: Met,
    /// What the others were answered meanwhile.
    pub(super) answered: usize,
}

/// What a neighbour does all the time.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Runs the hostile module in this mode.
    Runs(&'static str),
    /// Posts large orders.
    Large,
    /// Uploads components, no two alike.
    Deploys,
}

const WAYS: [Way; 8] = [
    Way::Runs("spin"),
    Way::Runs("spin"),
    Way::Runs("grow"),
    Way::Runs("grow"),
    Way::Runs("log-flood"),
    Way::Runs("sleep"),
    Way::Large,
    Way::Deploys,
];

/// Measures for so long, most of it beside the others.
///
/// # Errors
/// When the gateway cannot be set up, or gives no answer.
pub(super) async fn neighbours(gateway: &Gateway, time: Duration) -> Result<Neighbours> {
    let admin = gateway.admin();
    admin
        .deploy("ordinary", "hello", Deployment::of(guest("hello")?))
        .await?;
    let ordinary = gateway.url("ordinary", "hello");
    let client = client()?;
    // Caches and pages that are there from then on.
    by_itself(&ordinary, "warm", time / 10).await?;
    let alone = by_itself(&ordinary, "alone", time * 3 / 10).await?;
    let running = Loops::start();
    let loops = by_itself(&ordinary, "loops", time * 2 / 10).await?;
    drop(running);

    let mut neighbours = Vec::new();
    for (number, way) in WAYS.into_iter().enumerate() {
        let tenant = format!("neighbour-{number}");
        let mode = match way {
            Way::Runs(mode) => mode,
            Way::Large | Way::Deploys => "echo",
        };
        let hostile = Deployment {
            config: json!({ "mode": mode }),
            ..Deployment::of(guest("hostile")?)
        };
        admin.deploy(&tenant, "hostile", hostile).await?;
        neighbours.push((way, tenant));
    }
    let time = time * 4 / 10;
    let until = Instant::now() + time;
    let mut others = Vec::new();
    for (way, tenant) in neighbours {
        let url = gateway.url(&tenant, "hostile");
        match way {
            Way::Runs(_) | Way::Large => {
                let padding = if matches!(way, Way::Large) { LARGE } else { 1 };
                for lane in 0..AT_ONCE {
                    others.push(flood(client.clone(), url.clone(), lane, padding, until).boxed());
                }
            }
            Way::Deploys => others.push(deploys(admin.clone(), tenant, until).boxed()),
        }
    }
    let answered = elsewhere(others);
    let beside = by_itself(&ordinary, "beside", time).await?;
    let answered = answered.await??.into_iter().sum();
    Ok(Neighbours {
        alone,
        loops,
        beside,
        answered,
    })
}

fn order(number: &str) -> Fields {
    [
        ("SERVICE", "Order/Create"),
        ("order_number", number),
        ("Customer[account_number]", "9105012"),
        ("APIAuth[API_KEY]", "key_good"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Has the ordinary tenant's orders posted from a thread of their own, which has nothing else to do.
async fn by_itself(url: &str, name: &'static str, time: Duration) -> Result<Met> {
    let url = url.to_owned();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { orders(&client()?, &url, name, time).await })
    };
    tokio::task::spawn_blocking(work).await?
}

/// A loop for each processor. They end when this is dropped.
struct Loops(Arc<AtomicBool>);

impl Loops {
    fn start() -> Self {
        let go_on = Arc::new(AtomicBool::new(true));
        for _ in 0..available_parallelism().map_or(1, NonZero::get) {
            let go_on = Arc::clone(&go_on);
            std::thread::spawn(move || {
                // One that cannot give way would be another thing.
                if nice(NICENESS).is_ok() {
                    while go_on.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                }
            });
        }
        Self(go_on)
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Does all of this at once, as other machines would: on a thread of its own, which does not take the processor from the gateway
/// or from the tenant that is measured.
fn elsewhere<T: Send + 'static>(work: Vec<BoxFuture<'static, Result<T>>>) -> oneshot::Receiver<Result<Vec<T>>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let done = || {
            nice(NICENESS)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(try_join_all(work))
        };
        // Whoever started this may have given up.
        let _ = sender.send(done());
    });
    receiver
}

/// Posts one order after the other at a steady rate. An answer that is late makes the next one late, and nothing is made up.
async fn orders(client: &Client, url: &str, name: &str, time: Duration) -> Result<Met> {
    let mut met = Met::default();
    let (mut ticks, until) = (interval(EVERY), Instant::now() + time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        ticks.tick().await;
        let began = Instant::now();
        if began >= until {
            break;
        }
        let posted = post(client, url, Encoding::Form, &order(&format!("{name}-{number}"))).await?;
        met.latency.add(began.elapsed());
        met.failed += usize::from(!posted.body.contains("<SUCCESS>Y</SUCCESS>"));
    }
    Ok(met)
}

/// Posts orders without a pause, and says how many were answered.
async fn flood(client: Client, url: String, lane: usize, padding: usize, until: Instant) -> Result<usize> {
    // Written once: encoding it each time would keep this machine busy, and not the gateway.
    let rest = format!(
        "Customer[account_number]=9105012&APIAuth[API_KEY]=key_good&notes={}",
        "x".repeat(padding)
    );
    let mut answered = 0;
    while Instant::now() < until {
        let body = format!("SERVICE=Order/Create&order_number={lane}-{answered}&{rest}");
        let posted = post_body(&client, &url, Some("application/x-www-form-urlencoded"), body);
        let Ok(posted) = tokio::time::timeout_at(until, posted).await else {
            break;
        };
        answered += 1;
        if posted?.body.contains("busy") {
            sleep(REFUSED).await;
        }
    }
    Ok(answered)
}

/// Has components compiled without a pause, and says how many were answered for.
async fn deploys(admin: Admin, tenant: String, until: Instant) -> Result<usize> {
    let component = guest("hostile")?;
    let (mut answered, mut versions) = (0, 0);
    while Instant::now() < until {
        let mut component = component.clone();
        // A custom section of its own: the same component, and other bytes.
        let text = format!("{answered:010}");
        component.extend([0, u8::try_from(text.len() + 2)?, 1, b'n']);
        component.extend(text.as_bytes());
        let Ok(answer) = tokio::time::timeout_at(until, admin.upload(&tenant, "hostile", component)).await else {
            break;
        };
        let answer = answer?;
        ensure!(answer.status.is_success() || answer.status == 429, "{answer:?}");
        answered += 1;
        versions += usize::from(answer.status.is_success());
        if versions == VERSIONS {
            versions = 0;
            let module = format!("/v1/tenants/{tenant}/modules/hostile");
            admin.delete(&module).await?;
            admin.put(&module, json!({ "title": "hostile" })).await?;
        }
        sleep(REFUSED).await;
    }
    Ok(answered)
}
