//! What the system says about the gateway's process.

use std::fs::read_to_string;

use anyhow::{Context, Result};

/// Whether the process is there and runs. One that has ended and was not waited for does not.
#[must_use]
pub(super) fn is_alive(pid: u32) -> bool {
    let status = read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_some_and(|state| !state.trim_start().starts_with(['Z', 'X']))
}

/// Bytes of memory that the process holds and that are not a file's.
///
/// # Errors
/// When there is no such process.
pub(super) fn memory(pid: u32) -> Result<u64> {
    let status = read_to_string(format!("/proc/{pid}/status"))?;
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = anonymous.and_then(|text| text.split_whitespace().next());
    Ok(kibibytes.context("no RssAnon in status")?.parse::<u64>()? << 10)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("started");
        assert!(is_alive(child.id()));
        assert!(memory(child.id()).expect("its memory") > 0);
        child.kill().expect("killed");
        // Ended, and not waited for.
        while is_alive(child.id()) {
            std::thread::yield_now();
        }
        child.wait().expect("waited for");
        assert!(!is_alive(child.id()));
        assert!(memory(child.id()).is_err());
    }
}
