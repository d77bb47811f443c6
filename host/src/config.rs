//! How the gateway is set up: flags, `PATCHBAY_*` variables, a file, defaults; in this order, the first that speaks wins.
//!
//! Everything is checked here, once, before anything starts. Each area has its own settings; this composes them.

mod file;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;

use self::file::read;
use crate::domain::secret::Secret;
use crate::egress::Roots;
use crate::guessing::Proxies;
use crate::sandbox::{CompileLimits, Compiler};
use crate::telecloud::decode::DecodeLimits;
use crate::vault::{KeySource, RootKey};
use crate::{gateway, public, sandbox, server};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// What can be set. A flag `--data-dir` is the variable `PATCHBAY_DATA_DIR` and the file's key `data_dir`.
#[derive(Debug, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// TOML file with any of the settings below, under their names with underscores
    #[arg(long, env = "PATCHBAY_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Folder for everything that is kept [default: patchbay-data]
    #[arg(long, env = "PATCHBAY_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// File with the root key, without which the data cannot be read; made at the first start; keep it and back it up
    /// apart from the data. Or set PATCHBAY_KEY to 64 hexadecimal digits [default: the data folder's name with .key]
    #[arg(long, env = "PATCHBAY_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Where TeleCloud posts to; put a TLS proxy in front of it [default: 127.0.0.1:8080]
    #[arg(long, env = "PATCHBAY_PUBLIC_LISTEN", value_name = "ADDRESS:PORT")]
    pub public_listen: Option<SocketAddr>,
    /// Where the admin API is served; never the public address [default: 127.0.0.1:8081]
    #[arg(long, env = "PATCHBAY_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<SocketAddr>,
    /// Addresses of the proxies whose X-Forwarded-For says where a request comes from [default: those on this machine]
    #[arg(
        long,
        env = "PATCHBAY_TRUSTED_PROXIES",
        value_name = "ADDRESS,…",
        value_delimiter = ','
    )]
    pub trusted_proxies: Option<Vec<IpAddr>>,
    /// What is logged, as in RUST_LOG: a level, or targets with levels [default: info]
    #[arg(long, env = "PATCHBAY_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How log lines look [default: text]
    #[arg(long, env = "PATCHBAY_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Calls that run at once; more wait for their turn until their deadline [default: 64]
    #[arg(long, env = "PATCHBAY_CONCURRENT_CALLS", value_name = "COUNT")]
    pub concurrent_calls: Option<u32>,
    /// Connections at once to each listener [default: 1024]
    #[arg(long, env = "PATCHBAY_CONNECTIONS", value_name = "COUNT")]
    pub connections: Option<usize>,
    /// Largest body that TeleCloud may post, in bytes [default: 1048576]
    #[arg(long, env = "PATCHBAY_BODY_BYTES", value_name = "BYTES")]
    pub body_bytes: Option<usize>,
    /// Most names and list positions that lead to a field of what TeleCloud posts [default: 16]
    #[arg(long, env = "PATCHBAY_NESTING_MAX", value_name = "COUNT")]
    pub nesting_max: Option<u8>,
    /// Most fields in what TeleCloud posts at once [default: 2000]
    #[arg(long, env = "PATCHBAY_FIELDS_MAX", value_name = "COUNT")]
    pub fields_max: Option<usize>,
    /// Largest component that may be uploaded, in bytes [default: 67108864]
    #[arg(long, env = "PATCHBAY_UPLOAD_BYTES", value_name = "BYTES")]
    pub upload_bytes: Option<usize>,
    /// Seconds of computing that compiling one component may take [default: 60]
    #[arg(long, env = "PATCHBAY_COMPILE_CPU_SECONDS", value_name = "SECONDS")]
    pub compile_cpu_seconds: Option<u64>,
    /// Memory that compiling one component may take, in bytes of address space [default: 2147483648]
    #[arg(long, env = "PATCHBAY_COMPILE_MEMORY_BYTES", value_name = "BYTES")]
    pub compile_memory_bytes: Option<u64>,
    /// Compile uploads also where the kernel cannot keep the compiler from files and sockets: true or false [default: false]
    #[arg(long, env = "PATCHBAY_COMPILE_UNCONFINED", value_name = "BOOL")]
    pub compile_unconfined: Option<bool>,
    /// Whose authorities carriers' certificates are checked by, unless a grant has its own: the machine's, or those that
    /// Mozilla trusts [default: system]
    #[arg(long, env = "PATCHBAY_TLS_ROOTS", value_name = "ROOTS")]
    pub tls_roots: Option<Roots>,
    /// Seconds that calls under way may take after SIGTERM [default: 25]
    #[arg(long, env = "PATCHBAY_DRAIN_SECONDS", value_name = "SECONDS")]
    pub drain_seconds: Option<u64>,
}

