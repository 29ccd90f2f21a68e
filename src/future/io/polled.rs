//! [`Async`]: a stream that is polled.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

use super::{PollRead, PollWrite, Pollable};

/// A [`TcpStream`](crate::socket::TcpStream), a [`UnixStream`](crate::socket::UnixStream), a pipe of a child or a
/// [`FileObject`](crate::fileobject::FileObject), for code that is written with futures. Nothing here parks a greenlet:
/// a call that would have to wait returns [`Poll::Pending`], and the hub wakes the task when the call is worth while.
///
/// The traits by which others read and write are implemented with these features:
///
/// | feature | traits | also for `&Async` |
/// |---|---|---|
/// | `futures-io` | `AsyncRead` and `AsyncWrite` of the crate `futures-io`, which is a part of `futures` | yes |
/// | `hyper` | `hyper::rt::Read` and `hyper::rt::Write` | no |
/// | `tokio-io` | `tokio::io::AsyncRead` and `tokio::io::AsyncWrite`; tokio's runtime is not needed | yes |
///
/// ```
/// use std::future::poll_fn;
/// use std::io::Write;
/// use gevent::future::{Async, block_on};
/// use gevent::socket::UnixStream;
///
/// let (near, mut far) = UnixStream::pair()?;
/// let writer = gevent::spawn(move || Ok(far.write_all(b"hello")?));
/// let near = Async::new(near);
/// let mut buf = [0; 10];
/// let n = block_on(poll_fn(|cx| near.poll_read(cx, &mut buf)))??;
/// assert_eq!(&buf[..n], b"hello");
/// # writer.get()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Pipes
///
/// A pipe of a [child](crate::subprocess::Popen) is read or written alone, or both as one stream, of which each
/// direction ends by itself: `Async::new((stdout, stdin))`. What a greenlet has read ahead, for a line, comes first. A
/// write to a pipe that nobody reads fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe).
///
/// # Files
///
/// A [`FileObject`](crate::fileobject::FileObject) of a pipe, a terminal or a socket has the buffers that it has for
/// greenlets: what one has read ahead comes first, and a small write is gathered until
/// [`poll_flush`](Async::poll_flush). Two files may be one stream here, too, such as the standard input and output:
///
/// ```
/// use std::future::poll_fn;
/// use gevent::fileobject::{stdin, stdout};
/// use gevent::future::{Async, block_on};
///
/// let both = Async::new((stdin()?, stdout()?));
/// block_on(async {
///     poll_fn(|cx| both.poll_write(cx, b"What is your name? ")).await?;
///     poll_fn(|cx| both.poll_flush(cx)).await
/// })??;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// A write that was given up in the middle, as its future was dropped, is not tried again when the file is: what is
/// left is lost then, as after a greenlet was killed.
///
/// Nothing tells when a regular file can be read, so polls of one fail with
/// [`Unsupported`](io::ErrorKind::Unsupported): a `FileObject` has its threads do that. At a
/// [`FileObjectPosix`](crate::fileobject::FileObjectPosix) they take as long as the disk does, as all its calls do.
///
/// # Who may wait
///
/// One task may read while another writes, by references to the same `Async`. If two poll in one direction, both make
/// progress, but each poll of one wakes the other. A greenlet and a task cannot both wait in one direction: the second
/// fails with a [`ConcurrentObjectUseError`](crate::exceptions::ConcurrentObjectUseError).
///
/// The [timeouts](crate::socket::TcpStream::set_timeout) of the stream do not matter here.
///
/// # The end
///
/// When any handle [closes](crate::socket::TcpStream::close) the stream, tasks that wait are woken, and all polls fail
/// with `EBADF`. When the `Async` is dropped, the hub does not watch the stream any more; a task that has waited is
/// woken. The connection is closed with the last handle of the stream.
///
/// # Turns
///
/// A task for which there is always something to read or to write does not keep the others from running: when the hub
/// has not run for the [switch interval](crate::getswitchinterval), a poll returns `Pending`, and the task goes on when
/// the hub has had its turn.
pub struct Async<S: Pollable> {
    stream: S,
    _polled: Polled<S>,
}

impl<S: Pollable> Async<S> {
    /// Makes it of a stream. Other handles of the stream can be used as before.
    pub fn new(stream: S) -> Async<S> {
        let _polled = Polled(stream.clone());
        Async { stream, _polled }
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream, whose calls park the greenlet again.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: PollRead> Async<S> {
    /// Reads into `buf`, and returns how many bytes: 0 at the end, and for an empty buffer.
    ///
    /// # Errors
    /// Fails if the connection does, if the stream is closed, if a greenlet waits to read it, and if the hub is gone.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_recv_into(cx, buf)
    }

    /// Reads into several buffers.
    ///
    /// # Errors
    /// As for [`poll_read`](Async::poll_read).
    pub fn poll_read_vectored(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        self.stream.poll_recv_vectored(cx, bufs)
    }

    /// Reads into `buf`, and returns how many bytes at its beginning are initialised by that.
    #[cfg(any(feature = "hyper", feature = "tokio-io"))]
    pub(super) fn poll_recv(&self, cx: &Context<'_>, buf: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
        self.stream.poll_recv(cx, buf)
    }
}

impl<S: PollWrite> Async<S> {
    /// Writes `buf` or a part of it, and returns how many bytes the system, or the buffer of a file, has taken.
    ///
    /// # Errors
    /// Fails if the connection does, if the stream is closed, if a greenlet waits to write to it, and if the hub is
    /// gone. It never raises `SIGPIPE`.
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_send(cx, buf)
    }

    /// Writes the data of several buffers, or a part of them.
    ///
    /// # Errors
    /// As for [`poll_write`](Async::poll_write).
    pub fn poll_write_vectored(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.stream.poll_send_vectored(cx, bufs)
    }

    /// Writes what is in the buffer of a file. For others it does nothing: what was written is with the system.
    ///
    /// # Errors
    /// Fails if the stream is closed, and as [`poll_write`](Async::poll_write) does; then what is left stays in the
    /// buffer.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_flush(cx)
    }

    /// Ends this side's writing, so that the other side reads to the end. The connection may be over already. A pipe,
    /// and a file that is not read, is flushed and closed, for all its handles; a terminal that is read is flushed.
    ///
    /// # Errors
    /// Fails if the stream is closed, unless that is a pipe or a file that is not read; and as
    /// [`poll_flush`](Async::poll_flush) does.
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_end(cx)
    }
}

/// The stream that is polled, until this is dropped.
struct Polled<S: Pollable>(S);

impl<S: Pollable> Drop for Polled<S> {
    fn drop(&mut self) {
        self.0.stop_polls();
    }
}

impl<S: Pollable> From<S> for Async<S> {
    fn from(stream: S) -> Self {
        Async::new(stream)
    }
}

impl<S: Pollable + fmt::Debug> fmt::Debug for Async<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Async").field(&self.stream).finish()
    }
}
