//! [`Body`]: the body of a request.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use http::HeaderMap;
use hub::TimedOut;

use super::buffers::BLOCK;
use super::chunks::Chunks;
use super::environ::Facts;
use super::fault::Fault;
use super::input::{Home, Input};
use super::limits::{Limits, SKIPPED};
use super::stream::WebStream;
use crate::socket::ends_all;

/// The body of a request: a [`Read`] and [`BufRead`], which ends where the body does. It may have a length, or be
/// chunked; without one of these it is empty.
///
/// A read fails with a [`Fault`] inside if the body is larger than the server's [limit](Limits::body), is not well
/// formed, or ends too early. If the client waits for permission to send the body (`Expect: 100-continue`), the first
/// read gives it. What the handler does not read is read and dropped after the answer, up to 256 KiB; if there is more,
/// the connection is closed.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::pywsgi::WSGIServer;
/// use gevent::socket::TcpStream;
///
/// let server = WSGIServer::new("127.0.0.1:0", |request, response| {
///     let mut text = String::new();
///     request.body_mut().read_to_string(&mut text)?;
///     response.send(text.to_uppercase())
/// });
/// server.set_log(None);
/// server.start()?;
/// let mut client = TcpStream::connect(server.address().unwrap())?;
/// client.write_all(b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.ends_with("\r\n\r\nHELLO"));
/// # server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `wsgi.input`.
pub struct Body {
    /// None once the connection was [upgraded](super::ResponseWriter::upgrade).
    input: Option<Box<Input>>,
    framing: Framing,
    /// Whether the client waits for permission to send the body.
    expects: bool,
    limits: Limits,
    /// What a read has failed with. Each further one fails likewise.
    fault: Option<Fault>,
    home: Home,
}

/// How the end of a body is known.
pub(super) enum Framing {
    /// So many bytes are left.
    Length(u64),
    Chunked(Chunks),
}

impl Body {
    pub(super) fn new(input: Box<Input>, framing: Framing, expects: bool, limits: Limits, home: Home) -> Body {
        // The heads of requests have a deadline instead.
        set_read_timeout(&input, limits.read_timeout);
        Body {
            input: Some(input),
            framing,
            expects,
            limits,
            fault: None,
            home,
        }
    }

    /// How many bytes are left to read, if that is known: the body is not chunked, or was read to its end.
    pub fn size(&self) -> Option<u64> {
        match &self.framing {
            Framing::Length(left) => Some(*left),
            Framing::Chunked(chunks) => chunks.is_at_end().then_some(0),
        }
    }

