//! The traits of `hyper::rt` for reading and writing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::rt::{Read, ReadBufCursor, Write};

use super::{Async, PollRead, PollWrite};

#[allow(unsafe_code)]
impl<S: PollRead> Read for Async<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        // SAFETY: `poll_recv` leaves no byte uninitialised that was initialised.
        let n = ready!(self.poll_recv(cx, unsafe { buf.as_mut() }))?;
        // SAFETY: `poll_recv` has initialised so many.
        unsafe { buf.advance(n) };
        Poll::Ready(Ok(()))
    }
}

impl<S: PollWrite> Write for Async<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Async::poll_write(&self, cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Async::poll_flush(&self, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Async::poll_shutdown(&self, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Async::poll_write_vectored(&self, cx, bufs)
    }
}
