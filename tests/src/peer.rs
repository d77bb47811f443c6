//! What the other parties have in common: a place on the loopback interface that can be taken off the network, requests
//! that are read whole and kept, and answers that get out the proper way or any other. Nothing here knows what a request
//! means.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use tokio::net::TcpSocket;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

mod behaviour;
mod serve;

pub use behaviour::{Behaviour, Delivery, Gate, Reply};

/// Connections that may wait to be accepted. More than any test opens at once.
const BACKLOG: u32 = 1024;

/// Who it is: what a request means, and does.
pub(crate) trait Party: fmt::Debug + Send + Sync + 'static {
    /// A request as the tests see it.
    type Received: fmt::Debug + Clone + Send;

    /// Reads a request. It has no effect yet.
    fn read(&self, parts: &Parts, body: &Bytes) -> Self::Received;

    /// What the prefixes of [`Peer::always`] are compared with.
    fn place(received: &Self::Received) -> &str;

    /// Lets a request have its effect, and answers it.
    fn act(&self, received: &mut Self::Received, parts: Parts, body: Bytes) -> impl Future<Output = Reply> + Send;

    /// Takes note of an answer that was given by instruction, so without an effect.
    fn answered_instead(&self, _received: &Self::Received, _reply: &Reply) {}
}

/// A party that is running. Dropping it closes its listener and every connection.
#[derive(Debug)]
pub(crate) struct Peer<P: Party> {
    shared: Arc<Shared<P>>,
    address: SocketAddr,
    /// Bound but never listening: keeps the port ours while connections are refused.
    _port: TcpSocket,
    acceptor: Mutex<Option<Acceptor>>,
}

/// The task that owns the listener and, through it, every connection.
#[derive(Debug)]
struct Acceptor {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// What the connections and the test share: instructions on one side, observations on the other.
#[derive(Debug)]
struct Shared<P: Party> {
    party: P,
    instructions: Mutex<Instructions>,
    received: Mutex<Vec<P::Received>>,
    seen: watch::Sender<usize>,
    connections: Mutex<usize>,
}

/// What the test told it to do.
#[derive(Debug, Default)]
struct Instructions {
    next: VecDeque<Behaviour>,
    always: Vec<(String, Behaviour)>,
    otherwise: Option<Choice>,
    hang_ups: usize,
}

/// Decides how a request for a place is treated.
struct Choice(Box<dyn FnMut(&str) -> Behaviour + Send>);

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choice")
    }
}

impl Instructions {
    /// How a request for this place is to be treated.
    fn behaviour(&mut self, place: &str) -> Behaviour {
        if let Some(behaviour) = self.next.pop_front() {
            return behaviour;
        }
        let rule = self.always.iter().rev().find(|(prefix, _)| place.starts_with(prefix));
        match (rule, &mut self.otherwise) {
            (Some((_, behaviour)), _) => behaviour.clone(),
            (None, Some(Choice(choose))) => choose(place),
            (None, None) => Behaviour::normal(),
        }
    }

    /// Whether the connection just accepted is to be closed.
    fn hangs_up(&mut self) -> bool {
        let hangs_up = self.hang_ups > 0;
        self.hang_ups = self.hang_ups.saturating_sub(1);
        hangs_up
    }
}

impl<P: Party> Peer<P> {
    /// Starts on a port of the loopback interface (0: any free one).
    pub(crate) async fn start_on(port: u16, party: P) -> io::Result<Self> {
        let guard = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let peer = Self {
            shared: Arc::new(Shared {
                party,
                instructions: Mutex::default(),
                received: Mutex::default(),
                seen: watch::Sender::default(),
                connections: Mutex::default(),
            }),
            address: guard.local_addr()?,
            _port: guard,
            acceptor: Mutex::new(None),
        };
        peer.accept_connections().await?;
        Ok(peer)
    }

    pub(crate) fn party(&self) -> &P {
        &self.shared.party
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and every connection. Whoever dials now is refused, and the port stays reserved.
    pub(crate) async fn refuse_connections(&self) {
        let acceptor = lock(&self.acceptor).take();
        if let Some(Acceptor { task, stop }) = acceptor {
            // Neither end can be gone: only this method stops the task. What matters is that it has ended.
            let _ = stop.send(());
            let _ = task.await;
        }
    }

    /// Listens again after [`Peer::refuse_connections`].
    #[expect(
        clippy::unused_async,
        reason = "must run inside the runtime that will serve the connections"
    )]
    pub(crate) async fn accept_connections(&self) -> io::Result<()> {
        let mut acceptor = lock(&self.acceptor);
        if acceptor.is_none() {
            let listener = socket(self.address)?.listen(BACKLOG)?;
            let (stop, stopped) = oneshot::channel();
            let task = tokio::spawn(serve::accept(listener, Arc::clone(&self.shared), stopped));
            *acceptor = Some(Acceptor { task, stop });
        }
        Ok(())
    }

    /// Forgets requests and instructions. Counters start over. What the party itself knows is not touched.
    pub(crate) fn forget(&self) {
        *lock(&self.shared.instructions) = Instructions::default();
        lock(&self.shared.received).clear();
        self.shared.seen.send_replace(0);
        *lock(&self.shared.connections) = 0;
    }

    /// Queues a behaviour for the next request for which none is queued yet.
    pub(crate) fn next(&self, behaviour: Behaviour) {
        lock(&self.shared.instructions).next.push_back(behaviour);
    }

    /// Behaves so whenever a place begins with `prefix` and nothing is queued. Of two such rules the later one holds.
    pub(crate) fn always(&self, prefix: &str, behaviour: Behaviour) {
        let rule = (prefix.to_owned(), behaviour);
        lock(&self.shared.instructions).always.push(rule);
    }

    /// Asks this whenever nothing is queued and no rule holds, with the place of the request.
    pub(crate) fn otherwise(&self, choose: impl FnMut(&str) -> Behaviour + Send + 'static) {
        lock(&self.shared.instructions).otherwise = Some(Choice(Box::new(choose)));
    }

    /// Accepts the next `count` connections and closes them before a byte is read.
    pub(crate) fn hang_up_on_next(&self, count: usize) {
        lock(&self.shared.instructions).hang_ups += count;
    }

    /// Every request that was received whole, in order.
    pub(crate) fn received(&self) -> Vec<P::Received> {
        lock(&self.shared.received).clone()
    }

    /// Waits until `count` requests have been received since the start or the last [`Peer::forget`], and have had their
    /// effect. They need not have been answered.
    pub(crate) async fn wait_for(&self, count: usize) {
        let mut seen = self.shared.seen.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = seen.wait_for(|seen| *seen >= count).await;
    }

    /// Connections accepted, those that were hung up on included.
    pub(crate) fn connections(&self) -> usize {
        *lock(&self.shared.connections)
    }
}

impl<P: Party> Drop for Peer<P> {
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
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
