//! A file that is polled: what it has by the same names for greenlets, for tasks. A task leaves its waker where a
//! greenlet would be parked.

use std::io::{self, SeekFrom};
use std::task::{Context, Poll, ready};

use super::base::FileObjectBase;
use super::polled::Polled;
use super::shared::{Raw, Shared};

/// How many bytes are read ahead for a larger place than the buffer, at most: they are kept in memory of ours.
const MOST_AHEAD: usize = 1 << 16;

impl Shared {
    fn polled(&self) -> io::Result<&Polled> {
        match &self.raw {
            Raw::Polled(polled) => Ok(polled),
            Raw::Threaded(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a file of threads cannot be polled",
            )),
        }
    }

    /// Reads into `buf`, of what was read ahead first.
    fn poll_read(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() || buf.len() < self.buffering.size || self.ahead(|ahead| !ahead.is_empty()) {
            return self.poll_read_by(cx, buf.len(), |ahead| copy(ahead, buf));
        }
        ready!(self.poll_turn_to_reading(cx))?;
        self.polled()?
            .poll_read(cx, |read| match self.ahead(|ahead| ahead.copy_to(buf)) {
                0 => read(buf),
                n => Ok(n),
            })
    }

    /// Has `take` copy some of what was read ahead, after reading if that is nothing. Returns what it does: how many
    /// bytes, of the `len` for which there is place.
    fn poll_read_by(&self, cx: &Context<'_>, len: usize, take: impl FnOnce(&[u8]) -> usize) -> Poll<io::Result<usize>> {
        self.check_reads()?;
        let polled = self.polled()?;
        if len == 0 {
            return Poll::Ready(Ok(0));
        }
        if self.ahead(|ahead| ahead.is_empty()) {
            ready!(self.poll_turn_to_reading(cx))?;
            let size = len.min(MOST_AHEAD).max(self.buffering.size);
            ready!(polled.poll_read(cx, |read| self.read_ahead(size, read)))?;
        }
        Poll::Ready(Ok(self.ahead(|ahead| {
            let n = take(ahead.left());
            ahead.take(n);
            n
        })))
    }

    fn poll_turn_to_reading(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.check_reads()?;
        match self.flushes_before_reading() {
            true => self.poll_flush(cx),
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_write(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check_writes()?;
        let written = self.poll_try_write(cx, buf);
        self.note(written)
    }

    fn poll_try_write(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = self.polled()?;
        if self.goes_back_before_writing() {
            ready!(self.poll_flush_out(cx))?;
            self.seek_flushed(SeekFrom::Current(0))?;
        }
        let through = self.goes_through(buf);
        if through || !self.has_room(buf) {
            ready!(self.poll_flush_out(cx))?;
        }
        match through {
            true if buf.is_empty() => Poll::Ready(Ok(0)),
            true => polled.poll_write(cx, |write| write(buf)),
            false => Poll::Ready(Ok(self.keep(buf))),
        }
    }

    fn poll_flush(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.check_open()?;
        let flushed = self.poll_flush_out(cx);
        self.note(flushed)
    }

    /// Writes what is in the buffer. What was written is taken out of it, so that the next poll goes on.
    fn poll_flush_out(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.polled()?;
        while !self.is_written() {
            ready!(polled.poll_write(cx, |write| self.write_out(write)))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Notes that a write waits. If its task polls no more, the end of the file does not wait for the same.
    fn note<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.given_up.set(polled.is_pending());
        polled
    }

    /// Writes what is left, and ends the writing: a file that is not read is closed.
    fn poll_end(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.closed.get() && !self.mode.reads() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_flush(cx))?;
        Poll::Ready(match self.mode.reads() {
            true => self.polled().and_then(Polled::shut_down),
            false => self.close(),
        })
    }
}

/// Copies as much as there is and fits.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let n = from.len().min(to.len());
    to[..n].copy_from_slice(&from[..n]);
    n
}

/// What an [`Async`](crate::future::Async) calls.
impl<K> FileObjectBase<K> {
    pub(crate) fn poll_read(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.shared().poll_read(cx, buf)
    }

    /// Has `take` copy some of the bytes that are there. Returns what it does: how many, of the `len` for which it has
    /// place.
    #[cfg(any(feature = "hyper", feature = "tokio-io"))]
    pub(crate) fn poll_read_by(
        &self,
        cx: &Context<'_>,
        len: usize,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        self.shared().poll_read_by(cx, len, take)
    }

    pub(crate) fn poll_write(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.shared().poll_write(cx, buf)
    }

    pub(crate) fn poll_flush(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.shared().poll_flush(cx)
    }

    pub(crate) fn poll_end(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.shared().poll_end(cx)
    }

    pub(crate) fn stop_polls(&self) {
        if let Ok(polled) = self.shared().polled() {
            polled.stop_polls();
        }
    }
}
