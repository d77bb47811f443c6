//! What must be true once everything has come to its end, and the story of an event of which it is not.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::events::{Answer, Kind};
use super::judge::{Seen, judge};
use super::load::open_jobs;
use super::orders::TENANTS;
use super::{Report, World};
use crate::carrier::{Received, TOKEN};
use crate::gateway::Gateway;
use crate::telecloud::{Outcome, ServiceStatus};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which event, by its position; none where it is about all of them.
    pub event: Option<usize>,
    /// What.
    pub what: String,
}

/// How much of everything there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Times that the gateway was killed.
    pub kills: u64,
    /// Different events.
    pub events: usize,
    /// Posts of them.
    pub posts: usize,
    /// Posts that were answered with Y.
    pub done: usize,
    /// Posts that were answered with Y and PENDING.
    pub pending: usize,
    /// Posts that were answered with N, and nothing was changed.
    pub not_done: usize,
    /// Posts that were answered with N, and the outcome was not known.
    pub unknown: usize,
    /// Posts that were not answered.
    pub lost: usize,
    /// Requests that the carrier received, look-ups among them.
    pub requests: usize,
    /// Changes that requests made there.
    pub effects: usize,
    /// Updates that TeleCloud took.
    pub updates: usize,
    /// Orders that were refunded.
    pub refunds: usize,
    /// Calls on record.
    pub calls: usize,
    /// Calls of these that a kill cut off while they followed up another. What they did is done again.
    pub cut_off: usize,
}

/// What requests of one form did.
#[derive(Debug, Default)]
pub(super) struct Effect {
    pub(super) count: usize,
    /// Under which idempotency keys.
    pub(super) keys: Vec<String>,
}

/// A request at the carrier, as the event has it that it is made for. None for what changes nothing.
pub(super) fn trace(method: &str, path: &str, body: &Value) -> Option<String> {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let parts: Vec<_> = path.split('/').skip(1).collect();
    let line = parts.get(2).map(|line| percent_decode_str(line).decode_utf8_lossy());
    let line = line.unwrap_or_default();
    match (method, parts.as_slice()) {
        ("POST", ["v1", "activations"]) => Some(format!("activation {}", text("iccid"))),
        ("POST", ["v1", "port-ins"]) => Some(format!("port-in {}", text("iccid"))),
        ("PUT", ["v1", "lines", _, "status"]) => Some(format!("status {line} {}", text("status"))),
        ("PUT", ["v1", "lines", _, "sim"]) => Some(format!("sim {line} {}", text("iccid"))),
        ("PUT", ["v1", "lines", _, "device"]) => Some(format!("device {line} {}", text("imei"))),
        ("POST", ["v1", "lines", _, "renewals"]) => Some(format!("renewal {line}")),
        ("POST", ["v1", "lines", _, "top-ups"]) => Some(format!("top-up {line}")),
        ("DELETE", ["v1", "lines", _]) => Some(format!("cancel {line}")),
        _ => None,
    }
}

fn trace_of(request: &Received) -> Option<String> {
    trace(&request.method, &request.path, &request.json)
}

impl World {
    /// What requests have done at the carrier, by their form.
    pub(super) fn effects(&self) -> HashMap<String, Effect> {
        let by_key = self.carrier.effects_by_key();
        let mut effects: HashMap<String, Effect> = HashMap::new();
        for request in self.carrier.requests() {
            let (Some(trace), Some(key)) = (trace_of(&request), request.header("idempotency-key")) else {
                continue;
            };
            let effect = effects.entry(trace).or_default();
            if !effect.keys.iter().any(|known| known == key) {
                effect.keys.push(key.to_owned());
                effect.count += by_key.get(key).copied().unwrap_or_default();
            }
        }
        effects
    }

