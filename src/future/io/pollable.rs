//! [`Pollable`]: what an [`Async`](super::Async) is made of. How each kind is polled is told where it is defined.

use crate::fileobject::{FileObjectBase, PolledKind};
use crate::socket::Stream;
use crate::subprocess::{PipeReader, PipeWriter};

/// What can be polled: a [`TcpStream`](crate::socket::TcpStream), a [`UnixStream`](crate::socket::UnixStream), a pipe
/// of a child process, a [`FileObject`](crate::fileobject::FileObject); or two of these as a stream in two directions,
/// the one that is read and the one that is written: `(PipeReader, PipeWriter)`.
pub trait Pollable: sealed::Polled {}

/// What can be read.
pub trait PollRead: Pollable + sealed::Reads {}

/// What can be written.
pub trait PollWrite: Pollable + sealed::Writes {}

impl<S: Stream> Pollable for S {}
impl<S: Stream> PollRead for S {}
impl<S: Stream> PollWrite for S {}

impl Pollable for PipeReader {}
impl PollRead for PipeReader {}

impl Pollable for PipeWriter {}
impl PollWrite for PipeWriter {}

impl<K: PolledKind> Pollable for FileObjectBase<K> {}
impl<K: PolledKind> PollRead for FileObjectBase<K> {}
impl<K: PolledKind> PollWrite for FileObjectBase<K> {}

impl<R: PollRead, W: PollWrite> Pollable for (R, W) {}
impl<R: PollRead, W: PollWrite> PollRead for (R, W) {}
impl<R: PollRead, W: PollWrite> PollWrite for (R, W) {}

/// The methods of the traits, which only this crate calls.
pub(super) mod sealed {
    use std::io::{self, IoSlice, IoSliceMut};
    #[cfg(any(feature = "hyper", feature = "tokio-io"))]
    use std::mem::MaybeUninit;
    use std::net::Shutdown;
    use std::task::{Context, Poll};

    use super::{PollRead, PollWrite};
    use crate::polls::PolledObject;
    use crate::socket::Stream;

    /// What has handles, one of which is polled.
    pub trait Polled: Clone {
        /// Stops to watch it for tasks. One that waits is woken.
        fn stop_polls(&self);
    }

    pub trait Reads: Polled {
        /// Reads into `buf`, and returns how many bytes at its beginning are initialised by that. None that was
        /// initialised before becomes uninitialised: unsafe code relies on both.
        #[cfg(any(feature = "hyper", feature = "tokio-io"))]
        fn poll_recv(&self, cx: &Context<'_>, buf: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>>;

        fn poll_recv_into(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

        fn poll_recv_vectored(&self, cx: &Context<'_>, bufs: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>>;
    }

    pub trait Writes: Polled {
        fn poll_send(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;

        fn poll_send_vectored(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

        /// Writes what is in buffers of ours. Fails if it is closed.
        fn poll_flush(&self, cx: &Context<'_>) -> Poll<io::Result<()>>;

        /// Ends the writing, for all handles, after what is in buffers of ours.
        fn poll_end(&self, cx: &Context<'_>) -> Poll<io::Result<()>>;
    }

    impl<S: Stream> Polled for S {
        fn stop_polls(&self) {
            drop(self.raw().stop_polls());
        }
    }

    impl<S: Stream> Reads for S {
        #[cfg(any(feature = "hyper", feature = "tokio-io"))]
        fn poll_recv(&self, cx: &Context<'_>, buf: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
            self.raw().poll_recv(cx, buf)
        }

        fn poll_recv_into(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
            self.raw().poll_recv_into(cx, buf)
        }

        fn poll_recv_vectored(&self, cx: &Context<'_>, bufs: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
            self.raw().poll_recv_vectored(cx, bufs)
        }
    }

    impl<S: Stream> Writes for S {
        fn poll_send(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            self.raw().poll_send(cx, buf)
        }

        fn poll_send_vectored(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            self.raw().poll_send_vectored(cx, bufs)
        }

        fn poll_flush(&self, _cx: &Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(self.raw().check_open())
        }

        fn poll_end(&self, _cx: &Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(match self.raw().shutdown(Shutdown::Write) {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                result => result,
            })
        }
    }

    impl<R: PollRead, W: PollWrite> Polled for (R, W) {
        fn stop_polls(&self) {
            let (reader, writer) = self;
            reader.stop_polls();
            writer.stop_polls();
        }
    }

    impl<R: PollRead, W: PollWrite> Reads for (R, W) {
        #[cfg(any(feature = "hyper", feature = "tokio-io"))]
        fn poll_recv(&self, cx: &Context<'_>, buf: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
            self.0.poll_recv(cx, buf)
        }

        fn poll_recv_into(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
            self.0.poll_recv_into(cx, buf)
        }

        fn poll_recv_vectored(&self, cx: &Context<'_>, bufs: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
            self.0.poll_recv_vectored(cx, bufs)
        }
    }

    impl<R: PollRead, W: PollWrite> Writes for (R, W) {
        fn poll_send(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            self.1.poll_send(cx, buf)
        }

        fn poll_send_vectored(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            self.1.poll_send_vectored(cx, bufs)
        }

        fn poll_flush(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
            self.1.poll_flush(cx)
        }

        fn poll_end(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
            self.1.poll_end(cx)
        }
    }
}