    /// The headers behind a chunked body, once it was read to its end.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        match &self.framing {
            Framing::Length(_) => None,
            Framing::Chunked(chunks) => chunks.trailers(),
        }
    }

    /// A handle of the stream that the request has come over, if this is its type: to ask a TLS session for the
    /// client's certificate, say. Reading or writing by it disturbs the server.
    pub fn stream<S: WebStream>(&self) -> Option<S> {
        self.input.as_ref()?.wire.stream()
    }

    pub(super) fn facts(&self) -> Option<&Rc<Facts>> {
        self.input.as_ref().map(|input| &input.facts)
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Takes what is behind the body, and what is left of it.
    pub(super) fn take_input(&mut self) -> Option<Box<Input>> {
        self.framing = Framing::Length(0);
        let input = self.input.take()?;
        set_read_timeout(&input, None);
        Some(input)
    }

    /// Whether there is more of the body than is read and dropped, as far as that is known.
    pub(super) fn has_much_left(&self) -> bool {
        self.fault.is_some() || self.size().is_some_and(|left| left > SKIPPED)
    }

    /// Whether the client has sent more than was read, or may still send more.
    pub(super) fn has_more(&self) -> bool {
        let has_input = self.input.as_ref().is_some_and(|input| !input.is_empty());
        has_input || self.fault.is_some() || self.size() != Some(0)
    }

    /// Reads the rest and drops it, if it is not much. Returns whether the next request can be read. Fails only with
    /// what is thrown into the greenlet.
    ///
    /// A client that has got an answer instead of permission to send the body still has to send it, unless it ends the
    /// connection: so it is read here, too, as in gevent.
    #[track_caller]
    pub(super) fn skip(&mut self) -> io::Result<bool> {
        self.expects = false;
        let mut left = SKIPPED;
        while !self.has_much_left() {
            match self.fill_buf() {
                Ok([]) => return Ok(true),
                Ok(data) => {
                    let n = data.len();
                    self.consume(n);
                    match left.checked_sub(n as u64) {
                        Some(less) => left = less,
                        None => return Ok(false),
                    }
                }
                Err(error) if ends_all(&error) => return Err(error),
                Err(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    /// How many bytes are left of the current piece of the body; 0 at its end.
    #[track_caller]
    fn left(&mut self) -> io::Result<u64> {
        if let Some(fault) = self.fault {
            return Err(fault.into());
        }
        let Some(input) = &mut self.input else {
            return Ok(0);
        };
        if std::mem::take(&mut self.expects) && !input.wire.is_answered() {
            input
                .wire
                .push(|out| out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"));
            input.wire.flush()?;
        }
        let left = match &mut self.framing {
            Framing::Length(left) => Ok(*left),
            Framing::Chunked(chunks) => chunks.left(input, &self.limits),
        };
        left.map_err(|error| self.failed(error))
    }

    /// Notes what a read has failed with.
    #[cold]
    fn failed(&mut self, error: io::Error) -> io::Error {
        match Fault::of(&error) {
            Some(fault) => self.fault = Some(fault),
            None if error.get_ref().is_some_and(|error| error.is::<TimedOut>()) => {
                self.fault = Some(Fault::TooLate);
                return Fault::TooLate.into();
            }
            None if error.kind() == io::ErrorKind::ConnectionReset && !ends_all(&error) => {
                self.fault = Some(Fault::Ended);
                return Fault::Ended.into();
            }
            // After another error, for example a kill, a next read may go on.
            None => {}
        }
        error
    }

    fn used(&mut self, n: u64) {
        match &mut self.framing {
            Framing::Length(left) => *left -= n,
            Framing::Chunked(chunks) => chunks.used(n),
        }
    }

    /// Reads more, which must be there.
    #[track_caller]
    fn fill(&mut self) -> io::Result<()> {
        self.more(Input::fill).map(drop)
    }

    /// Has `read` read more, which must be there.
    #[track_caller]
    fn more(&mut self, read: impl FnOnce(&mut Input) -> io::Result<usize>) -> io::Result<usize> {
        let Some(input) = &mut self.input else {
            return Err(Fault::Ended.into());
        };
        let read = match read(input) {
            Ok(0) => Err(Fault::Ended.into()),
            read => read,
        };
        read.map_err(|error| self.failed(error))
    }
}

/// Sets how long a read waits for the client. This fails only for a time that the server has refused already.
fn set_read_timeout(input: &Input, timeout: Option<f64>) {
    let _ = input.facts.socket.set_read_timeout(timeout);
}

impl BufRead for Body {
    #[track_caller]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = self.left()?;
        if left == 0 {
            return Ok(&[]);
        }
        if self.input.as_ref().is_some_and(|input| input.is_empty()) {
            self.fill()?;
        }
        let data = self.input.as_ref().map_or(&[] as &[u8], |input| input.data());
        Ok(&data[..data.len().min(usize::try_from(left).unwrap_or(usize::MAX))])
    }

    fn consume(&mut self, n: usize) {
        if let Some(input) = &mut self.input {
            let left = match &self.framing {
                Framing::Length(left) => *left,
                Framing::Chunked(chunks) => chunks.left_of_chunk(),
            };
            // A caller may not take more than it was given.
            let n = n
                .min(input.data().len())
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            input.consume(n);
            self.used(n as u64);
        }
    }
}

impl Read for Body {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        // This may read the size of a chunk, and data behind it.
        let left = self.left()?;
        if left > 0 && buf.len() >= BLOCK && self.input.as_ref().is_some_and(|input| input.is_empty()) {
            // Large data go past the input, in which there is nothing.
            let most = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let n = self.more(|input| input.wire.read(&mut buf[..most]))?;
            self.used(n as u64);
            return Ok(n);
        }
        let data = self.fill_buf()?;
        let n = data.len().min(buf.len());
        buf[..n].copy_from_slice(&data[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(input) = self.take_input() {
            self.home.set(Some(input));
        }
    }
}

/// Shows no data.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Body");
        match &self.framing {
            Framing::Length(left) => shown.field("left", left),
            Framing::Chunked(_) => shown.field("chunked", &true),
        };
        shown.finish_non_exhaustive()
    }
}
