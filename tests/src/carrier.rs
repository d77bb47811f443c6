//! A fake carrier: a small provisioning API with real state behind it, which can be told to misbehave.
//!
//! It listens on the loopback interface. Without instructions it does as it is asked; a test gives it a [`Behaviour`] for
//! the next request or for a path, or takes it off the network altogether. Afterwards the test asks what the carrier was
//! sent, and what it did.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use patchbay_tests::carrier::{Behaviour, FakeCarrier, StatusCode};
//!
//! let carrier = FakeCarrier::start().await?;
//! carrier.next(Behaviour::reject(StatusCode::UNPROCESSABLE_ENTITY, "UNKNOWN_PLAN", "no such plan"));
//! // … post an order to a module that uses `carrier.url()` …
//! carrier.wait_for_requests(1).await;
//! assert!(carrier.history().is_empty(), "a rejected request has no effect");
//! # Ok(())
//! # }
//! ```

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

mod api;
mod behaviour;
mod book;
mod script;
mod serve;
mod shared;

#[cfg(test)]
mod tests;

pub use behaviour::{Behaviour, Delivery, Gate, Reply};
pub use book::{Change, Line, LineStatus, Numbers, Port, PortStatus};
pub use http::StatusCode;
pub use script::{Script, script_for};
pub use shared::Received;

use shared::Shared;

/// The token that [`FakeCarrier::start`] asks for.
pub const TOKEN: &str = "carrier-token-of-the-tests";

/// Connections that may wait to be accepted. More than any test opens at once.
const BACKLOG: u32 = 1024;

/// A running carrier. Dropping it closes its listener and every connection.
#[derive(Debug)]
pub struct FakeCarrier {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Bound but never listening: keeps the port ours while the carrier refuses connections.
    _port: TcpSocket,
    acceptor: Mutex<Option<Acceptor>>,
}

/// The task that owns the listener and, through it, every connection.
#[derive(Debug)]
struct Acceptor {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl FakeCarrier {
    /// Starts on a free port, with [`TOKEN`].
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0, TOKEN).await
    }

    /// Starts on a port of the loopback interface (0: any free one), asking for `token`.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(port: u16, token: &str) -> io::Result<Self> {
        let guard = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let carrier = Self {
            shared: Arc::new(Shared::new(token)),
            address: guard.local_addr()?,
            _port: guard,
            acceptor: Mutex::new(None),
        };
        carrier.accept_connections().await?;
        Ok(carrier)
    }

    /// Where it listens, such as `http://127.0.0.1:40123`. The API's paths begin with `/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Address and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and every connection. Whoever dials now is refused, and the port stays reserved.
    pub async fn refuse_connections(&self) {
        let acceptor = lock(&self.acceptor).take();
        if let Some(Acceptor { task, stop }) = acceptor {
            // Neither end can be gone: only this method stops the task. What matters is that it has ended.
            let _ = stop.send(());
            let _ = task.await;
        }
    }

    /// Listens again after [`FakeCarrier::refuse_connections`].
    ///
    /// # Errors
    /// When the system has no socket left.
    #[expect(
        clippy::unused_async,
        reason = "must run inside the runtime that will serve the connections"
    )]
    pub async fn accept_connections(&self) -> io::Result<()> {
        let mut acceptor = lock(&self.acceptor);
        if acceptor.is_none() {
            let listener = socket(self.address)?.listen(BACKLOG)?;
            let (stop, stopped) = oneshot::channel();
            let task = tokio::spawn(serve::accept(listener, Arc::clone(&self.shared), stopped));
            *acceptor = Some(Acceptor { task, stop });
        }
        Ok(())
    }

    /// Forgets everything: lines, ports, requests, instructions. Counters start over, and connections are accepted.
    ///
    /// # Errors
    /// As [`FakeCarrier::accept_connections`].
    pub async fn reset(&self) -> io::Result<()> {
        self.shared.reset();
        self.accept_connections().await
    }

    // What it shall do.

    /// Queues a behaviour for the next request for which none is queued yet, whatever its path.
    pub fn next(&self, behaviour: Behaviour) {
        lock(&self.shared.orders).next.push_back(behaviour);
    }

    /// Behaves so whenever a path begins with `prefix` and nothing is queued. Of two such rules the later one holds.
    pub fn always(&self, prefix: &str, behaviour: Behaviour) {
        lock(&self.shared.orders).always.push((prefix.to_owned(), behaviour));
    }

    /// Accepts the next `count` connections and closes them before a byte is read. What the client sees depends on how
    /// much it has sent by then: the end of the stream, or a reset.
    pub fn hang_up_on_next(&self, count: usize) {
        lock(&self.shared.orders).hang_ups += count;
    }

    /// Sets what the next identifiers are.
    pub fn set_numbers(&self, numbers: Numbers) {
        lock(&self.shared.book).numbers = numbers;
    }

    /// Gives the carrier a line without anyone having asked for it. It replaces a line of the same activation id.
    pub fn put_line(&self, line: Line) {
        lock(&self.shared.book).put_line(line);
    }

    /// Finishes a port-in: the number now works here. False if there is no such port under way.
    ///
    /// A carrier may give the new line a `subscriber_id` of its own, or go by the number alone.
    pub fn complete_port(&self, activation_id: &str, subscriber_id: Option<&str>) -> bool {
        lock(&self.shared.book).complete_port(activation_id, subscriber_id)
    }

    /// Finally rejects a port-in. False if there is no such port under way.
    pub fn reject_port(&self, activation_id: &str, reason: &str) -> bool {
        lock(&self.shared.book).reject_port(activation_id, reason)
    }

    // What it has seen and done.

    /// Every request that was received whole, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// Waits until `count` requests have been received since the start or the last reset, and have had their effect.
    /// They need not have been answered.
    pub async fn wait_for_requests(&self, count: usize) {
        let mut seen = self.shared.seen.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = seen.wait_for(|seen| *seen >= count).await;
    }

    /// Connections accepted, those that were hung up on included.
    #[must_use]
    pub fn connections(&self) -> usize {
        *lock(&self.shared.connections)
    }

    /// The line with this subscriber id, number, reference or activation id, also when it was cancelled.
    #[must_use]
    pub fn line(&self, line: &str) -> Option<Line> {
        lock(&self.shared.book).line_even_cancelled(line).cloned()
    }

    /// Every line that there is or was, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.shared.book).lines.clone()
    }

    /// Every port-in, oldest first.
    #[must_use]
    pub fn ports(&self) -> Vec<Port> {
        lock(&self.shared.book).ports.clone()
    }

    /// Everything that was changed, in order, each with the activation id of its line.
    #[must_use]
    pub fn history(&self) -> Vec<(String, Change)> {
        lock(&self.shared.book).history.clone()
    }
}

impl Drop for FakeCarrier {
    fn drop(&mut self) {
        if let Some(acceptor) = lock(&self.acceptor).take() {
            acceptor.task.abort();
        }
    }
}

/// A socket bound to `address`, which may be bound already by one that is not listening.
fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// A panic elsewhere is that test's failure already, and not a reason to hide what was observed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
