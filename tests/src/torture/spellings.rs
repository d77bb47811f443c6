//! Spellings of addresses that no module may reach.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One way to write where nobody may go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spelling {
    /// What stands in a URL between the slashes, the port of the canaries included where it has no other one.
    pub(super) authority: String,
    /// The address that it is, or that a careless reader takes it for.
    pub(super) means: IpAddr,
}

/// Those of this machine, at which canaries listen, and others that gateways were led to: metadata services, private and
/// shared networks, what is set aside.
const V4: [Ipv4Addr; 17] = [
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 0, 0, 2),
    Ipv4Addr::new(127, 1, 2, 3),
    Ipv4Addr::new(127, 255, 255, 254),
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(100, 64, 0, 1),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(172, 16, 0, 1),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(192, 168, 1, 1),
    Ipv4Addr::new(198, 18, 0, 1),
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::new(240, 0, 0, 1),
    Ipv4Addr::BROADCAST,
];

const V6: [Ipv6Addr; 12] = [
    Ipv6Addr::LOCALHOST,
    Ipv6Addr::UNSPECIFIED,
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd12, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0x7f00, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 1),
];

/// All of them, each once, with this port.
pub(super) fn spellings(port: u16) -> Vec<Spelling> {
    let v4 = V4.into_iter().flat_map(|address| of_v4(address, port));
    let v6 = V6.into_iter().flat_map(|address| of_v6(address, port));
    each_once(v4.chain(v6).chain(names(port)))
}

/// The spellings of this machine for somebody who listens at its IPv4 loopback address, with this port.
pub(super) fn of_this_machine(port: u16) -> Vec<Spelling> {
    let v4 = [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED];
    each_once(
        v4.into_iter()
            .flat_map(|address| of_v4(address, port))
            .chain(names(port)),
    )
}

fn each_once(spellings: impl Iterator<Item = Spelling>) -> Vec<Spelling> {
    let mut all: Vec<Spelling> = spellings.collect();
    all.sort();
    all.dedup_by(|one, other| one.authority == other.authority);
    all
}

fn of_v4(v4: Ipv4Addr, port: u16) -> Vec<Spelling> {
    let bits = v4.to_bits();
    let [a, b, c, d] = v4.octets();
    let (low_24, low_16) = (bits & 0x00ff_ffff, bits & 0xffff);
    let as_v4 = [
        format!("{v4}"),
        format!("{v4}."),
        format!("{v4}.."),
        format!("{bits}"),
        format!("{bits}."),
        format!("0x{bits:x}"),
        format!("0X{bits:08X}"),
        format!("0{bits:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a:03}.{b:03}.{c:03}.{d:03}"),
        format!("0x{a:x}.{b}.0{c:o}.{d}"),
        format!("{a}.{b}.{c}.0x{d:x}"),
        format!("{a}.{b}.{low_16}"),
        format!("{a}.{low_24}"),
        format!("0x{a:x}.{low_24}"),
        format!("{a}.0x{low_24:x}"),
        format!("{}.{b}.{c}.{d}", u16::from(a) + 256),
        format!("{}", u64::from(bits) + (1 << 32)),
        percent_encoded(&v4.to_string()),
        format!("{a}%2e{b}%2e{c}%2e{d}"),
        full_width(&v4.to_string()),
        format!("{a}。{b}。{c}。{d}"),
        format!("user@{v4}"),
        format!("user:password@{v4}"),
        format!("api.carrier.example@{v4}"),
        format!("{v4}%00.carrier.example"),
        format!("{v4}#.carrier.example"),
    ];
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let in_v6 = |groups: [u16; 6]| {
        let [e, f, g, h, i, j] = groups;
        Ipv6Addr::new(e, f, g, h, i, j, high, low)
    };
    let (mapped, compatible) = (in_v6([0, 0, 0, 0, 0, 0xffff]), in_v6([0; 6]));
    let (translated, nat64) = (in_v6([0, 0, 0, 0, 0xffff, 0]), in_v6([0x64, 0xff9b, 0, 0, 0, 0]));
    let (six_to_four, isatap) = (
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        in_v6([0xfe80, 0, 0, 0, 0, 0x5efe]),
    );
    // Teredo has its client's address turned over.
    let teredo = Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low);
    let as_v6 = [
        (format!("[::ffff:{v4}]"), mapped),
        (format!("[::ffff:{high:x}:{low:x}]"), mapped),
        (format!("[::FFFF:{high:X}:{low:X}]"), mapped),
        (format!("[0:0:0:0:0:ffff:{v4}]"), mapped),
        (format!("[0000:0000:0000:0000:0000:ffff:{high:04x}:{low:04x}]"), mapped),
        (format!("[::{v4}]"), compatible),
        (format!("[::{high:x}:{low:x}]"), compatible),
        (format!("[::ffff:0:{v4}]"), translated),
        (format!("[::ffff:0:{high:x}:{low:x}]"), translated),
        (format!("[64:ff9b::{v4}]"), nat64),
        (format!("[{nat64}]"), nat64),
        (format!("[64:ff9b:0:0:0:0:{high:x}:{low:x}]"), nat64),
        (format!("[{six_to_four}]"), six_to_four),
        (format!("[{teredo}]"), teredo),
        (format!("[{isatap}]"), isatap),
        (format!("[{v4}]"), mapped),
        (format!("[::ffff:{v4}%25lo]"), mapped),
    ];
    let at_port = |host: String| match host.split_once('#') {
        // What comes after is no part of the authority, so the port goes before.
        Some((host, rest)) => format!("{host}:{port}#{rest}"),
        None => format!("{host}:{port}"),
    };
    let as_v4 = as_v4.into_iter().map(|host| (host, IpAddr::V4(v4)));
    let as_v6 = as_v6.into_iter().map(|(host, means)| (host, IpAddr::V6(means)));
    let spelling = |(host, means)| Spelling {
        authority: at_port(host),
        means,
    };
    let mut all: Vec<Spelling> = as_v4.chain(as_v6).map(spelling).collect();
    // Ports that are none, or that are written as none is.
    let odd = ["0", "99999", "65536", "+80", "-1", "0x50", "", "80:80"];
    all.extend(odd.into_iter().map(|odd| Spelling {
        authority: format!("{v4}:{odd}"),
        means: v4.into(),
    }));
    all
}

