//! [`SslStream`]: a TLS connection.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;

use hub::Seconds;

use super::engine::{Engine, Limits};
use crate::socket::{Direction, ReadExactError, SendAllError, Stream, TcpStream, valid_timeout};

/// A TLS connection, made by [`SSLContext::wrap_socket`](super::SSLContext::wrap_socket) of a
/// [`TcpStream`] or a [`UnixStream`](crate::socket::UnixStream). It has the methods of these, with the same results.
/// Clones are handles of the same connection, which is closed when the last one is dropped.
///
/// One greenlet may read while another writes, by clones or by references.
///
/// # Timeouts, kills, and errors
///
/// Timeouts are those of the stream below: each wait of a call is limited by them, and a call may wait several times.
///
/// A timeout, or an exception that is thrown into the greenlet, does not harm the connection. What was read is not
/// lost: the next read gets it. Of the data of a `write`, either nothing was taken, or rustls has taken some of it and
/// sends it with the next call; a [`SendAllError`] inside the error tells how many bytes that were. A program that
/// reads after that calls [`flush`](Write::flush) first: a read alone sends only what the system takes at once, and the
/// other side may wait for the rest. A handshake goes on where it was. After other errors of TLS all calls fail in the
/// same way.
///
/// With a timeout of 0, a `write` returns how much rustls has taken, and the next call sends what the system has not
/// taken of it. [`flush`](Write::flush) succeeds when everything is sent.
///
/// # The end
///
/// The other side says by TLS itself that it will send nothing more; then a read returns 0. If the connection ends
/// without that, somebody may have cut it off, and a read fails with an [`SSLEOFError`](super::SSLEOFError) inside.
/// Python takes this for an end like others, as does a stream that is made with
/// [`suppress_ragged_eofs`](super::WrapSocket::suppress_ragged_eofs).
///
/// This side says it by [`shutdown`](SslStream::shutdown), [`unwrap`](SslStream::unwrap), [`close`](SslStream::close)
/// and when the last handle is dropped, but not while a panic drops it, nor in the child of a fork. The last two do not
/// wait, so they say it only if the system takes it at once. [`get_ref`](SslStream::get_ref) and
/// [`close`](TcpStream::close) cut the connection off.
///
/// Source: gevent's `ssl.SSLSocket`.
pub struct SslStream<S: Stream = TcpStream> {
    pub(super) stream: S,
    pub(super) engine: Rc<Engine>,
}

impl<S: Stream> SslStream<S> {
    /// The stream below. What is read from it or written to it is not TLS, and disturbs the connection.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Does the handshake now, unless it is done. Otherwise the first call that reads or writes does it. Other
    /// greenlets that need it wait meanwhile.
    ///
    /// # Errors
    /// Fails with an [`SSLCertVerificationError`](super::SSLCertVerificationError), an [`SSLError`](super::SSLError) or
    /// an [`SSLEOFError`](super::SSLEOFError) inside; as the stream below does; with
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the context's
    /// [time](super::SSLContext::set_handshake_timeout) is over; and with an exception that is thrown into the current
    /// greenlet.
    #[track_caller]
    pub fn do_handshake(&self) -> io::Result<()> {
        self.engine.do_handshake(self.limits())
    }

