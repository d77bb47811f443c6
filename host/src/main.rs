//! Arguments, then settings, then run.

use std::io::IsTerminal;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;
use patchbay::app::App;
use patchbay::cli;
use patchbay::config::{Config, LogFormat, Settings};
use patchbay::sandbox::CompileLimits;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tikv_jemallocator::Jemalloc;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Hosts TeleCloud modules as sandboxed WebAssembly components.
#[derive(Parser)]
#[command(version, propagate_version = true, after_help = cli::EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Run the gateway
    Serve(Settings),
    /// Compile a component; the gateway starts this for each
    #[command(hide = true)]
    Compile(CompileLimits),
    #[command(flatten)]
    Client(cli::Command),
}

/// Of the C library's allocator threads share heaps, and one that gives way can hold a heap that all others wait for; with a
/// heap for each thread, large posts and logs leave it with holes that it does not give back.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// What is free for a second is the system's again. A C string.
#[expect(
    unsafe_code,
    reason = "the allocator looks for its settings by a name that nothing else has"
)]
#[unsafe(export_name = "_rjem_malloc_conf")]
static ALLOCATOR_SETTINGS: &[u8; 37] = b"dirty_decay_ms:1000,muzzy_decay_ms:0\0";

/// For threads that cannot be interrupted: a compilation takes up to some minutes, a look-up as long as the resolver likes.
/// Nobody waits for their results any more, so neither does the end of the process. Compilers end with it.
const LAST_THREADS: Duration = Duration::from_secs(2);

/// Tasks after which a worker thread looks at sockets and timers. Looking costs some microseconds.
const EVENT_INTERVAL: u32 = 4;

/// See [`patchbay::fair::Computing`].
const WORKERS_MIN: usize = 2;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(settings) => serve(settings),
        Command::Compile(limits) => patchbay::sandbox::compile(&limits),
        Command::Client(command) => {
            // Commands such as those of the vault hold keys as well.
            write_no_core();
            close_memory();
            cli::run::<Arguments>(command)
        }
    }
}

fn serve(settings: Settings) -> ExitCode {
    let outcome = settings
        .resolve(variables())
        .map_err(|error| error.to_string())
        .and_then(|config| {
            start_logging(&config);
            write_no_core();
            let runtime = runtime().map_err(|error| error.to_string())?;
            let outcome = runtime.block_on(run(config));
            runtime.shutdown_timeout(LAST_THREADS);
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // There may be no log yet, and nobody to tell if this fails.
            let _ = writeln!(std::io::stderr(), "patchbay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A worker thread for each processor, and two at least: one of them is left by whoever computes. They look for what has come
/// in the meantime after every few tasks: those of a tenant that computes alone take up to 10 ms each.
fn runtime() -> std::io::Result<Runtime> {
    let processors = available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(processors.max(WORKERS_MIN))
        .event_interval(EVENT_INTERVAL)
        .global_queue_interval(EVENT_INTERVAL)
        .enable_all()
        .build()
}

fn start_logging(config: &Config) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&config.log))
        // Colours are for a terminal; in a file they are noise.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}

/// What is no text is made one that no check lets through: refused by its name, and not shown in a panic.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        (text(name), text(value))
    })
}

/// Keys and secrets are in the process's memory, and a core file would hold them.
fn write_no_core() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core files cannot be turned off; they would hold secrets");
    }
}

/// The same for programs that the system hands cores to, whatever the limit, and for other processes of the same user. Only
/// once the sandbox has opened what it needs below `/proc/self`: it belongs to root from then on.
fn close_memory() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process's memory cannot be closed to others");
    }
}

async fn run(config: Config) -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let app = App::start(config, close_memory)
        .await
        .map_err(|error| error.to_string())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
        _ = interrupt.recv() => tracing::info!("SIGINT: draining"),
    }
    app.stop().await;
    tracing::info!("stopped");
    Ok(())
}
