//! A connection that neither waits for ever nor ends without a word.

use super::limits::Limits;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// What is said to a client that began a request and did not end it in time.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A connection on which a client must take what is sent within a time, and at a pace: one that takes a byte now and
/// then would hold a download's place for ever.
pub(crate) struct Guard {
    stream: TcpStream,
    stall: Duration,
    pace: u64,
    timer: Pin<Box<Sleep>>,
    /// Since when a write waits for the client.
    waiting: Option<Instant>,
    /// Time that was waited for the client, and bytes that it took; both begin anew whenever the time is `stall`.
    waited: Duration,
    taken: u64,
    /// Whether the client has sent something and got nothing since.
    unanswered: bool,
    /// Whether what it has sent was a whole request.
    heard: Arc<AtomicBool>,
}

impl Guard {
    /// `heard` is set by whoever gets the requests.
    pub fn new(stream: TcpStream, limits: &Limits, heard: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            stall: limits.stall,
            pace: limits.pace,
            timer: Box::pin(sleep(limits.stall)),
            waiting: None,
            waited: Duration::ZERO,
            taken: 0,
            unanswered: false,
            heard,
        }
    }

    /// What a write came to, an error if it has waited for too long.
    fn watch(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            self.unanswered = false;
            self.heard.store(false, Ordering::Relaxed);
            let ended = self.waiting.take().map_or(Duration::ZERO, |since| since.elapsed());
            let taken = result?;
            return Poll::Ready(self.keeps_pace(ended, taken).map(|()| taken));
        }
        if self.waiting.is_none() {
            self.waiting = Some(Instant::now());
            self.timer.as_mut().reset(Instant::now() + self.stall);
        }
        match self.timer.as_mut().poll(context) {
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether a client that took `taken` bytes after `waited` is quick enough so far.
    fn keeps_pace(&mut self, waited: Duration, taken: usize) -> io::Result<()> {
        self.waited += waited;
        self.taken += taken as u64;
        if self.waited < self.stall {
            return Ok(());
        }
        let least = self.waited.as_secs_f64() * self.pace as f64;
        let is_quick = self.taken as f64 >= least;
        (self.waited, self.taken) = (Duration::ZERO, 0);
        if is_quick {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes too little"))
    }
}

impl AsyncRead for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.unanswered |= buffer.filled().len() > before;
        read
    }
}

impl AsyncWrite for Guard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.unanswered && !self.heard.load(Ordering::Relaxed) {
            // Whoever is gone needs no answer.
            let _ = self.stream.try_write(TOO_SLOW);
        }
    }
}
