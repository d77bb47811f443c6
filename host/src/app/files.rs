//! Open files: each connection is one, and who has none left can neither accept nor dial nor read what it has kept.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For each call at once: as many connections to carriers as a tenant has at once, unless its quota says otherwise.
const EACH_CALL: u64 = 32;

/// For what is stored, for compilers, look-ups and logs.
const RESERVE: u64 = 256;

/// What is set needs more open files than the process may have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{connections} for each listener and {calls} calls at once (concurrent_calls) need {needed} open files, and this \
     process may have {most} at most: raise its limit (LimitNOFILE of a service, ulimit -Hn), or lower one of the two"
)]
pub(super) struct TooFew {
    connections: usize,
    calls: u32,
    needed: u64,
    most: u64,
}

/// Has the system allow as many open files as it may: what a process begins with is often a thousand.
pub(super) fn raise(connections: usize, calls: u32) -> Result<(), TooFew> {
    let before = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: before.maximum,
        ..before
    };
    let allowed = match setrlimit(Resource::Nofile, most) {
        Ok(()) => before.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            before.current
        }
    };
    check(connections, calls, allowed)
}

/// None is without a limit.
fn check(connections: usize, calls: u32, allowed: Option<u64>) -> Result<(), TooFew> {
    let listeners = 2 * u64::try_from(connections).unwrap_or(u64::MAX / 2);
    let needed = listeners.saturating_add(EACH_CALL * u64::from(calls) + RESERVE);
    match allowed {
        Some(most) if most < needed => Err(TooFew {
            connections,
            calls,
            needed,
            most,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_listeners_carriers_and_the_rest_have_to_fit() {
        let needed = 2 * 1024 + 64 * EACH_CALL + RESERVE;
        assert_eq!(check(1024, 64, Some(needed)), Ok(()));
        assert_eq!(check(100_000, 1_000, None), Ok(()));
        let error = check(1024, 64, Some(needed - 1)).expect_err("one is missing");
        let text = error.to_string();
        assert!(
            text.contains("need 4352 open files") && text.contains("may have 4351"),
            "{text}"
        );
    }

    #[test]
    fn what_the_system_lets_a_process_have_is_asked_for() {
        let before = getrlimit(Resource::Nofile);
        let maximum = before.maximum.expect("a limit");
        // Too little less for the other tests to notice.
        let less = Rlimit {
            current: Some(maximum - 1),
            ..before
        };
        setrlimit(Resource::Nofile, less).expect("set");
        raise(1, 1).expect("enough");
        assert_eq!(getrlimit(Resource::Nofile).current, Some(maximum));
    }
}
