//! Whether an address is on the public internet, and if not, what it is instead. Pure.
//!
//! A name is never judged, only the addresses that it stands for: whoever owns a name decides where it points.
//!
//! The tables follow IANA's registries of special-purpose IPv4 and IPv6 addresses, read strictly: a block that is set aside
//! for a protocol counts as special even where single addresses of it are reachable, because no carrier is there. Blocks
//! that carry an IPv4 address inside count as special whatever that address is, and the reason names both.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use self::Opened::{ByNetwork, Never};
use crate::domain::network::Block;

/// Who may go to a special address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    /// Those whose grant names a network that holds it.
    ByNetwork,
    /// Nobody: no carrier can be there, or whoever is there must not be asked by a module.
    Never,
}

/// What an address is when it is not public: displays as a phrase such as `loopback`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Special {
    name: &'static str,
    opened: Opened,
    embedded: Option<Ipv4Addr>,
}

impl Special {
    /// Whether nobody may go there, whatever network a grant names. A translator's address for one that is not public is
    /// among these: it is no way around the block that the inner one is in.
    #[must_use]
    pub fn is_never_reached(&self) -> bool {
        self.opened == Never || self.embedded.is_some_and(|inner| special_v4(inner).is_some())
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.embedded {
            Some(v4) => match special_v4(v4) {
                Some((inner, _)) => write!(f, " of {v4}, which is {inner}"),
                None => write!(f, " of {v4}"),
            },
            None => Ok(()),
        }
    }
}

/// Says what is special about an address; `None` for a public one.
#[must_use]
pub fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(v4) => special_v4(v4).map(|(name, opened)| Special {
            name,
            opened,
            embedded: None,
        }),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

/// Narrower blocks come before the wider ones that hold them.
#[rustfmt::skip]
const V4: &[(Ipv4Addr, u8, &str, Opened)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 32, "unspecified", Never),
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network (0.0.0.0/8)", Never),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private (10.0.0.0/8)", ByNetwork),
    // Not in the registry, as the other services of clouds: addresses at which machines get credentials for the asking.
    (Ipv4Addr::new(100, 100, 100, 200), 32, METADATA, Never),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier-grade NAT (100.64.0.0/10)", ByNetwork),
    (Ipv4Addr::new(127, 0, 0, 0), 8, LOOPBACK, ByNetwork),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's platform service", Never),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local (169.254.0.0/16)", Never),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private (172.16.0.0/12)", ByNetwork),
    (Ipv4Addr::new(192, 0, 0, 192), 32, METADATA, Never),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments (192.0.0.0/24)", ByNetwork),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation (192.0.2.0/24)", ByNetwork),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "AS112 (192.31.196.0/24)", ByNetwork),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "multicast tunnelling (192.52.193.0/24)", ByNetwork),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay (192.88.99.0/24)", ByNetwork),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private (192.168.0.0/16)", ByNetwork),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "AS112 (192.175.48.0/24)", ByNetwork),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking (198.18.0.0/15)", ByNetwork),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation (198.51.100.0/24)", ByNetwork),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation (203.0.113.0/24)", ByNetwork),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast", Never),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "broadcast", Never),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved (240.0.0.0/4)", ByNetwork),
];

/// The machine itself.
const LOOPBACK: &str = "loopback";

/// What clouds have at addresses of their own.
const METADATA: &str = "a cloud's metadata service";

/// How many bytes into an IPv6 address its IPv4 address begins, for blocks that carry one in the open.
type Embedded = Option<usize>;

