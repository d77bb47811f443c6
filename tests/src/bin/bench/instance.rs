//! A fresh instance and one call of it, without HTTP and without a record: what the sandbox itself costs.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use patchbay::domain::call::CallId;
use patchbay::domain::event::{ActionKind, Event};
use patchbay::domain::limits::Limits;
use patchbay::domain::module::Digest;
use patchbay::domain::name::TenantName;
use patchbay::egress::policy::Policy;
use patchbay::egress::{Config, Door, Ended, ExchangeNumber, Passage, RecordFailed, Recorder, Spent, Started};
use patchbay::fair::{self, Bounds, Line};
use patchbay::sandbox::{self, Handle, Invocation, LogLevel, LogSink, Prepared, Sandbox};
use patchbay::telecloud::decode::{DecodeLimits, Kind, Request, decode};
use patchbay::vault::Vault;
use patchbay_tests::gateway::compiler;
use patchbay_tests::telecloud::{Encoding, scenarios};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Calls in one measurement: some tenths of a second.
const CALLS: u32 = 20_000;

/// Measurements of each, of which the median counts.
const ROUNDS: usize = 5;

/// Prints what a call costs on one thread and on two.
pub(crate) fn measure(component: &[u8]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = sandbox::Config {
        concurrent_calls: 64,
        artifacts: folder.path().join("compiled"),
        compiler: compiler()?,
    };
    let sandbox = Arc::new(Sandbox::new(&config, Arc::new(Vault::new(&[0; 32])))?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let component = Bytes::copy_from_slice(component);
    let prepared = runtime.block_on(sandbox.prepare(&Digest::of(&component), component.clone()))?;
    let bench = Arc::new(Bench {
        sandbox,
        prepared,
        door: Arc::new(Door::new(Config::default())),
        event: event()?,
        line: Line {
            tenant: TenantName::parse("bench")?,
            kind: fair::Kind::Event,
        },
    });
    for threads in [1, 2] {
        bench.threads(threads)?;
    }
    let mut one = Vec::new();
    let mut two = Vec::new();
    for _ in 0..ROUNDS {
        one.push(bench.threads(1)?);
        two.push(bench.threads(2)?);
    }
    let (one, two) = (median(one), median(two));
    println!(
        "  one thread    {:>6.1} us of CPU a call, {:>8.0} calls/s",
        one.0, one.1
    );
    println!(
        "  two threads   {:>6.1} us of CPU a call, {:>8.0} calls/s",
        two.0, two.1
    );
    println!(
        "  two / one     {:>6.2} of the CPU a call, {:>6.2} of the calls/s",
        two.0 / one.0,
        two.1 / one.1
    );
    Ok(())
}

fn median(mut values: Vec<(f64, f64)>) -> (f64, f64) {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values.get(values.len() / 2).copied().unwrap_or_default()
}

struct Bench {
    sandbox: Arc<Sandbox>,
    prepared: Arc<Prepared>,
    door: Arc<Door>,
    event: Arc<Event>,
    line: Line,
}

impl Bench {
    /// Microseconds of CPU for a call, and calls in a second, with so many threads.
    fn threads(self: &Arc<Self>, count: usize) -> Result<(f64, f64)> {
        let began = Instant::now();
        let threads: Vec<_> = (0..count)
            .map(|_| {
                let bench = Arc::clone(self);
                std::thread::spawn(move || bench.calls())
            })
            .collect();
        let mut used = Duration::ZERO;
        for thread in threads {
            used += thread.join().ok().context("a thread panicked")??;
        }
        let calls = f64::from(CALLS) * count as f64;
        Ok((used.as_secs_f64() * 1e6 / calls, calls / began.elapsed().as_secs_f64()))
    }

    /// The CPU time that this thread takes for its calls.
    fn calls(&self) -> Result<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let before = own_cpu()?;
            for _ in 0..CALLS {
                let ran = self
                    .sandbox
                    .run(&self.prepared, self.question(), self.invocation())
                    .await;
                if !matches!(ran.result, Ok(Ok(_))) {
                    bail!("the module did not answer: {:?}", ran.result);
                }
            }
            Ok(own_cpu()?.saturating_sub(before))
        })
    }

    fn question(&self) -> Handle {
        Handle {
            event: Arc::clone(&self.event),
            call: CallId(ulid::Ulid::generate()),
        }
    }

    fn invocation(&self) -> Invocation {
        let nothing = Arc::new(Nothing);
        Invocation {
            config: Arc::new(BTreeMap::new()),
            door: Arc::clone(&self.door),
            passage: Arc::new(Passage {
                tenant: self.line.tenant.clone(),
                policy: Arc::new(Policy::default()),
                secrets: Arc::new(BTreeMap::new()),
                limits: Limits::default(),
                action: ActionKind::Create,
                deadline: tokio::time::Instant::now() + Duration::from_secs(20),
                connections: Arc::new(Semaphore::new(1)),
                recorder: Arc::<Nothing>::clone(&nothing),
                spent: Spent::default(),
            }),
            time: Duration::from_secs(20),
            stop: CancellationToken::new(),
            log: nothing,
            line: self.line.clone(),
            bounds: Bounds::NONE,
        }
    }
}

/// The order of the scenario `activate`, as the gateway reads it.
fn event() -> Result<Arc<Event>> {
    let activate = scenarios()?
        .into_iter()
        .find(|scenario| scenario.id == "activate")
        .context("no such scenario")?;
    let (content_type, body) = Encoding::Form.encode(&activate.fields);
    let request = Request {
        method: &Method::POST,
        query: None,
        content_type,
        body: &body.into(),
    };
    match decode(request, DecodeLimits::default())?.kind {
        Kind::Order(event) => Ok(Arc::from(event)),
        other => bail!("not an order: {other:?}"),
    }
}

/// This thread's CPU time.
fn own_cpu() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(
        text.split(' ').next().context("schedstat is empty")?.parse()?,
    ))
}

/// Keeps no log and no record.
struct Nothing;

impl LogSink for Nothing {
    fn line(&self, _: LogLevel, _: &str) {}
}

#[async_trait]
impl Recorder for Nothing {
    async fn started(&self, _: Started<'_>) -> Result<ExchangeNumber, RecordFailed> {
        Ok(ExchangeNumber(0))
    }

    async fn ended(&self, _: ExchangeNumber, _: Ended<'_>, _: Duration) {}

    fn cut(&self, _: ExchangeNumber, _: Ended<'_>, _: Duration) {}
}
