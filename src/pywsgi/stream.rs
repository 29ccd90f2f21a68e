//! [`WebStream`]: what a connection is served over.

use std::any::Any;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

#[cfg(any(feature = "ssl", feature = "ssl-aws-lc"))]
use crate::socket::Stream;
use crate::socket::{TcpStream, UnixStream};
#[cfg(any(feature = "ssl", feature = "ssl-aws-lc"))]
use crate::ssl::SslStream;

/// A stream over which requests are served: [`TcpStream`], [`UnixStream`], or what a
/// [`wrap_socket`](super::Builder::wrap_socket) function makes of them. Its clones are handles of the same connection.
pub trait WebStream: Read + Write + Clone + 'static {
    /// Ends the sending half, so that the client gets the end of the data behind what was sent, and can still send.
    ///
    /// # Errors
    /// Fails if the connection is gone.
    fn end_writing(&self) -> io::Result<()>;

    /// Sends bytes of a file from an offset to its end, or `count` bytes of it, and returns how many were sent. The
    /// default reads the file in this thread, and writes; a plain socket has the system do it.
    ///
    /// # Errors
    /// Fails if the file cannot be read, and as [`write_all`](Write::write_all) does.
    #[track_caller]
    fn sendfile(&self, file: &File, offset: u64, count: Option<u64>) -> io::Result<u64> {
        copy_file(&mut self.clone(), file, offset, count)
    }

    /// Waits until there is something to read, if that can be told without reading. The default does nothing, and the
    /// read that follows waits.
    ///
    /// # Errors
    /// Fails as a read does.
    fn wait_to_read(&self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! of_socket {
    ($stream:ty) => {
        impl WebStream for $stream {
            fn end_writing(&self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }

            #[track_caller]
            fn sendfile(&self, file: &File, offset: u64, count: Option<u64>) -> io::Result<u64> {
                <$stream>::sendfile(self, file, offset, count)
            }

            #[track_caller]
            fn wait_to_read(&self) -> io::Result<()> {
                <$stream>::wait_to_read(self)
            }
        }
    };
}

of_socket!(TcpStream);
of_socket!(UnixStream);

/// The end of the writing half is TLS's own. A file is read in this thread, and encrypted.
#[cfg(any(feature = "ssl", feature = "ssl-aws-lc"))]
impl<S: WebStream + Stream> WebStream for SslStream<S> {
    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    #[track_caller]
    fn wait_to_read(&self) -> io::Result<()> {
        match self.can_read_now() {
            true => Ok(()),
            false => self.get_ref().wait_to_read(),
        }
    }
}

/// Sends a file by reading and writing.
#[track_caller]
fn copy_file(stream: &mut impl Write, file: &File, offset: u64, count: Option<u64>) -> io::Result<u64> {
    use std::os::unix::fs::FileExt;

    let mut block = vec![0; 64 << 10];
    let mut sent = 0;
    loop {
        let left = count.map_or(u64::MAX, |count| count - sent);
        let len = left.min(block.len() as u64) as usize;
        match file.read_at(&mut block[..len], offset + sent) {
            Ok(0) => return Ok(sent),
            Ok(n) => {
                stream.write_all(&block[..n])?;
                sent += n as u64;
            }
            // std does not begin this call again, as it does others.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A [`WebStream`] of any type, whose handles are used without `&mut`.
pub(super) trait Transport: Any {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;
    /// Writes all of both.
    fn write_both(&self, first: &[u8], second: &[u8]) -> io::Result<()>;
    fn sendfile(&self, file: &File, offset: u64, count: Option<u64>) -> io::Result<u64>;
    fn end_writing(&self) -> io::Result<()>;
    fn wait_to_read(&self) -> io::Result<()>;
    fn as_any(&self) -> &dyn Any;
}

impl<S: WebStream> Transport for S {
    #[track_caller]
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut stream = self.clone();
        loop {
            match Read::read(&mut stream, buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    #[track_caller]
    fn write_both(&self, first: &[u8], second: &[u8]) -> io::Result<()> {
        let mut stream = self.clone();
        if second.is_empty() {
            return stream.write_all(first);
        }
        let sent = loop {
            match stream.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                written => break written?,
            }
        };
        if let Some(rest) = first.get(sent..) {
            stream.write_all(rest)?;
        }
        stream.write_all(&second[sent.saturating_sub(first.len())..])
    }

    #[track_caller]
    fn sendfile(&self, file: &File, offset: u64, count: Option<u64>) -> io::Result<u64> {
        WebStream::sendfile(self, file, offset, count)
    }

    fn end_writing(&self) -> io::Result<()> {
        WebStream::end_writing(self)
    }

    #[track_caller]
    fn wait_to_read(&self) -> io::Result<()> {
        WebStream::wait_to_read(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
