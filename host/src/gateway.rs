//! The use case: an order event comes in, its module runs, an answer goes back, and all of it is on record.

mod callback;
mod event;
mod on_record;
mod password;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use ulid::Ulid;

use crate::domain::answer::Reply;
use crate::domain::call::{CallId, Outcome, Usage};
use crate::domain::event::Event;
use crate::domain::module::ModuleStatus;
use crate::domain::name::TenantName;
use crate::domain::secret::Secret;
use crate::egress::secrets;
use crate::fair::{Computing, Rates};
use crate::guessing::{Guard, Judged, Target};
use crate::jobs::verdict::{BUSY, NOT_RECORDED, STOPPED, Verdict};
use crate::jobs::{Jobs, Worker};
use crate::journal::CallLog;
use crate::registry::{NotServing, Serving, Settings, Table};
use crate::runner::Runner;
use crate::sandbox::Prepared;
use crate::telecloud::decode::{self, DecodeLimits, Kind};
use crate::vault::Vault;
use event::Admitted;
use on_record::{OnRecord, Sender};

pub use self::callback::{Callee, NoCallee};
pub use self::password::{ChangePassword, InvalidPassword, NotRun, Password, Passwords};
pub use crate::jobs::Received;

/// No tenant of that name, or no module of that name: the two are not told apart.
pub const UNKNOWN_MODULE: &str = "Module Error: there is no module at this URL. Check the module's URL in TeleCloud.";
const SUSPENDED: &str = "Module Error: this module is suspended. Ask its operator to resume it.";
const NO_VERSION: &str = "Module Error: this module has no active version. Ask the integrator to activate one.";
const WRONG_KEY: &str = "Module authentication failed";
const TOO_MANY_KEYS: &str = "Module authentication failed: too many wrong keys came from this address. Please retry.";
const MISSING_SERVICE: &str = "Missing SERVICE";
const PLACEHOLDER: &str = "The order could not be taken: a field holds the placeholder of a secret";

/// How long the end of a call may take to be on record. It takes milliseconds, or the disk is stuck.
const RECORD: Duration = Duration::from_secs(5);

/// A body that did not arrive whole.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unreadable {
    /// Over the limit, in bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// Not read to its end, or not answered, because so many are being sent.
    #[error("too many posts are under way")]
    TooMany,
    /// Not there in time.
    #[error("the body was not there within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// The connection ended first, or the framing was wrong.
    #[error("the body ended before it was whole: {0}")]
    CutOff(String),
}

impl Unreadable {
    /// What TeleCloud is told.
    fn sentence(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "The order could not be read: its body is too large",
            Self::TooMany => "The order could not be read: too many are sent at once. Please retry.",
            Self::TooSlow(_) => "The order could not be read: its body took too long to arrive. Please retry.",
            Self::CutOff(_) => "The order could not be read: its body did not arrive whole. Please retry.",
        }
    }
}

/// What was posted to a module URL.
pub struct Post {
    /// POST for an order; GET and HEAD are test requests.
    pub method: Method,
    /// The address that it came from, if that is known.
    pub source: Option<IpAddr>,
    /// What follows `?` in the URL.
    pub query: Option<String>,
    /// As sent; senders get it wrong.
    pub content_type: Option<String>,
    /// Whole, or why not.
    pub body: Result<Bytes, Unreadable>,
}

/// What the gateway is set up with.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Bounds on what a post may contain.
    pub decode: DecodeLimits,
}

/// Takes posts, and answers each.
pub struct Gateway {
    config: Config,
    modules: Arc<Table<Prepared>>,
    vault: Arc<Vault>,
    guard: Arc<Guard>,
    runner: Arc<Runner>,
    jobs: Arc<Jobs>,
    worker: Arc<Worker>,
    computing: Arc<Computing>,
    rates: Rates,
    on_record: OnRecord,
    calls: TaskTracker,
}

/// A post whose event does not run, and what is known of its sender.
struct Turned {
    verdict: Box<Verdict>,
    sender: Sender,
}

impl Turned {
    fn of(sender: Sender) -> impl Fn(Verdict) -> Self {
        move |verdict| Self {
            verdict: Box::new(verdict),
            sender,
        }
    }
}