    /// [`do_handshake`](SslStream::do_handshake) with a time limit in seconds for the whole call, instead of the
    /// context's. With 0 it does not wait.
    ///
    /// # Errors
    /// As for `do_handshake`; [`WouldBlock`](io::ErrorKind::WouldBlock) if the time is 0. Fails for a time that is
    /// negative or not a number.
    #[track_caller]
    pub fn do_handshake_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.engine
            .do_handshake_within(self.engine.limits(valid_timeout(timeout)?))
    }

    /// Ends one or both directions. For that of writing it first sends all that was written, and says that nothing
    /// further comes.
    ///
    /// # Errors
    /// Fails as [`write`](Write::write) does, and if the stream is closed or not connected any more.
    #[track_caller]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.engine.shutdown(how, self.limits())
    }

    /// Ends TLS: says so, waits until the other side does, and returns the stream below, of which nothing was read that
    /// comes after that; unless the other side has sent it without waiting for our end, and a read of before has taken
    /// it along.
    ///
    /// Source: gevent's `SSLSocket.unwrap`.
    ///
    /// # Errors
    /// Fails as [`read`](Read::read) and [`write`](Write::write) do, and with
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the other side has sent data that were not read.
    #[track_caller]
    pub fn unwrap(self) -> io::Result<S> {
        self.engine.unwrap(self.limits())?;
        Ok(self.stream)
    }

    /// [`unwrap`](SslStream::unwrap) with a time limit in seconds for the whole call; with 0 it does not wait.
    ///
    /// # Errors
    /// As for `unwrap`; [`TimedOut`](io::ErrorKind::TimedOut) when the time is over, or
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it is 0; and for a time that is negative or not a number.
    #[track_caller]
    pub fn unwrap_timeout(self, timeout: impl Seconds) -> io::Result<S> {
        self.engine.unwrap(self.engine.limits(valid_timeout(timeout)?))?;
        Ok(self.stream)
    }

    /// Closes the connection for all its handles. Greenlets that wait for it get an `EBADF` error. Closing twice has no
    /// further effect.
    pub fn close(&self) {
        self.engine.close();
    }

    /// [`write_all`](Write::write_all) with a time limit in seconds for the whole call. The stream's own timeout limits
    /// each wait besides. With 0 it does not wait.
    ///
    /// # Errors
    /// As for [`TcpStream::write_all_timeout`].
    #[track_caller]
    pub fn write_all_timeout(&self, buf: &[u8], timeout: impl Seconds) -> io::Result<()> {
        self.write_all_within(self.engine.limits(valid_timeout(timeout)?), buf)
    }

    /// [`read_exact`](Read::read_exact) with a time limit in seconds for the whole call. The stream's own timeout
    /// limits each wait besides. With 0 it does not wait.
    ///
    /// # Errors
    /// As for [`TcpStream::read_exact_timeout`].
    #[track_caller]
    pub fn read_exact_timeout(&self, buf: &mut [u8], timeout: impl Seconds) -> io::Result<()> {
        self.read_exact_within(self.engine.limits(valid_timeout(timeout)?), buf)
    }

    /// [`read_to_end`](Read::read_to_end) with a time limit in seconds for the whole call. The stream's own timeout
    /// limits each wait besides. With 0 it does not wait.
    ///
    /// # Errors
    /// As for [`TcpStream::read_to_end_timeout`].
    #[track_caller]
    pub fn read_to_end_timeout(&self, buf: &mut Vec<u8>, timeout: impl Seconds) -> io::Result<usize> {
        let limits = self.engine.limits(valid_timeout(timeout)?);
        Within { stream: self, limits }.read_to_end(buf)
    }

    /// Sets how many seconds each wait of a call may last: the timeout of the stream below.
    ///
    /// # Errors
    /// Fails for a time that is negative or not a number.
    pub fn set_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.engine
            .raw
            .set_timeout(&[Direction::Read, Direction::Write], timeout)
    }

    /// [`set_timeout`](SslStream::set_timeout) for receiving only. A handshake receives and sends.
    ///
    /// # Errors
    /// As for `set_timeout`.
    pub fn set_read_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.engine.raw.set_timeout(&[Direction::Read], timeout)
    }

    /// [`set_timeout`](SslStream::set_timeout) for sending only.
    ///
    /// # Errors
    /// As for `set_timeout`.
    pub fn set_write_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.engine.raw.set_timeout(&[Direction::Write], timeout)
    }

    /// The seconds that [`set_timeout`](SslStream::set_timeout) or
    /// [`set_read_timeout`](SslStream::set_read_timeout) has set.
    pub fn read_timeout(&self) -> Option<f64> {
        self.engine.raw.timeout(Direction::Read)
    }

    /// The seconds that [`set_timeout`](SslStream::set_timeout) or
    /// [`set_write_timeout`](SslStream::set_write_timeout) has set.
    pub fn write_timeout(&self) -> Option<f64> {
        self.engine.raw.timeout(Direction::Write)
    }

    fn limits(&self) -> Limits<'_> {
        self.engine.limits(None)
    }

    #[track_caller]
    fn read_within(&self, limits: Limits<'_>, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.engine.read(limits, |reader| reader.read(buf))
    }

    #[track_caller]
    fn read_exact_within(&self, limits: Limits<'_>, buf: &mut [u8]) -> io::Result<()> {
        let mut read = 0;
        while read < buf.len() {
            let step = if read > 0 { limits.read.check() } else { Ok(()) };
            let error = match step.and_then(|()| self.read_within(limits, &mut buf[read..])) {
                Ok(0) => io::Error::new(io::ErrorKind::UnexpectedEof, "failed to fill whole buffer"),
                Ok(n) => {
                    read += n;
                    continue;
                }
                Err(error) => error,
            };
            return Err(ReadExactError::with(read as u64, error));
        }
        Ok(())
    }

    #[track_caller]
    fn write_all_within(&self, limits: Limits<'_>, data: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        while sent < data.len() {
            let step = if sent > 0 { limits.write.check() } else { Ok(()) };
            match step.and_then(|()| self.engine.write(limits, |writer| writer.write(&data[sent..]))) {
                Ok(n) => sent += n,
                Err(error) => {
                    let (taken, error) = SendAllError::split(error);
                    return Err(SendAllError::with(sent as u64 + taken, error));
                }
            }
        }
        Ok(())
    }
}

