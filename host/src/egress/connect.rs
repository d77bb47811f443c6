//! Looking a host up, and dialling. The only place that dials.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::error::DoorError;
use super::policy::Admitted;
use super::record::Sent;

/// Addresses of one host that are tried, one after the other. Carriers publish one to three for each family.
const TRIED_MAX: usize = 4;

/// Finds the addresses that a name stands for. Asked once for each exchange.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All of its addresses, of both families.
    ///
    /// # Errors
    /// What the resolver said.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Look-ups under way at once. Each holds a thread until the system answers, and a dead name server lets it wait for half a
/// minute; without a bound, such look-ups would take every thread there is for work that blocks.
const LOOKUPS_MAX: usize = 64;

/// The system's own resolver, with its hosts file and search list.
pub struct SystemResolver {
    /// Permits for look-ups.
    lookups: Arc<Semaphore>,
}

impl SystemResolver {
    pub(super) fn new() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }

    /// Runs a look-up that goes on when nobody waits for it any more. It keeps its permit until it has really ended.
    async fn look_up<F>(&self, look_up: F) -> io::Result<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let permit = Arc::clone(&self.lookups).acquire_owned().await;
        let under_way = tokio::spawn(async move {
            let _permit = permit;
            look_up.await
        });
        under_way.await.map_err(io::Error::other)
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let name = name.to_owned();
        let found = self.look_up(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        });
        found.await?
    }
}

/// Connects to the first of these very addresses that answers. Trying the next is no re-sending: nothing was sent.
pub(super) async fn dial(admitted: &Admitted, until: Instant, sent: Sent) -> Result<Watched, DoorError> {
    let tried = &admitted.addresses()[..admitted.addresses().len().min(TRIED_MAX)];
    let mut last = DoorError::DnsFailed("the host has no address".to_owned());
    for (index, address) in tried.iter().enumerate() {
        // An address that swallows everything must not use up the time of those after it.
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(tried.len() - index).unwrap_or(1);
        last = match timeout_at(Instant::now() + share, connect(*address)).await {
            Ok(Ok(stream)) => {
                return Ok(Watched {
                    stream,
                    sent,
                    armed: false,
                });
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                DoorError::Refused(format!("{address} refused the connection"))
            }
            Ok(Err(error)) => DoorError::Unreachable(format!("{address} cannot be reached: {error}")),
            Err(_) => DoorError::ConnectTimeout(format!("{address} did not take the connection in time")),
        };
    }
    Err(last)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that dials, and only what was admitted"
)]
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // A request is written in one piece; waiting to fill a packet would only delay its end.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether somebody who connects to `target` reaches one of our own `listeners`: the door is no way back in, whatever a grant
/// says.
pub(super) fn is_own(listeners: &[SocketAddr], target: SocketAddr) -> bool {
    // The system takes "unspecified" for "here", and a mapped address for the one within.
    let ip = match target.ip().to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    listeners.iter().any(|listener| {
        let own = listener.ip().to_canonical();
        listener.port() == target.port() && (own == ip || (own.is_unspecified() && is_this_machine(ip)))
    })
}

/// Whether an address is one of this machine's. Nothing is sent: the system is only asked from which address it would.
fn is_this_machine(ip: IpAddr) -> bool {
    if ip.is_loopback() {
        return true;
    }
    let any = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let asked = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((ip, 9))?;
        socket.local_addr()
    });
    asked.is_ok_and(|own| own.ip() == ip)
}

/// A connection that notes when the first byte of a request leaves. It lies below TLS, so that it sees what the network is
/// given and not what waits to be encrypted.
pub(super) struct Watched {
    stream: TcpStream,
    sent: Sent,
    armed: bool,
}

impl Watched {
    /// From here on, what is written is the request. Before, it was the handshake.
    pub(super) fn arm(&mut self) {
        self.armed = true;
    }

    fn note(&self, written: usize) -> usize {
        if self.armed && written > 0 {
            self.sent.set();
        }
        written
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        Poll::Ready(Ok(self.note(written)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        Poll::Ready(Ok(self.note(written)))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[test]
    fn our_own_listeners_are_known_in_every_disguise() {
        let listeners = |text: &str| [text.parse::<SocketAddr>().expect("an address")];
        for (listener, target, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080", true),
            ("127.0.0.1:8080", "127.0.0.1:8081", false),
            ("127.0.0.1:8080", "0.0.0.0:8080", true),
            ("127.0.0.1:8080", "[::ffff:127.0.0.1]:8080", true),
            ("127.0.0.1:8080", "127.0.0.2:8080", false),
            ("0.0.0.0:8080", "127.0.0.2:8080", true),
            ("[::]:8080", "127.0.0.1:8080", true),
            ("[::]:8080", "[::1]:8080", true),
            ("[::1]:8080", "[::]:8080", true),
            ("0.0.0.0:8080", "192.0.2.1:8080", false),
            ("198.51.100.7:8080", "198.51.100.7:8080", true),
        ] {
            let own = is_own(&listeners(listener), target.parse().expect("an address"));
            assert_eq!(own, expected, "{target} against {listener}");
        }
    }

    #[test]
    fn a_listener_on_every_address_is_known_at_each_of_them() {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
        // Asks for the way there; nothing is sent. A machine without any has only its loopback addresses.
        if socket.connect(("192.0.2.1", 9)).is_err() {
            return;
        }
        let own = socket.local_addr().expect("bound").ip();
        for listener in ["0.0.0.0:8080", "[::]:8080"] {
            let listeners = [listener.parse().expect("an address")];
            assert!(
                is_own(&listeners, SocketAddr::new(own, 8080)),
                "{own} against {listener}"
            );
            assert!(
                !is_own(&listeners, SocketAddr::new(own, 8081)),
                "{own} against {listener}"
            );
        }
    }

    #[tokio::test]
    async fn a_look_up_that_nobody_waits_for_any_more_counts_until_it_ends() {
        let resolver = SystemResolver {
            lookups: Arc::new(Semaphore::new(1)),
        };
        let (answer, answered) = tokio::sync::oneshot::channel::<()>();
        let soon = || Instant::now() + std::time::Duration::from_millis(20);
        let given_up = timeout_at(soon(), resolver.look_up(answered)).await;
        assert!(given_up.is_err(), "it has no answer yet");
        let next = timeout_at(soon(), resolver.look_up(async {})).await;
        assert!(next.is_err(), "the wait for a permit counts into the time");
        answer.send(()).expect("the look-up goes on");
        resolver.look_up(async {}).await.expect("the permit is back");
        assert_eq!(resolver.lookups.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_handshake_is_not_the_request_and_its_first_byte_is() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let mut sent = Vec::new();
        for vectored in [false, true] {
            let flag = Sent::default();
            let stream = connect(listener.local_addr().expect("bound")).await.expect("connected");
            let mut watched = Watched {
                stream,
                sent: flag.clone(),
                armed: false,
            };
            watched.write_all(b"hello").await.expect("written");
            sent.push(flag.get());
            watched.arm();
            sent.push(flag.get());
            match vectored {
                false => watched.write(b"x").await.expect("written"),
                true => watched
                    .write_vectored(&[io::IoSlice::new(b"x")])
                    .await
                    .expect("written"),
            };
            sent.push(flag.get());
        }
        assert_eq!(sent, [false, false, true, false, false, true]);
    }
}
