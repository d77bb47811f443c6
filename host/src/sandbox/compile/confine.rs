//! What the compiler's process takes from itself: resources by limits, and system calls by a filter.

use std::collections::BTreeMap;
use std::io;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, nice, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
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
    nice(NICENESS)?;
    // Where memory runs out, this goes before anything that serves. Not every container lets a process say so.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let cpu = limits.cpu_seconds;
    set(Resource::Cpu, cpu, cpu.saturating_add(CPU_SECONDS_OF_GRACE))?;
    for (resource, most) in [
        (Resource::As, limits.memory_bytes),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, FILES_MAX),
        // Of the whole user, whose other processes go on: it is looked at where this one would start another. Root may all
        // the same.
        (Resource::Nproc, 0),
    ] {
        set(resource, most, most)?;
    }
    Ok(())
}

fn set(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    // Whoever started the gateway may have set less, and only root could take that back.
    let already = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit {
        current: Some(current.min(already)),
        maximum: Some(maximum.min(already)),
    };
    Ok(setrlimit(resource, limit)?)
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

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    /// What the system says to this call: an error, or none.
    #[expect(
        unsafe_code,
        reason = "the conditions on these calls are told apart by nothing that is safe"
    )]
    fn said(call: libc::c_long, arguments: [libc::c_long; 6]) -> i32 {
        let [a, b, c, d, e, f] = arguments;
        // SAFETY: the tests below map memory anew, change nothing of memory that is used, and send no signal.
        match unsafe { libc::syscall(call, a, b, c, d, e, f) } {
            -1 => io::Error::last_os_error()
                .raw_os_error()
                .expect("an error of the system"),
            _ => 0,
        }
    }

    #[test]
    fn behind_the_filter_no_memory_can_be_executed_and_nobody_else_be_ended() {
        let parent = libc::c_long::from(rustix::process::getppid().expect("a parent").as_raw_nonzero().get());
        let own = libc::c_long::from(std::process::id());
        let (private, page) = (libc::c_long::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS), 4096);
        let (data, code) = (
            libc::c_long::from(libc::PROT_READ | libc::PROT_WRITE),
            libc::c_long::from(libc::PROT_READ | libc::PROT_EXEC),
        );
        let thread = || {
            let link = std::fs::read_link("/proc/thread-self").expect("Linux");
            let id = link.file_name().and_then(|id| id.to_str()).expect("an id");
            id.parse::<libc::c_long>().expect("a number")
        };
        let tried = move |thread| {
            [
                said(libc::SYS_mmap, [0, page, data, private, -1, 0]),
                said(libc::SYS_mmap, [0, page, code, private, -1, 0]),
                // Of no memory, so that nothing is changed where it may be.
                said(libc::SYS_mprotect, [0, 0, data, 0, 0, 0]),
                said(libc::SYS_mprotect, [0, 0, code, 0, 0, 0]),
                // No signal: it is only looked at whether it may be sent.
                said(libc::SYS_tgkill, [own, thread, 0, 0, 0, 0]),
                said(libc::SYS_tgkill, [parent, parent, 0, 0, 0, 0]),
            ]
        };
        assert_eq!(tried(thread()), [0; 6], "all of it may be done without the filter");
        let confined = std::thread::spawn(move || {
            let thread = thread();
            filter_system_calls().expect("a kernel with seccomp");
            tried(thread)
        });
        let refused = libc::EPERM;
        assert_eq!(
            confined.join().expect("it goes on"),
            [0, refused, 0, refused, 0, refused]
        );
    }

    #[test]
    fn behind_the_filter_there_are_no_files_no_sockets_no_threads_and_no_processes() {
        // A filter is a thread's own, and this one's ends with it.
        let confined = std::thread::spawn(|| {
            filter_system_calls().expect("a kernel with seccomp");
            let refused = [
                ("a file", std::fs::File::open("/etc/passwd").err()),
                ("a new file", std::fs::File::create("/tmp/x").err()),
                ("a socket", std::net::UdpSocket::bind("127.0.0.1:0").err()),
                ("a listener", std::net::TcpListener::bind("127.0.0.1:0").err()),
                (
                    "a socket of this machine",
                    std::os::unix::net::UnixDatagram::unbound().err(),
                ),
                ("a thread", std::thread::Builder::new().spawn(|| ()).err()),
                ("a process", std::process::Command::new("/bin/true").spawn().err()),
                (
                    "another's end",
                    rustix::process::kill_process(rustix::process::getpid(), Signal::CONT)
                        .err()
                        .map(Into::into),
                ),
            ];
            let computed: u64 = vec![7_u64; 1 << 20].iter().sum();
            (
                refused.map(|(what, error)| (what, error.map(|error| error.kind()))),
                computed,
            )
        });
        let (refused, computed) = confined.join().expect("it goes on");
        for (what, kind) in refused {
            assert_eq!(kind, Some(ErrorKind::PermissionDenied), "{what}");
        }
        assert_eq!(computed, 7 << 20);
    }
}