impl<S: Stream> Read for &SslStream<S> {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_within(self.limits(), buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Ok(0);
        }
        self.engine.read(self.limits(), |reader| fill(reader, bufs))
    }

    #[track_caller]
    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.read_exact_within(self.limits(), buf)
    }
}

impl<S: Stream> Write for &SslStream<S> {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.engine.write(self.limits(), |writer| writer.write(buf))
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.engine.write(self.limits(), |writer| writer.write_vectored(bufs))
    }

    #[track_caller]
    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.write_all_within(self.limits(), buf)
    }

    #[track_caller]
    fn flush(&mut self) -> io::Result<()> {
        match self.engine.handshake.is_done.get() {
            true => self.engine.send(self.limits().write),
            false => Ok(()),
        }
    }
}

impl<S: Stream> Read for SslStream<S> {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }

    #[track_caller]
    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        (&*self).read_exact(buf)
    }
}

impl<S: Stream> Write for SslStream<S> {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    #[track_caller]
    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        (&*self).write_all(buf)
    }

    #[track_caller]
    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

/// Reads into several buffers what there is. rustls itself fills one of them only.
fn fill(reader: &mut dyn Read, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut read = 0;
    for buf in bufs.iter_mut().filter(|buf| !buf.is_empty()) {
        match reader.read(buf) {
            Ok(n) => {
                read += n;
                if n < buf.len() {
                    break;
                }
            }
            Err(error) if read == 0 => return Err(error),
            // The next call finds it again.
            Err(_) => break,
        }
    }
    Ok(read)
}

/// A stream that is read within limits.
struct Within<'a, S: Stream> {
    stream: &'a SslStream<S>,
    limits: Limits<'a>,
}

impl<S: Stream> Read for Within<'_, S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.limits.read.check()?;
        self.stream.read_within(self.limits, buf)
    }
}

impl<S: Stream> Clone for SslStream<S> {
    fn clone(&self) -> Self {
        SslStream {
            stream: self.stream.clone(),
            engine: self.engine.clone(),
        }
    }
}

/// Two are equal if they are handles of the same connection.
impl<S: Stream> PartialEq for SslStream<S> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.engine, &other.engine)
    }
}

impl<S: Stream> Eq for SslStream<S> {}

impl<S: Stream + fmt::Debug> fmt::Debug for SslStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslStream")
            .field("stream", &self.stream)
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}
