//! Kills the gateway again and again in the middle of its work, and finds out whether anything got lost or was done twice.
//!
//! Everything but the gateway lives on over all cycles: a carrier that does again what it is asked twice, and TeleCloud,
//! which posts each event once or several times, and again as long as it has no last word. Both misbehave. In the end all
//! faults stop, and everything has to come to its right end by itself. What is held against what:
//!
//! | what | against |
//! |---|---|
//! | what TeleCloud was told, in answers and in updates | what the carrier did |
//! | what the carrier did for an event | once |
//! | ports that the carrier finished or refused | the status of their orders |
//! | refunds | a definite refusal at the carrier |
//! | answers | calls on record |

mod check;
mod events;
mod faults;
mod judge;
mod load;
mod orders;
mod settle;

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;

pub use self::check::{Figures, Violation};
pub use self::events::{Answer, Event, Kind, Post};
use self::orders::{Orders, TENANTS};
use crate::carrier::{FakeCarrier, TOKEN};
use crate::gateway::{Admin, Deployment, Gateway};
use crate::power::{Numbers, PowerLoss, Unsynced};
use crate::scenarios::MODULE;
use crate::telecloud::{FakeTelecloud, client};

/// Milliseconds until an event is answered, whatever it waits for.
const DEADLINE_MS: u64 = 1_000;

/// Seconds after which a request that was cut off has had its effect at the carrier, if it has any: what was sent is in the
/// carrier's sockets.
const SETTLE_S: u64 = 1;

/// Milliseconds for which its module goes on afterwards.
const OVERTIME_MS: u64 = 2_000;

/// Cycles after which `each` is told how it goes.
const EVERY: u64 = 10;

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How often the gateway is killed.
    pub cycles: u64,
    /// What happens follows from this, as far as it does not follow from who is quicker.
    pub seed: u64,
    /// Each kill is a power failure: what was not synced is lost, or a part of it.
    pub power: bool,
}

/// How it goes.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Cycles that are over.
    pub cycle: u64,
    /// Different events so far.
    pub events: usize,
    /// Posts that were answered.
    pub answers: usize,
    /// Changes that requests have made at the carrier.
    pub effects: usize,
    /// Open jobs, just after a start.
    pub jobs: usize,
    /// Events that had more than one effect.
    pub twice: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// How much of everything there was.
    pub figures: Figures,
    /// What must not be.
    pub violations: Vec<Violation>,
    /// Everything that is known about the first of them.
    pub story: Option<String>,
}

/// All parties but the gateway, and what was posted.
struct World {
    carrier: Arc<FakeCarrier>,
    telecloud: Arc<FakeTelecloud>,
    client: Client,
    orders: Orders,
    numbers: Numbers,
    cycle: u64,
    kills: u64,
    /// Events without a last word.
    open: BTreeSet<usize>,
    /// Events that were answered with Y in the latest cycle.
    answered: Vec<usize>,
}

/// A gateway in the making: where its data is, and what records it.
struct Place {
    folder: Arc<TempDir>,
    power: Option<PowerLoss>,
}

impl Place {
    fn new(folder: Arc<TempDir>, power: bool) -> Result<Self> {
        let power = power.then(|| PowerLoss::watch(folder.path())).transpose()?;
        Ok(Self { folder, power })
    }

    fn start(&self) -> Result<Gateway> {
        let folder = Arc::clone(&self.folder);
        match &self.power {
            Some(power) => Gateway::start_recorded(folder, power),
            None => Gateway::start_in(folder, &[]),
        }
    }

    /// What a kill leaves, which without a power failure is everything.
    fn left(self, unsynced: Unsynced) -> Result<Self> {
        let Some(power) = self.power else { return Ok(self) };
        let left = Arc::new(tempfile::tempdir()?);
        power.fail(left.path(), unsynced)?;
        Self::new(left, true)
    }
}

/// Does it all.
///
/// # Errors
/// When the surroundings fail; what the gateway does wrong is in the report.
pub async fn run(plan: Plan, mut each: impl FnMut(&Progress)) -> Result<Report> {
    let mut world = World::start(plan.seed).await?;
    let mut place = Place::new(Arc::new(tempfile::tempdir()?), plan.power)?;
    let mut gateway = place.start()?;
    for tenant in TENANTS {
        world.deploy(gateway.admin(), tenant).await?;
    }
    for cycle in 1..=plan.cycles {
        let at = || format!("cycle {cycle} of seed {}", plan.seed);
        world.cycle = cycle;
        world.load(gateway).await.with_context(at)?;
        world.kills += 1;
        world.close();
        let unsynced = match cycle % 2 {
            0 => Unsynced::Lost,
            _ => Unsynced::Partly(world.numbers.number()),
        };
        place = place.left(unsynced).with_context(at)?;
        gateway = place.start().with_context(at)?;
        world.link(&gateway, 2).await.with_context(at)?;
        if cycle % EVERY == 0 || cycle == plan.cycles {
            each(&world.progress(&gateway).await?);
        }
    }
    let left = world.settle(&gateway).await?;
    world.report(&gateway, left).await
}

impl World {
    async fn start(seed: u64) -> Result<Self> {
        let mut numbers = Numbers::new(seed);
        let mut more = || Numbers::new(numbers.number());
        let carrier = FakeCarrier::start().await?;
        carrier.set_idempotent(false);
        carrier.otherwise(faults::at_carrier(more()));
        let telecloud = FakeTelecloud::start().await?;
        telecloud.otherwise(faults::at_telecloud(more()));
        Ok(Self {
            carrier: Arc::new(carrier),
            telecloud: Arc::new(telecloud),
            client: client()?,
            orders: Orders::new(more())?,
            numbers,
            cycle: 0,
            kills: 0,
            open: BTreeSet::new(),
            answered: Vec::new(),
        })
    }

    async fn deploy(&self, admin: &Admin, tenant: &str) -> Result<()> {
        let mut deployment = Deployment::sim_activation(&self.carrier.url(), TOKEN)?;
        deployment.config["port_check_s"] = json!("1");
        admin.deploy(tenant, MODULE, deployment).await?;
        let settings = json!({
            "title": MODULE,
            "limits": {"deadline_ms": DEADLINE_MS},
            "handling": {"overtime_ms": OVERTIME_MS, "settle_s": SETTLE_S},
        });
        let path = format!("/v1/tenants/{tenant}/modules/{MODULE}");
        admin.put(&path, settings).await?;
        admin.set_telecloud(tenant, &self.telecloud.url()).await
    }

    /// Lets go of the events that have their last word.
    fn close(&mut self) {
        let (orders, telecloud) = (&self.orders, &self.telecloud);
        self.open.retain(|event| !orders.settled(*event, telecloud));
    }

    async fn progress(&self, gateway: &Gateway) -> Result<Progress> {
        let posts = self.orders.events.iter().flat_map(|event| &event.posts);
        let effects = self.effects();
        Ok(Progress {
            cycle: self.cycle,
            events: self.orders.events.len(),
            answers: posts.filter(|post| post.answer != Answer::Lost).count(),
            effects: effects.values().map(|effect| effect.count).sum(),
            jobs: load::open_jobs(gateway).await?.len(),
            twice: effects.values().filter(|effect| effect.count > 1).count(),
        })
    }
}
