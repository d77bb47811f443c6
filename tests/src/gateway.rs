//! The real gateway as a process of its own, and its admin API as an operator uses it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::telecloud::client;

/// For a debug build on a busy machine to open its files and listen.
const START: Duration = Duration::from_secs(60);

/// The platform admin's token in tests.
pub const ADMIN_TOKEN: &str = "test-admin-token-of-enough-characters";

/// A gateway process. Dropping it kills it.
pub struct Gateway {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    public: String,
    admin: Admin,
    folder: Arc<TempDir>,
}

/// The program that the workspace has built, next to the one that is running.
///
/// # Errors
/// When it is not there, with the command that builds it.
pub fn program() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let found = here
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("patchbay"))
        .find(|path| path.is_file());
    found.context("the gateway is not built: run `cargo build --workspace` first")
}

/// A component that `cargo xtask guests` has built.
///
/// # Errors
/// When it is not there, with the command that builds it.
pub fn guest(name: &str) -> anyhow::Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    let path = root.join(format!("{name}.wasm"));
    std::fs::read(&path).with_context(|| format!("the guest {name} is not built: run `cargo xtask guests` first"))
}

impl Gateway {
    /// Starts a gateway on free ports with an empty data directory.
    ///
    /// # Errors
    /// When it does not start, with its log.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_in(Arc::new(tempfile::tempdir()?), &[])
    }

    /// Starts a gateway on free ports in a folder, with more arguments for `serve`.
    ///
    /// # Errors
    /// When it does not start, with its log.
    pub fn start_in(folder: Arc<TempDir>, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::launch(folder, arguments, Some(ADMIN_TOKEN))
    }

    /// Starts a gateway that nobody gives an admin token: it makes one and leaves it in a file.
    ///
    /// # Errors
    /// When it does not start, with its log, or the file is not there.
    pub fn start_without_token(folder: Arc<TempDir>) -> anyhow::Result<Self> {
        Self::launch(folder, &[], None)
    }

    fn launch(folder: Arc<TempDir>, arguments: &[&str], token: Option<&str>) -> anyhow::Result<Self> {
        let data = folder.path().join("data");
        let mut child = Command::new(program()?)
            .args([
                "serve",
                "--public-listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                "--log-format",
                "json",
            ])
            .arg("--data-dir")
            .arg(&data)
            .args(arguments)
            .envs(token.map(|token| ("PATCHBAY_ADMIN_TOKEN", token)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let (addresses, listening) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().context("stderr is piped")?).lines();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                if entry["message"] == "listening" {
                    let _ = addresses.send((entry["public"].clone(), entry["admin"].clone()));
                }
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let Ok((Value::String(public), Value::String(admin))) = listening.recv_timeout(START) else {
            let _ = child.kill();
            let status = child.wait()?;
            let log = log.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
            bail!("the gateway did not start ({status}):\n{log}");
        };
        let mut gateway = Self {
            child,
            log,
            public: format!("http://{public}"),
            admin: Admin::new(format!("http://{admin}"), token.unwrap_or_default(), client()?),
            folder,
        };
        if token.is_none() {
            let made = std::fs::read_to_string(data.join("admin-token"))?;
            gateway.admin = gateway.admin.with_token(made.trim());
        }
        Ok(gateway)
    }

    /// The URL of a module.
    #[must_use]
    pub fn url(&self, tenant: &str, module: &str) -> String {
        format!("{}/m/{tenant}/{module}", self.public)
    }

    /// Where the public listener is, without a path.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The admin API with the platform admin's token.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The folder that holds the data directory and the key.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far, a JSON object a line.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Kills the process with SIGKILL, right now, and hands back its folder.
    ///
    /// # Errors
    /// When there is no process any more.
    pub fn kill(mut self) -> anyhow::Result<Arc<TempDir>> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(Arc::clone(&self.folder))
    }

    /// Sends a signal by its name, such as `TERM`.
    ///
    /// # Errors
    /// When there is no process any more.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            bail!("no process to signal")
        }
    }

    /// Waits for the process to end by itself, and gives its exit code.
    ///
    /// # Errors
    /// When it was ended by a signal.
    pub fn wait(mut self) -> anyhow::Result<i32> {
        self.child.wait()?.code().context("it was ended by a signal")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of the admin API.
#[derive(Clone)]
pub struct Admin {
    base: String,
    token: String,
    client: reqwest::Client,
}

/// An answer of the admin API.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// The body; null when there is none.
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// For any other status, with the problem document.
    pub fn ok(self) -> anyhow::Result<Value> {
        if self.status.is_success() {
            Ok(self.body)
        } else {
            bail!("{}: {}", self.status, self.body)
        }
    }
}