/// Variables that are no settings of the gateway but are read by it or by its command line.
const OTHER_VARIABLES: [&str; 4] = [ADMIN_TOKEN, KEY, "PATCHBAY_URL", "PATCHBAY_TOKEN"];

/// Has the platform admin's token.
const ADMIN_TOKEN: &str = "PATCHBAY_ADMIN_TOKEN";

/// Has the root key.
pub const KEY: &str = "PATCHBAY_KEY";

/// Why a key file is refused that is in the data directory.
pub const INSIDE: &str = "it must be outside of data_dir, or a copy of the data would hold its own key";

/// Components that honest toolchains make are up to 25 MB.
const UPLOAD_BYTES: usize = 64 << 20;

/// JavaScript and Python components take some 14 s and 350 MB; two are compiled at once.
const COMPILE: CompileLimits = CompileLimits {
    cpu_seconds: 60,
    memory_bytes: 2 << 30,
    unconfined: false,
};

/// A pool slot reserves address space and takes memory once it was used; 64 calls at once are some 1,000 a second where a
/// carrier answers in 60 ms.
const CONCURRENT_CALLS: u32 = 64;

/// Longer than a module's default deadline, and shorter than the 30 s that supervisors commonly grant.
const DRAIN: Duration = Duration::from_secs(25);

/// Everything, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder for everything that is kept.
    pub data_dir: PathBuf,
    /// Where the root key is.
    pub root_key: KeySource,
    /// Where TeleCloud posts to.
    pub public_listen: SocketAddr,
    /// Where the admin API is served.
    pub admin_listen: SocketAddr,
    /// The proxies whose word is taken for where a request comes from.
    pub proxies: Proxies,
    /// Filter of log lines.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Bounds of both listeners.
    pub server: server::Limits,
    /// How long requests under way may take once the gateway is told to stop.
    pub drain: Duration,
    /// Bounds on how TeleCloud posts.
    pub public: public::Limits,
    /// Bounds on what TeleCloud posts.
    pub gateway: gateway::Config,
    /// Largest component that may be uploaded, in bytes.
    pub upload_bytes: usize,
    /// Whose authorities carriers' certificates are checked by.
    pub tls_roots: Roots,
    /// The sandbox's own settings.
    pub sandbox: sandbox::Config,
    /// The platform admin's token, when the environment sets it.
    pub admin_token: Option<Secret>,
    /// Where the token is left for the operator that is made when none is set.
    pub admin_token_file: PathBuf,
}

/// What is wrong with a setting, by its key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("config: {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a key that is none or a value that does not fit.
    #[error("config: {path}: {message}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What the parser said, with the line and the key.
        message: String,
    },
    /// A value is out of range or does not go with another.
    #[error("{key}: {why}")]
    Value {
        /// The key as in the file.
        key: &'static str,
        /// What is right.
        why: String,
    },
    /// A variable that looks like a setting and is none.
    #[error("{variable}: there is no such setting; `patchbay serve --help` lists them")]
    Variable {
        /// Its name.
        variable: String,
    },
}

