//! Grants: a request goes out if and only if one was given for it.

use http::{Method, Uri};
use patchbay::domain::event::ActionKind;
use patchbay::domain::grant::Grant;
use patchbay::egress::policy::Policy;
use patchbay::egress::target::{Host, Target};
use serde_json::json;

use crate::path::covers;

/// Most bytes of a denial, whatever was asked for: a host, the beginnings of a URL and of a path, and the grant's own paths.
const DENIAL: usize = 2_000;

/// The bytes as lines: a grant's host, its path, its method; a request's method and its URL. The grant has port 8443 if it has
/// a sixth line, and is for `http` if it has a seventh.
///
/// The request is let out if and only if scheme, host, port, path and method are those of the grant, worked out on the URL as
/// it is written.
pub fn grant(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let (Some(host), Some(path), Some(allowed), Some(method), Some(url)) =
        (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let port = lines.next().map(|_| 8443_u16);
    let scheme = if lines.next().is_some() { "http" } else { "https" };
    let fields = json!({
        "name": "carrier", "scheme": scheme, "host": host, "port": port, "methods": [allowed], "paths": [path],
    });
    let grant = serde_json::from_value::<Grant>(fields);
    let grant = grant.expect("a grant, right or wrong");
    let (Ok(policy), Ok(uri), Ok(method)) = (
        Policy::compile(vec![grant]),
        url.parse::<Uri>(),
        Method::from_bytes(method.as_bytes()),
    ) else {
        return;
    };
    let target = Target::parse(&uri);
    let permitted = match &target {
        Ok(target) => {
            check_target(target, url);
            match policy.permit(target, &method, ActionKind::Create) {
                Ok(_) => true,
                Err(denied) => {
                    let sentence = denied.to_string();
                    assert!(sentence.len() <= DENIAL + path.len(), "{sentence}");
                    assert!(!sentence.contains(char::is_control), "{sentence:?}");
                    false
                }
            }
        }
        Err(_) => false,
    };
    let asked = Asked::read(url);
    let meant = asked.as_ref().is_some_and(|asked| {
        asked.scheme == scheme
            && asked.is_at(host)
            && asked.port_or_own() == Some(port.unwrap_or(own_port(scheme)))
            && method.as_str() == allowed
    });
    if permitted {
        assert!(meant, "{url:?} went out by a grant for {host:?}");
    }
    // A path that is in its one spelling from the start is one that the template can be held against as it is.
    if let (Ok(target), Some(asked)) = (&target, &asked)
        && target.path == asked.path
    {
        assert_eq!(
            permitted,
            meant && covers(path, asked.path),
            "{url:?} by a grant for {host:?} {path:?}"
        );
    }
}

/// A target is the same when it is read again, and no name that a system could take for an address.
fn check_target(target: &Target, url: &str) {
    let again = target.to_string().parse::<Uri>().ok().map(|uri| Target::parse(&uri));
    assert_eq!(again, Some(Ok(target.clone())), "{url:?}");
    if let Host::Name(name) = &target.host {
        let last = name.rsplit('.').next().unwrap_or_default();
        let number = last.bytes().all(|byte| byte.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(!number, "{name:?} is an address to some");
        assert!(name.is_ascii() && !name.ends_with('.') && *name == name.to_ascii_lowercase());
    }
}

fn own_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// A URL taken apart as it is written.
struct Asked<'u> {
    scheme: String,
    /// In lower case, without a final dot.
    host: String,
    port: Option<&'u str>,
    path: &'u str,
}

impl<'u> Asked<'u> {
    fn read(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let host = host.to_ascii_lowercase();
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            host: host.strip_suffix('.').unwrap_or(&host).to_owned(),
            port,
            path: if path.is_empty() { "/" } else { path },
        })
    }

    fn port_or_own(&self) -> Option<u16> {
        match self.port {
            Some(digits) => digits.parse().ok(),
            None => Some(own_port(&self.scheme)),
        }
    }

    fn is_at(&self, pattern: &str) -> bool {
        match pattern.strip_prefix("*.") {
            Some(domain) => self
                .host
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest == domain),
            None if pattern.contains(':') => self.host == format!("[{pattern}]"),
            None => self.host == pattern,
        }
    }
}
