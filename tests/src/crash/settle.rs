//! The end: nothing misbehaves any more, and everything has to come to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::events::Event;
use super::load::{Posting, open_jobs};
use super::{Violation, World};
use crate::carrier::PortStatus;
use crate::gateway::Gateway;
use crate::peer::Behaviour;
use crate::scenarios::MODULE;
use crate::telecloud::Encoding;

/// How long everything may take to come to its end. Far longer than it takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often jobs that wait for their time are hurried.
const LOOK: Duration = Duration::from_millis(500);

/// Posts that are under way at once.
const AT_ONCE: usize = 16;

impl World {
    /// Ends all faults, finishes every port, posts what has no last word, and waits until nothing is left to be done. What
    /// is left when that takes too long must not be.
    ///
    /// # Errors
    /// When the surroundings fail.
    pub(super) async fn settle(&mut self, gateway: &Gateway) -> Result<Vec<Violation>> {
        self.carrier.otherwise(|_| Behaviour::normal());
        self.telecloud.otherwise(|_| Behaviour::normal());
        self.carrier.accept_connections().await?;
        self.telecloud.accept_connections().await?;
        let began = Instant::now();
        loop {
            self.cycle += 1;
            self.post_open(gateway).await?;
            self.close();
            let waiting = if self.open.is_empty() { self.finish_ports() } else { 1 };
            self.link(gateway, 1).await?;
            let jobs = open_jobs(gateway).await?;
            if jobs.is_empty() && self.open.is_empty() && waiting == 0 {
                return Ok(Vec::new());
            }
            if began.elapsed() > PATIENCE {
                return Ok(self.left(&jobs));
            }
            for (tenant, job) in &jobs {
                // It may be over by now, or at work.
                gateway
                    .admin()
                    .act(tenant, job, json!({"action": "check-again"}))
                    .await?;
            }
            sleep(LOOK).await;
        }
    }

    /// Jobs that are open, and events without a last word.
    fn left(&self, jobs: &[(&str, Value)]) -> Vec<Violation> {
        let jobs = jobs.iter().map(|(_, job)| Violation {
            event: self.orders.events.iter().position(|event| is_of(job, event)),
            what: format!("its job is open after {PATIENCE:?}: {}", in_short(job)),
        });
        let open = self.open.iter().map(|event| Violation {
            event: Some(*event),
            what: format!("it has no last word after {PATIENCE:?}"),
        });
        jobs.chain(open).collect()
    }

    async fn post_open(&mut self, gateway: &Gateway) -> Result<()> {
        let mut open: Vec<_> = self.open.iter().copied().collect();
        let mut posts = JoinSet::new();
        while !open.is_empty() || !posts.is_empty() {
            while posts.len() < AT_ONCE
                && let Some(event) = open.pop()
            {
                let about = &self.orders.events[event];
                let posting = Posting {
                    client: self.client.clone(),
                    url: gateway.url(about.tenant, MODULE),
                    fields: about.fields.clone(),
                    encoding: Encoding::Form,
                    telecloud: Arc::clone(&self.telecloud),
                    order: about.kind.creates().then(|| about.order.clone()),
                };
                posts.spawn(async move { (event, posting.post().await) });
            }
            if let Some(ended) = posts.join_next().await {
                self.note(ended?);
            }
        }
        Ok(())
    }

    /// Completes or refuses all ports that are under way. Says how many there were.
    fn finish_ports(&mut self) -> usize {
        let ports = self.carrier.ports();
        let under_way = ports.iter().filter(|port| port.status == PortStatus::Submitted);
        let mut count = 0;
        for port in under_way {
            count += 1;
            match self.numbers.below(3) {
                0 => self.carrier.reject_port(&port.line.activation_id, "account closed"),
                _ => self.carrier.complete_port(&port.line.activation_id, None),
            };
        }
        count
    }

    /// Says of jobs which order they are about, where TeleCloud had not: one in so many of them.
    ///
    /// # Errors
    /// When the surroundings fail.
    pub(super) async fn link(&mut self, gateway: &Gateway, one_in: u64) -> Result<()> {
        for (tenant, job) in open_jobs(gateway).await? {
            if !job["order_number"].is_null() || self.numbers.below(one_in) != 0 {
                continue;
            }
            // Of the events of an account, only the one that made the line comes without the number of its order.
            let mut events = self.orders.events.iter();
            let Some(event) = events.find(|event| job["account_number"] == event.account) else {
                continue;
            };
            let link = json!({"action": "link", "order_number": event.order});
            gateway.admin().act(tenant, &job, link).await?;
        }
        Ok(())
    }
}

/// Whether a job is of this event.
fn is_of(job: &Value, event: &Event) -> bool {
    let order = &job["order_number"];
    job["account_number"] == event.account
        && job["service"] == event.kind.service()
        && (order.is_null() || *order == event.order)
}

/// Where a job stands, in a line.
fn in_short(job: &Value) -> String {
    let names = [
        "call",
        "service",
        "account_number",
        "order_number",
        "told",
        "stage",
        "was",
        "reason",
        "news",
    ];
    let shown = names.map(|name| format!("{name} {}", job[name]));
    shown.join(", ")
}
