//! One cycle of load: posts from many at once, ports that move, outages, and the moment at which the gateway is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::World;
use super::events::{Answer, Post};
use super::faults::{milliseconds, outages};
use super::orders::TENANTS;
use crate::carrier::PortStatus;
use crate::gateway::Gateway;
use crate::power::Numbers;
use crate::scenarios::MODULE;
use crate::telecloud::{Encoding, FakeTelecloud, Fields, ServiceStatus, post};

/// Posts that are under way at once.
const AT_ONCE: usize = 32;

/// New events of a cycle: at least so many, and less than so many more.
const NEW: (u64, u64) = (10, 12);

/// Milliseconds within which the first posts of a cycle begin, and after which an event is posted again.
const SPREAD_MS: u64 = 500;

/// When the gateway is killed at the latest: by then most of what is under way waits for something.
const LOAD: Duration = Duration::from_secs(4);

/// Why a port is refused for good.
const NO_SUCH_NUMBER: &str = "number not active at previous provider";

/// A post to be made.
struct Planned {
    event: usize,
    after: Duration,
    encoding: Encoding,
}

/// What is counted until the gateway is killed.
enum Until {
    Answers(usize),
    Requests(usize),
}

impl World {
    /// Puts the gateway under load and kills it in the middle of that.
    ///
    /// # Errors
    /// When the surroundings fail.
    pub(super) async fn load(&mut self, gateway: Gateway) -> Result<Arc<TempDir>> {
        let planned = self.plan();
        let most = u64::try_from(planned.len())?;
        let until = match self.numbers.below(2) {
            0 => Until::Answers(usize::try_from(1 + self.numbers.below(most))?),
            _ => Until::Requests(self.carrier.requests().len() + usize::try_from(1 + self.numbers.below(most))?),
        };
        let moves = self.move_ports(&gateway, &planned).await?;
        // A few microseconds more or less, so that it is not always the same instant of an exchange.
        let aim = Duration::from_micros(self.numbers.below(15_000));
        let (carrier, telecloud) = (Arc::clone(&self.carrier), Arc::clone(&self.telecloud));
        let mut numbers = Numbers::new(self.numbers.number());
        let (folder, out) = tokio::join!(
            self.post_until(gateway, planned, &until, aim, moves),
            outages(&carrier, &telecloud, &mut numbers)
        );
        out?;
        folder
    }

    /// What is posted in this cycle: what has no last word yet, what TeleCloud was told and asks again, and what is new.
    fn plan(&mut self) -> Vec<Planned> {
        let mut planned = Vec::new();
        let open: Vec<_> = self.open.iter().copied().collect();
        for event in open {
            planned.push(self.planned(event, 300));
        }
        for event in std::mem::take(&mut self.answered) {
            if self.numbers.below(4) == 0 {
                planned.push(self.planned(event, SPREAD_MS));
            }
        }
        for _ in 0..NEW.0 + self.numbers.below(NEW.1) {
            let event = self.orders.make(&self.telecloud);
            self.open.insert(event);
            let first = self.planned(event, SPREAD_MS);
            for _ in 0..self.numbers.below(4) {
                // Half of them at the same moment.
                let later = self.numbers.below(2) * self.numbers.below(SPREAD_MS);
                let mut again = self.planned(event, 1);
                again.after = first.after + Duration::from_millis(later);
                planned.push(again);
            }
            planned.push(first);
        }
        planned
    }

    fn planned(&mut self, event: usize, within: u64) -> Planned {
        let encodings = Encoding::ALL.len();
        let number = usize::try_from(self.numbers.below(encodings as u64)).unwrap_or_default();
        Planned {
            event,
            after: milliseconds(&mut self.numbers, 0, within),
            encoding: Encoding::ALL[number],
        }
    }

    /// Has some of the ports completed or refused while the cycle lasts, with a callback or without. Ports of events that
    /// are being posted stay: an order that TeleCloud hears to have failed must not be posted again.
    async fn move_ports(&mut self, gateway: &Gateway, planned: &[Planned]) -> Result<Vec<Move>> {
        let busy: Vec<_> = planned
            .iter()
            .filter_map(|planned| self.orders.events[planned.event].fields.get("VAR2"))
            .collect();
        let ports = self.carrier.ports();
        let waiting = ports
            .iter()
            .filter(|port| port.status == PortStatus::Submitted && !busy.contains(&&port.line.iccid));
        let mut moves = Vec::new();
        for port in waiting {
            if self.numbers.below(3) != 0 {
                continue;
            }
            let event = self.orders.events.iter();
            let mut event = event.filter(|event| event.fields.get("VAR2") == Some(&port.line.iccid));
            let tenant = event.next().context("a port is of an event")?.tenant;
            moves.push(Move {
                activation_id: port.line.activation_id.clone(),
                after: milliseconds(&mut self.numbers, 0, SPREAD_MS),
                completes: self.numbers.below(3) != 0,
                callback: match self.numbers.below(2) {
                    0 => Some(callback(gateway, tenant).await?),
                    _ => None,
                },
            });
        }
        Ok(moves)
    }

