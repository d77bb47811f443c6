//! The gateway as one running thing: opened, served, drained.

mod files;

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api};
use crate::batches::{self, Batches};
use crate::config::{Config, INSIDE};
use crate::domain::trail::{Actor, Deed, Signature, Verb};
use crate::egress::{self, Door};
use crate::gateway::Gateway;
use crate::guessing::{Episode, Guard};
use crate::jobs::{Jobs, Worker};
use crate::journal::Journal;
use crate::orders::Orders;
use crate::registration::Registrar;
use crate::registry::Registry;
use crate::registry::admin_token::AdminToken;
use crate::runner::Runner;
use crate::sandbox::{Pool, Sandbox};
use crate::storage::Stores;
use crate::trail::{Book, Trail};
use crate::{keyring, public, server};

/// A gateway that serves.
pub struct App {
    public: Listener,
    admin: Listener,
    gateway: Arc<Gateway>,
    preparing: JoinHandle<()>,
    jobs_stop: CancellationToken,
    jobs_end: JoinHandle<()>,
    batches_end: JoinHandle<()>,
    trail: Arc<Trail>,
    drain: Duration,
}

/// A listener that serves, and the way to end it.
struct Listener {
    address: SocketAddr,
    /// Until when requests under way may go on; none as long as it serves.
    stop: watch::Sender<Option<Instant>>,
    serving: JoinHandle<usize>,
}

