//! Pipes of a child that are polled.

use std::io::{self, IoSlice, IoSliceMut, Read};
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use super::pollable::sealed::{Polled, Reads, Writes};
use crate::polls::{Direction, PolledObject};
use crate::subprocess::{MAX_PARTS, PipeReader, PipeWriter, write};

impl Polled for PipeReader {
    fn stop_polls(&self) {
        drop(self.descriptor().stop_polls());
    }
}

impl PipeReader {
    /// Calls `read`, which has place for `len` bytes, after what was read ahead was taken.
    fn poll_read(
        &self,
        cx: &Context<'_>,
        len: usize,
        mut read: impl FnMut(&OwnedFd) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let descriptor = self.descriptor();
        if len == 0 {
            return Poll::Ready(descriptor.check_open().map(|()| 0));
        }
        let n = ready!(descriptor.poll(Direction::Read, cx, |fd| Ok(read(fd)?)))?;
        descriptor.polls().was_read(0 < n && n < len);
        Poll::Ready(Ok(n))
    }
}

impl Reads for PipeReader {
    #[cfg(any(feature = "hyper", feature = "tokio-io"))]
    fn poll_recv(&self, cx: &Context<'_>, buf: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
        let n = self.take_ahead(|ahead| buf.iter_mut().zip(ahead).map(|(to, from)| to.write(*from)).count());
        if n > 0 {
            return Poll::Ready(Ok(n));
        }
        self.poll_read(cx, buf.len(), |fd| Ok(rustix::io::read(fd, &mut *buf)?.0.len()))
    }

    fn poll_recv_into(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv_vectored(cx, &mut [IoSliceMut::new(buf)])
    }

    fn poll_recv_vectored(&self, cx: &Context<'_>, bufs: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        let count = bufs.len().min(MAX_PARTS);
        let bufs = &mut bufs[..count];
        let n = self.take_ahead(|mut ahead| ahead.read_vectored(bufs).unwrap_or(0));
        if n > 0 {
            return Poll::Ready(Ok(n));
        }
        let len = bufs.iter().map(|buf| buf.len()).sum();
        self.poll_read(cx, len, |fd| rustix::io::readv(fd, bufs))
    }
}

impl Polled for PipeWriter {
    fn stop_polls(&self) {
        drop(self.descriptor().stop_polls());
    }
}

impl Writes for PipeWriter {
    fn poll_send(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_send_vectored(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let bufs = &bufs[..bufs.len().min(MAX_PARTS)];
        self.descriptor().poll(Direction::Write, cx, |fd| write(fd, bufs))
    }

    fn poll_flush(&self, _cx: &Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.descriptor().check_open())
    }

    /// A pipe has one direction, so its end is that of the whole.
    fn poll_end(&self, _cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}
