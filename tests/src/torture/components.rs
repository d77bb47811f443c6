//! Hostile components, one after the other: uploaded, activated if they are taken, and called.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::mutation::mutated;
use crate::gateway::{Admin, Gateway, guest};
use crate::power::Numbers;
use crate::telecloud::{Encoding, Fields, client, post};

/// Tries between two looks at whether an ordinary module still answers as it should.
const BETWEEN_LOOKS: u64 = 50;

/// Versions of one module before it is removed and made again: a module has 200 at most.
const VERSIONS: u64 = 150;

/// How long an upload waits that the gateway was too busy for.
const BUSY: Duration = Duration::from_millis(100);

/// The tenant of the ordinary module `hello`.
const ORDINARY: &str = "ordinary";

/// What was tried, and what came of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tried {
    /// Components that were written by hand.
    pub(super) written: u64,
    /// Components that were damaged by chance.
    pub(super) mutated: u64,
    /// Of all, those that were refused at upload or activation.
    pub(super) refused: u64,
    /// Of all, those that were called.
    pub(super) called: u64,
    /// Of those, how many answered for themselves.
    pub(super) answered: u64,
}

impl Tried {
    fn and(self, other: Self) -> Self {
        Self {
            written: self.written + other.written,
            mutated: self.mutated + other.mutated,
            refused: self.refused + other.refused,
            called: self.called + other.called,
            answered: self.answered + other.answered,
        }
    }
}

/// Tries all that are `written`, then mutated ones until `until`, two at a time. Which ones follows from `seed`.
///
/// # Errors
/// When an upload is neither taken nor refused, an event is not answered, or the ordinary module does not answer as it did.
pub(super) async fn components(gateway: &Gateway, written: &[Bytes], until: Instant, seed: u64) -> Result<Tried> {
    let halves: Vec<Vec<Bytes>> = (0..2)
        .map(|half| written.iter().skip(half).step_by(2).cloned().collect())
        .collect();
    let (first, second) = tokio::try_join!(
        Line::new(gateway, "hostile-1", seed).run(&halves[0], written, until),
        Line::new(gateway, "hostile-2", seed.wrapping_add(1)).run(&halves[1], written, until),
    )?;
    Ok(first.and(second))
}

/// One tenant that tries one component after the other.
struct Line<'g> {
    gateway: &'g Gateway,
    admin: Admin,
    tenant: &'static str,
    numbers: Numbers,
    tried: Tried,
    versions: u64,
}

/// What became of a component.
enum Fate {
    Refused,
    /// Called, and whether it answered for itself.
    Called(bool),
}

impl<'g> Line<'g> {
    fn new(gateway: &'g Gateway, tenant: &'static str, seed: u64) -> Self {
        Self {
            gateway,
            admin: gateway.admin().clone(),
            tenant,
            numbers: Numbers::new(seed),
            tried: Tried::default(),
            versions: 0,
        }
    }

    async fn run(mut self, own: &[Bytes], all: &[Bytes], until: Instant) -> Result<Tried> {
        let client = client()?;
        self.module().await?;
        for component in own {
            self.tried.written += 1;
            self.one(&client, component).await?;
        }
        let bases: Vec<Bytes> = all.iter().cloned().chain([guest("hello")?.into()]).collect();
        while Instant::now() < until {
            let (component, other) = (self.one_of(&bases)?, self.one_of(&bases)?);
            let component = mutated(component, other, &mut self.numbers);
            self.tried.mutated += 1;
            self.one(&client, &component.into()).await?;
        }
        self.look(&client).await?;
        Ok(self.tried)
    }

    fn one_of<'a>(&mut self, all: &'a [Bytes]) -> Result<&'a Bytes> {
        let place = self.numbers.below(all.len() as u64);
        all.get(usize::try_from(place)?).context("there are none")
    }

    async fn one(&mut self, client: &Client, component: &Bytes) -> Result<()> {
        match self.fate(client, component).await? {
            Fate::Refused => self.tried.refused += 1,
            Fate::Called(answered) => {
                self.tried.called += 1;
                self.tried.answered += u64::from(answered);
            }
        }
        if (self.tried.written + self.tried.mutated).is_multiple_of(BETWEEN_LOOKS) {
            self.look(client).await?;
        }
        Ok(())
    }

    async fn fate(&mut self, client: &Client, component: &Bytes) -> Result<Fate> {
        let version = loop {
            let answer = self.admin.upload(self.tenant, "tried", component.to_vec()).await?;
            match answer.status {
                StatusCode::UNPROCESSABLE_ENTITY => return Ok(Fate::Refused),
                StatusCode::TOO_MANY_REQUESTS => sleep(BUSY).await,
                _ => break answer.ok().context("an upload")?,
            }
        };
        let active = format!("/v1/tenants/{}/modules/tried/active", self.tenant);
        let body = json!({ "version": version["number"] });
        let answer = self.admin.send(Method::PUT, &active, Some(&body)).await?;
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(Fate::Refused);
        }
        answer.ok().context("an activation")?;
        let posted = self.post(client, self.tenant, "tried").await?;
        self.versions += 1;
        if self.versions.is_multiple_of(VERSIONS) {
            self.module().await?;
        }
        Ok(Fate::Called(posted.contains("<SUCCESS>Y</SUCCESS>")))
    }

    /// Makes the module that tries, anew.
    async fn module(&self) -> Result<()> {
        let at = format!("/v1/tenants/{}", self.tenant);
        // It is not there at first.
        self.admin.send(Method::DELETE, &at, None).await?;
        self.admin.put(&at, json!({ "title": "hostile" })).await?;
        let key = json!({ "label": "torture", "key": "key_good" });
        self.admin.post(&format!("{at}/telecloud-keys"), key).await?;
        let limits = json!({ "deadline_ms": 1_000, "cpu_ms": 50, "memory_bytes": 16 << 20 });
        let settings = json!({ "title": "tried", "limits": limits });
        self.admin.put(&format!("{at}/modules/tried"), settings).await?;
        Ok(())
    }

    /// An event's answer, which there has to be.
    async fn post(&mut self, client: &Client, tenant: &str, module: &str) -> Result<String> {
        let fields: Fields = [
            ("SERVICE", "Order/Create".to_owned()),
            ("order_number", format!("T-{}", ulid::Ulid::generate())),
            ("Customer[account_number]", "9105012".to_owned()),
            ("APIAuth[API_KEY]", "key_good".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let posted = post(client, &self.gateway.url(tenant, module), Encoding::Form, &fields).await?;
        ensure!(posted.status == 200, "HTTP status {}: {}", posted.status, posted.body);
        ensure!(posted.body.contains("<SUCCESS>"), "no answer: {}", posted.body);
        Ok(posted.body)
    }

    /// The ordinary module answers as it always does.
    async fn look(&mut self, client: &Client) -> Result<()> {
        let answer = self.post(client, ORDINARY, "hello").await?;
        ensure!(answer.contains("<SUCCESS>Y</SUCCESS>"), "the ordinary module: {answer}");
        Ok(())
    }
}