    async fn post_until(
        &mut self,
        gateway: Gateway,
        planned: Vec<Planned>,
        until: &Until,
        aim: Duration,
        moves: Vec<Move>,
    ) -> Result<Arc<TempDir>> {
        let crashed = Arc::new(AtomicBool::new(false));
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let mut posts = JoinSet::new();
        for planned in planned {
            let event = &self.orders.events[planned.event];
            let posting = Posting {
                client: self.client.clone(),
                url: gateway.url(event.tenant, MODULE),
                fields: event.fields.clone(),
                encoding: planned.encoding,
                telecloud: Arc::clone(&self.telecloud),
                order: event.kind.creates().then(|| event.order.clone()),
            };
            let (crashed, at_once) = (Arc::clone(&crashed), Arc::clone(&at_once));
            posts.spawn(async move {
                sleep(planned.after).await;
                let _permit = at_once.acquire().await;
                if crashed.load(Ordering::SeqCst) {
                    return (planned.event, None);
                }
                let answer = posting.post().await;
                let answer = answer.map(|answer| match answer {
                    Answer::Lost if !crashed.load(Ordering::SeqCst) => {
                        Answer::Strange("no answer, and the gateway was running".to_owned())
                    }
                    answer => answer,
                });
                (planned.event, answer)
            });
        }
        let mut movements = JoinSet::new();
        for moves in moves {
            let carrier = Arc::clone(&self.carrier);
            movements.spawn(async move {
                sleep(moves.after).await;
                if moves.completes {
                    carrier.complete_port(&moves.activation_id, None);
                } else {
                    carrier.reject_port(&moves.activation_id, NO_SUCH_NUMBER);
                }
                if let Some(url) = moves.callback {
                    // Nobody may be there. Then the gateway asks by itself.
                    let _ = carrier.call_back(&url, &moves.activation_id).await;
                }
            });
        }

        let carrier = Arc::clone(&self.carrier);
        let reached = async {
            match until {
                Until::Answers(_) => std::future::pending().await,
                Until::Requests(count) => carrier.wait_for_requests(*count).await,
            }
            sleep(aim).await;
        };
        tokio::pin!(reached);
        let latest = sleep(LOAD);
        tokio::pin!(latest);
        let mut answers = 0;
        let kill = |gateway: Gateway| {
            // First, so that whoever gets no answer from now on knows why.
            crashed.store(true, Ordering::SeqCst);
            gateway.kill()
        };
        let mut running = Some(gateway);
        let mut folder = None;
        loop {
            let kills = tokio::select! {
                ended = posts.join_next() => match ended {
                    Some(ended) => {
                        answers += 1;
                        self.note(ended?);
                        let enough = matches!(until, Until::Answers(count) if answers >= *count);
                        if enough && running.is_some() {
                            sleep(aim).await;
                        }
                        enough
                    }
                    None => true,
                },
                () = &mut reached, if running.is_some() => true,
                () = &mut latest, if running.is_some() => true,
            };
            if kills && let Some(gateway) = running.take() {
                folder = Some(kill(gateway)?);
            }
            if running.is_none() && posts.is_empty() {
                break;
            }
        }
        while let Some(ended) = movements.join_next().await {
            ended?;
        }
        folder.context("it was killed")
    }

    /// Takes over what came of a post.
    pub(super) fn note(&mut self, (event, answer): (usize, Option<Answer>)) {
        let Some(answer) = answer else { return };
        if matches!(answer, Answer::Done(_)) {
            self.answered.push(event);
        }
        let cycle = self.cycle;
        self.orders.events[event].posts.push(Post { cycle, answer });
    }
}

/// How a port moves.
struct Move {
    activation_id: String,
    after: Duration,
    completes: bool,
    callback: Option<String>,
}

/// All that a post takes.
pub(super) struct Posting {
    pub(super) client: Client,
    pub(super) url: String,
    pub(super) fields: Fields,
    pub(super) encoding: Encoding,
    pub(super) telecloud: Arc<FakeTelecloud>,
    /// The order that it creates.
    pub(super) order: Option<String>,
}

impl Posting {
    /// Posts, unless TeleCloud has heard meanwhile that the order failed: then it does not ask any more.
    pub(super) async fn post(self) -> Option<Answer> {
        let order = self.order.and_then(|order| self.telecloud.order(&order));
        if order.is_some_and(|order| order.service_status == ServiceStatus::Failed) {
            return None;
        }
        let posted = post(&self.client, &self.url, self.encoding, &self.fields).await;
        Some(posted.map_or(Answer::Lost, |posted| Answer::read(&posted)))
    }
}

async fn callback(gateway: &Gateway, tenant: &str) -> Result<String> {
    let path = format!("/v1/tenants/{tenant}/modules/{MODULE}/callback");
    let shown: Value = gateway.admin().get(&path).await?;
    let path = shown["path"].as_str().context("a callback URL")?;
    Ok(format!("{}{path}", gateway.public()))
}

/// The open jobs of both tenants, all of them.
pub(super) async fn open_jobs(gateway: &Gateway) -> Result<Vec<(&'static str, Value)>> {
    let mut found = Vec::new();
    for tenant in TENANTS {
        let mut after = String::new();
        loop {
            let path = format!("/v1/tenants/{tenant}/jobs?limit=200{after}");
            let page = gateway.admin().get(&path).await?;
            let items = page["items"].as_array().context("items")?;
            found.extend(items.iter().map(|job| (tenant, job.clone())));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
    }
    Ok(found)
}