impl Settings {
    /// Completes the flags and variables from the file and the defaults, and checks everything.
    ///
    /// `environment` has the process's variables.
    ///
    /// # Errors
    /// The first thing that is wrong, by its key.
    pub fn resolve(self, environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let (mut admin_token, mut root_key) = (None, None);
        for (variable, value) in environment {
            if variable == ADMIN_TOKEN {
                admin_token = Some(Secret::new(value));
            } else if variable == KEY {
                root_key = Some(Secret::new(value));
            } else if variable.starts_with("PATCHBAY_") && !is_known(&variable) {
                return Err(ConfigError::Variable { variable });
            }
        }
        let file = self.config.as_deref().map(read).transpose()?.unwrap_or_default();
        self.or(file).check(admin_token, root_key)
    }

    fn or(self, other: Self) -> Self {
        Self {
            config: self.config,
            data_dir: self.data_dir.or(other.data_dir),
            key_file: self.key_file.or(other.key_file),
            public_listen: self.public_listen.or(other.public_listen),
            admin_listen: self.admin_listen.or(other.admin_listen),
            trusted_proxies: self.trusted_proxies.or(other.trusted_proxies),
            log: self.log.or(other.log),
            log_format: self.log_format.or(other.log_format),
            concurrent_calls: self.concurrent_calls.or(other.concurrent_calls),
            connections: self.connections.or(other.connections),
            body_bytes: self.body_bytes.or(other.body_bytes),
            nesting_max: self.nesting_max.or(other.nesting_max),
            fields_max: self.fields_max.or(other.fields_max),
            upload_bytes: self.upload_bytes.or(other.upload_bytes),
            compile_cpu_seconds: self.compile_cpu_seconds.or(other.compile_cpu_seconds),
            compile_memory_bytes: self.compile_memory_bytes.or(other.compile_memory_bytes),
            compile_unconfined: self.compile_unconfined.or(other.compile_unconfined),
            tls_roots: self.tls_roots.or(other.tls_roots),
            drain_seconds: self.drain_seconds.or(other.drain_seconds),
        }
    }