impl Gateway {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        config: Config,
        modules: Arc<Table<Prepared>>,
        vault: Arc<Vault>,
        guard: Arc<Guard>,
        runner: Arc<Runner>,
        jobs: Arc<Jobs>,
        worker: Arc<Worker>,
    ) -> Self {
        Self {
            config,
            modules,
            vault,
            guard,
            computing: runner.computing(),
            runner,
            jobs,
            worker,
            rates: Rates::default(),
            on_record: OnRecord::default(),
            calls: TaskTracker::new(),
        }
    }

    /// The tenant whose module this is, if there is one.
    #[must_use]
    pub fn tenant(&self, tenant: &str, module: &str) -> Option<TenantName> {
        let serving = self.modules.serving(tenant, module)?;
        Some(serving.settings.path.tenant.clone())
    }

    /// Answers one post to a module URL.
    ///
    /// The call goes on when the sender hangs up: what has begun at a carrier has to be finished and recorded.
    pub async fn answer(self: &Arc<Self>, tenant: &str, module: &str, post: Post) -> Reply {
        let Some(serving) = self.modules.serving(tenant, module) else {
            tracing::info!("a post to a URL that names no module");
            return Reply::failure(UNKNOWN_MODULE);
        };
        let path = &serving.settings.path;
        let id = CallId(Ulid::generate());
        let span = tracing::info_span!("call", tenant = %path.tenant, module = %path.module, call = %id);
        let gateway = Arc::clone(self);
        let call = self
            .calls
            .spawn(async move { gateway.call(serving, id, post).await }.instrument(span));
        call.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a call ended in a panic");
            Reply::failure(STOPPED)
        })
    }

    /// Waits until calls whose senders have hung up have ended, too.
    pub async fn drained(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// One call, from the post to the answer, on record before it is answered.
    async fn call(self: &Arc<Self>, serving: Arc<Serving<Prepared>>, id: CallId, post: Post) -> Reply {
        let deadline = Instant::now() + Duration::from_millis(serving.settings.limits.deadline_ms);
        let log = self.runner.begin(&serving, id, None);
        // A large post takes some milliseconds to read, and before that nobody knows whether it has the tenant's key.
        let strangers = self.computing.strangers(&serving.settings.path.tenant);
        let admit = {
            let (gateway, serving, log) = (Arc::clone(self), Arc::clone(&serving), log.clone());
            async move { gateway.admit(&serving, &log, post) }
        };
        match strangers.share_and_give_way(admit).await {
            Ok((event, prepared)) => {
                let admitted = Admitted {
                    serving,
                    prepared,
                    event,
                    log,
                    deadline,
                };
                self.event(admitted).await
            }
            Err(Turned { verdict, sender }) => self.finish(&serving.settings, &log, sender, *verdict).await,
        }
    }

    /// Ends a call in which no module ran, and nothing was changed.
    async fn finish(&self, settings: &Settings, log: &CallLog, sender: Sender, verdict: Verdict) -> Reply {
        match self.keep(settings, log, sender, &verdict).await {
            true => verdict.reply,
            false => Reply::failure(NOT_RECORDED),
        }
    }

    /// Puts the end of a call on record in which no module ran. If there are too many of them it is left out, and what was
    /// posted is if too much has been written. False when it should be there and is not.
    async fn keep(&self, settings: &Settings, log: &CallLog, sender: Sender, verdict: &Verdict) -> bool {
        let Verdict {
            reply, outcome, detail, ..
        } = verdict;
        if !self.on_record.takes(&settings.path.tenant, sender) {
            return true;
        }
        if settings.written.is_used_up() {
            log.without_request();
        }
        tell(*outcome);
        let nothing = Usage::default();
        let finished = log.finish(Some(reply), *outcome, detail.as_deref(), &nothing);
        let trouble = match timeout(RECORD, finished).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not within {} s", RECORD.as_secs()),
        };
        tracing::error!(error = trouble, "the end of a call could not be recorded");
        false
    }

    /// Reads the post and checks whether its event may run: what comes back is what runs.
    fn admit(
        &self,
        serving: &Serving<Prepared>,
        log: &CallLog,
        post: Post,
    ) -> Result<(Arc<Event>, Arc<Prepared>), Turned> {
        let event = self.read(serving, log, post)?;
        // Only a test request needs no key.
        let sender = if event.is_some() {
            Sender::Known
        } else {
            Sender::Stranger
        };
        may_run(serving, event).map_err(Turned::of(sender))
    }

    /// Reads the post, and looks at its key. A test request has no event.
    fn read(&self, serving: &Serving<Prepared>, log: &CallLog, post: Post) -> Result<Option<Box<Event>>, Turned> {
        let stranger = Turned::of(Sender::Stranger);
        let body = post
            .body
            .map_err(|error| stranger(Verdict::refused(error.sentence(), error.to_string())))?;
        let request = decode::Request {
            method: &post.method,
            query: post.query.as_deref(),
            content_type: post.content_type.as_deref(),
            body: &body,
        };
        let received = decode::decode(request, self.config.decode)
            .map_err(|error| stranger(Verdict::refused(error.sentence(), error.to_string())))?;
        match received.kind {
            Kind::TestRequest => Ok(None),
            Kind::Order(event) => {
                log.identity(&event.service, &event.document);
                self.authenticate(serving, post.source, &received.api_keys)?;
                log.event(&event.service, &event.document);
                Ok(Some(event))
            }
            Kind::MissingService(document) => {
                log.identity("", &document);
                self.authenticate(serving, post.source, &received.api_keys)?;
                log.event("", &document);
                let verdict = Verdict::refused(MISSING_SERVICE, "the post has order data and no SERVICE");
                Err(Turned::of(Sender::Known)(verdict))
            }
        }
    }

    fn authenticate(
        &self,
        serving: &Serving<Prepared>,
        source: Option<IpAddr>,
        presented: &[Secret],
    ) -> Result<(), Turned> {
        let (tenant, keys) = (&serving.settings.path.tenant, &serving.settings.keys);
        let texts: Vec<&str> = presented.iter().map(Secret::expose).collect();
        let target = Target::Keys(tenant.clone());
        let judged = self.guard.judge(source, &target, &texts, |key| {
            keys.accept(&self.vault, key).then_some(())
        });
        let detail = match judged {
            Judged::Right(()) => return Ok(()),
            Judged::Refused(_) => {
                let verdict = Verdict::refused(TOO_MANY_KEYS, "too many wrong keys came from this address");
                return Err(Turned::of(Sender::Refused)(verdict));
            }
            Judged::Wrong if presented.is_empty() => "the post has no API key in APIAuth",
            Judged::Wrong => "the API key in APIAuth is none of the tenant's TeleCloud keys",
        };
        Err(Turned::of(Sender::Stranger)(Verdict::refused(WRONG_KEY, detail)))
    }
}

