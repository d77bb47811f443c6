//! Work that outlives its call: no order is lost, and none is done twice.

mod callback;
mod duplicates;
mod lost;
mod many;
mod modules;
mod ports;
mod telling;

use std::time::{Duration, Instant};

use patchbay_tests::carrier::FakeCarrier;
use patchbay_tests::gateway::{Answer, Deployment, Gateway};
use patchbay_tests::telecloud::{FakeTelecloud, Fields, Order, Posted, ReceivedCall, ServiceStatus};
use serde_json::{Value, json};

use super::stage::{MODULE, Stage, TENANT, fields_of};

/// The order of the scenarios, and whose it is.
const ORDER: &str = "4617ZU4617";
const ACCOUNT: &str = "9105012";

/// What TeleCloud is told while nobody knows.
const UNKNOWN: &str = "Carrier Error: outcome unknown and being checked. Do not send this order again yet.";

/// What is on record when TeleCloud could not be told.
const TRIED_IN_VAIN: &str = "TeleCloud could not be told; it is tried again";

/// A deadline that a test can wait for, and that is not over before the carrier was asked, also on a busy machine.
const SHORT_DEADLINE_MS: u64 = 2_000;

/// How long something is waited for that goes on by itself. Far longer than it takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often to look whether it has come about.
const LOOK: Duration = Duration::from_millis(10);

/// A gateway with a module, its carrier, and a TeleCloud that hears of its orders.
struct World {
    stage: Stage,
    telecloud: FakeTelecloud,
}

impl World {
    /// The example, and access to TeleCloud.
    async fn new() -> Self {
        let world = Self::without_access().await;
        world.give_access().await;
        world
    }

    /// The same, answering within [`SHORT_DEADLINE_MS`].
    async fn in_a_hurry() -> Self {
        let world = Self::new().await;
        world
            .deploy(Deployment {
                limits: json!({"deadline_ms": SHORT_DEADLINE_MS}),
                ..world.stage.sim_activation()
            })
            .await;
        world
    }

    /// The example; TeleCloud has an order, and the gateway no access to it.
    async fn without_access() -> Self {
        let telecloud = FakeTelecloud::start().await.expect("TeleCloud starts");
        telecloud.put_order(Order::new(ACCOUNT, ORDER, ServiceStatus::Pending));
        Self {
            stage: Stage::with_sim_activation().await,
            telecloud,
        }
    }

    async fn give_access(&self) {
        let admin = self.stage.gateway.admin();
        let set = admin.set_telecloud(TENANT, &self.telecloud.url()).await;
        set.expect("access is set");
    }

    async fn deploy(&self, deployment: Deployment) {
        self.stage.deploy(deployment).await;
    }

    /// Kills the gateway with SIGKILL, and starts it again on what it left.
    async fn crash(self) -> Self {
        let Self { stage, telecloud } = self;
        let folder = stage.gateway.kill().expect("it was running");
        let gateway = Gateway::start_in(folder, &[]).expect("it starts again");
        Self {
            stage: Stage { gateway, ..stage },
            telecloud,
        }
    }

    fn carrier(&self) -> &FakeCarrier {
        &self.stage.carrier
    }

    async fn post(&self, fields: &Fields) -> Posted {
        self.stage.post(fields).await
    }

    /// Posts a port-in, which the carrier takes as `A-1001`. Answered with pending.
    async fn port_in(&self) -> Posted {
        self.post(&fields_of("port-in-pending")).await
    }

    async fn jobs(&self) -> Vec<Value> {
        self.stage.gateway.admin().jobs(TENANT).await.expect("a listing")
    }

    /// The only open job.
    async fn job(&self) -> Value {
        let jobs = self.jobs().await;
        assert_eq!(jobs.len(), 1, "{jobs:#?}");
        jobs.into_iter().next().expect("it is there")
    }

    /// The only open job, as soon as it stands here.
    async fn job_at(&self, stage: &str) -> Value {
        let at = |jobs: &[Value]| matches!(jobs, [job] if job["stage"] == stage);
        let jobs = self.jobs_when(&format!("the job stands at {stage}"), at).await;
        jobs.into_iter().next().expect("it is there")
    }

    /// Waits until no job is open any more.
    async fn over(&self) {
        self.jobs_when("all jobs are over", <[Value]>::is_empty).await;
    }

    async fn jobs_when(&self, what: &str, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let jobs = self.jobs().await;
            if condition(&jobs) {
                return jobs;
            }
            assert!(began.elapsed() < PATIENCE, "{what}: {jobs:#?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Steps in at the only open job.
    async fn act(&self, action: Value) -> Answer {
        let admin = self.stage.gateway.admin();
        let acted = admin.act(TENANT, &self.job().await, action).await;
        acted.expect("an answer")
    }

    /// Has the only open job looked at now.
    async fn check_again(&self) {
        let acted = self.act(json!({"action": "check-again"})).await;
        acted.ok().expect("it is taken");
    }

    /// The record of the call that a job follows.
    async fn record(&self, job: &Value) -> Value {
        let call = job["call"].as_str().expect("an id");
        let path = format!("/v1/tenants/{TENANT}/calls/{call}");
        self.stage.gateway.admin().get(&path).await.expect("a call")
    }

    /// What became of a call later: who did something, and what.
    async fn story(&self, job: &Value) -> Vec<(Value, String)> {
        let record = self.record(job).await;
        let after = record["after"].as_array().expect("what happened later");
        let told = |step: &Value| {
            let what = step["what"].as_str().expect("a sentence");
            (step["by"].clone(), what.to_owned())
        };
        after.iter().map(told).collect()
    }

    /// Waits until the record of a call ends with this sentence.
    async fn happened(&self, job: &Value, sentence: &str) {
        let began = Instant::now();
        loop {
            let story = self.story(job).await;
            if story.last().is_some_and(|(_, what)| what == sentence) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{sentence}: {story:#?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// TeleCloud's own record of the order.
    fn order(&self) -> Order {
        self.telecloud.order(ORDER).expect("an order")
    }
}

/// What a call told TeleCloud, apart from which order it is about.
fn news(call: &ReceivedCall) -> Vec<(&str, &str)> {
    let identity = ["account_number", "order_number"];
    let fields = call.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    fields.filter(|(name, _)| !identity.contains(name)).collect()
}

/// A finished port, as TeleCloud is told of it.
const COMPLETED: [(&str, &str); 3] = [
    ("VAR15", "COMPLETED"),
    ("VAR3", "2025550177"),
    ("service_status", "ACTIVE"),
];

/// A new line, as TeleCloud is told of it.
const ACTIVATED: [(&str, &str); 4] = [
    ("VAR13", "A-1001"),
    ("VAR14", "S-2001"),
    ("VAR3", "2025550143"),
    ("service_status", "ACTIVE"),
];

/// The order of the scenario `activate`, with its number.
fn activation() -> Fields {
    super::stage::with(fields_of("activate"), &[("order_number", ORDER)])
}

fn module_path() -> String {
    format!("/v1/tenants/{TENANT}/modules/{MODULE}")
}

/// Does as it is asked, and the answer is lost.
fn unanswered() -> patchbay_tests::telecloud::Behaviour {
    patchbay_tests::telecloud::Behaviour::normal().delivered(patchbay_tests::telecloud::Delivery::Closed)
}
