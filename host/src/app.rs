//! The gateway as one running thing: opened, served, drained.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::egress::{self, Door};
use crate::gateway::Gateway;
use crate::journal::Journal;
use crate::registry::admin_token::AdminToken;
use crate::registry::{Registry, root_key};
use crate::sandbox::Sandbox;
use crate::storage::Stores;
use crate::vault::Vault;
use crate::{api, public, server};

/// A gateway that serves.
pub struct App {
    public: SocketAddr,
    admin: SocketAddr,
    gateway: Arc<Gateway>,
    stop: watch::Sender<bool>,
    listeners: [JoinHandle<usize>; 2],
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
    /// # Errors
    /// When the data directory is in use or damaged, the key does not fit, or an address cannot be listened on.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        make_folder(&config.data_dir).map_err(failed(format!("data_dir {}", config.data_dir.display())))?;
        let vault = Arc::new(Vault::open(&config.key_file).map_err(failed("key_file"))?);
        let stores = Stores::open(&config.data_dir).map_err(failed("data_dir"))?;
        let key = root_key::check(&*stores.documents, &vault).await;
        key.map_err(failed(format!("key_file {}", config.key_file.display())))?;
        let admin_token = config.admin_token.as_ref();
        let token = AdminToken::establish(&*stores.documents, &vault, admin_token, &config.data_dir).await;
        let token = token.map_err(failed("admin token"))?;
        if let Some(path) = &token.written {
            tracing::info!(file = %path.display(), "the platform admin's token was made; keep it and remove the file");
        }
        let sandbox = Arc::new(Sandbox::new(&config.sandbox, Arc::clone(&vault)).map_err(failed("sandbox"))?);
        let journal = Journal::new(Arc::clone(&stores.log));
        let loaded = Registry::load(stores, Arc::clone(&vault), Arc::clone(&sandbox), &token).await;
        let (registry, modules) = loaded.map_err(failed("data_dir"))?;

        let (public, public_address) = listen("public_listen", config.public_listen).await?;
        let (admin, admin_address) = listen("admin_listen", config.admin_listen).await?;
        let own_listeners = vec![public_address, admin_address];
        let door = Arc::new(Door::new(egress::Config {
            own_listeners,
            ..egress::Config::default()
        }));
        let gateway = Arc::new(Gateway::new(
            config.gateway,
            modules,
            vault,
            journal.clone(),
            sandbox,
            door,
        ));

        let (stop, stopping) = watch::channel(false);
        let public_routes = public::router(Arc::clone(&gateway), config.public);
        let admin_routes =
            health(stopping.clone()).merge(api::router(Arc::new(registry), journal, config.upload_bytes));
        let listeners = [
            tokio::spawn(server::serve(
                public,
                public_routes,
                config.server.clone(),
                stopping.clone(),
            )),
            tokio::spawn(server::serve(admin, admin_routes, config.server, stopping)),
        ];
        tracing::info!(public = %public_address, admin = %admin_address, "listening");
        Ok(Self {
            public: public_address,
            admin: admin_address,
            gateway,
            stop,
            listeners,
        })
    }

    /// Where TeleCloud posts to.
    #[must_use]
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// Where the admin API is served.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Takes no more, lets what is under way end within the drain time, and cuts off the rest.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for listener in self.listeners {
            match listener.await {
                Ok(0) => {}
                Ok(cut) => tracing::warn!(cut, "connections were cut off when the drain time was over"),
                Err(error) => tracing::error!(%error, "a listener ended in a panic"),
            }
        }
        // Each call has a deadline of its own, and most have ended with their connections.
        if tokio::time::timeout(LAST_CALLS, self.gateway.drained()).await.is_err() {
            tracing::warn!("calls were still under way at the end; they are on record as running");
        }
    }
}

/// For calls whose connection is gone already.
const LAST_CALLS: std::time::Duration = std::time::Duration::from_secs(2);

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
fn health(stopping: watch::Receiver<bool>) -> Router {
    let ready = |State(stopping): State<watch::Receiver<bool>>| async move {
        match *stopping.borrow() {
            false => (StatusCode::OK, "ready\n"),
            true => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        }
    };
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(stopping)
}