/// Narrower blocks come before the wider ones that hold them.
#[rustfmt::skip]
const V6: &[(Ipv6Addr, u8, &str, Opened, Embedded)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified", Never, None),
    (Ipv6Addr::LOCALHOST, 128, LOOPBACK, ByNetwork, None),
    // Systems dial the IPv4 address inside of the first two, so that a block of IPv6 would open one of IPv4.
    (prefix(&[]), 96, "IPv4-compatible", Never, Some(12)),
    (prefix(&[0, 0, 0, 0, 0, 0xffff]), 96, "IPv4-mapped", Never, Some(12)),
    (prefix(&[0, 0, 0, 0, 0xffff, 0]), 96, "IPv4-translated", Never, Some(12)),
    (prefix(&[0x64, 0xff9b]), 96, "NAT64 (64:ff9b::/96)", ByNetwork, Some(12)),
    // Where the IPv4 address is inside of this one, each translator decides: so nobody here can judge it.
    (prefix(&[0x64, 0xff9b, 1]), 48, "local NAT64 (64:ff9b:1::/48)", Never, None),
    (prefix(&[0x100]), 64, "discard-only (100::/64)", ByNetwork, None),
    (prefix(&[0x100, 0, 0, 1]), 64, "dummy prefix (100:0:0:1::/64)", ByNetwork, None),
    (prefix(&[0x2001]), 32, "Teredo (2001::/32)", Never, None),
    (prefix(&[0x2001, 2]), 48, "benchmarking (2001:2::/48)", ByNetwork, None),
    (prefix(&[0x2001]), 23, "protocol assignments (2001::/23)", ByNetwork, None),
    (prefix(&[0x2001, 0xdb8]), 32, "documentation (2001:db8::/32)", ByNetwork, None),
    (prefix(&[0x2002]), 16, "6to4 (2002::/16)", Never, Some(2)),
    (prefix(&[0x2620, 0x4f, 0x8000]), 48, "AS112 (2620:4f:8000::/48)", ByNetwork, None),
    (prefix(&[0x3fff]), 20, "documentation (3fff::/20)", ByNetwork, None),
    (prefix(&[0x5f00]), 16, "segment routing (5f00::/16)", ByNetwork, None),
    (prefix(&[0xfd00, 0xec2]), 32, METADATA, Never, None),
    (prefix(&[0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]), 128, METADATA, Never, None),
    (prefix(&[0xfc00]), 7, "unique local (fc00::/7)", ByNetwork, None),
    (prefix(&[0xfe80]), 10, "link-local (fe80::/10)", Never, None),
    (prefix(&[0xfec0]), 10, "site-local (fec0::/10)", ByNetwork, None),
    (prefix(&[0xff00]), 8, "multicast", Never, None),
];

/// Everything that is routed on the internet is in 2000::/3; IANA has handed out nothing else.
const GLOBAL_UNICAST: (Ipv6Addr, u8) = (prefix(&[0x2000]), 3);

const fn prefix(groups: &[u16]) -> Ipv6Addr {
    let mut all = [0; 8];
    let mut index = 0;
    while index < groups.len() {
        all[index] = groups[index];
        index += 1;
    }
    let [a, b, c, d, e, f, g, h] = all;
    Ipv6Addr::new(a, b, c, d, e, f, g, h)
}

fn special_v4(address: Ipv4Addr) -> Option<(&'static str, Opened)> {
    V4.iter()
        .find(|(block, length, ..)| (address.to_bits() ^ block.to_bits()).leading_zeros() >= u32::from(*length))
        .map(|(_, _, name, opened)| (*name, *opened))
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    let within =
        |block: Ipv6Addr, length: u8| (address.to_bits() ^ block.to_bits()).leading_zeros() >= u32::from(length);
    if let Some((_, _, name, opened, embedded)) = V6.iter().find(|(block, length, ..)| within(*block, *length)) {
        let octets = address.octets();
        let embedded = embedded.and_then(|at| octets[at..].first_chunk::<4>());
        return Some(Special {
            name,
            opened: *opened,
            embedded: embedded.map(|four| Ipv4Addr::from(*four)),
        });
    }
    let (block, length) = GLOBAL_UNICAST;
    (!within(block, length)).then_some(Special {
        name: "reserved (outside of 2000::/3)",
        opened: ByNetwork,
        embedded: None,
    })
}