    /// Holds everything against everything. Takes what was not right before.
    ///
    /// # Errors
    /// When the surroundings fail.
    pub(super) async fn report(&self, gateway: &Gateway, mut violations: Vec<Violation>) -> Result<Report> {
        let calls = calls(gateway).await?;
        let effects = self.effects();

        let ports = self.carrier.ports();
        let ports: HashMap<_, _> = ports.iter().map(|port| (&port.line.iccid, &port.status)).collect();
        let none = Effect::default();
        for (position, event) in self.orders.events.iter().enumerate() {
            let effect = effects.get(&event.trace).unwrap_or(&none);
            let told = event.told(self.telecloud.order(&event.order).as_ref());
            let seen = Seen {
                effects: effect.count,
                refused: told == Some(ServiceStatus::Failed) && self.refused(effect).await?,
                told,
                port: ports
                    .get(&event.fields.get("VAR2").cloned().unwrap_or_default())
                    .copied()
                    .filter(|_| event.kind == Kind::PortIn),
                settled: self.orders.settled(position, &self.telecloud),
            };
            let what = judge(event, &seen);
            violations.extend(what.map(|what| Violation {
                event: Some(position),
                what,
            }));
        }
        violations.extend(self.nobodys(&effects));
        violations.extend(self.unrecorded(&calls));

        let figures = self.figures(&calls, &effects);
        let story = match violations.first() {
            Some(violation) => Some(self.story(gateway, violation, &effects, &calls).await?),
            None => None,
        };
        Ok(Report {
            figures,
            violations,
            story,
        })
    }

    /// Whether the carrier keeps a refusal under one of these keys, and nothing that it did under any.
    async fn refused(&self, effect: &Effect) -> Result<bool> {
        let mut refused = false;
        for key in &effect.keys {
            let status = self.operation(key).await?["status"].as_u64();
            refused |= status.is_some_and(|status| (400..500).contains(&status));
        }
        Ok(refused)
    }

    /// What the carrier keeps under a key; null if that is nothing.
    async fn operation(&self, key: &str) -> Result<Value> {
        let url = format!("{}/v1/operations/{key}", self.carrier.url());
        let kept = self.client.get(url).bearer_auth(TOKEN).send().await?;
        if !kept.status().is_success() {
            return Ok(Value::Null);
        }
        Ok(kept.json().await?)
    }

    /// Effects that no event asked for, and those that were made without a key.
    fn nobodys(&self, effects: &HashMap<String, Effect>) -> Vec<Violation> {
        let asked: BTreeMap<_, _> = self.orders.events.iter().map(|event| (&event.trace, ())).collect();
        let mut wrong: Vec<_> = effects
            .iter()
            .filter(|(trace, effect)| effect.count > 0 && !asked.contains_key(trace))
            .map(|(trace, _)| format!("nobody asked for it, and the carrier did it: {trace}"))
            .collect();
        let known: usize = effects.values().map(|effect| effect.count).sum();
        let all: usize = self.carrier.effects_by_iccid().values().sum();
        if all != known {
            wrong.push(format!("the carrier did {all} things, and {known} of them under keys"));
        }
        let violation = |what| Violation { event: None, what };
        wrong.into_iter().map(violation).collect()
    }

