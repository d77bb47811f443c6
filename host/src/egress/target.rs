//! Where a request wants to go, read strictly. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

use super::path::{self, BadPath};
use crate::domain::grant::Scheme;

/// Why a text is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// Nothing there.
    #[error("the host is missing")]
    Missing,
    /// Longer than the 253 characters that DNS has room for.
    #[error("the host name is longer than 253 characters")]
    TooLong,
    /// Not ASCII.
    #[error("host {0:?} must be written in its ASCII form, with labels that begin with xn--")]
    NotAscii(String),
    /// An empty label, one over 63 characters, or one with other characters.
    #[error("host {0:?} is not a host name: its labels must be 1 to 63 letters, digits, hyphens or underscores")]
    BadLabel(String),
    /// `127.1`, `2130706433`, `0x7f.0.0.1`: systems read these as addresses, each in its own way.
    #[error("host {0:?} is an unusual spelling of an address: write four decimal numbers, such as 192.0.2.1")]
    OddAddress(String),
    /// `[::0001]`, `[fe80::1%eth0]`, `[name]`.
    #[error("host [{0}] is not an IPv6 address in its shortest form in lower case")]
    OddAddress6(String),
}

/// A host: a name in lower case without a trailing dot, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// To be looked up.
    Name(String),
    /// Given as a literal.
    Address(IpAddr),
}

impl Host {
    /// Reads a name or an IPv4 address. Case and one trailing dot make no difference.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Self, BadHost> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(BadHost::Missing);
        }
        if text.len() > 253 {
            return Err(BadHost::TooLong);
        }
        if !text.is_ascii() {
            return Err(BadHost::NotAscii(text.to_owned()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        let name = text.to_ascii_lowercase();
        if !name.split('.').all(is_label) {
            return Err(BadHost::BadLabel(name));
        }
        // As browsers tell the two apart: a name whose last label is a number is meant as an address.
        let last = name.rsplit('.').next().unwrap_or_default();
        let hexadecimal = last
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if hexadecimal || last.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(BadHost::OddAddress(name));
        }
        Ok(Self::Name(name))
    }

    /// Reads what stands between brackets in a URL.
    ///
    /// # Errors
    /// When it is not an IPv6 address in its one spelling.
    pub fn parse_bracketed(text: &str) -> Result<Self, BadHost> {
        match text.parse::<Ipv6Addr>() {
            Ok(address) if address.to_string() == text => Ok(Self::Address(IpAddr::V6(address))),
            _ => Err(BadHost::OddAddress6(text.to_owned())),
        }
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// As it stands in a URL.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Why a URL leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Neither `https` nor `http`.
    #[error("the URL must begin with https:// or http://")]
    Scheme,
    /// A scheme and nothing to use it with.
    #[error("the URL has no host")]
    NoAuthority,
    /// `https://user:password@host/`.
    #[error("the URL has a user name in it: send credentials in the Authorization header")]
    UserInfo,
    /// 0, 65536, empty, or not a number.
    #[error("port {0:?} is not a number from 1 to 65535")]
    Port(String),
    /// See there.
    #[error(transparent)]
    Host(#[from] BadHost),
    /// See there.
    #[error(transparent)]
    Path(#[from] BadPath),
}

/// Where a request wants to go: what a grant is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// How.
    pub scheme: Scheme,
    /// To whom.
    pub host: Host,
    /// The scheme's own if the URL has none.
    pub port: u16,
    /// In its one spelling; without the query.
    pub path: String,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(uri: &Uri) -> Result<Self, BadTarget> {
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            _ => return Err(BadTarget::Scheme),
        };
        let authority = uri.authority().ok_or(BadTarget::NoAuthority)?.as_str();
        if authority.contains('@') {
            return Err(BadTarget::UserInfo);
        }
        let (host, after) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (inside, after) = rest.split_once(']').unwrap_or((rest, ""));
                (Host::parse_bracketed(inside)?, after)
            }
            None => {
                let colon = authority.find(':').unwrap_or(authority.len());
                (Host::parse(&authority[..colon])?, &authority[colon..])
            }
        };
        let port = match after.strip_prefix(':') {
            Some(digits) => parse_port(digits)?,
            None if after.is_empty() => own_port(scheme),
            None => return Err(BadTarget::Port(after.to_owned())),
        };
        Ok(Self {
            scheme,
            host,
            port,
            path: path::normalise(uri.path())?.into_owned(),
        })
    }

    /// Host, and port if it is not the scheme's own: the value of the Host header.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == own_port(self.scheme) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The URL without its query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", scheme_name(self.scheme), self.authority(), self.path)
    }
}

