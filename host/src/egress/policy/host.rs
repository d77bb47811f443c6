//! The hosts that a grant names.

use std::net::{IpAddr, Ipv6Addr};

use super::super::target::Host;

/// One host, or those that are one label below a domain.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    Exactly(Host),
    /// One label, then this, which begins with a dot.
    OneLabelUnder(String),
}

impl HostPattern {
    /// As a grant has it.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return match address.to_string() {
                canonical if canonical == text => Ok(Self::Exactly(Host::Address(IpAddr::V6(address)))),
                canonical => Err(format!("write the address as \"{canonical}\"")),
            };
        }
        if text.contains(['/', ':', '@', '[']) {
            let why = "must be a host alone, without scheme, port, path or brackets, such as \"api.carrier.example\"";
            return Err(format!("{text:?} {why}"));
        }
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.contains('*') {
            let why = "may have a star only as its whole first label, such as \"*.carrier.example\"";
            return Err(format!("{text:?} {why}"));
        }
        let host = Host::parse(rest).map_err(|why| why.to_string())?;
        let canonical = host.to_string();
        if canonical != rest {
            let star = if wildcard { "*." } else { "" };
            return Err(format!(
                "write {text:?} in lower case and without a final dot: \"{star}{canonical}\""
            ));
        }
        match (wildcard, host) {
            (false, host) => Ok(Self::Exactly(host)),
            (true, Host::Name(name)) if name.contains('.') => Ok(Self::OneLabelUnder(format!(".{name}"))),
            (true, _) => Err(format!(
                "{text:?} covers too much: write at least two labels after the star"
            )),
        }
    }

    pub(super) fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exactly(own), given) => own == given,
            (Self::OneLabelUnder(suffix), Host::Name(name)) => name
                .strip_suffix(suffix.as_str())
                .is_some_and(|label| !label.is_empty() && !label.contains('.')),
            (Self::OneLabelUnder(_), Host::Address(_)) => false,
        }
    }
}
