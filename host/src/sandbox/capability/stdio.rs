//! What a module prints goes to its log, line by line.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::sandbox::handed::Handed;
use crate::sandbox::log::{LogLevel, LogSink};

/// Most bytes that are taken at once, and the longest line: what is longer becomes several.
const LINE_BYTES_MAX: usize = 8 << 10;

/// A stream whose lines become log lines. All that a module has of it are one: what it prints to one handle goes on in the
/// next, and however many handles there are, they hold one line.
#[derive(Clone)]
pub(in crate::sandbox) struct Lines(Arc<Mutex<Printed>>);

/// What was printed and is no whole line yet. It is one when the last handle is gone.
struct Printed {
    level: LogLevel,
    log: Arc<dyn LogSink>,
    handed: Arc<Handed>,
    partial: Vec<u8>,
}

impl Lines {
    pub(in crate::sandbox) fn new(level: LogLevel, log: &Arc<dyn LogSink>, handed: &Arc<Handed>) -> Self {
        Self(Arc::new(Mutex::new(Printed {
            level,
            log: Arc::clone(log),
            handed: Arc::clone(handed),
            partial: Vec::new(),
        })))
    }

    fn take(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(bytes);
    }
}

impl Printed {
    fn take(&mut self, mut bytes: &[u8]) {
        self.handed.note(bytes.len());
        while !bytes.is_empty() {
            let room = bytes.len().min(LINE_BYTES_MAX.saturating_sub(self.partial.len()));
            let line = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let (now, rest) = bytes.split_at(line.unwrap_or(room));
            self.partial.extend_from_slice(now);
            bytes = rest;
            if line.is_some() {
                bytes = bytes.get(1..).unwrap_or_default();
            }
            if line.is_some() || self.partial.len() >= LINE_BYTES_MAX {
                self.emit();
            }
        }
    }

    fn emit(&mut self) {
        self.log.line(self.level, &String::from_utf8_lossy(&self.partial));
        self.partial.clear();
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        if !self.partial.is_empty() {
            self.emit();
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LINE_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl LogSink for Kept {
        fn line(&self, _: LogLevel, message: &str) {
            self.0.lock().expect("not poisoned").push(message.to_owned());
        }
    }

    #[test]
    fn lines_are_whole_however_they_were_written_and_the_last_needs_no_end() {
        let kept = Arc::new(Kept::default());
        let log: Arc<dyn LogSink> = Arc::<Kept>::clone(&kept);
        let lines = Lines::new(LogLevel::Stdout, &log, &Arc::default());
        for piece in ["a", "b\nc\n", "\n", "d"] {
            lines.take(piece.as_bytes());
        }
        drop(lines);
        assert_eq!(*kept.0.lock().expect("not poisoned"), ["ab", "c", "", "d"]);
    }

    #[test]
    fn handles_of_one_stream_hold_one_line_together() {
        let kept = Arc::new(Kept::default());
        let log: Arc<dyn LogSink> = Arc::<Kept>::clone(&kept);
        let lines = Lines::new(LogLevel::Stderr, &log, &Arc::default());
        let handles: Vec<Lines> = (0..1_000).map(|_| lines.clone()).collect();
        for handle in &handles {
            handle.take(&[b'x'; LINE_BYTES_MAX / 2]);
            let held = lines.0.lock().expect("not poisoned").partial.len();
            assert!(held < LINE_BYTES_MAX, "{held}");
        }
        drop(handles);
        lines.take(b"y");
        drop(lines);
        let kept = kept.0.lock().expect("not poisoned");
        assert_eq!((kept.len(), kept.last().map(String::as_str)), (501, Some("y")));
    }

    #[test]
    fn a_line_without_end_is_cut_into_pieces() {
        let kept = Arc::new(Kept::default());
        let log: Arc<dyn LogSink> = Arc::<Kept>::clone(&kept);
        let lines = Lines::new(LogLevel::Stdout, &log, &Arc::default());
        lines.take(&vec![b'x'; 2 * LINE_BYTES_MAX + 1]);
        drop(lines);
        let lengths: Vec<usize> = kept.0.lock().expect("not poisoned").iter().map(String::len).collect();
        assert_eq!(lengths, [LINE_BYTES_MAX, LINE_BYTES_MAX, 1]);
    }
}
