//! Dialling. The only place that does.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::error::DoorError;
use super::policy::Admitted;
use super::record::Sent;

/// Addresses of one host that are tried, one after the other. Carriers publish one to three for each family.
const TRIED_MAX: usize = 4;

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
pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
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

/// Whether an address is one of this machine's.
fn is_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || leads_here(ip, way_to(ip))
}

/// From which address this machine would talk to another one. Nothing is sent.
fn way_to(ip: IpAddr) -> io::Result<IpAddr> {
    let any = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((ip, 9))?;
    Ok(socket.local_addr()?.ip())
}

/// Whether the way to an address ends on this machine, which talks to itself from that very address. Where there is no way,
/// nobody is reached. Any other error, as when there are no more sockets to be had, says nothing: then it may.
fn leads_here(ip: IpAddr, way: io::Result<IpAddr>) -> bool {
    match way {
        Ok(from) => from == ip,
        Err(error) => !matches!(
            Errno::from_io_error(&error),
            Some(Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
        ),
    }
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
        // The system's own answer, of which every machine has this one.
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(way_to(here).expect("there is loopback"), here);
        // Those that have a way to others have another address.
        let outside = way_to(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        for own in [here, outside.unwrap_or(here)] {
            for listener in ["0.0.0.0:8080", "[::]:8080"] {
                let listeners = [listener.parse().expect("an address")];
                for (port, expected) in [(8080, true), (8081, false)] {
                    let is_own = is_own(&listeners, SocketAddr::new(own, port));
                    assert_eq!(is_own, expected, "{own} and {port} against {listener}");
                }
            }
        }
    }

    #[test]
    fn an_address_of_which_nobody_can_say_whose_it_is_counts_as_our_own() {
        let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let failed = |errno: Errno| Err(io::Error::from(errno));
        for (way, expected) in [
            (Ok(ip), true),
            (Ok(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))), false),
            (failed(Errno::MFILE), true),
            (failed(Errno::NOBUFS), true),
            (failed(Errno::ACCESS), true),
            (Err(io::ErrorKind::Other.into()), true),
            (failed(Errno::NETUNREACH), false),
            (failed(Errno::HOSTUNREACH), false),
            (failed(Errno::AFNOSUPPORT), false),
            (failed(Errno::ADDRNOTAVAIL), false),
        ] {
            let told = format!("{way:?}");
            assert_eq!(leads_here(ip, way), expected, "{told}");
        }
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

    #[tokio::test]
    async fn what_a_connection_that_was_reset_does_not_take_was_not_sent() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let flag = Sent::default();
        let mut watched = Watched {
            stream: connect(listener.local_addr().expect("bound")).await.expect("connected"),
            sent: flag.clone(),
            armed: true,
        };
        let (taken, _) = listener.accept().await.expect("accepted");
        // With nothing to linger for, closing is a reset.
        taken.set_zero_linger().expect("set");
        drop(taken);
        let reset = watched.read_u8().await.expect_err("it was reset");
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        watched.write_all(b"x").await.expect_err("nobody takes it");
        assert!(!flag.get());
    }
}
