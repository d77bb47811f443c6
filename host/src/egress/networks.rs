//! The networks that grants can name, as they are now, and which addresses a grant leads to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use super::address;
use crate::domain::grant::Grant;
use crate::domain::name::NetworkName;
use crate::domain::network::{Block, Network};

/// Networks by name, at one moment.
pub type Named = BTreeMap<NetworkName, Network>;

/// The networks that there are. The registry changes them, and the door asks for each exchange: a network that is narrowed
/// is narrower at once, also for calls that are under way.
#[derive(Debug, Default)]
pub struct Networks(RwLock<Arc<Named>>);

impl Networks {
    /// All of them, as they are now.
    #[must_use]
    pub fn now(&self) -> Arc<Named> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on, there are these.
    pub fn replace(&self, networks: Named) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(networks);
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        let named = networks.into_iter().map(|network| (network.name.clone(), network));
        Self(RwLock::new(Arc::new(named.collect())))
    }
}

/// Whether a network may have this block: `Err` says why not, as the end of a sentence.
///
/// # Errors
/// When no grant could ever lead there, or when it would open this machine to whoever was only meant to reach others.
pub fn check(block: &Block) -> Result<(), String> {
    if let Some(special) = address::never_reached(block) {
        return Err(format!("is {special}: no grant leads there"));
    }
    match address::loopback().find(|loopback| block.overlaps(loopback)) {
        Some(loopback) if !block.lies_in(&loopback) => Err(format!(
            "holds {loopback}, which is this machine itself: write smaller blocks, and {loopback} by itself if it is meant"
        )),
        _ => Ok(()),
    }
}

/// Whether a grant leads to an address: `Err` says why not, as the end of a sentence.
pub(super) fn judge(grant: &Grant, ip: IpAddr, networks: &Named) -> Result<(), String> {
    let Grant { name, network, .. } = grant;
    let special = address::special(ip);
    if let Some(special) = special.filter(address::Special::is_never_reached) {
        return Err(format!("is {special}: no grant leads there"));
    }
    match (network, special) {
        (None, None) => Ok(()),
        (None, Some(special)) => Err(format!(
            "is not a public address but {special}: grant \"{name}\" reaches such an address only when it names a network \
             that holds it, which takes a platform admin"
        )),
        (Some(network), _) => match networks.get(network) {
            Some(found) if found.contains(ip) => Ok(()),
            Some(_) => Err(format!(
                "is not in network \"{network}\", which is all that grant \"{name}\" reaches"
            )),
            None => Err(format!(
                "is out of reach: there is no network \"{network}\", which grant \"{name}\" names"
            )),
        },
    }
}

/// For tests, whose carriers are on the machine itself: a network `loopback`.
#[cfg(test)]
pub(crate) fn loopback() -> Arc<Networks> {
    let loopback = serde_json::json!({"name": "loopback", "blocks": ["127.0.0.0/8", "::1/128"]});
    let loopback: Network = serde_json::from_value(loopback).expect("a network");
    Arc::new(Networks::from_iter([loopback]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_no_block_that_leads_where_nobody_may_go() {
        for (block, expected) in [
            ("10.20.0.0/16", None),
            ("100.64.0.0/10", None),
            ("127.0.0.0/8", None),
            ("127.0.0.1/32", None),
            ("::1/128", None),
            ("fd12::/48", None),
            ("8.8.8.0/24", None),
            ("fc00::/7", None),
            (
                "169.254.0.0/16",
                Some("is link-local (169.254.0.0/16): no grant leads there"),
            ),
            (
                "169.254.169.254/32",
                Some("is link-local (169.254.0.0/16): no grant leads there"),
            ),
            (
                "100.100.100.200/32",
                Some("is a cloud's metadata service: no grant leads there"),
            ),
            ("224.1.0.0/16", Some("is multicast: no grant leads there")),
            ("fe80::/64", Some("is link-local (fe80::/10): no grant leads there")),
            ("::ffff:10.0.0.0/104", Some("is IPv4-mapped: no grant leads there")),
            (
                "0.0.0.0/0",
                Some(
                    "holds 127.0.0.0/8, which is this machine itself: write smaller blocks, and 127.0.0.0/8 by itself if it is \
                     meant",
                ),
            ),
            (
                "64.0.0.0/2",
                Some(
                    "holds 127.0.0.0/8, which is this machine itself: write smaller blocks, and 127.0.0.0/8 by itself if it is \
                     meant",
                ),
            ),
            (
                "::/0",
                Some(
                    "holds ::1/128, which is this machine itself: write smaller blocks, and ::1/128 by itself if it is meant",
                ),
            ),
        ] {
            let told = check(&Block::parse(block).expect(block));
            assert_eq!(told.err().as_deref(), expected, "{block}");
        }
    }
}
