//! Who asks, and for what: extractors that let a request through and hand its handler the proof.

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method, header};
use jiff::Timestamp;
use ulid::Ulid;

use super::Api;
use super::problem::{Code, Problem};
use crate::domain::batch::RunId;
use crate::domain::call::CallId;
use crate::domain::name::{ModuleName, ModulePath, NetworkName, SecretName, TenantName};
use crate::domain::order::OrderId;
use crate::domain::tenant::Scope;
use crate::fair::Rate;
use crate::guessing::{Judged, Target};
use crate::registry::access::Principal;
use crate::registry::presence::Present;
use crate::registry::{Caller, RegistryError};

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
pub(super) struct Admin {
    by: Caller,
}

/// Proof that the platform admin asks about this tenant, which need not exist.
pub(super) struct AdminOf {
    pub(super) tenant: TenantName,
    pub(super) by: Caller,
}

/// Proof that the platform admin asks about this network, which need not exist.
pub(super) struct AdminOfNetwork {
    pub(super) network: NetworkName,
    pub(super) by: Caller,
}

/// Proof that this tenant exists and that whoever asks has the scope `S` there.
pub(super) struct TenantAccess<S> {
    pub(super) tenant: TenantName,
    pub(super) by: Caller,
    /// The tenant is not gone before the request is answered.
    present: Present,
    scope: PhantomData<S>,
}

/// The same, on a route of one of the tenant's modules, which need not exist.
pub(super) struct ModuleAccess<S> {
    pub(super) path: ModulePath,
    pub(super) by: Caller,
    _present: Present,
    scope: PhantomData<S>,
}

/// The token that was sent.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Where a request comes from. If a proxy does not say, the proxy itself: who has a right token does not wait for others.
pub(super) fn source(extensions: &Extensions, headers: &HeaderMap, api: &Api) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(api.guard.source(peer.ip(), headers).unwrap_or(peer.ip()))
}

fn authenticate(parts: &Parts, api: &Api) -> Result<Caller, Problem> {
    let Some(token) = token(&parts.headers) else {
        return Err(Code::Unauthorized.because("Send a token in the header: Authorization: Bearer <token>."));
    };
    let from = source(&parts.extensions, &parts.headers, api);
    let judged = api.guard.judge(from, &Target::Tokens, &[token], |token| {
        api.registry.authenticate(token, Timestamp::now())
    });
    match judged {
        Judged::Right(principal) => Ok(Caller { principal, from }),
        Judged::Wrong => {
            Err(Code::Unauthorized.because("The token is not valid. It may have expired or been revoked."))
        }
        Judged::Refused(wait) => Err(Code::TooManyTries.because(format!(
            "Too many wrong tokens came from this address, and the one that was sent is not valid either; wait {} s.",
            wait.as_secs() + 1
        ))),
    }
}

fn check_scope(by: &Caller, scope: Scope) -> Result<(), Problem> {
    match &by.principal {
        Principal::Tenant { scopes, .. } if !scopes.contains(&scope) => Err(Code::Forbidden.because(format!(
            "This takes a token with the scope {scope}, and the one that was sent has not got it."
        ))),
        _ => Ok(()),
    }
}

/// How often a tenant's tokens may change something. What they change is on the tenant's trail, of which nothing is ever taken
/// out: at up to some 17 KiB for each, a tenant makes it grow by 1.5 GB a day at most. Whoever sets up all of their modules
/// makes a hundred changes, and then a few a day.
pub(super) const CHANGES: Rate = Rate {
    each: Duration::from_secs(1),
    burst: 200,
};

/// Lets a request through that may leave entries on the trail, unless its tenant made too many. The platform admin answers
/// for the disk, so nobody counts what they change.
fn check_rate(by: &Caller, method: &Method, scope: Scope, api: &Api) -> Result<(), Problem> {
    let Principal::Tenant { tenant, .. } = &by.principal else {
        return Ok(());
    };
    // Of all that is only looked at, what takes the scope deploy is secret, and the trail says who saw it.
    let leaves_no_entry = method.is_safe() && scope != Scope::Deploy;
    if leaves_no_entry || api.changes.take(tenant, CHANGES) {
        return Ok(());
    }
    Err(Code::Busy.because(format!(
        "Tenant {tenant} made {} changes in a short time. There may be one more every {:?}: wait 10 s, then send this again.",
        CHANGES.burst, CHANGES.each
    )))
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
async fn of_tenant(parts: &mut Parts, api: &Api) -> Result<(TenantName, Caller), Problem> {
    let by = authenticate(parts, api)?;
    let name = TenantName::parse(&part(parts, "tenant").await?)?;
    match &by.principal {
        Principal::Tenant { tenant, .. } if *tenant != name => Err(RegistryError::NoSuchTenant(name).into()),
        _ => Ok((name, by)),
    }
}

impl FromRequestParts<Api> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let by = authenticate(parts, api)?;
        if by.is_admin() {
            Ok(Self { by })
        } else {
            Err(admin_only())
        }
    }
}

impl FromRequestParts<Api> for AdminOf {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (tenant, by) = of_tenant(parts, api).await?;
        match by.principal {
            Principal::PlatformAdmin => Ok(Self { tenant, by }),
            Principal::Tenant { .. } => Err(admin_only()),
        }
    }
}

impl FromRequestParts<Api> for AdminOfNetwork {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Admin { by } = Admin::from_request_parts(parts, api).await?;
        let network = NetworkName::parse(&part(parts, "network").await?)?;
        Ok(Self { network, by })
    }
}

impl<S: Needs> FromRequestParts<Api> for TenantAccess<S> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (tenant, by) = of_tenant(parts, api).await?;
        let present = api.registry.enter(&tenant)?;
        check_scope(&by, S::SCOPE)?;
        check_rate(&by, &parts.method, S::SCOPE, api)?;
        Ok(Self {
            tenant,
            by,
            present,
            scope: PhantomData,
        })
    }
}

impl<S: Needs> FromRequestParts<Api> for ModuleAccess<S> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let TenantAccess {
            tenant,
            by,
            present,
            scope,
        } = TenantAccess::<S>::from_request_parts(parts, api).await?;
        let module = ModuleName::parse(&part(parts, "module").await?)?;
        Ok(Self {
            path: ModulePath { tenant, module },
            by,
            _present: present,
            scope,
        })
    }
}

/// Proof that whoever asks may read a tenant's trail. The platform admin may also when the tenant is gone.
pub(super) struct TrailAccess {
    pub(super) tenant: TenantName,
    /// A tenant's tokens see what came since it was made: an earlier one of the same name is none of its business.
    pub(super) since: Option<Timestamp>,
}

impl FromRequestParts<Api> for TrailAccess {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (tenant, by) = of_tenant(parts, api).await?;
        check_scope(&by, Scope::Access)?;
        let since = match by.principal {
            Principal::PlatformAdmin => None,
            Principal::Tenant { .. } => Some(api.registry.tenant(&tenant)?.created),
        };
        Ok(Self { tenant, since })
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

/// The number of a version in the path.
pub(super) struct VersionPath(pub(super) u32);

impl FromRequestParts<Api> for VersionPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let number = part(parts, "number").await?;
        let parsed = number.parse().map_err(|_| {
            let number: String = number.chars().take(64).collect();
            Code::VersionNotFound.because(format!("There is no version {number}. Versions go by their numbers."))
        });
        parsed.map(Self)
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
