//! [`Pollable`]: what an [`Async`](super::Async) is made of. How each kind is polled is told where it is defined.

use crate::socket::Stream;
use crate::subprocess::{PipeReader, PipeWriter};

/// What can be polled: a [`TcpStream`](crate::socket::TcpStream), a [`UnixStream`](crate::socket::UnixStream), a pipe
/// of a child process, or both pipes of one, as a stream in two directions: `(PipeReader, PipeWriter)`.
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

impl Pollable for (PipeReader, PipeWriter) {}
impl PollRead for (PipeReader, PipeWriter) {}
impl PollWrite for (PipeReader, PipeWriter) {}

/// The methods of the traits, which only this crate calls.
pub(super) mod sealed {
    use std::io::{self, IoSlice, IoSliceMut};
    #[cfg(any(feature = "hyper", feature = "tokio-io"))]
    use std::mem::MaybeUninit;
    use std::net::Shutdown;
    use std::task::{Context, Poll};

    use crate::polls::PolledObject;
    use crate::socket::Stream;
    use crate::subprocess::{PipeReader, PipeWriter};

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

        /// Fails if it is closed.
        fn check_open(&self) -> io::Result<()>;

        /// Ends the writing, for all handles.
        fn end(&self) -> io::Result<()>;
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

        fn check_open(&self) -> io::Result<()> {
            PolledObject::check_open(&**self.raw())
        }

        fn end(&self) -> io::Result<()> {
            match self.raw().shutdown(Shutdown::Write) {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                result => result,
            }
        }
    }

    type Both = (PipeReader, PipeWriter);

    impl Polled for Both {
        fn stop_polls(&self) {
            let (reader, writer) = self;
            reader.stop_polls();
            writer.stop_polls();
        }
    }

    impl Reads for Both {
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

    impl Writes for Both {
        fn poll_send(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            self.1.poll_send(cx, buf)
        }

        fn poll_send_vectored(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            self.1.poll_send_vectored(cx, bufs)
        }

        fn check_open(&self) -> io::Result<()> {
            self.1.check_open()
        }

        fn end(&self) -> io::Result<()> {
            self.1.end()
        }
    }
}
