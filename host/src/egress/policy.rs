//! What a module's grants allow. Pure: decides, keeps the reason, and acts nowhere.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use http::Method;

use self::host::HostPattern;
use super::networks::{Named, judge};
use super::path::Template;
use super::target::{Host, Target, own_port, scheme_name};
use super::tls::Terms;
use crate::domain::event::ActionKind;
use crate::domain::grant::{Grant, Scheme};
use crate::domain::limits::CEILING;
use crate::domain::name::SecretName;

pub use self::tls::check_dates;

mod host;
mod tls;

/// Most grants of a module. Carriers have a handful of hosts; the door looks through all of them for each request.
pub const GRANTS_MAX: usize = 64;

/// Most path templates of a grant, for the same reason.
pub const PATHS_MAX: usize = 64;

/// A grant that says something impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("grant {grant:?}: {field}: {why}")]
pub struct InvalidGrant {
    /// Its name.
    pub grant: String,
    /// Which field is wrong.
    pub field: &'static str,
    /// What is wrong with it, and what would be right.
    pub why: String,
}

/// A module's grants, checked and ready to decide by.
#[derive(Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    grant: Grant,
    host: HostPattern,
    port: u16,
    paths: Vec<Template>,
    tls: Option<Terms>,
}

impl Policy {
    /// Checks the grants and makes them ready. The order counts: the first that fits a request is the one it goes out by.
    ///
    /// # Errors
    /// The first thing that is wrong, by grant and field.
    pub fn compile(grants: Vec<Grant>) -> Result<Self, InvalidGrant> {
        let mut names = BTreeSet::new();
        let mut rules = Vec::with_capacity(grants.len());
        for grant in grants {
            let invalid = |field, why| InvalidGrant {
                grant: grant.name.to_string(),
                field,
                why,
            };
            if rules.len() == GRANTS_MAX {
                return Err(invalid(
                    "name",
                    format!("a module may have at most {GRANTS_MAX} grants"),
                ));
            }
            if !names.insert(grant.name.clone()) {
                return Err(invalid(
                    "name",
                    "another grant has that name: each must be unique".to_owned(),
                ));
            }
            rules.push(Rule::compile(&grant).map_err(|(field, why)| invalid(field, why))?);
        }
        let policy = Self { rules };
        policy.keys_stay_here()?;
        Ok(policy)
    }

    /// Whether some grant lets this secret out during this action, wherever to.
    #[must_use]
    pub fn lets_out(&self, secret: &SecretName, action: ActionKind) -> bool {
        let mut grants = self.rules.iter().map(|rule| &rule.grant);
        grants.any(|grant| grant.holds_during(action) && grant.secrets.contains(secret))
    }

    /// Decides whether a request may go out, and by which grant.
    ///
    /// # Errors
    /// Why not: the grant that comes nearest and what is different, or the grant that is missing.
    pub fn permit(&self, target: &Target, method: &Method, action: ActionKind) -> Result<Permit<'_>, Denied> {
        let mut nearest: Option<(Difference, &Rule)> = None;
        for (index, rule) in self.rules.iter().enumerate() {
            match rule.difference(target, method, action) {
                None => return Ok(Permit { rule, index }),
                Some(difference) => {
                    if nearest.is_none_or(|(best, _)| difference > best) {
                        nearest = Some((difference, rule));
                    }
                }
            }
        }
        let advice = match nearest {
            Some((difference, rule)) if difference > Difference::Host => {
                rule.explain(difference, target, method, action)
            }
            _ => missing_grant(target, method, action),
        };
        Err(Denied {
            sentence: format!(
                "no grant allows {method} {} during {action}: {advice}",
                brief(&target.to_string())
            ),
        })
    }
}

/// What first tells a request from a grant. Later ones are nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    Host,
    Scheme,
    Port,
    Path,
    Method,
    Action,
    /// The grant is for changes as well, and the module may only look.
    Change,
}

impl Rule {
    fn compile(grant: &Grant) -> Result<Self, (&'static str, String)> {
        let host = HostPattern::parse(&grant.host).map_err(|why| ("host", why))?;
        if grant.port == Some(0) {
            return Err(("port", "0 is not a port: write 1 to 65535, or leave it out".to_owned()));
        }
        for method in &grant.methods {
            check_method(method).map_err(|why| ("methods", why))?;
        }
        if grant.paths.len() > PATHS_MAX {
            return Err(("paths", format!("a grant may have at most {PATHS_MAX} paths")));
        }
        let parse = |text: &String| Template::parse(text).map_err(|why| ("paths", format!("{text:?}: {why}")));
        let paths = grant.paths.iter().map(parse).collect::<Result<_, _>>()?;
        if grant.requests == Some(0) {
            let why = "0 would allow nothing: write 1 or more, or leave it out for the module's own limit";
            return Err(("requests", why.to_owned()));
        }
        if !(1..=CEILING.deadline_ms).contains(&grant.timeout_ms) {
            let why = format!(
                "must be 1 to {} milliseconds, and {} is not",
                CEILING.deadline_ms, grant.timeout_ms
            );
            return Err(("timeout_ms", why));
        }
        Ok(Self {
            host,
            port: grant.port.unwrap_or_else(|| own_port(grant.scheme)),
            paths,
            tls: tls::terms(grant)?,
            grant: grant.clone(),
        })
    }

