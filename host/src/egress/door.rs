//! The door itself: takes a request and a call's right of passage, and brings back the answer.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

use super::body::gather;
use super::connect::{dial, is_own};
use super::error::DoorError;
use super::exchange::{Caps, exchange};
use super::headers;
use super::lookup::{LookUps, Resolver, SystemResolver};
use super::networks::Networks;
use super::passage::{Passage, Timeouts};
use super::policy::{Admitted, Permit, is_read_only};
use super::record::{Ended, Entry, Sent, Started};
use super::secrets::{Place, Placer, mentions};
use super::target::{Host, Target};
use super::tls::{Roots, Tls};
use crate::domain::grant::Scheme;
use crate::domain::limits::LimitName;
use crate::domain::name::TenantName;
use crate::domain::secret::{MASK, Secret};

/// What holds for every request, whoever sends it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Longest time from the look-up to the end of the TLS handshake. A carrier that is up takes half a second; one lost
    /// packet at the start costs one to three more.
    pub connect_timeout: Duration,
    /// Largest URL, in bytes, secrets included. Servers commonly take 8 KiB.
    pub url_bytes_max: usize,
    /// Largest header section of a request, in bytes, secrets included. Servers commonly take 8 to 32 KiB.
    pub request_header_bytes_max: usize,
    /// Most headers of an answer. Carriers send ten to thirty.
    pub response_headers_max: usize,
    /// Largest header section of an answer, in bytes.
    pub response_header_bytes_max: usize,
    /// The addresses that this gateway listens on, as bound. No grant leads there.
    pub own_listeners: Vec<SocketAddr>,
    /// The networks that grants can name.
    pub networks: Arc<Networks>,
    /// Whose authorities are trusted where a grant does not say.
    pub roots: Roots,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            url_bytes_max: 8 << 10,
            request_header_bytes_max: 32 << 10,
            response_headers_max: 100,
            response_header_bytes_max: 64 << 10,
            own_listeners: Vec::new(),
            networks: Arc::default(),
            roots: Roots::default(),
        }
    }
}

/// The one way from a tenant's component to a carrier. Built once and shared.
///
/// Each exchange has a connection of its own. On one that is kept open for the next request, the carrier may just have hung
/// up; then nobody could tell whether that request was carried out. For the same reason nothing is ever sent twice.
pub struct Door {
    config: Config,
    look_ups: LookUps,
    tls: Tls,
}