/// Whether the module takes this event now. None is a test request.
fn may_run(serving: &Serving<Prepared>, event: Option<Box<Event>>) -> Result<(Arc<Event>, Arc<Prepared>), Verdict> {
    if serving.settings.status == ModuleStatus::Suspended {
        return Err(Verdict::refused(SUSPENDED, "the module is suspended"));
    }
    let version = serving.version.as_ref().map_err(|why| match why {
        NotServing::NoVersion => Verdict::refused(NO_VERSION, why.to_string()),
        NotServing::Preparing => Verdict::refused(BUSY, why.to_string()),
    })?;
    let event = event.ok_or_else(Verdict::test_passed)?;
    if holds_placeholder(event.document.tree()) {
        return Err(Verdict::refused(
            PLACEHOLDER,
            "a posted field holds the placeholder of a secret",
        ));
    }
    Ok((Arc::from(event), Arc::clone(&version.prepared)))
}

/// Logs how a call ended, the louder the more it wants somebody to look. Ordinary ends are in the record, with everything that
/// was said; a line for each would cost more than running its module. Details are in the record only: they quote what a
/// module or a carrier said, and there they are masked.
fn tell(outcome: Outcome) {
    match outcome {
        Outcome::Done | Outcome::Pending | Outcome::Rejected | Outcome::Repeated | Outcome::Running => {
            tracing::debug!(%outcome, "call ended")
        }
        Outcome::Unreachable | Outcome::Refused => tracing::info!(%outcome, "call ended"),
        Outcome::Unknown | Outcome::Faulted => tracing::warn!(%outcome, "call ended"),
    }
}

/// Whether any text has a secret's placeholder in it. A module copies such texts into its requests, and the door would put
/// the secret where the sender wanted it.
fn holds_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => secrets::mentions(text.as_bytes()),
        Value::Array(items) => items.iter().any(holds_placeholder),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| secrets::mentions(name.as_bytes()) || holds_placeholder(value)),
        _ => false,
    }
}
