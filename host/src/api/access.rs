//! Who asks, and for what: extractors that let a request through and hand its handler the proof.

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams};
use axum::http::header;
use axum::http::request::Parts;
use jiff::Timestamp;
use ulid::Ulid;

use super::Api;
use super::problem::{Code, Problem};
use crate::domain::batch::RunId;
use crate::domain::call::CallId;
use crate::domain::name::{ModuleName, ModulePath, NetworkName, SecretName, TenantName};
use crate::domain::order::OrderId;
use crate::domain::tenant::Scope;
use crate::guessing::{Judged, Target};
use crate::registry::RegistryError;
use crate::registry::access::Principal;

/// A scope, as a type that a handler can ask for.
pub(super) trait Needs: Send + Sync {
    const SCOPE: Scope;
}

macro_rules! scopes {
    ($($name:ident),*) => { $(
        pub(super) struct $name;
        impl Needs for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )* };
}
scopes!(Read, Calls, Deploy, Grants, Operate, Access);

/// Proof that the platform admin asks.
pub(super) struct Admin(());

/// Proof that the platform admin asks about this tenant, which need not exist.
pub(super) struct AdminOf {
    pub(super) tenant: TenantName,
}

/// Proof that the platform admin asks about this network, which need not exist.
pub(super) struct AdminOfNetwork(pub(super) NetworkName);

/// Proof that this tenant exists and that whoever asks has the scope `S` there.
pub(super) struct TenantAccess<S> {
    pub(super) tenant: TenantName,
    pub(super) by: Principal,
    scope: PhantomData<S>,
}

/// The same, on a route of one of the tenant's modules, which need not exist.
pub(super) struct ModuleAccess<S> {
    pub(super) path: ModulePath,
    pub(super) by: Principal,
    scope: PhantomData<S>,
}

fn authenticate(parts: &Parts, api: &Api) -> Result<Principal, Problem> {
    let header = parts.headers.get(header::AUTHORIZATION);
    let token = header.and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let Some(token) = token else {
        return Err(Code::Unauthorized.because("Send a token in the header: Authorization: Bearer <token>."));
    };
    let judged = api.guard.judge(source(parts, api), &Target::Tokens, &[token], |token| {
        api.registry.authenticate(token, Timestamp::now())
    });
    match judged {
        Judged::Right(principal) => Ok(principal),
        Judged::Wrong => {
            Err(Code::Unauthorized.because("The token is not valid. It may have expired or been revoked."))
        }
        Judged::Refused(wait) => Err(Code::TooManyTries.because(format!(
            "Too many wrong tokens came from this address; wait {} s. The token that was sent was not looked at.",
            wait.as_secs() + 1
        ))),
    }
}

/// Where a request comes from. If a proxy does not say, the proxy itself: people who share one can wait for each other.
fn source(parts: &Parts, api: &Api) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(api.guard.source(peer.ip(), &parts.headers).unwrap_or(peer.ip()))
}

fn admin_only() -> Problem {
    Code::Forbidden.because("Only the platform admin's token can do this.")
}

/// A part of the route's path by its name in the route.
async fn part(parts: &mut Parts, name: &str) -> Result<String, Problem> {
    let params = RawPathParams::from_request_parts(parts, &()).await;
    let params = params.map_err(|error| Code::InvalidName.because(format!("{error}.")))?;
    let found = params.iter().find(|(found, _)| *found == name);
    // Only a route without that part could miss it.
    let (_, value) = found.ok_or_else(|| Code::RouteNotFound.because(format!("The route has no {name}.")))?;
    Ok(value.to_owned())
}

/// Who asks, and about which tenant. A tenant's token asks about its own, or about one that does not exist.
async fn of_tenant(parts: &mut Parts, api: &Api) -> Result<(TenantName, Principal), Problem> {
    let by = authenticate(parts, api)?;
    let name = TenantName::parse(&part(parts, "tenant").await?)?;
    match &by {
        Principal::Tenant { tenant, .. } if *tenant != name => Err(RegistryError::NoSuchTenant(name).into()),
        _ => Ok((name, by)),
    }
}

impl FromRequestParts<Api> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match authenticate(parts, api)? {
            Principal::PlatformAdmin => Ok(Self(())),
            Principal::Tenant { .. } => Err(admin_only()),
        }
    }
}

