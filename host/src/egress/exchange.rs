//! One request and its whole answer over one connection. Nothing here knows grants or addresses.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::body::Gathered;
use super::error::DoorError;
use super::passage::{Spent, Way};
use super::tls::client_refused;
use crate::domain::limits::LimitName;

/// What an answer may take, in size and time.
pub(super) struct Caps<'a> {
    pub(super) headers_max: usize,
    pub(super) header_bytes_max: usize,
    pub(super) body_bytes_max: u64,
    /// Bytes of all bodies of the call together.
    pub(super) traffic_bytes_max: u64,
    pub(super) spent: &'a Spent,
    /// When its head must be there.
    pub(super) head_by: Instant,
    /// Longest wait for more of its body.
    pub(super) pause_max: Option<Duration>,
    /// When all of it must be there.
    pub(super) whole_by: Instant,
    /// Whether the carrier judges our certificate, or that there is none, only now: what it says about that then says also
    /// that it did not read the request. Otherwise it had judged before, and whatever it says comes after the request.
    pub(super) judged_late: bool,
}

/// hyper refuses to work with less.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// Sends a request and reads the whole answer. Dropping this closes the connection.
///
/// A redirect is an answer like any other, and a compressed body stays compressed. Trailers are read and left out.
pub(super) async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    caps: &Caps<'_>,
) -> Result<Response<Bytes>, DoorError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let handshake = http1::Builder::new()
        .max_headers(caps.headers_max)
        .max_header_size(caps.header_bytes_max)
        .max_buf_size(caps.header_bytes_max.max(BUFFER_BYTES_MIN))
        .handshake(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = handshake.map_err(|error| before_head(&error, caps))?;
    let answer = async {
        let response = timeout_at(caps.head_by.min(caps.whole_by), sender.send_request(request)).await;
        let response = response
            .map_err(|_| DoorError::ResponseTimeout("the carrier did not begin to answer in time".to_owned()))?
            .map_err(|error| before_head(&error, caps))?;
        whole(response, caps).await
    };
    let (mut answer, mut connection) = (pin!(answer), pin!(connection));
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The connection is done first when the answer's last part is in hand already, or when it failed: then the answer
        // knows the cause.
        _ = &mut connection => answer.await,
    }
}

async fn whole(response: Response<Incoming>, caps: &Caps<'_>) -> Result<Response<Bytes>, DoorError> {
    let (head, mut body) = response.into_parts();
    if head.status.is_informational() {
        let why = format!("the carrier answered with status {} unasked", head.status.as_u16());
        return Err(DoorError::ProtocolError(why));
    }
    let too_large = || {
        caps.spent.hit(LimitName::ResponseBytes);
        DoorError::ResponseTooLarge {
            most: caps.body_bytes_max,
        }
    };
    // What is announced as too large is not read at all. An answer to HEAD announces what does not come.
    if body.size_hint().lower() > caps.body_bytes_max {
        return Err(too_large());
    }
    let mut whole = Gathered::default();
    loop {
        let pause_by = caps.pause_max.and_then(|pause| Instant::now().checked_add(pause));
        let by = pause_by.unwrap_or(caps.whole_by).min(caps.whole_by);
        let frame = timeout_at(by, body.frame()).await;
        let frame = frame.map_err(|_| {
            DoorError::ResponseTimeout("the carrier began to answer and did not end in time".to_owned())
        })?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| within_body(&error, caps))?;
        if let Ok(data) = frame.into_data() {
            if whole.len().saturating_add(data.len() as u64) > caps.body_bytes_max {
                return Err(too_large());
            }
            let so_far = whole.len();
            if !caps.spent.carry(Way::Back, so_far, data.len(), caps.traffic_bytes_max) {
                return Err(DoorError::TrafficUsedUp {
                    most: caps.traffic_bytes_max,
                });
            }
            whole.push(data);
        }
    }
    Ok(Response::from_parts(head, whole.into_bytes()))
}

fn before_head(error: &hyper::Error, caps: &Caps<'_>) -> DoorError {
    if error.is_parse_too_large() {
        DoorError::ResponseHeadersTooLarge {
            most: caps.headers_max,
            most_bytes: caps.header_bytes_max,
        }
    } else if error.is_parse() {
        DoorError::ProtocolError(format!("the carrier's answer is not HTTP/1.1: {error}"))
    } else if caps.judged_late
        && let Some(why) = client_refused(error)
    {
        DoorError::TlsFailed(why)
    } else {
        DoorError::Terminated("the carrier closed the connection without an answer".to_owned())
    }
}

fn within_body(error: &hyper::Error, caps: &Caps<'_>) -> DoorError {
    if error.is_parse() {
        before_head(error, caps)
    } else {
        DoorError::ResponseIncomplete
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use tokio::io::ReadBuf;
    use tokio_rustls::rustls::{AlertDescription, Error};

    use super::*;

    /// Takes a request, and answers it with an alert, as TLS hands one on.
    #[derive(Default)]
    struct Alerting {
        taken: bool,
        reader: Option<Waker>,
    }

    impl AsyncRead for Alerting {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if self.taken {
                let alert = Error::AlertReceived(AlertDescription::AccessDenied);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, alert)));
            }
            self.reader = Some(cx.waker().clone());
            Poll::Pending
        }
    }

    impl AsyncWrite for Alerting {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.taken = true;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_refusal_after_the_request_is_a_verdict_on_a_certificate_only_where_one_is_judged_that_late() {
        for (judged_late, sent) in [(false, true), (true, false)] {
            let soon = Instant::now() + Duration::from_secs(20);
            let caps = Caps {
                headers_max: 100,
                header_bytes_max: 64 << 10,
                body_bytes_max: 1 << 20,
                traffic_bytes_max: 1 << 20,
                spent: &Spent::default(),
                head_by: soon,
                pause_max: None,
                whole_by: soon,
                judged_late,
            };
            let request = Request::post("/v1/lines").body(Full::from("{}")).expect("a request");
            let error = exchange(Alerting::default(), request, &caps)
                .await
                .expect_err("an alert");
            assert_eq!(error.was_sent(), sent, "{error:?}");
            assert_eq!(matches!(error, DoorError::TlsFailed(_)), judged_late, "{error:?}");
        }
    }
}
