//! A connection to a peer who has to read.
//!
//! Nothing in HTTP makes a sender read its answers, and a system keeps an unread one for as long as the other end says that
//! it is there. Without a bound, each such connection would be taken for good.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream that fails when its peer does not take what is written. The time runs from the first write that has to wait until
/// everything is with the system: taking a byte now and then does not begin it anew.
pub(super) struct Impatient<S, F> {
    stream: S,
    patience: Duration,
    /// Called whenever everything that was written is with the system.
    flushed: F,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S, F: Fn()> Impatient<S, F> {
    pub(super) fn new(stream: S, patience: Duration, flushed: F) -> Self {
        Self {
            stream,
            patience,
            flushed,
            waiting: None,
        }
    }

    /// What a write came to, unless it has been waited for too long.
    fn within<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() || self.waiting.is_some() {
            let patience = self.patience;
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
            if waiting.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        written
    }
}

impl<S: AsyncRead + Unpin, F: Fn() + Unpin> AsyncRead for Impatient<S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin, F: Fn() + Unpin> AsyncWrite for Impatient<S, F> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.within(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for when everything has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.waiting = None;
        (self.flushed)();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn a_peer_that_reads_nothing_is_given_up() {
        let (ours, _theirs) = duplex(64);
        let error = Impatient::new(ours, SHORT, || ()).write_all(&[0; 65]).await;
        assert_eq!(error.expect_err("nobody reads").kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_byte_now_and_then_is_not_reading() {
        let (ours, mut theirs) = duplex(64);
        let reader = tokio::spawn(async move {
            // Until the other end is gone.
            while theirs.read_u8().await.is_ok() {
                sleep(SHORT / 20).await;
            }
        });
        // A byte at a time, this would take fifty times as long.
        let error = Impatient::new(ours, SHORT, || ()).write_all(&[0; 1_000]).await;
        assert_eq!(error.expect_err("hardly anybody reads").kind(), io::ErrorKind::TimedOut);
        reader.await.expect("the reader ends");
    }

    #[tokio::test]
    async fn an_answer_that_is_taken_leaves_all_the_time_for_the_next_one() {
        const PATIENCE: Duration = Duration::from_secs(2);
        let (ours, mut theirs) = duplex(64);
        let mut ours = Impatient::new(ours, PATIENCE, || ());
        let reader = tokio::spawn(async move {
            let mut taken = [0; 100];
            for _ in 0..4 {
                sleep(PATIENCE * 3 / 10).await;
                theirs.read_exact(&mut taken).await.expect("an answer");
            }
        });
        for _ in 0..4 {
            ours.write_all(&[0; 100]).await.expect("taken in time");
            ours.flush().await.expect("flushed");
        }
        reader.await.expect("all four");
    }
}
