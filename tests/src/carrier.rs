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

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::MutexGuard;

use anyhow::Context;

mod api;
mod book;
mod operation;
mod requests;
mod script;

#[cfg(test)]
mod tests;

pub use crate::peer::{Behaviour, Delivery, Gate, Reply};
pub use book::{Change, Line, LineStatus, Numbers, Port, PortStatus};
pub use http::StatusCode;
pub use requests::Received;
pub use script::{Script, script_for};

use crate::peer::{Peer, lock};
use crate::telecloud::{Posted, client, post_body};
use book::{Book, Effect, Usage};
use requests::Carrier;

/// The token that [`FakeCarrier::start`] asks for.
pub const TOKEN: &str = "carrier-token-of-the-tests";

/// A running carrier. Dropping it closes its listener and every connection.
#[derive(Debug)]
pub struct FakeCarrier {
    peer: Peer<Carrier>,
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
        let peer = Peer::start_on(port, Carrier::new(token)).await?;
        Ok(Self { peer })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`. The API's paths begin with `/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Address and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.peer.address()
    }

    /// Closes the listener and every connection. Whoever dials now is refused, and the port stays reserved.
    pub async fn refuse_connections(&self) {
        self.peer.refuse_connections().await;
    }

    /// Listens again after [`FakeCarrier::refuse_connections`].
    ///
    /// # Errors
    /// When the system has no socket left.
    pub async fn accept_connections(&self) -> io::Result<()> {
        self.peer.accept_connections().await
    }

    /// Forgets everything: lines, ports, requests, instructions. Counters start over, and connections are accepted.
    ///
    /// # Errors
    /// As [`FakeCarrier::accept_connections`].
    pub async fn reset(&self) -> io::Result<()> {
        self.peer.forget();
        *self.book() = Book::default();
        self.accept_connections().await
    }

    // What it shall do.

    /// Queues a behaviour for the next request for which none is queued yet, whatever its path.
    pub fn next(&self, behaviour: Behaviour) {
        self.peer.next(behaviour);
    }

    /// Behaves so whenever a path begins with `prefix` and nothing is queued. Of two such rules the later one holds.
    pub fn always(&self, prefix: &str, behaviour: Behaviour) {
        self.peer.always(prefix, behaviour);
    }

    /// Lets this decide, by path, whenever nothing is queued and no rule holds.
    pub fn otherwise(&self, choose: impl FnMut(&str) -> Behaviour + Send + 'static) {
        self.peer.otherwise(choose);
    }

    /// Accepts the next `count` connections and closes them before a byte is read. What the client sees depends on how
    /// much it has sent by then: the end of the stream, or a reset.
    pub fn hang_up_on_next(&self, count: usize) {
        self.peer.hang_up_on_next(count);
    }

    /// Sets what the next identifiers are.
    pub fn set_numbers(&self, numbers: Numbers) {
        self.book().numbers = numbers;
    }

    /// Gives the carrier a line without anyone having asked for it. It replaces a line of the same activation id.
    pub fn put_line(&self, line: Line) {
        self.book().put_line(line);
    }

    /// Finishes a port-in: the number now works here. False if there is no such port under way.
    ///
    /// A carrier may give the new line a `subscriber_id` of its own, or go by the number alone.
    pub fn complete_port(&self, activation_id: &str, subscriber_id: Option<&str>) -> bool {
        self.book().complete_port(activation_id, subscriber_id)
    }

    /// Finally rejects a port-in. False if there is no such port under way.
    pub fn reject_port(&self, activation_id: &str, reason: &str) -> bool {
        self.book().reject_port(activation_id, reason, false)
    }

    /// Rejects a port-in until it is corrected. False if there is no such port under way.
    pub fn reject_port_correctably(&self, activation_id: &str, reason: &str) -> bool {
        self.book().reject_port(activation_id, reason, true)
    }

    /// Calls back about a port-in: posts what the API tells of it now to this URL, and gives the answer.
    ///
    /// # Errors
    /// When there is no such port-in, or no whole answer.
    pub async fn call_back(&self, url: &str, activation_id: &str) -> anyhow::Result<Posted> {
        let port = self.book().port(activation_id).map(Port::document);
        let port = port.with_context(|| format!("no port-in {activation_id}"))?;
        post_body(&client()?, url, Some("application/json"), port.to_string()).await
    }

    /// Sets what has been used of a line, of one bucket (such as `DATA`) and kind (such as `recurring`). The texts go out as
    /// they are: a carrier may write what it likes.
    pub fn set_usage(&self, line: &str, bucket: &str, kind: &str, used: &str, unit: &str) {
        self.book().set_usage(Usage {
            line: line.to_owned(),
            kind: kind.to_owned(),
            bucket: bucket.to_owned(),
            used: used.to_owned(),
            unit: unit.to_owned(),
        });
    }

    /// Sets how many entries a listing gives at once, at least one.
    pub fn set_page_size(&self, entries: usize) {
        self.book().page_size = entries.max(1);
    }

    /// Says whether a repeated idempotency key is answered from memory, as it is at first, or has its effect again.
    pub fn set_idempotent(&self, idempotent: bool) {
        self.book().acts_on_repeats = !idempotent;
    }

    // What it has seen and done.

    /// Every request that was received whole, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.peer.received()
    }

    /// Waits until `count` requests have been received since the start or the last reset, and have had their effect.
    /// They need not have been answered.
    pub async fn wait_for_requests(&self, count: usize) {
        self.peer.wait_for(count).await;
    }

    /// Connections accepted, those that were hung up on included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.peer.connections()
    }

    /// The line with this subscriber id, number, reference or activation id, also when it was cancelled.
    #[must_use]
    pub fn line(&self, line: &str) -> Option<Line> {
        self.book().line_even_cancelled(line).cloned()
    }

    /// Every line that there is or was, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.book().lines.clone()
    }

    /// Every port-in, oldest first.
    #[must_use]
    pub fn ports(&self) -> Vec<Port> {
        self.book().ports.clone()
    }

    /// Everything that was changed, in order, each with the activation id of its line.
    #[must_use]
    pub fn history(&self) -> Vec<(String, Change)> {
        self.book().history.clone()
    }

    /// How many changes requests have made under each idempotency key.
    #[must_use]
    pub fn effects_by_key(&self) -> HashMap<String, usize> {
        self.count_effects(|effect| effect.key.as_ref())
    }

    /// How many changes requests have made to the lines of each reference.
    #[must_use]
    pub fn effects_by_reference(&self) -> HashMap<String, usize> {
        self.count_effects(|effect| effect.reference.as_ref())
    }

    /// How many changes requests have made to the lines of each ICCID. A swap counts for the new one.
    #[must_use]
    pub fn effects_by_iccid(&self) -> HashMap<String, usize> {
        self.count_effects(|effect| Some(&effect.iccid))
    }

    fn count_effects(&self, of: impl Fn(&Effect) -> Option<&String>) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for name in self.book().effects.iter().filter_map(of) {
            *counts.entry(name.clone()).or_default() += 1;
        }
        counts
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.peer.party().book)
    }
}
