//! Where requests come from, as far as it matters to those who count them.

use std::net::{IpAddr, Ipv6Addr};

/// What counts as one source: an IPv4 address, or the start of an IPv6 network of 64 bits, because a customer of a provider
/// has all of it.
#[must_use]
pub fn of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_is_a_source_and_so_is_an_ipv6_network() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(of(address).to_string(), expected);
        }
    }
}
