//! What the compiler's process takes from itself: resources by limits, and system calls by a filter.

use std::collections::BTreeMap;
use std::io;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, nice, set_dumpable_behavior, set_parent_process_death_signal, setrlimit,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::CompileLimits;

/// Calls keep nine tenths of a core that both want, and a compilation still comes to its end on a busy machine.
const NICENESS: i32 = 10;

/// Between the signal that says which limit it was, and the one that cannot be ignored.
const CPU_SECONDS_OF_GRACE: u64 = 2;

/// Standard input, output and error, and some room for what the system libraries open for a moment.
const FILES_MAX: u64 = 8;

/// Sets limits that the system keeps, and gives way to everything else on the machine.
pub(super) fn limit(limits: &CompileLimits) -> io::Result<()> {
    // A gateway that was killed must not leave a compiler behind.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    nice(NICENESS)?;
    // Where memory runs out, this goes before anything that serves. Not every container lets a process say so.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let cpu = Rlimit {
        current: Some(limits.cpu_seconds),
        maximum: Some(limits.cpu_seconds.saturating_add(CPU_SECONDS_OF_GRACE)),
    };
    setrlimit(Resource::Cpu, cpu)?;
    for (resource, most) in [
        (Resource::As, limits.memory_bytes),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, FILES_MAX),
    ] {
        let most = Some(most);
        setrlimit(
            resource,
            Rlimit {
                current: most,
                maximum: most,
            },
        )?;
    }
    Ok(())
}

/// Computing, allocating, reading and writing what is open, and ending. One thread does it all, so that none can be made.
const ALLOWED: [libc::c_long; 23] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_sched_yield,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Why system calls are not filtered.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFiltered {
    #[error("there is no filter for this processor: {0}")]
    Processor(seccompiler::BackendError),
    #[error("the kernel takes no filter: {0}")]
    Kernel(seccompiler::Error),
}

/// From here on, whatever is not on the list fails with EPERM: no files, no sockets, no processes.
pub(super) fn filter_system_calls() -> Result<(), NotFiltered> {
    let program = program(std::process::id()).map_err(NotFiltered::Processor)?;
    seccompiler::apply_filter(&program).map_err(NotFiltered::Kernel)
}

fn program(own_id: u32) -> Result<BpfProgram, seccompiler::BackendError> {
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let not_executable = |argument| {
        let compared = SeccompCmpOp::MaskedEq(executable);
        SeccompRule::new(vec![SeccompCondition::new(
            argument,
            SeccompCmpArgLen::Dword,
            compared,
            0,
        )?])
    };
    // With this a process aborts. It must not end others.
    let itself = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(own_id))?;
    let mut rules: BTreeMap<_, _> = ALLOWED.into_iter().map(|call| (call, Vec::new())).collect();
    rules.extend([
        (libc::SYS_mmap, vec![not_executable(2)?]),
        (libc::SYS_mprotect, vec![not_executable(2)?]),
        (libc::SYS_tgkill, vec![SeccompRule::new(vec![itself])?]),
    ]);
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let processor = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, processor)?.try_into()
}
