//! Wrong keys, tokens and callback secrets: how many of them a source may present before nothing of it is looked at.
//!
//! A source is refused, and never a target: whoever floods a module with wrong keys must not keep TeleCloud out of it. For
//! the same reason what was right before, from the same source, is always looked at: behind a proxy that does not say for
//! whom it speaks, TeleCloud and the guesser are one source.

mod proxies;
mod table;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;

use self::table::{Bucket, Table};
use crate::domain::name::{ModulePath, TenantName};
use crate::domain::source;
use crate::domain::trail::module_route;
use crate::vault::Vault;

pub use self::proxies::Proxies;

/// Wrong ones at once, after a quiet time: people mistype, and a changed key is noticed.
const TRIES: u32 = 10;

/// For each further one. At six a minute even a key of six digits takes months, and a right one waits no longer than this.
const EACH: Duration = Duration::from_secs(10);

/// Episodes that are told at once, and how long it takes until there may be one more: many sources must fill neither the
/// log nor the trail.
const TOLD: u32 = 20;
const TOLD_EACH: Duration = Duration::from_secs(60);

/// What is guessed at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// Tokens of the admin API.
    Tokens,
    /// A tenant's TeleCloud keys.
    Keys(TenantName),
    /// The secret in a module's callback URL.
    Callback(ModulePath),
}

impl Target {
    /// The route of what is guessed at, as the trail names it.
    #[must_use]
    pub fn route(&self) -> String {
        match self {
            Self::Tokens => "tokens".to_owned(),
            Self::Keys(tenant) => format!("tenants/{tenant}/telecloud-keys"),
            Self::Callback(module) => format!("{}/callback", module_route(module)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens => f.write_str("tokens of the admin API"),
            Self::Keys(tenant) => write!(f, "TeleCloud keys of {tenant}"),
            Self::Callback(module) => write!(f, "callback secret of {module}"),
        }
    }
}

/// A source has used up its tries. There is one episode until it has been quiet for long enough to have all of them again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// What was guessed at.
    pub target: Target,
    /// Who tried: an address, or the start of a network. None where a proxy does not say for whom it speaks; then nothing
    /// is refused.
    pub source: Option<IpAddr>,
    /// How many were wrong until then.
    pub tries: u32,
    /// Episodes of others that were not told since the last one that was.
    pub untold: u64,
}

/// What became of what was presented.
#[derive(Debug, PartialEq, Eq)]
pub enum Judged<T> {
    /// It was right.
    Right(T),
    /// It was looked at, and it was wrong.
    Wrong,
    /// It was not looked at. After this time it may be.
    Refused(Duration),
}

/// Counts what is wrong, and refuses.
pub struct Guard {
    vault: Arc<Vault>,
    proxies: Proxies,
    tell: Box<dyn Fn(&Episode) + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tries: Table<(Option<IpAddr>, Target)>,
    told: Bucket,
    untold: u64,
}

impl Guard {
    /// A guard that has seen nothing yet. It calls `tell` once for each [`Episode`], from wherever the last try was.
    #[must_use]
    pub fn new(vault: Arc<Vault>, proxies: Proxies, tell: impl Fn(&Episode) + Send + Sync + 'static) -> Self {
        Self {
            vault,
            proxies,
            tell: Box::new(tell),
            state: Mutex::default(),
        }
    }

    /// Where a request comes from. None where only a proxy knows, and does not say.
    #[must_use]
    pub fn source(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        self.proxies.source(peer, headers)
    }

    /// For how long nothing at all that this source presents is looked at, if so.
    #[must_use]
    pub fn refuses(&self, source: Option<IpAddr>, target: &Target) -> Option<Duration> {
        let now = Instant::now();
        let state = self.state();
        let seen = state.tries.get(&(source.map(source::of), target.clone()))?;
        if source.is_none() || !seen.right.is_empty() {
            return None;
        }
        seen.bucket.full(now, TRIES, EACH)
    }

    /// Looks at what a source presents, each by itself, unless the source has used up its tries. Then only what was right
    /// before is looked at. To present nothing is wrong as well.
    ///
    /// Tries that come in the same moment may all be looked at before the first of them is counted; they are as many as
    /// the machine has cores.
    pub fn judge<T>(
        &self,
        source: Option<IpAddr>,
        target: &Target,
        presented: &[&str],
        mut look: impl FnMut(&str) -> Option<T>,
    ) -> Judged<T> {
        let now = Instant::now();
        let source = source.map(source::of);
        let key = (source, target.clone());
        let print = |text: &str| self.vault.hash_for("what was right before", text.as_bytes());
        let known = {
            let state = self.state();
            let seen = state.tries.get(&key);
            let wait = seen.and_then(|seen| seen.bucket.full(now, TRIES, EACH));
            match (source, seen, wait) {
                (Some(_), Some(seen), Some(wait)) if seen.right.is_empty() => return Judged::Refused(wait),
                (Some(_), Some(seen), Some(wait)) => Some((seen.right.clone(), wait)),
                _ => None,
            }
        };
        let (mut right, mut looked) = (None, false);
        for text in presented {
            if let Some((known, _)) = &known
                && !known.contains(&print(text))
            {
                continue;
            }
            looked = true;
            // All of them, so that the time taken says nothing about which one was right.
            if let Some(found) = look(text) {
                right = Some((found, print(text)));
            }
        }
        match (right, known) {
            (Some((found, print)), _) => {
                if source.is_some() {
                    self.state().tries.entry(key, now).right.insert(print);
                }
                Judged::Right(found)
            }
            (None, Some((_, wait))) if !looked => Judged::Refused(wait),
            (None, _) => {
                let tries = u32::try_from(presented.len()).unwrap_or(u32::MAX);
                self.wrong(key, tries.max(1), now);
                Judged::Wrong
            }
        }
    }

    fn wrong(&self, key: (Option<IpAddr>, Target), tries: u32, now: Instant) {
        let (source, target) = key.clone();
        let episode = {
            let mut state = self.state();
            let seen = state.tries.entry(key, now);
            if seen.bucket.is_empty(now) {
                seen.in_episode = false;
                seen.tries = 0;
            }
            seen.tries = seen.tries.saturating_add(tries);
            let tried = seen.tries;
            seen.bucket.add(tries, now, TRIES, EACH);
            let begins = !seen.in_episode && seen.bucket.full(now, TRIES, EACH).is_some();
            seen.in_episode |= begins;
            match begins {
                true if state.told.full(now, TOLD, TOLD_EACH).is_none() => {
                    state.told.add(1, now, TOLD, TOLD_EACH);
                    Some(Episode {
                        target,
                        source,
                        tries: tried,
                        untold: std::mem::take(&mut state.untold),
                    })
                }
                true => {
                    state.untold += 1;
                    None
                }
                false => None,
            }
        };
        // Not under the lock: whoever listens may take their time.
        if let Some(episode) = episode {
            (self.tell)(&episode);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