fn of_v6(v6: Ipv6Addr, port: u16) -> Vec<Spelling> {
    let groups = v6.segments();
    let all_of = |width: usize| groups.map(|group| format!("{group:0width$x}")).join(":");
    let hosts = [
        format!("[{v6}]"),
        format!("[{}]", v6.to_string().to_uppercase()),
        format!("[{}]", all_of(4)),
        format!("[{}]", all_of(1)),
        format!("[{v6}%25lo]"),
        format!("[{v6}%251]"),
        format!("[{v6}%lo]"),
        format!("[{v6}]."),
        format!("[{v6}"),
        format!("{v6}"),
        format!("user@[{v6}]"),
        format!("[{}]", percent_encoded(&v6.to_string())),
        format!("[v1.{v6}]"),
    ];
    let at_port = |host| Spelling {
        authority: format!("{host}:{port}"),
        means: v6.into(),
    };
    hosts.map(at_port).into()
}

/// Names that are this machine's on most systems, and one in another script.
fn names(port: u16) -> Vec<Spelling> {
    let names = [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost.localdomain",
        "sub.localhost",
        "ip6-localhost",
        "lоcalhost",
        "[localhost]",
        "user@localhost",
    ];
    let at_port = |name| Spelling {
        authority: format!("{name}:{port}"),
        means: Ipv4Addr::LOCALHOST.into(),
    };
    names.map(at_port).into()
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        // Writing to a text cannot fail.
        let _ = write!(encoded, "%{byte:02x}");
        encoded
    })
}

/// Digits and dots as they are written among Chinese characters: U+FF10 to U+FF19, U+FF0E.
fn full_width(text: &str) -> String {
    let widen = |character: char| char::from_u32(u32::from(character) + 0xfee0).unwrap_or(character);
    text.chars().map(widen).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_more_than_five_hundred_and_no_two_are_the_same() {
        let all = spellings(8080);
        let distinct: BTreeSet<&str> = all.iter().map(|spelling| spelling.authority.as_str()).collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.len() > 500, "{}", all.len());
        for expected in [
            "2130706433:8080",
            "0x7f.0x0.0x0.0x1:8080",
            "0177.00.00.01:8080",
            "127.1:8080",
            "127.0.1:8080",
            "１２７．０．０．１:8080",
            "[::ffff:127.0.0.1]:8080",
            "[64:ff9b::7f00:1]:8080",
            "[2002:7f00:1::1]:8080",
            "[2001::80ff:fffe]:8080",
            "[fe80::1%25lo]:8080",
            "127.0.0.1:99999",
            "user@127.0.0.1:8080",
        ] {
            assert!(distinct.contains(expected), "{expected}");
        }
    }
}
