//! The real gateway as a process of its own.

mod admin;
mod deployment;

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use patchbay::sandbox::{CompileLimits, Compiler};
use serde_json::Value;
use tempfile::TempDir;

pub use self::admin::{Admin, Answer};
pub use self::deployment::{Deployment, loopback};
use crate::power::PowerLoss;
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

/// The program's own compiler, for tests that have a sandbox to themselves.
///
/// # Errors
/// When the program is not there, with the command that builds it.
pub fn compiler() -> anyhow::Result<Compiler> {
    Ok(Compiler {
        program: program()?,
        limits: CompileLimits {
            cpu_seconds: 60,
            memory_bytes: 2 << 30,
            unconfined: false,
        },
    })
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
        Self::launch(folder, arguments, Some(ADMIN_TOKEN), Vec::new())
    }

    /// Starts a gateway on free ports with an empty data directory, which looks names up as `tests/names` has it.
    ///
    /// # Errors
    /// When it does not start, with its log, or that library is not built.
    pub fn start_with_names() -> anyhow::Result<Self> {
        let library = program()?.with_file_name("libpatchbay_names.so");
        ensure!(
            library.is_file(),
            "the names are not built: run `cargo build --workspace` first"
        );
        let envs = vec![("LD_PRELOAD", library.into())];
        Self::launch(Arc::new(tempfile::tempdir()?), &[], Some(ADMIN_TOKEN), envs)
    }

    /// Starts a gateway on free ports in a folder, recording what a power failure would leave of it.
    ///
    /// # Errors
    /// When it does not start, with its log.
    pub fn start_recorded(folder: Arc<TempDir>, power: &PowerLoss) -> anyhow::Result<Self> {
        Self::launch(folder, &[], Some(ADMIN_TOKEN), power.envs()?.into())
    }

    /// Starts a gateway that nobody gives an admin token: it makes one and leaves it in a file.
    ///
    /// # Errors
    /// When it does not start, with its log, or the file is not there.
    pub fn start_without_token(folder: Arc<TempDir>) -> anyhow::Result<Self> {
        Self::launch(folder, &[], None, Vec::new())
    }

    fn launch(
        folder: Arc<TempDir>,
        arguments: &[&str],
        token: Option<&str>,
        envs: Vec<(&str, OsString)>,
    ) -> anyhow::Result<Self> {
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
            .envs(envs)
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
            let made = std::fs::read_to_string(data.with_extension("admin-token"))?;
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