/// Why the gateway does not start: what was being done, and what went wrong.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {cause}")]
pub struct StartError {
    doing: String,
    cause: Box<dyn std::error::Error + Send + Sync>,
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(doing: impl Into<String>) -> impl FnOnce(E) -> StartError {
    let doing = doing.into();
    |cause| StartError {
        doing,
        cause: cause.into(),
    }
}

impl App {
    /// Opens everything, then listens. Once this returns, both listeners serve.
    ///
    /// Before any key is read from the data or the key file it calls `close_memory`: nothing that belongs to the process's
    /// owner is opened below `/proc/self` afterwards.
    ///
    /// # Errors
    /// When there cannot be as many connections as are set, the data directory is in use or damaged, the key does not fit, or
    /// an address cannot be listened on.
    pub async fn start(config: Config, close_memory: impl FnOnce()) -> Result<Self, StartError> {
        files::raise(config.server.connections, config.sandbox.concurrent_calls).map_err(failed("connections"))?;
        make_folder(&config.data_dir).map_err(failed(format!("data_dir {}", config.data_dir.display())))?;
        if config.root_key.is_inside(&config.data_dir) {
            return Err(failed(config.root_key.to_string())(INSIDE));
        }
        let stores = Stores::open(&config.data_dir).map_err(failed("data_dir"))?;
        let pool = Pool::reserve(&config.sandbox).map_err(failed("sandbox"))?;
        close_memory();
        let vault = keyring::open(&*stores.documents, &config.root_key).await;
        let vault = Arc::new(vault.map_err(failed("keys"))?);
        let admin_token = config.admin_token.as_ref();
        let token = AdminToken::establish(&*stores.documents, &vault, admin_token, &config.admin_token_file).await;
        let token = token.map_err(failed("admin token"))?;
        if let Some(path) = &token.written {
            tracing::info!(file = %path.display(), "the platform admin's token was made; keep it and remove the file");
        }
        let sandbox = Sandbox::in_pool(pool, &config.sandbox, Arc::clone(&vault));
        let sandbox = Arc::new(sandbox.map_err(failed("sandbox"))?);
        let journal = Journal::new(Arc::clone(&stores.log));
        let orders = Orders::new(Arc::clone(&stores.documents), Arc::clone(&vault));
        let loaded = Registry::load(stores.clone(), Arc::clone(&vault), Arc::clone(&sandbox), &token).await;
        let (registry, modules) = loaded.map_err(failed("data_dir"))?;
        let trail = Arc::clone(registry.trail());
        let origin = match (&token.written, admin_token) {
            (Some(_), _) => "made",
            (None, Some(_)) => "given",
            (None, None) => "kept",
        };
        let told = json!({"version": env!("CARGO_PKG_VERSION"), "admin_token": origin});
        note(&trail, Deed::new(Verb::Start, "gateway").after(&told)).await;

        let registry = Arc::new(registry);
        let preparing = prepare(&registry).await;
        let (public, public_address) = listen("public_listen", config.public_listen).await?;
        let (admin, admin_address) = listen("admin_listen", config.admin_listen).await?;
        let own_listeners = vec![public_address, admin_address];
        let door = Arc::new(Door::new(egress::Config {
            own_listeners,
            networks: registry.named_networks(),
            roots: config.tls_roots,
            ..egress::Config::default()
        }));
        let registrar = Registrar::new(Arc::clone(&registry), journal.clone(), Arc::clone(&door));
        let runner = Arc::new(Runner::new(journal.clone(), sandbox, door));
        let tenants: Vec<_> = registry.tenants().into_iter().map(|tenant| tenant.name).collect();
        let documents = Arc::clone(&stores.documents);
        let jobs = Jobs::open(stores, Arc::clone(&vault), orders.clone(), &tenants).await;
        let jobs = jobs.map_err(failed("data_dir"))?;
        tracing::info!(open = jobs.len(), "jobs");
        let batches = Batches::open(
            documents,
            Arc::clone(&vault),
            Arc::clone(&registry),
            orders.clone(),
            Arc::clone(&runner),
            Arc::clone(&modules),
        );
        let batches = batches.await.map_err(failed("data_dir"))?;
        let worker = Worker::new(Arc::clone(&jobs), Arc::clone(&runner), Arc::clone(&modules));
        let guard = Arc::new(Guard::new(Arc::clone(&vault), config.proxies, guessed_on(&trail)));
        let gateway = Gateway::new(
            config.gateway,
            modules,
            vault,
            Arc::clone(&guard),
            runner,
            Arc::clone(&jobs),
            Arc::clone(&worker),
        );
        let gateway = Arc::new(gateway);

        let routes = public::router(Arc::clone(&gateway), Arc::clone(&guard), config.public);
        let public = Listener::serve(public, public_address, routes, config.server.clone());
        let api = Api {
            registry,
            journal,
            jobs,
            orders,
            registrar: Arc::new(registrar),
            batches: Arc::clone(&batches),
            guard,
            changes: Arc::default(),
            passwords: Arc::<Gateway>::clone(&gateway),
        };
        let routes = api::router(api, config.upload_bytes);
        let routes = health(public.stop.subscribe()).merge(routes);
        let admin = Listener::serve(admin, admin_address, routes, config.server);
        let jobs_stop = CancellationToken::new();
        let jobs_end = tokio::spawn(worker.run(jobs_stop.clone()));
        let batches_end = tokio::spawn(batches::Worker::new(batches).run(jobs_stop.clone()));
        tracing::info!(public = %public_address, admin = %admin_address, "listening");
        Ok(Self {
            public,
            admin,
            gateway,
            preparing,
            jobs_stop,
            jobs_end,
            batches_end,
            trail,
            drain: config.drain,
        })
    }

    /// Where TeleCloud posts to.
    #[must_use]
    pub fn public(&self) -> SocketAddr {
        self.public.address
    }

    /// Where the admin API is served.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin.address
    }

    /// Takes no more, lets what is under way end within the drain time, and cuts off the rest. The admin listener ends
    /// last: it says meanwhile that the gateway is not ready.
    pub async fn stop(self) {
        let end = Instant::now() + self.drain;
        self.preparing.abort();
        note(&self.trail, Deed::new(Verb::Stop, "gateway")).await;
        self.public.end(end).await;
        // Each call has a deadline of its own, and most have ended with their connections.
        if tokio::time::timeout(LAST_CALLS, self.gateway.drained()).await.is_err() {
            tracing::warn!("calls were still under way at the end; the next start finds out what became of them");
        }
        self.jobs_stop.cancel();
        // Each has a deadline of its own, and what is cut off goes on at the next start.
        let ended = async { (self.jobs_end.await, self.batches_end.await) };
        if tokio::time::timeout(LAST_CALLS, ended).await.is_err() {
            tracing::warn!("jobs or batches were still under way at the end; they go on at the next start");
        }
        self.admin.end(end.max(Instant::now() + LAST_REQUESTS)).await;
    }
}

