//! File objects that are polled.

use std::io::{self, IoSlice, IoSliceMut};
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

use super::pollable::sealed::{Polled, Reads, Writes};
use crate::fileobject::{FileObjectBase, PolledKind};

impl<K: PolledKind> Polled for FileObjectBase<K> {
    fn stop_polls(&self) {
        FileObjectBase::stop_polls(self);
    }
}

impl<K: PolledKind> Reads for FileObjectBase<K> {
    #[cfg(any(feature = "hyper", feature = "tokio-io"))]
    fn poll_recv(&self, cx: &Context<'_>, buf: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
        self.poll_read_by(cx, buf.len(), |ahead| {
            buf.iter_mut().zip(ahead).map(|(to, from)| to.write(*from)).count()
        })
    }

    fn poll_recv_into(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read(cx, buf)
    }

    /// The file has a buffer, so that the others of these are filled by the next calls.
    fn poll_recv_vectored(&self, cx: &Context<'_>, bufs: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        let first = bufs.iter_mut().find(|buf| !buf.is_empty());
        self.poll_read(cx, first.map_or(&mut [][..], |buf| &mut **buf))
    }
}

impl<K: PolledKind> Writes for FileObjectBase<K> {
    fn poll_send(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write(cx, buf)
    }

    /// The file has a buffer, which gathers the parts of several calls.
    fn poll_send_vectored(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[][..], |buf| &**buf))
    }

    fn poll_flush(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        FileObjectBase::poll_flush(self, cx)
    }

    fn poll_end(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        FileObjectBase::poll_end(self, cx)
    }
}
