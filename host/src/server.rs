//! Accepting connections, within bounds, until told to stop.
//!
//! `axum::serve` sets no timer, so that a client that never finishes its headers would hold a connection for ever; hence a
//! loop of our own around hyper's connection.

mod idle;
mod impatient;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, HeaderName, HeaderValue};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tower::ServiceExt;

use self::idle::Idle;
use self::impatient::Impatient;

/// Bounds of one listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once. For one more, the one that has been without a request for longest has to go; if all have one, the
    /// first that has been answered. What comes after it is in the system's backlog.
    pub connections: usize,
    /// For a request's whole head. TeleCloud sends it in one packet.
    pub header_read: Duration,
    /// Header fields of one request. TeleCloud sends about eight.
    pub headers: usize,
    /// Bytes of a request's head, and of a connection's read buffer.
    pub head_bytes: usize,
    /// For a peer to take an answer, from when it no longer does. Answers are small, and networks take them at once.
    pub answer_write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            header_read: Duration::from_secs(5),
            headers: 64,
            head_bytes: 32 << 10,
            answer_write: Duration::from_secs(30),
        }
    }
}

/// Serves until `stop` holds a time; then takes no more connections, lets requests under way go on until that time, and
/// cuts off the rest. Says how many were cut off. Each request has the address that it came from as a [`ConnectInfo`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<Option<Instant>>,
) -> usize {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes);
    let mut connections = tokio::task::JoinSet::new();
    let idle = Idle::default();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to come back instead of spinning.
                tracing::warn!(%error, "could not accept a connection");
                idle.end_longest();
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if slots.available_permits() == 0 {
            idle.end_longest();
        }
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = stopped(&mut stop) => break,
        };
        idle.has_room();
        // Answers are small and whole: waiting to fill a packet only delays them.
        let _ = socket.set_nodelay(true);
        let (router, here) = (router.clone(), Arc::new(idle.connection()));
        let (end, written) = (Arc::clone(&here), Arc::clone(&here));
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            let (router, here) = (router.clone(), Arc::clone(&here));
            async move {
                here.serves();
                // hyper minds its buffer's size between two reads, and the last one may go past it.
                let mut answer = if head_bytes(&request) > limits.head_bytes {
                    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response()
                } else {
                    request.extensions_mut().insert(ConnectInfo(peer));
                    let answered = router.oneshot(request.map(Body::new)).await;
                    answered.unwrap_or_else(|never| match never {})
                };
                if here.is_wanted() {
                    let last = HeaderValue::from_static("close");
                    answer.headers_mut().insert(CONNECTION, last);
                }
                Ok::<_, Infallible>(answer.map(|body| here.answers(body)))
            }
        });
        let socket = Impatient::new(socket, limits.answer_write, move || written.flushed());
        let socket = TokioIo::new(socket);
        let connection = graceful.watch(builder.serve_connection(socket, service));
        connections.spawn(async move {
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended badly");
                    }
                }
                () = end.ended() => tracing::debug!("a connection without a request had to go"),
            }
            drop(slot);
        });
    }
    drop(listener);
    // Connections that are idle close at once; those with a request under way after its answer.
    let end = stop.borrow().unwrap_or_else(Instant::now);
    if tokio::time::timeout_at(end, graceful.shutdown()).await.is_ok() {
        return 0;
    }
    while connections.try_join_next().is_some() {}
    connections.len()
}

/// Bytes of a request's head, as far as they are still known.
fn head_bytes<B>(request: &hyper::Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    // The colon, the space and the line's end.
    let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    target + request.headers().iter().map(line).sum::<usize>()
}

/// Nobody left to say so counts as well.
async fn stopped(stop: &mut watch::Receiver<Option<Instant>>) {
    let _ = stop.wait_for(Option::is_some).await;
}

#[cfg(test)]
mod tests;