    fn check(self, admin_token: Option<Secret>, root_key: Option<Secret>) -> Result<Config, ConfigError> {
        let data_dir = self.data_dir.unwrap_or_else(|| "patchbay-data".into());
        let bad = |key, why: &str| {
            Err(ConfigError::Value {
                key,
                why: why.to_owned(),
            })
        };
        if root_key.is_some() && self.key_file.is_some() {
            return bad("key_file", "PATCHBAY_KEY is set as well; give one of the two");
        }
        if self.key_file.as_ref().is_some_and(|file| file.starts_with(&data_dir)) {
            return bad("key_file", INSIDE);
        }
        if let Some(digits) = &root_key
            && let Err(error) = RootKey::parse(digits.expose())
        {
            return bad(KEY, &error.to_string());
        }
        let root_key = key_source(self.key_file, root_key, &data_dir);
        let admin_token_file = beside(&data_dir, ".admin-token");
        let public_listen = self.public_listen.unwrap_or_else(|| ([127, 0, 0, 1], 8080).into());
        let admin_listen = self.admin_listen.unwrap_or_else(|| ([127, 0, 0, 1], 8081).into());
        if public_listen == admin_listen && public_listen.port() != 0 {
            return bad(
                "admin_listen",
                "it must differ from public_listen: the admin API is never public",
            );
        }
        if admin_token.as_ref().is_some_and(|token| !is_good_token(token.expose())) {
            return bad(
                ADMIN_TOKEN,
                "it must have 32 characters or more, printable ASCII without spaces; try `openssl rand -hex 32`",
            );
        }
        let log = self.log.unwrap_or_else(|| "info".to_owned());
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&log) {
            return Err(ConfigError::Value {
                key: "log",
                why: error.to_string(),
            });
        }
        let compile = CompileLimits {
            cpu_seconds: within(
                "compile_cpu_seconds",
                self.compile_cpu_seconds.unwrap_or(COMPILE.cpu_seconds),
                1,
                3600,
            )?,
            // The program itself takes some 150 MiB of address space.
            memory_bytes: within(
                "compile_memory_bytes",
                self.compile_memory_bytes.unwrap_or(COMPILE.memory_bytes),
                256 << 20,
                64 << 30,
            )?,
            unconfined: self.compile_unconfined.unwrap_or(COMPILE.unconfined),
        };
        let sandbox = sandbox::Config {
            concurrent_calls: within(
                "concurrent_calls",
                self.concurrent_calls.unwrap_or(CONCURRENT_CALLS),
                1,
                1000,
            )?,
            artifacts: data_dir.join("compiled"),
            compiler: Compiler::this_program(compile),
        };
        let standard = server::Limits::default();
        let server = server::Limits {
            connections: within(
                "connections",
                self.connections.unwrap_or(standard.connections),
                1,
                100_000,
            )?,
            ..standard
        };
        let drain = match self.drain_seconds {
            Some(seconds) => Duration::from_secs(within("drain_seconds", seconds, 0, 600)?),
            None => DRAIN,
        };
        let standard = public::Limits::default();
        let body_bytes = self.body_bytes.unwrap_or(standard.body_bytes);
        let public = public::Limits {
            body_bytes: within("body_bytes", body_bytes, 1 << 10, 64 << 20)?,
            // The others are for those whose requests are not there yet.
            posts: (server.connections / 2).max(1),
            ..standard
        };
        let standard = DecodeLimits::default();
        let decode = DecodeLimits {
            // The product's own id is 3 deep; readers of JSON commonly give up at 128, and a record has levels of its own.
            nesting: within("nesting_max", self.nesting_max.unwrap_or(standard.nesting), 3, 64)?,
            fields: within("fields_max", self.fields_max.unwrap_or(standard.fields), 100, 100_000)?,
        };
        let upload_bytes = within(
            "upload_bytes",
            self.upload_bytes.unwrap_or(UPLOAD_BYTES),
            1 << 10,
            1 << 30,
        )?;
        Ok(Config {
            data_dir,
            root_key,
            public_listen,
            admin_listen,
            proxies: Proxies::new(self.trusted_proxies),
            log,
            log_format: self.log_format.unwrap_or_default(),
            server,
            drain,
            public,
            gateway: gateway::Config { decode },
            upload_bytes,
            tls_roots: self.tls_roots.unwrap_or_default(),
            sandbox,
            admin_token,
            admin_token_file,
        })
    }
}

/// Where the root key of this data directory is: as it is given, or in the file beside it.
#[must_use]
pub fn key_source(file: Option<PathBuf>, given: Option<Secret>, data_dir: &Path) -> KeySource {
    match (file, given) {
        (Some(file), _) => KeySource::File(file),
        (None, Some(digits)) => KeySource::Given(digits),
        (None, None) => KeySource::File(beside(data_dir, ".key")),
    }
}

/// What a copy of the data must not hold lies beside the data directory, under its name with another ending. The directory
/// may be named with a slash at the end.
fn beside(data_dir: &Path, ending: &str) -> PathBuf {
    let mut name = data_dir.components().collect::<PathBuf>().into_os_string();
    name.push(ending);
    name.into()
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    key: &'static str,
    given: T,
    least: T,
    most: T,
) -> Result<T, ConfigError> {
    if given < least || given > most {
        return Err(ConfigError::Value {
            key,
            why: format!("it must be {least} to {most}, and {given} is not"),
        });
    }
    Ok(given)
}

/// 128 bits as hexadecimal digits are 32 characters, and a header can carry all of them.
fn is_good_token(token: &str) -> bool {
    token.len() >= 32 && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_known(variable: &str) -> bool {
    OTHER_VARIABLES.contains(&variable)
        || <Settings as clap::Args>::augment_args(clap::Command::new(""))
            .get_arguments()
            .any(|argument| argument.get_env().is_some_and(|name| name == variable))
}

#[cfg(test)]
mod tests;
