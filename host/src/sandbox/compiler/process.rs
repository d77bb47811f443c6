//! A process that is fed, listened to, and ended: it gets its input, and no more time and room for its output than was said.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// How much is kept of what a process complains: a panic has two lines.
const COMPLAINT_BYTES: usize = 2_000;

/// How a process ended, and what it said.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// Why it was ended, if it did not end by itself.
    pub(super) stopped: Option<Stopped>,
    /// Its standard output.
    pub(super) output: Vec<u8>,
    /// The beginning of its standard error.
    pub(super) complaint: String,
}

/// Why a process was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It wrote more than it may.
    Output,
    /// It was not done in time.
    Time,
}

/// Runs a command to its end. What it has started goes with it.
///
/// The thread has to wait here all the time: a process that is to end with its parent ends with the thread that began it.
pub(super) fn run(mut command: Command, input: &[u8], output_max: usize, within: Duration) -> io::Result<Ended> {
    let until = Instant::now() + within;
    command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut group = Group(command.spawn()?);
    let mut pipes = Pipes::of(&mut group.0, input)?;
    let stopped = match pipes.drain(output_max, until)? {
        None => group.wait_until(until)?,
        stopped => stopped,
    };
    Ok(Ended {
        status: group.end()?,
        stopped,
        output: pipes.output,
        complaint: String::from_utf8_lossy(&pipes.complaint).trim().to_owned(),
    })
}

/// A process and what it has started, until they are ended.
struct Group(Child);

impl Group {
    fn pid(&self) -> io::Result<Pid> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        pid.ok_or_else(|| io::Error::other("a process without an id"))
    }

    /// Waits for the process to end by itself.
    fn wait_until(&self, until: Instant) -> io::Result<Option<Stopped>> {
        let ended = pidfd_open(self.pid()?, PidfdFlags::empty())?;
        wait(&mut [PollFd::new(&ended, PollFlags::IN)], until)
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        // It is not reaped yet, so that the id is still its own. There may be nobody left in the group.
        let _ = kill_process_group(self.pid()?, Signal::KILL);
        self.0.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.end();
        }
    }
}

/// The three ways to and from a process. Each is there until it is closed.
struct Pipes<'i> {
    stdin: Option<ChildStdin>,
    input: &'i [u8],
    stdout: Option<ChildStdout>,
    output: Vec<u8>,
    stderr: Option<ChildStderr>,
    complaint: Vec<u8>,
}

impl<'i> Pipes<'i> {
    fn of(child: &mut Child, input: &'i [u8]) -> io::Result<Self> {
        let pipes = Self {
            stdin: child.stdin.take(),
            input,
            stdout: child.stdout.take(),
            output: Vec::new(),
            stderr: child.stderr.take(),
            complaint: Vec::new(),
        };
        for pipe in pipes.open(PollFlags::empty()) {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(pipes)
    }

    fn open(&self, reading: PollFlags) -> Vec<PollFd<'_>> {
        let mut open = Vec::with_capacity(3);
        open.extend(self.stdin.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        open.extend(self.stdout.as_ref().map(|pipe| PollFd::new(pipe, reading)));
        open.extend(self.stderr.as_ref().map(|pipe| PollFd::new(pipe, reading)));
        open
    }

    /// Writes all input and reads all output, or as much as may be.
    fn drain(&mut self, output_max: usize, until: Instant) -> io::Result<Option<Stopped>> {
        while self.stdout.is_some() || self.stderr.is_some() {
            let stopped = wait(&mut self.open(PollFlags::IN), until)?;
            if stopped.is_some() {
                return Ok(stopped);
            }
            self.write()?;
            read(&mut self.stdout, &mut self.output, output_max.saturating_add(1))?;
            if self.output.len() > output_max {
                return Ok(Some(Stopped::Output));
            }
            read(&mut self.stderr, &mut self.complaint, COMPLAINT_BYTES)?;
        }
        Ok(None)
    }

    fn write(&mut self) -> io::Result<()> {
        while let Some(pipe) = &mut self.stdin {
            match pipe.write(self.input) {
                Ok(written) => self.input = &self.input[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It does not want to know the rest. What it has to say about that is read.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => self.input = &[],
                Err(error) => return Err(error),
            }
            if self.input.is_empty() {
                self.stdin = None;
            }
        }
        Ok(())
    }
}

/// Reads what there is, keeps it up to `most` bytes in all, and drops a pipe that was closed.
fn read(pipe: &mut Option<impl Read>, kept: &mut Vec<u8>, most: usize) -> io::Result<()> {
    let mut chunk = [0; 16 << 10];
    while let Some(open) = pipe {
        match open.read(&mut chunk) {
            Ok(0) => *pipe = None,
            Ok(count) => {
                let room = most.saturating_sub(kept.len());
                kept.extend_from_slice(&chunk[..count.min(room)]);
                if room == 0 {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits until something can be done about one of these.
fn wait(polled: &mut [PollFd<'_>], until: Instant) -> io::Result<Option<Stopped>> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(polled, Some(&timeout)) {
            Ok(0) => return Ok(Some(Stopped::Time)),
            Ok(_) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
