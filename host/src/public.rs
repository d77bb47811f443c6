//! The public listener: module URLs, their callback URLs, and nothing else.
//!
//! Whatever happens at a module URL, the answer is HTTP 200 with a MODULE document: a sender that discards the bodies of
//! other statuses would lose the message.

mod callback;
mod reading;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{BoxError, Extension, Router};
use bytes::BytesMut;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Instant, timeout_at};

use self::reading::Readings;
use crate::domain::answer::Reply;
use crate::domain::name::TenantName;
use crate::fair::{Bounds, Kind, Line, Place, Places};
use crate::gateway::{Gateway, Post, UNKNOWN_MODULE, Unreadable};
use crate::guessing::Guard;
use crate::telecloud::encode;

/// Most bytes that are read of a body after it was found too large, so that its sender gets to read the answer. Who sends
/// more is not about to listen.
const DISCARDED_BYTES_MAX: usize = 16 << 20;

/// Bounds on what TeleCloud posts, and on what carriers send.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest body. TeleCloud's own is about 9 KiB.
    pub body_bytes: usize,
    /// From the request's head to its body's end.
    pub body_read: Duration,
    /// Posts whose bodies are read at once, and posts that are answered at once. Of these each tenant leaves some to others,
    /// see [`Places`].
    pub posts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            body_read: Duration::from_secs(10),
            posts: 512,
        }
    }
}

/// What a tenant may have of the posts: as many as it leaves to others, and none that wait to be answered.
const POSTS: Bounds = Bounds {
    held: usize::MAX,
    waiting: 0,
};

/// How long a body is read that nobody wants, so that its sender gets to read the answer.
const UNWANTED: Duration = Duration::from_secs(1);

struct Front {
    gateway: Arc<Gateway>,
    guard: Arc<Guard>,
    limits: Limits,
    readings: Readings,
    posts: Arc<Places>,
}

impl Front {
    /// The body of a post to this tenant, and the right to have it answered. Nothing counts for the tenant before the body is
    /// whole: anybody can be slow.
    async fn read(&self, tenant: TenantName, body: Body) -> Result<(Bytes, Place), Unreadable> {
        let whole = {
            let reading = self.readings.begin(tenant.clone());
            tokio::select! {
                biased;
                whole = read(body, &self.limits) => whole?,
                () = reading.ended() => return Err(Unreadable::TooMany),
            }
        };
        let line = Line {
            tenant,
            kind: Kind::Event,
        };
        let place = self.posts.take(&line, POSTS, None).await;
        Ok((whole, place.map_err(|_| Unreadable::TooMany)?))
    }
}

/// Every public route.
pub fn router(gateway: Arc<Gateway>, guard: Arc<Guard>, limits: Limits) -> Router {
    Router::new()
        .route("/m/{tenant}/{module}", any(module))
        .route(callback::ROUTE, any(callback::callback))
        .fallback(elsewhere)
        .with_state(Arc::new(Front {
            gateway,
            guard,
            readings: Readings::new(limits.posts),
            posts: Places::leaving_some(limits.posts, 0),
            limits,
        }))
}

async fn module(
    State(front): State<Arc<Front>>,
    peer: Peer,
    path: Result<Path<(String, String)>, PathRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(Path((tenant, module))) = path else {
        return xml(&Reply::failure(UNKNOWN_MODULE));
    };
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let read = match front.gateway.tenant(&tenant, &module) {
        Some(owner) => front.read(owner, body).await,
        // What is for nobody is not read.
        None => {
            unwanted(body).await;
            Err(Unreadable::TooMany)
        }
    };
    let (body, _place) = match read {
        Ok((body, place)) => (Ok(body), Some(place)),
        Err(error) => (Err(error), None),
    };
    let post = Post {
        method,
        source: front.source(peer, &headers),
        query: uri.query().map(str::to_owned),
        content_type,
        body,
    };
    xml(&front.gateway.answer(&tenant, &module, post).await)
}

/// The address of the connection, which [`crate::server`] knows.
type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

impl Front {
    fn source(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        let Extension(ConnectInfo(peer)) = peer?;
        self.guard.source(peer.ip(), headers)
    }
}

/// A mistaken module URL is told so in TeleCloud's terms; anything else has no business here.
async fn elsewhere(uri: Uri) -> Response {
    if uri.path().starts_with("/m/") {
        xml(&Reply::failure(UNKNOWN_MODULE))
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// The whole body or nothing: a module never sees part of an order.
async fn read(mut body: Body, limits: &Limits) -> Result<Bytes, Unreadable> {
    let by = Instant::now() + limits.body_read;
    match timeout_at(by, joined(Limited::new(&mut body, limits.body_bytes))).await {
        Ok(Ok(whole)) => Ok(whole),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            // Closed on one who is still sending, the connection is reset, and the answer may be lost with it.
            let _ = timeout_at(by, discard(body)).await;
            Err(Unreadable::TooLarge(limits.body_bytes))
        }
        Ok(Err(error)) => Err(Unreadable::CutOff(error.to_string())),
        Err(_) => Err(Unreadable::TooSlow(limits.body_read)),
    }
}

/// In one piece, as it comes: the sender says how small its pieces are, and each by itself takes forty bytes more.
async fn joined(mut body: Limited<&mut Body>) -> Result<Bytes, BoxError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

async fn unwanted(body: Body) {
    let _ = timeout_at(Instant::now() + UNWANTED, discard(body)).await;
}

/// Reads to the body's end, or as much as [`DISCARDED_BYTES_MAX`].
async fn discard(mut body: Body) {
    let mut left = DISCARDED_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

fn xml(reply: &Reply) -> Response {
    ([(CONTENT_TYPE, encode::CONTENT_TYPE)], encode::encode(reply)).into_response()
}
