//! [`Upgraded`]: a connection that is not one of HTTP any more.

use std::io::{self, BufRead, Read, Write};

use super::input::Input;
use super::stream::WebStream;

/// A connection that was [upgraded](super::ResponseWriter::upgrade): a WebSocket, say. It reads first what has come
/// behind the request. What is written is sent at once.
#[derive(Debug)]
pub struct Upgraded {
    input: Box<Input>,
}

impl Upgraded {
    pub(super) fn new(input: Box<Input>) -> Upgraded {
        Upgraded { input }
    }

    /// The stream itself, if this is its type, and what was read from it too far. That comes first.
    ///
    /// ```
    /// use std::io::Write;
    /// use gevent::pywsgi::WSGIServer;
    /// use gevent::socket::TcpStream;
    ///
    /// let server = WSGIServer::new("127.0.0.1:0", |request, response| {
    ///     let stream = response.header("Upgrade", "raw")?.upgrade(request)?;
    ///     let (mut stream, first) = stream.into_stream::<TcpStream>().expect("it is not wrapped");
    ///     Ok(stream.write_all(&first)?)
    /// });
    /// # drop(server);
    /// ```
    ///
    /// # Errors
    /// Returns the connection as it is if its stream has another type.
    pub fn into_stream<S: WebStream>(self) -> Result<(S, Vec<u8>), Upgraded> {
        match self.input.wire.stream() {
            Some(stream) => Ok((stream, self.input.data().to_vec())),
            None => Err(self),
        }
    }
}

impl BufRead for Upgraded {
    #[track_caller]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.input.is_empty() {
            self.input.fill()?;
        }
        Ok(self.input.data())
    }

    fn consume(&mut self, n: usize) {
        let n = n.min(self.input.data().len());
        self.input.consume(n);
    }
}

impl Read for Upgraded {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let data = self.fill_buf()?;
        let n = data.len().min(buf.len());
        buf[..n].copy_from_slice(&data[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl Write for Upgraded {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.input.wire.write(buf)?;
        self.input.wire.flush()?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
