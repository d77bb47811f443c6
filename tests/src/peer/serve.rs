//! Connections: what is received, and how answers get out, the proper way or any other.
//!
//! hyper reads the requests and writes the answers that are as they should be. It cannot be made to write any other, so for
//! those it is told to give up, and the bare connection is used instead.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::behaviour::{Behaviour, Delivery, Reply, Wait};
use super::{Party, Shared, lock};

/// Largest request that is read. The gateway lets no larger one out, whatever a module's limits.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// Bytes of a flood that are written at once.
const FLOOD_CHUNK: usize = 64 << 10;

/// Accepts connections until it is told to stop, then closes the listener and every connection.
pub(super) async fn accept<P: Party>(listener: TcpListener, shared: Arc<Shared<P>>, mut stop: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            // Those that ended make room.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // An error is about one client that went away before it was accepted.
                let Ok((stream, _)) = accepted else { continue };
                *lock(&shared.connections) += 1;
                if !lock(&shared.instructions).hangs_up() {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Serves one connection. Whatever ends it is what the test wanted, or the client's own doing.
async fn serve<P: Party>(stream: TcpStream, shared: Arc<Shared<P>>) {
    let mut io = TokioIo::new(stream);
    let taken_over = Mutex::new(None);
    let service = service_fn(async |request| {
        let answered = answer(&shared, request).await;
        answered.map_err(|bare| {
            *lock(&taken_over) = bare;
            GaveUp
        })
    });
    let _ = http1::Builder::new().serve_connection(&mut io, service).await;
    let bare = lock(&taken_over).take();
    if let Some(bare) = bare {
        let _ = bare.perform(io.into_inner()).await;
    }
}

/// Makes hyper let go of the connection without writing an answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not hyper's to give")]
struct GaveUp;

/// Receives one request, lets it have its effect and gives hyper the answer, or else says what to do with the bare
/// connection, if anything.
async fn answer<P: Party>(shared: &Arc<Shared<P>>, request: Request<Incoming>) -> Result<Response<Body>, Option<Bare>> {
    let (parts, body) = request.into_parts();
    // A body that breaks off is no request.
    let body = to_bytes(Body::new(body), REQUEST_BYTES_MAX).await.map_err(|_| None)?;
    // A task of its own: a client that goes away now does not undo what it has asked for.
    let effect = tokio::spawn(take_effect(Arc::clone(shared), parts, body));
    let (reply, wait, delivery) = effect.await.map_err(|_| None)?;
    match wait {
        Wait::Nothing => {}
        Wait::Time(time) => tokio::time::sleep(time).await,
        Wait::Gate(gate) => gate.passed().await,
    }
    match delivery {
        Delivery::Whole => Ok(reply.into()),
        Delivery::Replaced(other) => Ok(other.into()),
        Delivery::Never => std::future::pending().await,
        Delivery::Closed => Err(Some(Bare::Close)),
        Delivery::Reset => Err(Some(Bare::Reset)),
        Delivery::Declared(length) => Err(Some(Bare::Write(
            [head(&reply, Some(length)), reply.body.to_vec()].concat(),
        ))),
        Delivery::Flood(bytes) => Err(Some(Bare::Flood(head(&reply, None), bytes))),
        Delivery::Drip(every) => {
            let length = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
            Err(Some(Bare::Drip(
                [head(&reply, Some(length)), reply.body.to_vec()].concat(),
                every,
            )))
        }
    }
}

/// What one request does, up to its answer.
async fn take_effect<P: Party>(shared: Arc<Shared<P>>, parts: Parts, body: Bytes) -> (Reply, Wait, Delivery) {
    let mut received = shared.party.read(&parts, &body);
    let Behaviour {
        instead,
        wait,
        delivery,
    } = lock(&shared.instructions).behaviour(P::place(&received));
    let reply = match instead {
        Some(reply) => {
            shared.party.answered_instead(&received, &reply);
            reply
        }
        None => shared.party.act(&mut received, parts, body).await,
    };
    lock(&shared.received).push(received);
    shared.seen.send_modify(|seen| *seen += 1);
    (reply, wait, delivery)
}

/// What is done with a connection that hyper has let go of. It ends with it.
#[derive(Debug)]
enum Bare {
    Close,
    Reset,
    Write(Vec<u8>),
    Flood(Vec<u8>, u64),
    Drip(Vec<u8>, Duration),
}

impl Bare {
    async fn perform(self, mut stream: TcpStream) -> std::io::Result<()> {
        match self {
            Self::Close => stream.shutdown().await,
            // Closing it then sends RST, as it does with whatever is unsent.
            Self::Reset => stream.set_zero_linger(),
            Self::Write(bytes) => {
                stream.write_all(&bytes).await?;
                stream.shutdown().await
            }
            Self::Flood(head, mut left) => {
                stream.write_all(&head).await?;
                let chunk = vec![b' '; FLOOD_CHUNK];
                while left > 0 {
                    let size = usize::try_from(left).map_or(FLOOD_CHUNK, |left| left.min(FLOOD_CHUNK));
                    let written = stream.write(&chunk[..size]).await?;
                    left -= u64::try_from(written).unwrap_or(left);
                }
                stream.shutdown().await
            }
            Self::Drip(bytes, every) => {
                // Otherwise the system would gather the drops.
                stream.set_nodelay(true)?;
                for byte in bytes {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(every).await;
                }
                stream.shutdown().await
            }
        }
    }
}

/// The head of an answer, as far as the empty line. Without a length, the body ends with the connection.
fn head(reply: &Reply, length: Option<u64>) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\nconnection: close\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if let Some(length) = length {
        head.extend_from_slice(format!("{CONTENT_LENGTH}: {length}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}
