//! For whom a proxy speaks.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// Where a proxy says so. Each one adds the address of whoever spoke to it, at the end.
const FORWARDED: &str = "x-forwarded-for";

/// The proxies whose word is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Option<Vec<IpAddr>>);

impl Proxies {
    /// Trusts these, or, if none are named, those on this machine.
    #[must_use]
    pub fn new(trusted: Option<Vec<IpAddr>>) -> Self {
        Self(trusted)
    }

    /// Where a request comes from: the peer, or what the last trusted proxy says. None if that says nothing.
    #[must_use]
    pub fn source(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.trusts(peer) {
            return Some(peer.to_canonical());
        }
        // What stands before the first address that is not trusted may be anybody's invention, and need not even be text.
        headers
            .get_all(FORWARDED)
            .into_iter()
            .rev()
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
            .map(address)
            .find(|found| found.is_none_or(|found| !self.trusts(found)))?
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match &self.0 {
            None => address.is_loopback(),
            Some(trusted) => trusted.iter().any(|trusted| trusted.to_canonical() == address),
        }
    }
}

/// An address, with or without a port.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let with_port = || text.parse().map(|address: SocketAddr| address.ip()).ok();
    let bare = text.trim_start_matches('[').trim_end_matches(']').parse().ok();
    bare.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Trusted proxies, the peer, what the header says, and where the request comes from.
    type Row = (
        &'static [&'static str],
        &'static str,
        &'static [&'static str],
        Option<&'static str>,
    );

    fn source<V: AsRef<[u8]>>(trusted: &[&str], peer: &str, forwarded: &[V]) -> Option<String> {
        let trusted = (!trusted.is_empty()).then(|| {
            let parse = |text: &&str| text.parse().expect("an address");
            trusted.iter().map(parse).collect()
        });
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED, HeaderValue::from_bytes(value.as_ref()).expect("a value"));
        }
        let peer = peer.parse().expect("an address");
        let source = Proxies::new(trusted).source(peer, &headers);
        source.map(|address| address.to_string())
    }

    #[test]
    fn a_proxy_is_believed_only_where_it_is_trusted_and_only_what_it_said_itself() {
        let rows: [Row; 14] = [
            // By default those on this machine.
            (&[], "127.0.0.1", &["192.0.2.7"], Some("192.0.2.7")),
            (&[], "::1", &["192.0.2.7"], Some("192.0.2.7")),
            (&[], "::ffff:127.0.0.1", &["192.0.2.7"], Some("192.0.2.7")),
            (&[], "127.0.0.1", &[], None),
            (&[], "10.0.0.5", &["192.0.2.7"], Some("10.0.0.5")),
            // Named ones, and no other.
            (&["10.0.0.5"], "10.0.0.5", &["192.0.2.7"], Some("192.0.2.7")),
            (&["10.0.0.5"], "127.0.0.1", &["192.0.2.7"], Some("127.0.0.1")),
            // What the client invented stands before what the proxy added.
            (&[], "127.0.0.1", &["1.1.1.1, 192.0.2.7"], Some("192.0.2.7")),
            (&[], "127.0.0.1", &["1.1.1.1", "192.0.2.7"], Some("192.0.2.7")),
            // Through two proxies.
            (
                &["10.0.0.5", "10.0.0.6"],
                "10.0.0.5",
                &["1.1.1.1,192.0.2.7 , 10.0.0.6"],
                Some("192.0.2.7"),
            ),
            (&["10.0.0.5"], "10.0.0.5", &["10.0.0.5"], None),
            // Ports, brackets, and what is no address.
            (&[], "127.0.0.1", &["192.0.2.7:4711"], Some("192.0.2.7")),
            (&[], "127.0.0.1", &["[2001:db8::7]:4711"], Some("2001:db8::7")),
            (&[], "127.0.0.1", &["192.0.2.7, unknown"], None),
        ];
        for (trusted, peer, forwarded, expected) in rows {
            let found = source(trusted, peer, forwarded);
            assert_eq!(found.as_deref(), expected, "{trusted:?} {peer} {forwarded:?}");
        }
        assert_eq!(
            source(&[], "127.0.0.1", &["[2001:db8::7]"]).as_deref(),
            Some("2001:db8::7")
        );
    }

    #[test]
    fn what_a_client_invents_hides_it_from_nobody_even_if_it_is_no_text() {
        let rows: [&[&[u8]]; 6] = [
            &[b"\xff, 192.0.2.7"],
            &[b"\xff,\xff,192.0.2.7"],
            &[b"\xff", b"192.0.2.7"],
            &[b"1.1.1.1, \xc3\xa4", b"192.0.2.7"],
            &[b"\xff, 192.0.2.7, 127.0.0.1"],
            &[b"\xff, 192.0.2.7", b"127.0.0.1"],
        ];
        for forwarded in rows {
            let found = source(&[], "127.0.0.1", forwarded);
            assert_eq!(found.as_deref(), Some("192.0.2.7"), "{forwarded:?}");
        }
        assert_eq!(
            source(&[], "127.0.0.1", &[b"192.0.2.7, \xff"]),
            None,
            "the proxy says so itself"
        );
    }
}
