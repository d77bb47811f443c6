//! Which compiler builds the guests. What is there already goes before anything that would have to be downloaded.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::debian;

/// In order of preference. The first makes components by itself.
const TARGETS: [&str; 2] = ["wasm32-wasip2", "wasm32-unknown-unknown"];
/// How long a download of 20 MB may take, before another way is tried.
const DOWNLOAD: Duration = Duration::from_secs(60);
/// Room for the stack, in bytes. With the linker's usual 1 MiB a new instance would have four times the memory.
const STACK_BYTES: u32 = 64 << 10;

const ADVICE: &str = "no compiler for WebAssembly, and none could be installed. Do one of these, then try again:
  - with rustup:            rustup target add wasm32-wasip2
  - on Debian, as root:     apt-get install --no-install-recommends rustc-web rust-web-src";

/// A compiler that can build guests.
pub(super) enum Toolchain {
    /// The compiler that builds everything else, with a target of [`TARGETS`].
    Own { target: &'static str },
    /// Debian's compiler, which has no standard library for WebAssembly but has its source.
    Debian(debian::Compiler),
}

impl Toolchain {
    /// Finds one, or installs one.
    pub(super) fn choose() -> Result<Self> {
        if let Some(target) = TARGETS.into_iter().find(|target| is_installed(target)) {
            return Ok(Self::Own { target });
        }
        if let Some(compiler) = debian::find()? {
            return Ok(Self::Debian(compiler));
        }
        if rustup_adds(TARGETS[0]) {
            return Ok(Self::Own { target: TARGETS[0] });
        }
        if debian::install()?
            && let Some(compiler) = debian::find()?
        {
            return Ok(Self::Debian(compiler));
        }
        bail!(ADVICE)
    }

    /// Name of the target that guests are compiled for.
    pub(super) fn target(&self) -> &'static str {
        match self {
            Self::Own { target } => target,
            Self::Debian(_) => TARGETS[1],
        }
    }

    /// Makes a run of `cargo build` use it.
    pub(super) fn apply(&self, build: &mut Command) {
        let variable = self.target().to_uppercase().replace('-', "_");
        build.args(["--target", self.target()]).env(
            format!("CARGO_TARGET_{variable}_RUSTFLAGS"),
            format!("-C link-arg=-zstack-size={STACK_BYTES}"),
        );
        if let Self::Debian(compiler) = self {
            build
                .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
                .env("RUSTC", &compiler.rustc)
                .env("RUSTC_BOOTSTRAP", "1")
                .env(format!("CARGO_TARGET_{variable}_LINKER"), &compiler.linker);
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own { target } => write!(f, "the installed target {target}"),
            Self::Debian(compiler) => {
                write!(
                    f,
                    "Debian's {} and its standard library's source",
                    compiler.rustc.display()
                )
            }
        }
    }
}

/// What the compiler of this workspace answers to a `--print`.
pub(super) fn rustc_prints(args: &[&str]) -> Option<PathBuf> {
    let output = Command::new("rustc").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

fn is_installed(target: &str) -> bool {
    rustc_prints(&["--print", "target-libdir", "--target", target]).is_some_and(|folder| has_std(&folder))
}

fn has_std(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
    })
}

/// Whether rustup could add the target. Where it reaches no server this fails at once or when [`DOWNLOAD`] is over.
fn rustup_adds(target: &str) -> bool {
    let adding = Command::new("rustup")
        .args(["target", "add", target])
        .env("RUSTUP_MAX_RETRIES", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut adding) = adding else {
        return false;
    };
    let started = Instant::now();
    while started.elapsed() < DOWNLOAD {
        match adding.try_wait() {
            Ok(None) => thread::sleep(Duration::from_millis(50)),
            Ok(Some(status)) => return status.success() && is_installed(target),
            Err(_) => break,
        }
    }
    // It may have ended just now, and then there is nothing to stop.
    let _ = adding.kill();
    let _ = adding.wait();
    false
}