/// For calls whose connection is gone already.
const LAST_CALLS: Duration = Duration::from_secs(2);

/// For requests to the admin listener when draining calls has used up the time.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

impl Listener {
    fn serve(listener: TcpListener, address: SocketAddr, routes: Router, limits: server::Limits) -> Self {
        let (stop, stopping) = watch::channel(None);
        Self {
            address,
            stop,
            serving: tokio::spawn(server::serve(listener, routes, limits, stopping)),
        }
    }

    async fn end(self, by: Instant) {
        self.stop.send_replace(Some(by));
        match self.serving.await {
            Ok(0) => {}
            Ok(cut) => {
                tracing::warn!(address = %self.address, cut, "connections were cut off when the drain time was over");
            }
            Err(error) => tracing::error!(%error, "a listener ended in a panic"),
        }
    }
}

/// How long a start waits for machine code that was not there. What takes longer is made while the gateway serves.
const PREPARED_WITHIN: Duration = Duration::from_secs(10);

async fn prepare(registry: &Arc<Registry>) -> JoinHandle<()> {
    let registry = Arc::clone(registry);
    let mut preparing = tokio::spawn(async move { registry.prepare().await });
    match tokio::time::timeout(PREPARED_WITHIN, &mut preparing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "preparing modules ended in a panic"),
        Err(_) => {
            tracing::info!("modules are still being prepared: until they are, their events are answered with busy")
        }
    }
    preparing
}

/// Writes what the gateway does itself. It is no change, so it is done also when the store takes nothing at the moment.
async fn note(trail: &Trail, deed: Deed) {
    let verb = deed.verb;
    if let Err(error) = trail.note(&Book::Platform, &Signature::gateway(), deed).await {
        tracing::error!(%error, "the {verb} of the gateway could not be written into its trail");
    }
}

/// Says and writes down that a source is refused from now on. It is called by whoever answers the source's last try.
fn guessed_on(trail: &Arc<Trail>) -> impl Fn(&Episode) + Send + Sync + 'static {
    let trail = Arc::clone(trail);
    move |episode| {
        guessed(episode);
        let Episode {
            target, tries, untold, ..
        } = episode;
        let told = json!({"tried": target.to_string(), "tries": tries, "untold": untold});
        let deed = Deed::new(Verb::Refuse, target.route()).after(&told);
        let by = Signature {
            actor: Actor::Stranger {},
            from: episode.source,
        };
        let trail = Arc::clone(&trail);
        tokio::spawn(async move {
            if let Err(error) = trail.note(&Book::Platform, &by, deed).await {
                tracing::error!(%error, "guessing could not be written into the trail");
            }
        });
    }
}

/// Says that a source was refused, once for each time that it begins.
fn guessed(episode: &Episode) {
    let Episode {
        target,
        source,
        tries,
        untold,
    } = episode;
    match source {
        Some(source) => tracing::warn!(%target, %source, tries, untold, "too many wrong ones: this source has to wait"),
        None => tracing::warn!(
            %target,
            tries,
            untold,
            "too many wrong ones, and the proxy does not say from where: set X-Forwarded-For there, or they cannot be refused"
        ),
    }
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

async fn listen(key: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(failed(format!("{key} {address}")))?;
    // With port 0 the system has chosen one.
    let address = listener.local_addr().map_err(failed(key))?;
    Ok((listener, address))
}

/// Whether the process lives, and whether it takes calls.
fn health(stopping: watch::Receiver<Option<Instant>>) -> Router {
    let ready = |State(stopping): State<watch::Receiver<Option<Instant>>>| async move {
        match *stopping.borrow() {
            None => (StatusCode::OK, "ready\n"),
            Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        }
    };
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(stopping)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test dials the gateway itself")]
mod tests;