impl Door {
    /// A door that looks names up as this machine does.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let tls = Tls::trusting(config.roots.load());
        Self::with(config, Arc::new(SystemResolver), tls)
    }

    /// A door with a resolver and authorities of its own.
    #[must_use]
    pub fn with(config: Config, resolver: Arc<dyn Resolver>, tls: Tls) -> Self {
        Self {
            config,
            look_ups: LookUps::by(resolver),
            tls,
        }
    }

    /// Takes one request to its carrier and brings the whole answer back.
    ///
    /// Both bodies are whole: an order's facts are all there or they are an error. The answer's body is as the carrier
    /// encoded it, and a redirect is an answer.
    ///
    /// Dropping the future closes the connection and has the exchange recorded as cut.
    ///
    /// # Errors
    /// Why there is no answer, and by [`DoorError::was_sent`] whether the carrier may have carried the request out.
    pub async fn send<B>(
        &self,
        passage: &Passage,
        request: Request<B>,
        asked: Timeouts,
    ) -> Result<Response<Bytes>, DoorError>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Display + Send,
    {
        // Dropped last: by then the end of the exchange has been recorded.
        let _under_way = passage.spent.begin();
        let place = passage.spent.ask();
        let most = passage.limits.requests;
        let over = || {
            passage.spent.hit(LimitName::Requests);
            DoorError::LimitReached(format!(
                "the module allows {most} requests in one call, and they are used up"
            ))
        };
        // The first request over the limit is recorded. Those after it would only fill the record.
        if place > most.saturating_add(1) {
            return Err(over());
        }
        // Its place is taken before its body is read: a module cannot have more bodies held here than it has requests.
        let (head, body) = request.into_parts();
        let body = if place > most {
            Err(over())
        } else {
            gather(body, &passage.limits, &passage.spent).await
        };
        let (body, refused) = match body {
            Ok(body) => (body, None),
            Err(error) => (Bytes::new(), Some(error)),
        };
        let request = Request::from_parts(head, body);
        let prepared = match refused {
            Some(error) => Err(error),
            None => self.prepare(passage, &request),
        };

        let outgoing = prepared.as_ref().ok();
        let grant = outgoing.map(|outgoing| outgoing.permit.grant());
        let started = Started {
            method: request.method(),
            url: &shown(request.uri()),
            headers: request.headers(),
            body: request.body(),
            grant: grant.map(|grant| grant.name.as_str()),
            read_only: is_read_only(request.method(), grant),
            placed: outgoing.map_or(&[], |outgoing| &outgoing.placed),
        };
        let entry = Entry::open(passage.recorder.as_ref(), started).await?;
        // What goes out is a copy if there are secrets in it.
        drop(request);
        let result = match prepared {
            Ok(outgoing) => self.carry(passage, outgoing, asked, entry.sent()).await,
            Err(denied) => Err(denied),
        };
        match &result {
            Ok(response) => entry.close(Ended::Answered { response }).await,
            Err(error) => entry.close(error.ended(&error.to_string())).await,
        }
        result
    }

    /// Everything that can be decided without waiting.
    fn prepare<'p>(&self, passage: &'p Passage, request: &Request<Bytes>) -> Result<Outgoing<'p>, DoorError> {
        let uri = request.uri();
        let url_bytes_max = self.config.url_bytes_max;
        let too_long = DoorError::UrlTooLong { most: url_bytes_max };
        if url_bytes(uri) > url_bytes_max {
            return Err(too_long);
        }
        let target = Target::parse(uri).map_err(|bad| DoorError::UrlInvalid(bad.to_string()))?;
        let denied = |why: &dyn Display| DoorError::Denied(why.to_string());
        let permit = passage.policy.permit(&target, request.method(), passage.action);
        let permit = permit.map_err(|why| denied(&why))?;
        if mentions(target.path.as_bytes()) {
            let why = "a secret cannot stand in the path, only in the query, a header's value or the body";
            return Err(denied(&why));
        }
        let mut placer = Placer::new(permit.grant(), &passage.secrets);
        let authority = target.authority();
        let hosts = [
            authority.as_str(),
            uri.authority().map_or("", |written| written.as_str()),
        ];
        let body_bytes = request.body().len();
        let header_bytes_max = self.config.request_header_bytes_max;
        let mut headers = headers::outgoing(request.headers(), hosts, body_bytes, &mut placer, header_bytes_max)?;
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let place = Place::body(content_type.and_then(|value| value.to_str().ok()));
        let most = usize::try_from(passage.limits.request_bytes).unwrap_or(usize::MAX);
        let filled = placer.place(request.body(), place, most).map_err(|why| denied(&why))?;
        let body = filled.map_or_else(|| request.body().clone(), Bytes::from);
        // The body itself was counted when it came, and with its secrets it may be far larger.
        let growth = body.len().saturating_sub(body_bytes);
        passage.spent.carry_out(body_bytes as u64, growth, &passage.limits)?;

        let mut origin = target.path.clone().into_bytes();
        if let Some(query) = uri.query() {
            let filled = placer.place(query.as_bytes(), Place::Query, url_bytes_max);
            origin.push(b'?');
            match filled.map_err(|why| denied(&why))? {
                Some(filled) => origin.extend_from_slice(&filled),
                None => origin.extend_from_slice(query.as_bytes()),
            }
        }
        if origin.len() > url_bytes_max {
            return Err(too_long);
        }
        let origin = PathAndQuery::from_maybe_shared(Bytes::from(origin));
        let origin = origin.map_err(|error| DoorError::UrlInvalid(error.to_string()))?;
        headers::frame(&mut headers, &authority, request.method(), body.len())?;

        // Counted last: what is not let out uses nothing up.
        passage.spent.take(&permit)?;
        let mut outgoing = Request::new(Full::new(body));
        *outgoing.method_mut() = request.method().clone();
        *outgoing.uri_mut() = Uri::from(origin);
        *outgoing.headers_mut() = headers;
        Ok(Outgoing {
            permit,
            target,
            request: outgoing,
            placed: placer.placed(),
        })
    }

    /// Everything that waits: one total deadline over all of it.
    async fn carry(
        &self,
        passage: &Passage,
        outgoing: Outgoing<'_>,
        asked: Timeouts,
        sent: &Sent,
    ) -> Result<Response<Bytes>, DoorError> {
        let Outgoing {
            permit,
            target,
            request,
            ..
        } = outgoing;
        let whole_by = sooner(passage.deadline, Some(Duration::from_millis(permit.grant().timeout_ms)));
        if whole_by <= Instant::now() {
            return Err(DoorError::ConnectTimeout("the call's time was over already".to_owned()));
        }
        let slot = timeout_at(whole_by, passage.connections.acquire()).await;
        let _slot = match slot {
            Ok(Ok(slot)) => slot,
            Ok(Err(_)) => return Err(DoorError::Unreachable("the gateway is shutting down".to_owned())),
            Err(_) => {
                let why = "all of the tenant's connections were in use until time ran out";
                return Err(DoorError::ConnectTimeout(why.to_owned()));
            }
        };

        let connect_by = sooner(sooner(whole_by, Some(self.config.connect_timeout)), asked.connect);
        let admitted = self.admit(&passage.tenant, &permit, &target, connect_by).await?;
        let mut stream = dial(&admitted, connect_by, sent.clone()).await?;
        let caps = |now_connected: Instant, judged_late: bool| Caps {
            headers_max: self.config.response_headers_max,
            header_bytes_max: self.config.response_header_bytes_max,
            body_bytes_max: passage.limits.response_bytes,
            traffic_bytes_max: passage.limits.traffic_bytes,
            spent: &passage.spent,
            head_by: asked
                .first_byte
                .filter(|asked| !asked.is_zero())
                .and_then(|asked| now_connected.checked_add(asked))
                .unwrap_or(whole_by),
            pause_max: asked.between_bytes.filter(|asked| !asked.is_zero()),
            whole_by,
            judged_late,
        };
        let result = match target.scheme {
            Scheme::Http => {
                stream.arm();
                exchange(stream, request, &caps(Instant::now(), false)).await
            }
            Scheme::Https => {
                let encrypted = timeout_at(connect_by, self.tls.handshake(&target.host, permit.tls(), stream)).await;
                let mut encrypted = encrypted.map_err(|_| {
                    DoorError::ConnectTimeout(format!("{} did not finish the TLS handshake in time", target.host))
                })??;
                encrypted.stream.get_mut().0.arm();
                let caps = caps(Instant::now(), encrypted.judged_late);
                exchange(encrypted.stream, request, &caps).await
            }
        };
        match result {
            Ok(mut response) => {
                headers::incoming(response.headers_mut());
                Ok(response)
            }
            Err(error @ DoorError::TlsFailed(_)) => Err(error),
            // The connection broke in the moment between: the network had taken nothing of the request yet.
            Err(_) if !sent.get() => Err(DoorError::Unreachable(format!(
                "the connection to {} was lost before anything was sent",
                target.host
            ))),
            Err(error) => Err(error),
        }
    }

    /// Looks the host up, once, and judges every address that it stands for.
    async fn admit(
        &self,
        tenant: &TenantName,
        permit: &Permit<'_>,
        target: &Target,
        by: Instant,
    ) -> Result<Admitted, DoorError> {
        let host = &target.host;
        let ips = match host {
            Host::Address(ip) => vec![*ip],
            Host::Name(name) => match timeout_at(by, self.look_ups.resolve(tenant, name)).await {
                Ok(Ok(ips)) if ips.is_empty() => {
                    return Err(DoorError::DnsFailed(format!("{name} has no address")));
                }
                Ok(Ok(ips)) => ips,
                Ok(Err(error)) => return Err(DoorError::DnsFailed(format!("{name} cannot be looked up: {error}"))),
                Err(_) => return Err(DoorError::DnsFailed(format!("{name} could not be looked up in time"))),
            },
        };
        let addresses: Vec<SocketAddr> = ips.into_iter().map(|ip| SocketAddr::new(ip, target.port)).collect();
        if addresses
            .iter()
            .any(|address| is_own(&self.config.own_listeners, *address))
        {
            let why = format!("{} is this gateway itself: no grant leads there", target.authority());
            return Err(DoorError::AddressDenied(why));
        }
        let admitted = permit.admit(host, addresses, &self.config.networks.now());
        admitted.map_err(|denied| DoorError::AddressDenied(denied.to_string()))
    }
}

/// A request that may go out, with its secrets in it.
struct Outgoing<'p> {
    permit: Permit<'p>,
    target: Target,
    request: Request<Full<Bytes>>,
    placed: Vec<Secret>,
}

/// The sooner of a moment and a time from now. Zero and what no clock can hold count as not given.
fn sooner(moment: Instant, after: Option<Duration>) -> Instant {
    let after = after.filter(|after| !after.is_zero());
    match after.and_then(|after| Instant::now().checked_add(after)) {
        Some(then) => moment.min(then),
        None => moment,
    }
}

fn url_bytes(uri: &Uri) -> usize {
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let rest = uri.path_and_query().map_or(0, |rest| rest.as_str().len());
    uri.scheme_str().map_or(0, |scheme| scheme.len() + 3) + authority + rest
}

/// The URL as it may be recorded: a user name, or a password after it, is masked.
fn shown(uri: &Uri) -> String {
    let url = uri.to_string();
    match uri
        .authority()
        .and_then(|authority| authority.as_str().rsplit_once('@'))
    {
        Some((user, _)) => url.replacen(user, MASK, 1),
        None => url,
    }
}