impl FromRequestParts<Api> for AdminOf {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match of_tenant(parts, api).await? {
            (tenant, Principal::PlatformAdmin) => Ok(Self { tenant }),
            (_, Principal::Tenant { .. }) => Err(admin_only()),
        }
    }
}

impl FromRequestParts<Api> for AdminOfNetwork {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Admin(()) = Admin::from_request_parts(parts, api).await?;
        Ok(Self(NetworkName::parse(&part(parts, "network").await?)?))
    }
}

impl<S: Needs> FromRequestParts<Api> for TenantAccess<S> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (tenant, by) = of_tenant(parts, api).await?;
        api.registry.tenant(&tenant)?;
        if let Principal::Tenant { scopes, .. } = &by
            && !scopes.contains(&S::SCOPE)
        {
            let scope = S::SCOPE;
            return Err(Code::Forbidden.because(format!(
                "This takes a token with the scope {scope}, and the one that was sent has not got it."
            )));
        }
        Ok(Self {
            tenant,
            by,
            scope: PhantomData,
        })
    }
}

impl<S: Needs> FromRequestParts<Api> for ModuleAccess<S> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let TenantAccess { tenant, by, scope } = TenantAccess::<S>::from_request_parts(parts, api).await?;
        let module = ModuleName::parse(&part(parts, "module").await?)?;
        Ok(Self {
            path: ModulePath { tenant, module },
            by,
            scope,
        })
    }
}

/// The id of a key or a token in the path. Any text: what is no id is not found.
pub(super) struct IdPath(pub(super) String);

impl FromRequestParts<Api> for IdPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        part(parts, "id").await.map(Self)
    }
}

/// The name of a secret in the path.
pub(super) struct SecretPath(pub(super) SecretName);

impl FromRequestParts<Api> for SecretPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        Ok(Self(SecretName::parse(&part(parts, "name").await?)?))
    }
}

/// The id of a call in the path.
pub(super) struct CallPath(pub(super) CallId);

impl FromRequestParts<Api> for CallPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let id = part(parts, "id").await?;
        match Ulid::from_string(&id) {
            Ok(id) => Ok(Self(CallId(id))),
            Err(_) => Err(no_such_call(&id)),
        }
    }
}

/// The id of an order in the path.
pub(super) struct OrderPath(pub(super) OrderId);

impl FromRequestParts<Api> for OrderPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let id = part(parts, "id").await?;
        match Ulid::from_string(&id) {
            Ok(id) => Ok(Self(OrderId(id))),
            Err(_) => Err(no_such_order(&id)),
        }
    }
}

/// The id of the call that a job follows, in the path.
pub(super) struct JobPath(pub(super) CallId);

impl FromRequestParts<Api> for JobPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let id = part(parts, "call").await?;
        match Ulid::from_string(&id) {
            Ok(id) => Ok(Self(CallId(id))),
            Err(_) => Err(no_such_job(&id)),
        }
    }
}

/// The id of a run in the path.
pub(super) struct RunPath(pub(super) RunId);

impl FromRequestParts<Api> for RunPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let id = part(parts, "id").await?;
        id.parse().map(Self).map_err(|_| no_such_run(&id))
    }
}

pub(super) fn no_such_run(id: &str) -> Problem {
    let id: String = id.chars().take(80).collect();
    Code::RunNotFound.because(format!(
        "The module has no run {id:?} any more. GET its runs lists those that are kept."
    ))
}

pub(super) fn no_such_order(id: &str) -> Problem {
    let id: String = id.chars().take(80).collect();
    Code::OrderNotFound.because(format!(
        "There is no order {id:?} on record. Orders go by the id that they are listed with; ?order_number= lists it."
    ))
}

pub(super) fn no_such_job(id: &str) -> Problem {
    let id: String = id.chars().take(80).collect();
    Code::JobNotFound.because(format!(
        "There is no open job for call {id:?}: it is over, or never was. The call's record says."
    ))
}

pub(super) fn no_such_call(id: &str) -> Problem {
    let id: String = id.chars().take(80).collect();
    Code::CallNotFound.because(format!("There is no call {id:?} on record."))
}
