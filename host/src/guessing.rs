//! Wrong keys, tokens and callback secrets: how many of them a source may present before it is refused.
//!
//! A source is refused, and never a target: whoever floods a module with wrong keys must not keep TeleCloud out of it. Nor
//! is what is right refused, wherever it comes from: TeleCloud posts for all its customers from the same addresses, and one
//! of them can have it post wrong keys to another's module. So what is long enough to be in no danger is always looked at.
//! Shorter keys are looked at while their source has tries left, and afterwards only if they were right before from there.

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

/// For each further one. At six a minute even a key of six digits takes months.
const EACH: Duration = Duration::from_secs(10);

/// Characters of what is always looked at. At 100,000 tries a second, which is more than a gateway answers, 16 random digits
/// take some 1,500 years, and they are the fewest of what keys are made of. Tokens and callback secrets have 32 and more.
const LONG: usize = 16;

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
    /// It was wrong, or too short to be looked at, and its source has used up its tries. After this time it has one again.
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

    /// Looks at what a source presents, each by itself. Once the source has used up its tries, what is not [`LONG`] is passed
    /// over unless it was right before from there, and what is wrong is refused and not counted. To present nothing is wrong
    /// as well.
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
        let is_long = |text: &str| text.chars().nth(LONG - 1).is_some();
        let print = |text: &str| self.vault.hash_for("what was right before", text.as_bytes());
        // Nobody is refused whom a proxy does not name.
        let used_up = source.and_then(|_| {
            let state = self.state();
            let seen = state.tries.get(&key)?;
            Some((seen.bucket.full(now, TRIES, EACH)?, seen.right.clone()))
        });
        let mut right = None;
        for &text in presented {
            if let Some((_, known)) = &used_up
                && !is_long(text)
                && !known.contains(&print(text))
            {
                continue;
            }
            // All of them, so that the time taken says nothing about which one was right.
            if let Some(found) = look(text) {
                right = Some((found, text));
            }
        }
        match (right, used_up) {
            (Some((found, text)), _) => {
                if source.is_some() && !is_long(text) {
                    self.state().tries.entry(key, now).right.insert(print(text));
                }
                Judged::Right(found)
            }
            (None, Some((wait, _))) => Judged::Refused(wait),
            (None, None) => {
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
