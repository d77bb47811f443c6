//! What a developer runs: `cargo xtask <command>`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for developers speaks to their terminal"
)]

mod cargo;
mod debian;
mod deny;
mod fuzz;
mod guests;

use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, start a gateway and a carrier, and show an order on its way; stays up until Ctrl-C
    Demo {
        /// Run every acceptance scenario instead, print a table, and end; fails if one of them fails
        #[arg(long)]
        once: bool,
    },
    /// Kill the gateway under load, again and again, and find out whether anything got lost or was done twice
    Crash {
        /// How often it is killed
        #[arg(long, default_value_t = 50)]
        cycles: u64,
        /// What happens follows from this, as far as it does not follow from who is quicker; another one each time unless
        /// stated
        #[arg(long)]
        seed: Option<u64>,
        /// Let each kill be a power failure: of what was not synced, nothing or a part is left
        #[arg(long)]
        power: bool,
    },
    /// Run every check: format, clippy, and all tests with real guests
    Test {
        /// Handed to `cargo test`, such as part of a test's name
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Measure the gateway next to a bare handler, in a release build
    Bench {
        /// Shorter rounds: under three minutes once it is built
        #[arg(long)]
        quick: bool,
    },
    /// Look at what comes into the build: licences, banned crates, sources, advisories; takes cargo-deny
    Deny,
    /// Feed the parsers and writers with what a fuzzer thinks up, and print how many inputs there were and what broke
    Fuzz {
        /// For each target
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// One target instead of all, such as `form`
        #[arg(long)]
        target: Option<String>,
    },
    /// Do to one gateway what hostile tenants may do, in a release build, then fuzz; print what came of it
    Torture {
        /// How long in all, once it is built; a quarter of it is for fuzzing
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(4..=1440))]
        minutes: u32,
        /// What is tried follows from this; another one each time unless stated
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Build the modules of examples/ and tests/guests/ as components, into target/guests/
    Guests,
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = root.parent().context("xtask/ is a folder of the workspace")?;
    match Args::parse().command {
        Command::Demo { once } => demo(root, once),
        Command::Crash { cycles, seed, power } => crash(root, cycles, seed, power),
        Command::Test { arguments } => test(root, &arguments),
        Command::Bench { quick } => bench(root, quick),
        Command::Torture { minutes, seed } => torture(root, minutes, seed),
        Command::Deny => deny::check(root),
        Command::Fuzz { seconds, target } => {
            step("make", debian::make)?;
            fuzz::run(root, seconds, target.as_deref())
        }
        Command::Guests => {
            for guest in guests::build_all(root)? {
                println!("{:<16} {:>9} bytes  {}", guest.name, guest.bytes, guest.path.display());
            }
            Ok(())
        }
    }
}

// Each command builds the whole workspace, also where it needs a part of it: what a dependency is built with depends on who
// else is built, and two selections would be two builds of the compiler inside.

fn demo(root: &Path, once: bool) -> Result<()> {
    set_up(root)?;
    step("build (some ten minutes the first time)", || {
        cargo::run(root, &["build", "--workspace"])
    })?;
    cargo::run_built(root, "debug/demo", if once { &["--once"] } else { &[] })
}

fn crash(root: &Path, cycles: u64, seed: Option<u64>, power: bool) -> Result<()> {
    set_up(root)?;
    step("build", || cargo::run(root, &["build", "--workspace"]))?;
    let mut arguments = vec![format!("--cycles={cycles}")];
    arguments.extend(seed.map(|seed| format!("--seed={seed}")));
    arguments.extend(power.then(|| "--power".to_owned()));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    cargo::run_built(root, "debug/crash", &arguments)
}

fn test(root: &Path, arguments: &[OsString]) -> Result<()> {
    step("format", || cargo::run(root, &["fmt", "--all", "--check"]))?;
    step("dependencies", || deny::as_far_as_possible(root))?;
    set_up(root)?;
    step("clippy", || {
        cargo::run(
            root,
            &["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"],
        )
    })?;
    // The tests start the gateway as a process of its own, so it has to be there.
    step("build", || cargo::run(root, &["build", "--workspace"]))?;
    step("tests", || {
        let mut all = vec!["test".into(), "--workspace".into()];
        all.extend_from_slice(arguments);
        cargo::run::<OsString>(root, &all)
    })
}

fn bench(root: &Path, quick: bool) -> Result<()> {
    set_up(root)?;
    step("build, for release", || {
        cargo::run(root, &["build", "--workspace", "--release"])
    })?;
    cargo::run_built(root, "release/bench", if quick { &["--quick"] } else { &[] })
}

fn torture(root: &Path, minutes: u32, seed: Option<u64>) -> Result<()> {
    set_up(root)?;
    step("build, for release", || {
        cargo::run(root, &["build", "--workspace", "--release"])
    })?;
    let mut arguments = vec![format!("--seconds={}", minutes * 45)];
    arguments.extend(seed.map(|seed| format!("--seed={seed}")));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let tortured = cargo::run_built(root, "release/torture", &arguments);
    let targets = u32::try_from(fuzz::targets(root, None)?.len())?;
    // Also if a goal was missed: it is about something else.
    let fuzzed = step("fuzz", || fuzz::run(root, minutes * 15 / targets, None));
    tortured.and(fuzzed)
}

/// What every build needs.
fn set_up(root: &Path) -> Result<()> {
    step("make", debian::make)?;
    step("guests", || guests::build_all(root).map(drop))
}

/// Says what is being done and how long it took: some steps take minutes.
fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("==> {name}");
    let began = Instant::now();
    work().with_context(|| name.to_owned())?;
    eprintln!("    {name}: {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}