    /// Answers without a call on record, and events' calls that have no end.
    fn unrecorded(&self, calls: &[(&'static str, Value)]) -> Vec<Violation> {
        let mut on_record: HashMap<(String, String), usize> = HashMap::new();
        let mut wrong = Vec::new();
        for (tenant, call) in calls {
            if !call["about"].is_null() {
                continue;
            }
            let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
            *on_record.entry((text("account_number"), text("service"))).or_default() += 1;
            if call["outcome"] == "running" && text("service").starts_with("Order/") {
                wrong.push(Violation {
                    event: self
                        .orders
                        .events
                        .iter()
                        .position(|event| event.account == text("account_number")),
                    what: format!("the call {} of {tenant} is running", text("id")),
                });
            }
        }
        let mut answered: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        for (position, event) in self.orders.events.iter().enumerate() {
            let answers = event.posts.iter().filter(|post| post.answer != Answer::Lost);
            let key = (event.account.clone(), event.kind.service().to_owned());
            let (_, count) = answered.entry(key).or_insert((position, 0));
            *count += answers.count();
        }
        for (key, (position, count)) in answered {
            let recorded = on_record.get(&key).copied().unwrap_or_default();
            if recorded < count {
                wrong.push(Violation {
                    event: Some(position),
                    what: format!(
                        "{count} posts of {} were answered, and {recorded} calls are on record",
                        key.1
                    ),
                });
            }
        }
        wrong
    }

    fn figures(&self, calls: &[(&'static str, Value)], effects: &HashMap<String, Effect>) -> Figures {
        let events = &self.orders.events;
        let answers: Vec<_> = events
            .iter()
            .flat_map(|event| &event.posts)
            .map(|post| &post.answer)
            .collect();
        let count = |wanted: fn(&Answer) -> bool| answers.iter().filter(|answer| wanted(answer)).count();
        let of_events = |call: &Value| {
            let service = call["service"].as_str().unwrap_or_default();
            call["about"].is_null() && service.starts_with("Order/")
        };
        let running = calls.iter().filter(|(_, call)| call["outcome"] == "running");
        let received = self.telecloud.received();
        Figures {
            kills: self.kills,
            events: events.len(),
            posts: answers.len(),
            done: count(|answer| matches!(answer, Answer::Done(_))),
            pending: count(|answer| *answer == Answer::Pending),
            not_done: count(|answer| *answer == Answer::NotDone),
            unknown: count(|answer| *answer == Answer::Unknown),
            lost: count(|answer| *answer == Answer::Lost),
            requests: self.carrier.requests().len(),
            effects: effects.values().map(|effect| effect.count).sum(),
            updates: received.iter().filter(|call| call.outcome == Outcome::Applied).count(),
            refunds: self.telecloud.refunds().len(),
            calls: calls.len(),
            cut_off: running.filter(|(_, call)| !of_events(call)).count(),
        }
    }

    /// Everything that anybody knows of it.
    async fn story(
        &self,
        gateway: &Gateway,
        violation: &Violation,
        effects: &HashMap<String, Effect>,
        calls: &[(&'static str, Value)],
    ) -> Result<String> {
        let mut story = format!("{}\n", violation.what);
        let Some(event) = violation.event.map(|position| &self.orders.events[position]) else {
            return Ok(story);
        };
        writeln!(story, "\n{:?}: {}\n{:#?}", event.kind, event.trace, event.fields)?;
        writeln!(story, "\nposts:")?;
        for post in &event.posts {
            writeln!(story, "  in cycle {}: {:?}", post.cycle, post.answer)?;
        }
        writeln!(story, "\nat the carrier: {:#?}", effects.get(&event.trace))?;
        for request in self.carrier.requests() {
            let key = request.header("idempotency-key").unwrap_or_default();
            let keys = effects.get(&event.trace).into_iter().flat_map(|effect| &effect.keys);
            let about = keys.into_iter().any(|known| request.path.ends_with(known.as_str()));
            if about || trace_of(&request).as_ref() == Some(&event.trace) {
                writeln!(
                    story,
                    "  {} {} under {key:?}: {}",
                    request.method, request.path, request.json
                )?;
            }
        }
        for key in effects.get(&event.trace).into_iter().flat_map(|effect| &effect.keys) {
            writeln!(story, "  kept under {key}: {}", self.operation(key).await?)?;
        }
        writeln!(story, "\nat TeleCloud: {:#?}", self.telecloud.order(&event.order))?;
        for call in self.telecloud.received() {
            if call.fields.get("order_number") == Some(&event.order) {
                writeln!(story, "  {} {:?}: {:?}", call.service_action, call.fields, call.outcome)?;
            }
        }
        for (tenant, job) in open_jobs(gateway).await? {
            if job["account_number"] == event.account {
                writeln!(story, "\njob of {tenant}: {job:#}")?;
            }
        }
        let own: Vec<_> = calls
            .iter()
            .filter(|(_, call)| call["account_number"] == event.account)
            .collect();
        for (tenant, call) in own.into_iter().rev() {
            let id = call["id"].as_str().context("a call has an id")?;
            let call = gateway.admin().get(&format!("/v1/tenants/{tenant}/calls/{id}")).await?;
            writeln!(story, "\ncall: {:#}", short(call))?;
        }
        Ok(story)
    }
}

/// Without what was posted, which is known.
fn short(mut call: Value) -> Value {
    call["event"]["request"] = json!(null);
    call
}

/// All calls on record, in short, newest first.
async fn calls(gateway: &Gateway) -> Result<Vec<(&'static str, Value)>> {
    let mut found = Vec::new();
    for tenant in TENANTS {
        let mut before = String::new();
        loop {
            let path = format!("/v1/tenants/{tenant}/calls?limit=200{before}");
            let page = gateway.admin().get(&path).await?;
            let items = page["items"].as_array().context("items")?;
            found.extend(items.iter().map(|call| (tenant, call.clone())));
            let Some(next) = page["next"].as_str() else { break };
            before = format!("&before={next}");
        }
    }
    Ok(found)
}