/// The blocks that are this machine itself.
pub(super) fn loopback() -> impl Iterator<Item = Block> {
    blocks()
        .filter(|(_, name, _)| *name == LOOPBACK)
        .map(|(block, ..)| block)
}

/// What a block is all of whose addresses nobody may go to; `None` if somebody may go to some of them.
pub(super) fn never_reached(block: &Block) -> Option<&'static str> {
    let narrowest = blocks().find(|(wider, ..)| block.lies_in(wider));
    narrowest
        .filter(|(.., opened)| *opened == Never)
        .map(|(_, name, _)| name)
}

/// Both tables as one.
fn blocks() -> impl Iterator<Item = (Block, &'static str, Opened)> {
    let v4 = V4
        .iter()
        .map(|(first, length, name, opened)| (IpAddr::V4(*first), *length, *name, *opened));
    let v6 = V6
        .iter()
        .map(|(first, length, name, opened, _)| (IpAddr::V6(*first), *length, *name, *opened));
    v4.chain(v6)
        .filter_map(|(first, length, name, opened)| Some((Block::around(first, length)?, name, opened)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn special_addresses_are_told_by_what_they_are() {
        let cases = [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "this network (0.0.0.0/8)"),
            ("10.0.0.0", "private (10.0.0.0/8)"),
            ("10.255.255.255", "private (10.0.0.0/8)"),
            ("100.64.0.0", "carrier-grade NAT (100.64.0.0/10)"),
            ("100.127.255.255", "carrier-grade NAT (100.64.0.0/10)"),
            ("100.100.100.200", "a cloud's metadata service"),
            ("100.100.100.199", "carrier-grade NAT (100.64.0.0/10)"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "a cloud's platform service"),
            ("169.254.169.254", "link-local (169.254.0.0/16)"),
            ("172.16.0.1", "private (172.16.0.0/12)"),
            ("172.31.255.255", "private (172.16.0.0/12)"),
            ("192.0.0.192", "a cloud's metadata service"),
            ("192.0.0.1", "protocol assignments (192.0.0.0/24)"),
            ("192.0.2.1", "documentation (192.0.2.0/24)"),
            ("192.88.99.1", "6to4 relay (192.88.99.0/24)"),
            ("192.168.1.1", "private (192.168.0.0/16)"),
            ("198.18.0.1", "benchmarking (198.18.0.0/15)"),
            ("198.19.255.255", "benchmarking (198.18.0.0/15)"),
            ("198.51.100.7", "documentation (198.51.100.0/24)"),
            ("203.0.113.7", "documentation (203.0.113.0/24)"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved (240.0.0.0/4)"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::127.0.0.1", "IPv4-compatible of 127.0.0.1, which is loopback"),
            ("::ffff:127.0.0.1", "IPv4-mapped of 127.0.0.1, which is loopback"),
            ("::ffff:8.8.8.8", "IPv4-mapped of 8.8.8.8"),
            (
                "::ffff:0:10.0.0.1",
                "IPv4-translated of 10.0.0.1, which is private (10.0.0.0/8)",
            ),
            (
                "64:ff9b::169.254.169.254",
                "NAT64 (64:ff9b::/96) of 169.254.169.254, which is link-local (169.254.0.0/16)",
            ),
            ("64:ff9b::8.8.8.8", "NAT64 (64:ff9b::/96) of 8.8.8.8"),
            ("64:ff9b:1::1", "local NAT64 (64:ff9b:1::/48)"),
            ("100::1", "discard-only (100::/64)"),
            ("2001::1", "Teredo (2001::/32)"),
            ("2001:2::1", "benchmarking (2001:2::/48)"),
            ("2001:0:7f00:1::", "Teredo (2001::/32)"),
            ("2001:10::1", "protocol assignments (2001::/23)"),
            ("2001:20::1", "protocol assignments (2001::/23)"),
            ("2001:1ff:ffff::1", "protocol assignments (2001::/23)"),
            ("192.31.196.1", "AS112 (192.31.196.0/24)"),
            ("192.52.193.1", "multicast tunnelling (192.52.193.0/24)"),
            ("192.175.48.1", "AS112 (192.175.48.0/24)"),
            ("2620:4f:8000::1", "AS112 (2620:4f:8000::/48)"),
            ("100:0:0:1::1", "dummy prefix (100:0:0:1::/64)"),
            ("2001:db8::1", "documentation (2001:db8::/32)"),
            ("2002:7f00:1::1", "6to4 (2002::/16) of 127.0.0.1, which is loopback"),
            ("3fff:fff::1", "documentation (3fff::/20)"),
            ("5f00::1", "segment routing (5f00::/16)"),
            ("fc00::1", "unique local (fc00::/7)"),
            ("fcff::1", "unique local (fc00::/7)"),
            ("fd00:ec2::254", "a cloud's metadata service"),
            ("fd00:ec2::23", "a cloud's metadata service"),
            ("fd20:ce::254", "a cloud's metadata service"),
            ("fd20:ce::253", "unique local (fc00::/7)"),
            ("fe80::1", "link-local (fe80::/10)"),
            ("febf::1", "link-local (fe80::/10)"),
            ("fec0::1", "site-local (fec0::/10)"),
            ("ff02::1", "multicast"),
            ("4000::1", "reserved (outside of 2000::/3)"),
            ("1::1", "reserved (outside of 2000::/3)"),
        ];
        for (text, expected) in cases {
            let told = special(text.parse().expect(text)).map(|special| special.to_string());
            assert_eq!(told.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_neighbours_of_special_blocks_are_public() {
        let public = [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "8.8.8.8",
            "2000::1",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700:4700::1111",
            "3ffe::1",
            "3fff:1000::1",
        ];
        for text in public {
            assert_eq!(special(text.parse().expect(text)), None, "{text}");
        }
    }

    #[test]
    fn a_network_opens_what_a_carrier_can_be_at_and_nothing_else() {
        for (text, never) in [
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("::1", false),
            ("fd12::1", false),
            ("64:ff9b::8.8.8.8", false),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("100.100.100.200", true),
            ("168.63.129.16", true),
            ("169.254.169.254", true),
            ("169.254.0.1", true),
            ("192.0.0.192", true),
            ("224.0.0.1", true),
            ("255.255.255.255", true),
            ("::", true),
            ("::8.8.8.8", true),
            ("::ffff:8.8.8.8", true),
            ("::ffff:10.0.0.1", true),
            ("::ffff:0:10.0.0.1", true),
            ("64:ff9b::10.0.0.1", true),
            ("64:ff9b::169.254.169.254", true),
            ("64:ff9b:1::8.8.8.8", true),
            ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", true),
            ("2001::1", true),
            ("2002:7f00:1::1", true),
            ("fd00:ec2::254", true),
            ("fd20:ce::254", true),
            ("fe80::1", true),
            ("ff02::1", true),
        ] {
            let special = special(text.parse().expect(text)).expect(text);
            assert_eq!(special.is_never_reached(), never, "{text}");
        }
    }

    proptest! {
        /// The standard library's own stable predicates, as a second opinion.
        #[test]
        fn nothing_that_the_standard_library_calls_special_is_public(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let suspect = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
            prop_assert!(!suspect || special(IpAddr::V4(v4)).is_some(), "{v4}");
        }

        #[test]
        fn an_ipv4_address_is_special_in_every_ipv6_disguise(bits: u32) {
            let (high, low) = (bits >> 16, bits & 0xffff);
            for text in [
                format!("::{high:x}:{low:x}"),
                format!("::ffff:{high:x}:{low:x}"),
                format!("::ffff:0:{high:x}:{low:x}"),
                format!("64:ff9b::{high:x}:{low:x}"),
                format!("2002:{high:x}:{low:x}::1"),
            ] {
                prop_assert!(special(text.parse().expect("an address")).is_some(), "{text}");
            }
        }
    }
}