    fn difference(&self, target: &Target, method: &Method, action: ActionKind) -> Option<Difference> {
        if !self.host.matches(&target.host) {
            Some(Difference::Host)
        } else if self.grant.scheme != target.scheme {
            Some(Difference::Scheme)
        } else if self.port != target.port {
            Some(Difference::Port)
        } else if !self.paths.iter().any(|template| template.matches(&target.path)) {
            Some(Difference::Path)
        } else if !self.grant.methods.contains(method.as_str()) {
            Some(Difference::Method)
        } else if !self.grant.holds_during(action) {
            Some(Difference::Action)
        } else if action.only_looks() && !is_read_only(method, Some(&self.grant)) {
            Some(Difference::Change)
        } else {
            None
        }
    }

    fn explain(&self, difference: Difference, target: &Target, method: &Method, action: ActionKind) -> String {
        let name = &self.grant.name;
        let has = match difference {
            Difference::Host => return missing_grant(target, method, action),
            Difference::Scheme => format!(
                "has this host, but for {} and not {}",
                scheme_name(self.grant.scheme),
                scheme_name(target.scheme)
            ),
            Difference::Port => format!("has this host, but on port {} and not {}", self.port, target.port),
            Difference::Path => format!(
                "has this host, but {:?} matches none of its paths ({})",
                brief(&target.path),
                listed(&self.grant.paths)
            ),
            Difference::Method => format!(
                "has this host and path, but {method} is none of its methods ({})",
                listed(&self.grant.methods)
            ),
            Difference::Action => format!("allows it only during {}", listed(&self.grant.actions)),
            Difference::Change => format!(
                "lets it out, but a module must change nothing during {action}: if the carrier changes nothing on {method} \
                 there, add a grant for it that is read_only"
            ),
        };
        format!("grant \"{name}\" {has}")
    }
}

fn check_method(method: &str) -> Result<(), String> {
    if matches!(method, "CONNECT" | "TRACE") {
        return Err(format!(
            "{method} is not for carriers: a module may not open tunnels or have its headers echoed"
        ));
    }
    let upper = method.to_ascii_uppercase();
    if upper.is_empty() || upper.len() > 32 || !upper.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        return Err(format!("{method:?} is not a method, such as \"GET\""));
    }
    if upper != method {
        return Err(format!("write {method:?} in upper case: \"{upper}\""));
    }
    Ok(())
}

/// Whether the carrier changes nothing on a request, by its method or by its grant's word.
pub(super) fn is_read_only(method: &Method, grant: Option<&Grant>) -> bool {
    matches!(*method, Method::GET | Method::HEAD) || grant.is_some_and(|grant| grant.read_only)
}

fn missing_grant(target: &Target, method: &Method, action: ActionKind) -> String {
    let host = match &target.host {
        Host::Name(name) => Cow::Borrowed(name.as_str()),
        Host::Address(address) => Cow::Owned(address.to_string()),
    };
    let scheme = match target.scheme {
        Scheme::Https => "",
        Scheme::Http => "scheme \"http\", ",
    };
    let port = match target.port == own_port(target.scheme) {
        true => String::new(),
        false => format!("port {}, ", target.port),
    };
    let path = brief(&target.path);
    let read_only = match action.only_looks() && !is_read_only(method, None) {
        true => ", marked read_only",
        false => "",
    };
    format!(
        "add a grant with {scheme}host \"{host}\", {port}method \"{method}\" and a path that matches {path:?}{read_only}"
    )
}

/// A sentence stays readable: the first few, then how many more there are.
fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match all.len() {
        0 => "it has none".to_owned(),
        1..=4 => all.join(", "),
        more => format!("{}, and {} more", all[..3].join(", "), more - 3),
    }
}

/// At most 200 characters of a text that the module chose.
fn brief(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(200) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A request that no grant lets out. Displays as one sentence that says what is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Denied {
    sentence: String,
}

/// The proof that a grant lets a request out.
#[derive(Debug, Clone, Copy)]
pub struct Permit<'p> {
    rule: &'p Rule,
    index: usize,
}

impl<'p> Permit<'p> {
    /// The grant that lets it out.
    #[must_use]
    pub fn grant(&self) -> &'p Grant {
        &self.rule.grant
    }

    /// What it says about TLS.
    pub(super) fn tls(&self) -> Option<&'p Terms> {
        self.rule.tls.as_ref()
    }

    /// The grant's place in its policy, counted from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Judges every address that the host stands for. One bad address denies them all: an honest carrier's name has none.
    ///
    /// # Errors
    /// When an address is not public, or not in the network that the grant names; or when there is no such network, or the
    /// address is one that nobody may go to.
    pub fn admit(&self, host: &Host, addresses: Vec<SocketAddr>, networks: &Named) -> Result<Admitted, Denied> {
        for address in &addresses {
            if let Err(why) = judge(self.grant(), address.ip(), networks) {
                let shown = match host {
                    Host::Name(name) => format!("{name} stands for {}, which", address.ip()),
                    Host::Address(_) => host.to_string(),
                };
                return Err(Denied {
                    sentence: format!("{shown} {why}"),
                });
            }
        }
        Ok(Admitted(addresses))
    }
}

/// The proof that these addresses may be dialled.
#[derive(Debug)]
pub struct Admitted(Vec<SocketAddr>);

impl Admitted {
    /// In the order in which they were looked up.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
