//! The compiler's own process: a component comes in, what became of it goes out, and nothing else can be done meanwhile.
//!
//! A component can make any compiler compute and allocate without end, or crash. So each one gets a process of its own,
//! which gives up its rights before it reads the first byte. Nothing here knows who started it.

mod confine;
pub(super) mod frame;

use std::io::{Read, Write};
use std::process::ExitCode;

use wasmtime::Engine;

use super::engine;
use super::inspect::{self, UploadRefused};
use confine::NotFiltered;
use frame::{Head, Verdict};

/// What compiling one component may take. The program's own arguments, so that its process can set them for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct CompileLimits {
    /// Seconds of computing
    #[arg(long)]
    pub cpu_seconds: u64,
    /// Address space, in bytes
    #[arg(long)]
    pub memory_bytes: u64,
    /// Compile also where the kernel cannot filter system calls
    #[arg(long)]
    pub unconfined: bool,
}

/// What the program exits with where the kernel cannot filter system calls, and it must not go on without.
pub(super) const UNCONFINED: u8 = 77;

/// Reads a component from standard input, checks and compiles it, and writes what became of it to standard output.
#[must_use]
pub fn compile(limits: &CompileLimits) -> ExitCode {
    match answer(limits) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The gateway reads this into its log. Nobody is left to tell if it fails.
            let _ = writeln!(std::io::stderr(), "{error}");
            if error.is::<NotFiltered>() {
                ExitCode::from(UNCONFINED)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Why system calls are not filtered, where that is allowed.
fn filtered(filter: Result<(), NotFiltered>, limits: &CompileLimits) -> Result<Option<String>, NotFiltered> {
    match filter {
        Ok(()) => Ok(None),
        Err(error) if limits.unconfined => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

fn answer(limits: &CompileLimits) -> Result<(), Box<dyn std::error::Error>> {
    confine::limit(limits)?;
    let engine = engine::for_compiling()?;
    let unfiltered = filtered(confine::filter_system_calls(), limits)?;
    let mut component = Vec::new();
    std::io::stdin().lock().read_to_end(&mut component)?;
    let (verdict, code) = work(&engine, &component);
    let head = Head {
        unfiltered,
        engine: engine::fingerprint(&engine),
        verdict,
    };
    let mut output = std::io::stdout().lock();
    output.write_all(&frame::before_code(&head)?)?;
    output.write_all(&code)?;
    output.flush()?;
    Ok(())
}

/// Checks a component and makes machine code of it.
pub(super) fn work(engine: &Engine, component: &[u8]) -> (Verdict, Vec<u8>) {
    let compiled = inspect::inspect(component).and_then(|inspection| {
        let code = engine.precompile_component(component);
        Ok((inspection, code.map_err(|error| UploadRefused::not_compiled(&error))?))
    });
    match compiled {
        Ok((inspection, code)) => {
            let code_bytes = code.len() as u64;
            (Verdict::Compiled { inspection, code_bytes }, code)
        }
        Err(refused) => (Verdict::Refused(refused), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_filter_nothing_is_compiled_unless_that_is_allowed() {
        let limits = |unconfined| CompileLimits {
            cpu_seconds: 1,
            memory_bytes: 1,
            unconfined,
        };
        let no_seccomp = || {
            let filter = std::thread::spawn(|| {
                confine::filter_system_calls().expect("a kernel with seccomp");
                // It does not let a second one in: that is not among what is allowed.
                confine::filter_system_calls()
            });
            filter.join().expect("it goes on")
        };
        let refused = filtered(no_seccomp(), &limits(false)).expect_err("refused").to_string();
        assert!(refused.starts_with("the kernel takes no filter: "), "{refused}");
        assert_eq!(filtered(no_seccomp(), &limits(true)).expect("allowed"), Some(refused));
        assert_eq!(filtered(Ok(()), &limits(false)).expect("filtered"), None);
    }
}
