//! Polling a socket: reads and writes for [`PolledObject`].

use std::io::{self, IoSlice, IoSliceMut, Read};
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use greenlet_core::{Exception, direct};
use hub::Hub;
use hub::core::Io;

use super::{Direction, MAX_PARTS, NO_SIGNAL, RawSocket, closed};
use crate::polls::{PolledObject, Polls};

impl PolledObject for RawSocket {
    const KIND: &'static str = "socket";

    fn hub(&self) -> &Hub {
        &self.hub
    }

    fn polls(&self) -> &Polls {
        &self.polls
    }

    fn check_open(&self) -> io::Result<()> {
        self.fd().map(drop).ok_or_else(closed)
    }

    fn watcher(&self, direction: Direction) -> Result<&Io, Exception> {
        self.watcher_of(direction)
    }
}

impl RawSocket {
    fn poll<T>(
        self: &Rc<Self>,
        direction: Direction,
        cx: &Context<'_>,
        mut operation: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let result = ready!(self.poll_with(direction, cx, || direct(|| operation(&*self.socket()?))));
        if matches!(direction, Direction::Write) {
            self.emptied.this_has_sent();
        }
        Poll::Ready(result)
    }

    /// Receives into `buf`, and returns how many bytes at its beginning are initialised by that.
    #[cfg(any(feature = "hyper", feature = "tokio-io"))]
    pub(crate) fn poll_recv(self: &Rc<Self>, cx: &Context<'_>, buf: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
        let len = buf.len();
        self.poll_read(cx, len, |socket| socket.recv(buf))
    }

    /// As [`poll_recv`](RawSocket::poll_recv), into bytes that are initialised.
    pub(crate) fn poll_recv_into(self: &Rc<Self>, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read(cx, buf.len(), |mut socket| socket.read(buf))
    }

    pub(crate) fn poll_recv_vectored(
        self: &Rc<Self>,
        cx: &Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = bufs.len().min(MAX_PARTS);
        let bufs = &mut bufs[..count];
        let len = bufs.iter().map(|buf| buf.len()).sum();
        self.poll_read(cx, len, |mut socket| socket.read_vectored(bufs))
    }

    fn poll_read(
        self: &Rc<Self>,
        cx: &Context<'_>,
        len: usize,
        operation: impl FnMut(&socket2::Socket) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if len == 0 {
            return Poll::Ready(self.check_open().map(|()| 0));
        }
        let n = ready!(self.poll(Direction::Read, cx, operation))?;
        self.polls.was_read(0 < n && n < len);
        Poll::Ready(Ok(n))
    }

    pub(crate) fn poll_send(self: &Rc<Self>, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(Direction::Write, cx, |socket| socket.send_with_flags(buf, NO_SIGNAL))
    }

    pub(crate) fn poll_send_vectored(
        self: &Rc<Self>,
        cx: &Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = &bufs[..bufs.len().min(MAX_PARTS)];
        self.poll(Direction::Write, cx, |socket| {
            socket.send_vectored_with_flags(bufs, NO_SIGNAL)
        })
    }
}