impl Admin {
    /// A client with a bearer token.
    #[must_use]
    pub fn new(base: String, token: &str, client: reqwest::Client) -> Self {
        Self {
            base,
            token: token.to_owned(),
            client,
        }
    }

    /// The same API with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// Where it is, without a path.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends one request with a JSON body, if any.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        Self::answer(request).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let response = request.send().await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)?
        };
        Ok(Answer { status, body })
    }

    /// GET, which has to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await?.ok()
    }

    /// PUT, which has to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn put(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, path, Some(&body)).await?.ok()
    }

    /// POST, which has to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(&body)).await?.ok()
    }

    /// DELETE, which has to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, path, None).await?.ok().map(drop)
    }

    /// Uploads a component.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON.
    pub async fn upload(&self, tenant: &str, module: &str, component: Vec<u8>) -> anyhow::Result<Answer> {
        let url = format!("{}/v1/tenants/{tenant}/modules/{module}/versions", self.base);
        let request = self
            .client
            .post(url)
            .bearer_auth(&self.token)
            .header("content-type", "application/wasm");
        Self::answer(request.body(component)).await
    }

    /// Makes a module that serves: the tenant with the TeleCloud key `key_good`, the module, its settings, grants, secrets
    /// and component. Each of these may be there already.
    ///
    /// # Errors
    /// When any of it is refused.
    pub async fn deploy(&self, tenant: &str, module: &str, deployment: Deployment) -> anyhow::Result<()> {
        let at = format!("/v1/tenants/{tenant}");
        self.put(&at, json!({ "title": tenant })).await?;
        let keys = self.get(&format!("{at}/telecloud-keys")).await?;
        if keys["items"].as_array().is_none_or(Vec::is_empty) {
            self.post(
                &format!("{at}/telecloud-keys"),
                json!({ "label": "test", "key": "key_good" }),
            )
            .await?;
        }
        let at = format!("{at}/modules/{module}");
        self.put(&at, json!({ "title": module, "limits": deployment.limits }))
            .await?;
        self.put(&format!("{at}/config"), deployment.config).await?;
        self.put(&format!("{at}/grants"), deployment.grants).await?;
        for (name, value) in deployment.secrets {
            self.put(&format!("{at}/secrets/{name}"), json!({ "value": value }))
                .await?;
        }
        let version = self.upload(tenant, module, deployment.component).await?.ok()?;
        self.put(&format!("{at}/active"), json!({ "version": version["number"] }))
            .await?;
        Ok(())
    }

    /// The newest call of a tenant, whole.
    ///
    /// # Errors
    /// When there is none.
    pub async fn newest_call(&self, tenant: &str) -> anyhow::Result<Value> {
        let listed = self.get(&format!("/v1/tenants/{tenant}/calls?limit=1")).await?;
        let id = listed["items"][0]["id"]
            .as_str()
            .context("no call is recorded")?
            .to_owned();
        self.get(&format!("/v1/tenants/{tenant}/calls/{id}")).await
    }
}

/// What a module is set up with.
pub struct Deployment {
    /// The component.
    pub component: Vec<u8>,
    /// Its settings: an object of texts.
    pub config: Value,
    /// Its grants: a list.
    pub grants: Value,
    /// Its secrets by name.
    pub secrets: Vec<(String, String)>,
    /// Its limits; those not named are the default.
    pub limits: Value,
}

impl Deployment {
    /// A component with nothing set and nothing granted.
    #[must_use]
    pub fn of(component: Vec<u8>) -> Self {
        Self {
            component,
            config: json!({}),
            grants: json!([]),
            secrets: Vec::new(),
            limits: json!({}),
        }
    }

    /// The sample activation module against a carrier at `base`, with everything it needs.
    ///
    /// # Errors
    /// When the example is not built.
    pub fn sim_activation(base: &str, token: &str) -> anyhow::Result<Self> {
        let port: u16 = base.rsplit(':').next().context("no port")?.parse()?;
        let grant = |name: &str, methods: Value, paths: Value| {
            json!({
                "name": name, "scheme": "http", "host": "127.0.0.1", "port": port, "methods": methods, "paths": paths,
                "secrets": ["carrier-token"], "private_network": true, "timeout_ms": 15_000,
            })
        };
        Ok(Self {
            config: json!({
                "carrier_url": base,
                "plan.VZW-15GB-UNLTT": "unlimited-15",
                "plan.DATA-1GB": "data-1",
            }),
            grants: json!([
                grant("orders", json!(["POST"]), json!(["/v1/activations", "/v1/port-ins"])),
                grant(
                    "lines",
                    json!(["GET", "PUT", "POST", "DELETE"]),
                    json!(["/v1/lines/**"])
                ),
            ]),
            secrets: vec![("carrier-token".to_owned(), token.to_owned())],
            ..Self::of(guest("sim-activation")?)
        })
    }
}
