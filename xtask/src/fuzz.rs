//! Fuzzes what reads and writes other people's bytes.
//!
//! The targets are in `fuzz/`, a workspace of its own: it is built with counters in every branch, and no other build has to
//! wait for that. There is no sanitizer in it, so a stable compiler will do: what is fuzzed has no unsafe code, and overflows
//! and broken promises are panics by themselves.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::clean_cargo;

/// What an input may take before it counts as a hang, on a machine that does other things besides.
const HANG_SECONDS: u32 = 25;

/// What a target may take while it reads inputs of some kilobytes.
const MEMORY_MIB: u32 = 2_048;

/// What came of one target.
struct Report {
    target: String,
    executions: u64,
    per_second: u64,
    /// Inputs that are known to lead somewhere, the seeds among them.
    corpus: usize,
    /// Whether an input made it panic, hang, or take too much memory. It ends with the first one.
    broken: bool,
    /// That input, unless it was known.
    found: Vec<PathBuf>,
    log: PathBuf,
}

/// Builds the targets and runs each of them, or just one, for so many seconds.
///
/// # Errors
/// When something is missing, with what to install; when a promise was broken, with how to see it again.
pub(crate) fn run(root: &Path, seconds: u32, only: Option<&str>) -> Result<()> {
    let folder = root.join("fuzz");
    let targets = targets(root, only)?;
    build(root, only)?;
    let programs = folder.join("target").join(host()?).join("release");
    println!(
        "{:<12} {:>12} {:>8} {:>7} {:>7}",
        "target", "executions", "exec/s", "corpus", "panics"
    );
    let mut broken = Vec::new();
    for target in targets {
        let report = fuzz(&folder, &programs, target, seconds)?;
        println!(
            "{:<12} {:>12} {:>8} {:>7} {:>7}",
            report.target,
            report.executions,
            report.per_second,
            report.corpus,
            u8::from(report.broken)
        );
        if report.broken {
            broken.push(report);
        }
    }
    for report in &broken {
        println!(
            "\n{} broke its promise; {} has all of it:",
            report.target,
            report.log.display()
        );
        println!("  {}", last_words(&report.log)?);
        for path in &report.found {
            println!("  input: {}", path.display());
        }
    }
    ensure!(
        broken.is_empty(),
        "the inputs are kept, and are tests now: `cargo test --workspace --test properties kept` fails until they pass"
    );
    Ok(())
}

/// The names of all targets, or the one that is asked for.
pub(crate) fn targets(root: &Path, only: Option<&str>) -> Result<Vec<String>> {
    let mut all: Vec<String> = files(&root.join("fuzz/fuzz_targets"))?
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    all.sort_unstable();
    match only {
        None => Ok(all),
        Some(name) if all.iter().any(|target| target == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("there is no target {name}: choose one of {}", all.join(", ")),
    }
}

fn build(root: &Path, only: Option<&str>) -> Result<()> {
    let installed = clean_cargo(root).args(["fuzz", "--version"]).output();
    ensure!(
        installed.is_ok_and(|output| output.status.success()),
        "cargo-fuzz is not installed: `cargo install cargo-fuzz --locked`; it also needs a C++ compiler"
    );
    let status = clean_cargo(root)
        .args(["fuzz", "build", "--sanitizer", "none", "--no-cfg-fuzzing"])
        .args(only)
        .status()
        .context("cargo does not start")?;
    ensure!(status.success(), "the fuzz targets do not compile");
    Ok(())
}

/// The platform that the compiler builds for, and so the name of a folder.
fn host() -> Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("rustc does not start")?;
    let version = String::from_utf8(output.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}

fn fuzz(folder: &Path, programs: &Path, target: String, seconds: u32) -> Result<Report> {
    let seeds = folder.join("corpus").join(&target);
    let regressions = folder.join("regressions").join(&target);
    // What a run finds is the next one's beginning, and nobody's to keep.
    let work = folder.join("target/found").join(&target);
    let log = folder.join("target").join(format!("{target}.log"));
    fs::create_dir_all(&work)?;
    fs::create_dir_all(&regressions)?;
    let known = files(&regressions)?;
    let program = programs.join(&target);
    let status = Command::new(&program)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={HANG_SECONDS}"))
        .arg(format!("-report_slow_units={HANG_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        .arg(format!("-artifact_prefix={}/", regressions.display()))
        .arg("-print_final_stats=1")
        .args([&work, &seeds, &regressions])
        .stdout(File::create(log.with_extension("out"))?)
        .stderr(File::create(&log)?)
        .status()
        .with_context(|| program.display().to_string())?;
    let mut found = files(&regressions)?;
    found.retain(|path| !known.contains(path));
    if files(&regressions)?.is_empty() {
        fs::remove_dir(&regressions)?;
    }
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let figure = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse().ok())
    };
    let executions = figure("stat::number_of_executed_units:");
    Ok(Report {
        executions: executions.with_context(|| format!("it did not run: see {}", log.display()))?,
        per_second: figure("stat::average_exec_per_sec:").unwrap_or_default(),
        corpus: files(&work)?.len() + files(&seeds)?.len(),
        target,
        broken: !status.success(),
        found,
        log,
    })
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// What a panic said, or why else it ended.
fn last_words(log: &Path) -> Result<String> {
    let said = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let mut lines = said
        .lines()
        .skip_while(|line| !line.contains("panicked at") && !line.contains("ERROR: libFuzzer"));
    let first = lines.next().unwrap_or("it does not say why");
    Ok(format!("{first} {}", lines.next().unwrap_or_default()))
}
