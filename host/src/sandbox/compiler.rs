//! Has components compiled in processes of their own, and makes a sentence of every way in which that can end.

mod process;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use super::compile::frame::Frame;
use super::compile::{CompileLimits, UNCONFINED};
use super::{PrepareError, UploadRefused};
use process::{Ended, Stopped};

/// The program that compiles, and what it may take.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// This gateway's own, which has a command for it.
    pub program: PathBuf,
    /// For one component.
    pub limits: CompileLimits,
}

/// Most machine code of one component. That of a JavaScript component is some 40 MiB.
const CODE_BYTES_MAX: usize = 256 << 20;

/// Most machine code for each byte of a component, beside what every component has. Toolchains' components have 2 to 8:
/// whoever uploads little cannot have the disk filled with much.
const CODE_BYTES_PER_BYTE: usize = 64;
const CODE_BYTES_ALWAYS: usize = 4 << 20;

/// How much longer than it computes a compilation may last: it gives way to calls.
const PATIENCE: u32 = 5;
const PATIENCE_AT_LEAST: Duration = Duration::from_secs(60);

/// What a Rust program that cannot go on exits with.
const PANICKED: i32 = 101;

/// Said once, not for every component.
static TOLD_UNFILTERED: AtomicBool = AtomicBool::new(false);

impl Compiler {
    /// This very program, even if its file was replaced meanwhile.
    #[must_use]
    pub fn this_program(limits: CompileLimits) -> Self {
        Self {
            program: "/proc/self/exe".into(),
            limits,
        }
    }

    /// Has a component checked and compiled for the engine of that fingerprint. Blocks for as long as it takes.
    pub(super) fn compile(&self, component: &[u8], engine: u64) -> Result<Frame, PrepareError> {
        let within = Duration::from_secs(self.limits.cpu_seconds).saturating_mul(PATIENCE);
        let frame = self.run(self.command(), component, within.max(PATIENCE_AT_LEAST))?;
        if let Some(why) = &frame.head.unfiltered
            && !TOLD_UNFILTERED.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                why,
                "the compiler's system calls are not filtered; its other limits hold"
            );
        }
        if frame.head.engine != engine {
            let program = self.program.display();
            return Err(PrepareError::Failed(format!("{program} compiles for another engine")));
        }
        Ok(frame)
    }

    fn command(&self) -> Command {
        let CompileLimits {
            cpu_seconds,
            memory_bytes,
            unconfined,
        } = self.limits;
        let mut command = Command::new(&self.program);
        command
            .arg0("patchbay")
            .arg("compile")
            .args(["--cpu-seconds", &cpu_seconds.to_string()])
            .args(["--memory-bytes", &memory_bytes.to_string()])
            .args(unconfined.then_some("--unconfined"))
            .env_clear()
            .current_dir("/");
        command
    }

    fn run(&self, command: Command, component: &[u8], within: Duration) -> Result<Frame, PrepareError> {
        let most = component
            .len()
            .saturating_mul(CODE_BYTES_PER_BYTE)
            .saturating_add(CODE_BYTES_ALWAYS)
            .min(CODE_BYTES_MAX);
        let ended = process::run(command, component, most, within);
        let ended = ended.map_err(|error| PrepareError::Failed(format!("the compiler cannot be run: {error}")))?;
        self.judge(ended, most, within)
    }

    fn judge(&self, ended: Ended, most: usize, within: Duration) -> Result<Frame, PrepareError> {
        let refused = |why: String| Err(PrepareError::Refused(UploadRefused::too_much(&why)));
        let failed = |why: String| Err(PrepareError::Failed(why));
        let Ended {
            status,
            stopped,
            output,
            complaint,
        } = ended;
        match stopped {
            Some(Stopped::Output) => {
                return refused(format!("its machine code would have more than {} MiB", most >> 20));
            }
            Some(Stopped::Time) => {
                return failed(format!(
                    "the compiler was not done after {} s; the machine may be too busy",
                    within.as_secs()
                ));
            }
            None => {}
        }
        if !status.success() {
            tracing::warn!(%status, complaint, "a compilation failed");
        }
        let crashed = [Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE];
        match (
            std::os::unix::process::ExitStatusExt::signal(&status).and_then(Signal::from_named_raw),
            status.code(),
        ) {
            (None, Some(0)) => Frame::read(output.into())
                .map_err(|garbled| PrepareError::Failed(format!("the compiler's answer cannot be used: {garbled}"))),
            (Some(Signal::XCPU), _) => {
                let seconds = self.limits.cpu_seconds;
                refused(format!("compiling it took more than {seconds} s of computing"))
            }
            (Some(Signal::ABORT), _) if complaint.contains("memory allocation of") => {
                let mebibytes = self.limits.memory_bytes >> 20;
                refused(format!("compiling it took more than {mebibytes} MiB of memory"))
            }
            (Some(signal), _) if crashed.contains(&signal) => refused("the compiler crashed on it".to_owned()),
            (_, Some(PANICKED)) => refused("the compiler gave up on it".to_owned()),
            (_, Some(code)) if code == i32::from(UNCONFINED) => {
                Err(PrepareError::Unconfined(complaint.trim().to_owned()))
            }
            _ => failed(format!("the compiler ended with {status}: {complaint}")),
        }
    }
}

#[cfg(test)]
mod tests;
