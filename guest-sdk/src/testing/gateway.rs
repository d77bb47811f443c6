use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Event, host};
use crate::http::Request;
use crate::log::Level;
use crate::orders::{Document, Order, Outcome};
use crate::{
    Audit, Callback, Completion, Finding, Module, Notice, Page, Progress, Reading, Reconcile, Subscriber, Subscription,
    Usage, handler,
};

/// What a carrier does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Answers.
    Answered {
        /// HTTP status.
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        /// The body's bytes.
        body: Vec<u8>,
    },
    /// Refuses the connection: nothing is sent.
    Refused,
    /// Takes the request and never answers it.
    Lost,
    /// Is never asked, because no grant allows it.
    Denied,
}

impl Reply {
    /// Answers with this status and no body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::text(status, "")
    }

    /// Answers with a body of text.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self::Answered {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Answers with a body in JSON.
    ///
    /// # Panics
    /// When the value has no form in JSON: the test is wrong.
    #[must_use]
    #[expect(clippy::expect_used, reason = "only tests call it, and a wrong test should stop")]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("the value has a form in JSON");
        Self::text(status, &body).header("content-type", "application/json")
    }

    /// Adds a header to an answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answered { headers, .. } = &mut self {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        self
    }
}

pub(super) type Carrier = Box<dyn FnMut(&Request) -> Reply>;

/// A gateway for one call: the settings and secrets of a module, and a carrier.
#[derive(Default)]
#[must_use]
pub struct Gateway {
    pub(super) config: BTreeMap<String, String>,
    pub(super) secrets: BTreeSet<String>,
    pub(super) carrier: Option<Carrier>,
    pub(super) requests: Vec<Request>,
    pub(super) log: Vec<(Level, String)>,
}

/// What happened in one call.
#[derive(Debug)]
pub struct Run<W = Outcome> {
    /// What the module answered.
    pub outcome: W,
    /// The requests that it made, in order, those that were denied or refused included.
    pub requests: Vec<Request>,
    /// The lines that it logged.
    pub log: Vec<(Level, String)>,
}

impl Gateway {
    /// A gateway without settings, without secrets, and without any way out.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a setting.
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a secret. The module gets [`placeholder`]`(name)` for it; the value would never reach it.
    pub fn secret(mut self, name: &str) -> Self {
        self.secrets.insert(name.to_owned());
        self
    }

    /// Sets the carrier. Without one every request is denied.
    pub fn carrier(mut self, carrier: impl FnMut(&Request) -> Reply + 'static) -> Self {
        self.carrier = Some(Box::new(carrier));
        self
    }

    /// Runs one event through the module.
    #[must_use]
    pub fn run<M: Module>(self, event: Event) -> Run {
        self.ask(|| handler::dispatch::<M>(&Order::new(event.event, Document::new(&event.tree))))
    }

    /// Asks the module how the order stands that it answered with pending to this event. As in the gateway, the documents
    /// do not come along.
    #[must_use]
    pub fn check<M: Completion>(self, event: Event, state: &str) -> Run<Result<Progress, String>> {
        self.ask(|| M::check(&Order::new(event.event, Document::absent()), state))
    }

    /// Hands the module a request that the carrier made to its callback URL.
    #[must_use]
    pub fn receive<M: Completion>(self, callback: &Callback) -> Run<Result<Vec<Notice>, String>> {
        self.ask(|| M::receive(callback))
    }

    /// Asks the module whether this event happened. As in the gateway, the documents do not come along.
    #[must_use]
    pub fn find<M: Reconcile>(self, event: Event) -> Run<Result<Finding, String>> {
        self.ask(|| M::find(&Order::new(event.event, Document::absent())))
    }

    /// Asks the module what these orders used.
    #[must_use]
    pub fn read_usage<M: Usage>(
        self,
        subscriptions: &[Subscription],
        cursor: Option<&str>,
    ) -> Run<Result<Page<Reading>, String>> {
        self.ask(|| M::read(subscriptions, cursor))
    }

    /// Asks the module what the carrier has.
    #[must_use]
    pub fn list_subscribers<M: Audit>(self, cursor: Option<&str>) -> Run<Result<Page<Subscriber>, String>> {
        self.ask(|| M::list(cursor))
    }

    fn ask<W>(self, question: impl FnOnce() -> W) -> Run<W> {
        let (outcome, gateway) = host::with(self, question);
        Run {
            outcome,
            requests: gateway.requests,
            log: gateway.log,
        }
    }
}

/// What a module gets for the secret `name`. It only stands for one: a module must not read anything into it.
#[must_use]
pub fn placeholder(name: &str) -> String {
    format!("placeholder-of-{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Failure, config, http, log};

    struct Prober;
    impl Module for Prober {
        fn create(_: &Order) -> Outcome {
            let token = config::secret("token")?;
            log::warn("about to send");
            let response = http::get(config::require("url")?).header("X-Token", token).send()?;
            Ok(Answer::done().var(1, response.status().to_string()))
        }
    }

    fn gateway() -> Gateway {
        Gateway::new()
            .config("url", "https://carrier.test/a?b=c")
            .secret("token")
    }

    #[test]
    fn a_run_shows_what_was_sent_and_logged() {
        let run = gateway().carrier(|_| Reply::status(204)).run::<Prober>(Event::create());
        assert_eq!(run.outcome, Ok(Answer::done().var(1, "204")));
        assert_eq!(run.requests.len(), 1);
        assert_eq!((run.requests[0].method(), run.requests[0].path()), ("GET", "/a"));
        assert_eq!(
            run.requests[0].header_value("x-token"),
            Some(placeholder("token").as_str())
        );
        assert_eq!(run.log, [(Level::Warn, "about to send".to_owned())]);
    }

    #[test]
    fn a_carrier_can_refuse_lose_and_be_denied() {
        for (reply, sent) in [(Reply::Refused, false), (Reply::Lost, true), (Reply::Denied, false)] {
            let run = gateway().carrier(move |_| reply.clone()).run::<Prober>(Event::create());
            assert_eq!(matches!(run.outcome, Err(Failure::Unknown(_))), sent);
            assert_eq!(matches!(run.outcome, Err(Failure::Unreachable(_))), !sent);
        }
        let run = gateway().run::<Prober>(Event::create());
        assert!(matches!(run.outcome, Err(Failure::Unreachable(_))));
    }

    #[test]
    fn what_is_not_set_is_named() {
        let run = Gateway::new().secret("token").run::<Prober>(Event::create());
        let failure = Failure::rejected("This module's setting url is not set");
        assert_eq!(run.outcome, Err(failure));
        let run = Gateway::new().config("url", "x").run::<Prober>(Event::create());
        let failure = Failure::rejected("This module's secret token is not set");
        assert_eq!(run.outcome, Err(failure));
    }

    #[test]
    fn nothing_is_left_behind() {
        let _ = gateway().run::<Prober>(Event::create());
        assert_eq!(config::get("url"), None);
        assert_eq!(config::all(), []);
    }
}