/// The port that a scheme means when none is written.
pub(super) fn own_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Https => 443,
        Scheme::Http => 80,
    }
}

/// The scheme as it is written.
pub(super) fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Https => "https",
        Scheme::Http => "http",
    }
}

fn parse_port(digits: &str) -> Result<u16, BadTarget> {
    // Numbers may have a sign in Rust, ports have none.
    let all_digits = digits.bytes().all(|digit| digit.is_ascii_digit());
    match digits.parse() {
        Ok(port) if port != 0 && all_digits => Ok(port),
        _ => Err(BadTarget::Port(digits.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, BadTarget> {
        Target::parse(&url.parse().expect(url))
    }

    #[test]
    fn a_url_is_read_in_one_way() {
        for (url, expected) in [
            ("https://api.carrier.example/v1?q=1", "https://api.carrier.example/v1"),
            ("https://api.carrier.example", "https://api.carrier.example/"),
            ("https://API.Carrier.Example./v1", "https://api.carrier.example/v1"),
            ("https://api.carrier.example:443/", "https://api.carrier.example/"),
            ("http://api.carrier.example:443/", "http://api.carrier.example:443/"),
            ("http://192.0.2.1:8080/", "http://192.0.2.1:8080/"),
            ("http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
            ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ] {
            assert_eq!(target(url).expect(url).to_string(), expected, "{url}");
        }
    }

    #[test]
    fn a_url_that_can_be_read_in_two_ways_leads_nowhere() {
        for (url, expected) in [
            ("/v1", "the URL must begin with https:// or http://"),
            ("*", "the URL must begin with https:// or http://"),
            ("ftp://carrier.example/", "the URL must begin with https:// or http://"),
            (
                "https://user@carrier.example/",
                "the URL has a user name in it: send credentials in the Authorization header",
            ),
            (
                "https://carrier.example:443@evil.example/",
                "the URL has a user name in it: send credentials in the Authorization header",
            ),
            (
                "https://carrier.example:0/",
                "port \"0\" is not a number from 1 to 65535",
            ),
            (
                "https://carrier.example:99999/",
                "port \"99999\" is not a number from 1 to 65535",
            ),
            ("https://carrier.example:/", "port \"\" is not a number from 1 to 65535"),
            (
                "https://carrier.example:+80/",
                "port \"+80\" is not a number from 1 to 65535",
            ),
            (
                "https://carrier.example../",
                "host \"carrier.example.\" is not a host name: its labels must be 1 to 63 letters, digits, hyphens or \
                 underscores",
            ),
            (
                "https://carrier..example/",
                "host \"carrier..example\" is not a host name: its labels must be 1 to 63 letters, digits, hyphens or \
                 underscores",
            ),
            (
                "https://carrier.example;evil/",
                "host \"carrier.example;evil\" is not a host name: its labels must be 1 to 63 letters, digits, hyphens or \
                 underscores",
            ),
            (
                "https://[name]/",
                "host [name] is not an IPv6 address in its shortest form in lower case",
            ),
            (
                "https://[::0001]/",
                "host [::0001] is not an IPv6 address in its shortest form in lower case",
            ),
            (
                "https://[::127.0.0.1]/",
                "host [::127.0.0.1] is not an IPv6 address in its shortest form in lower case",
            ),
            (
                "https://carrier.example/a/../b",
                "the path has a \".\" or \"..\" segment in it: write the path that is meant",
            ),
        ] {
            assert_eq!(target(url).expect_err(url).to_string(), expected, "{url}");
        }
    }

    #[test]
    fn no_unusual_spelling_of_an_address_is_a_name() {
        for host in [
            "2130706433",
            "0x7f000001",
            "0X7F.0.0.1",
            "0177.0.0.1",
            "127.1",
            "127.0.1",
            "127.0.0.01",
            "127.0.0.256",
            "1.2.3.4.5",
            "carrier.1",
            "carrier.0x",
            "127.0.0.0x1",
            "017700000001",
        ] {
            let error = Host::parse(host).expect_err(host);
            assert!(matches!(error, BadHost::OddAddress(_)), "{host}: {error}");
        }
        assert_eq!(
            Host::parse("127.0.0.1"),
            Ok(Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)))
        );
    }

    #[test]
    fn a_name_in_another_script_is_asked_for_in_ascii() {
        // U+3002, which some resolvers take for a dot, is among them.
        for host in ["bücher.example", "ｅvil.example", "carrier。example"] {
            assert_eq!(Host::parse(host), Err(BadHost::NotAscii(host.to_owned())), "{host}");
        }
    }
}
