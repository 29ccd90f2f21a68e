//! [`ResponseWriter`]: where a handler answers.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::rc::Rc;

use greenlet_core::Exception;
use http::{Request, StatusCode, Version};

use super::answer::{HeadSent, State, write_chunk_size};
use super::body::Body;
use super::connections::Connections;
use super::date;
use super::fields::{self, InvalidHeader, check_name, check_reason, check_value, has_token};
use super::upgrade::Upgraded;
use super::wire::Wire;

/// Where a handler answers: it sets a status and headers, and then sends a body, whole or in parts.
///
/// * [`send`](ResponseWriter::send) sends a whole body, with its length.
/// * It is a [`Write`] for bodies whose length is not known. They are chunked, or, for clients of HTTP/1.0, end with
///   the connection. With a header `Content-Length` they are counted instead, and more or less than was declared is an
///   error. What is written waits to be sent until there is much of it, the answer ends, or it is
///   [flushed](Write::flush).
/// * A handler that does nothing answers with an empty body.
///
/// The server adds the headers `Date`, `Content-Length`, `Transfer-Encoding` and `Connection`. The body of an answer to
/// `HEAD` is counted, and not sent.
///
/// If the handler fails before the head was begun, the client gets status 500. Afterwards the answer is cut off, so
/// that the client knows that it is not complete.
///
/// ```
/// use std::io::Write;
/// use gevent::pywsgi::WSGIServer;
///
/// let server = WSGIServer::new("127.0.0.1:0", |request, response| {
///     response.header("Content-Type", "text/plain")?;
///     match request.uri().path() {
///         "/" => response.send("hello"),
///         "/count" => {
///             for number in 0..1000 {
///                 writeln!(response, "{number}")?;
///             }
///             Ok(())
///         }
///         _ => response.status(404)?.send("not found"),
///     }
/// });
/// # drop(server);
/// ```
///
/// Source: gevent's `start_response` and `write`. gevent sends each part at once.
pub struct ResponseWriter {
    pub(super) wire: Rc<Wire>,
    pub(super) connections: Rc<Connections>,
    pub(super) state: State,
    pub(super) status: StatusCode,
    pub(super) reason: Option<String>,
    /// The headers that the handler has set, as they are sent.
    pub(super) fields: Vec<u8>,
    pub(super) trailers: Vec<u8>,
    /// The length that the handler has declared.
    pub(super) length: Option<u64>,
    pub(super) has_date: bool,
    /// Whether the connection is closed after this answer.
    pub(super) close: bool,
    /// Whether the answer was cut off.
    pub(super) cut: bool,
    pub(super) is_head: bool,
    pub(super) is_connect: bool,
    pub(super) version: Version,
    /// How many bytes of bodies were sent.
    pub(super) sent: u64,
}

impl ResponseWriter {
    /// Sets the status with its reason, and the headers, instead of all that was set before.
    ///
    /// ```
    /// use gevent::pywsgi::WSGIServer;
    ///
    /// let server = WSGIServer::new("127.0.0.1:0", |_request, response| {
    ///     response.start_response("200 OK", [("Content-Type", "text/html"), ("Cache-Control", "max-age=60")])?;
    ///     match std::fs::read("index.html") {
    ///         Ok(page) => response.send(page),
    ///         Err(_) => response
    ///             .start_response("404 Not Found", [("Content-Type", "text/plain")])?
    ///             .send("not found"),
    ///     }
    /// });
    /// # drop(server);
    /// ```
    ///
    /// Source: gevent's `start_response`. With an `exc_info` it raises that error again when the head was sent.
    ///
    /// # Errors
    /// Fails as [`status`](ResponseWriter::status), [`reason`](ResponseWriter::reason) and
    /// [`header`](ResponseWriter::header) do. Unless the head was begun, nothing is set then.
    pub fn start_response<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: &str,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<&mut Self, Exception> {
        self.check_new()?;
        self.reset();
        if let Err(invalid) = self.set_head(status, headers) {
            self.reset();
            return Err(invalid);
        }
        Ok(self)
    }

    fn set_head<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: &str,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), Exception> {
        let (number, reason) = status.split_once(' ').unwrap_or((status, ""));
        let number: u16 = number.parse().map_err(|_| InvalidHeader::Status)?;
        self.status(number)?.reason(reason)?;
        for (name, value) in headers {
            self.header(name, value)?;
        }
        Ok(())
    }

    /// Sets the status: a [`StatusCode`] or its number. It is 200 without this.
    ///
    /// # Errors
    /// Fails with [`InvalidHeader::Status`] for a number that is not the status of a final answer, which are those from
    /// 200 to 999, and with [`HeadSent`] if the head was begun.
    pub fn status(&mut self, status: impl TryInto<StatusCode>) -> Result<&mut Self, Exception> {
        let valid = status.try_into().ok().filter(|status| !status.is_informational());
        let valid = valid.ok_or(InvalidHeader::Status)?;
        self.check_new()?;
        self.status = valid;
        Ok(self)
    }

    /// Sets the text behind the status, which hardly any client looks at. Without this it is the usual one.
    ///
    /// # Errors
    /// Fails with [`InvalidHeader::Reason`] for a text with a control character, for example a line end, and with
    /// [`HeadSent`] if the head was begun.
    pub fn reason(&mut self, reason: impl Into<String>) -> Result<&mut Self, Exception> {
        let reason = reason.into();
        check_reason(&reason)?;
        self.check_new()?;
        self.reason = Some(reason);
        Ok(self)
    }

    /// Adds a header.
    ///
    /// These say something to the server, too: with `Content-Length` the body is counted, `Connection: close` ends the
    /// connection after the answer, and with `Date` the server adds none. `Transfer-Encoding: chunked` is what the
    /// server does where it can, and is ignored.
    ///
    /// # Errors
    /// Fails with an [`InvalidHeader`] for what would not be one header, for example a value with a line end, and with
    /// [`HeadSent`] if the head was begun.
    pub fn header(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<&mut Self, Exception> {
        let (name, value) = (name.as_ref(), value.as_ref());
        check_name(name)?;
        check_value(name, value)?;
        self.check_new()?;
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        match name.len() {
            4 if is(b"date") => self.has_date = true,
            10 if is(b"connection") => {
                self.close |= has_token(value, "close");
                // The server writes these two itself.
                let own = |token: &str| has_token(value, token) && !value.contains(&b',');
                if own("close") || own("keep-alive") {
                    return Ok(self);
                }
            }
            14 if is(b"content-length") => {
                let length = fields::length(value).filter(|_| self.length.is_none());
                self.length = Some(length.ok_or(InvalidHeader::Reserved("Content-Length"))?);
            }
            17 if is(b"transfer-encoding") => {
                return match value.eq_ignore_ascii_case(b"chunked") {
                    true => Ok(self),
                    false => Err(InvalidHeader::Reserved("Transfer-Encoding").into()),
                };
            }
            _ => {}
        }
        fields::write(&mut self.fields, name, value);
        Ok(self)
    }

    /// Adds a header that follows the body, which is chunked then. Clients of HTTP/1.0 do not get it.
    ///
    /// # Errors
    /// Fails with an [`InvalidHeader`] for what would not be one header, and with [`HeadSent`] if the answer has begun
    /// without chunks.
    pub fn trailer(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<&mut Self, Exception> {
        let (name, value) = (name.as_ref(), value.as_ref());
        check_name(name)?;
        check_value(name, value)?;
        match self.state {
            State::New | State::Chunked | State::Dropped => {
                fields::write(&mut self.trailers, name, value);
                Ok(self)
            }
            State::UntilClose => Ok(self),
            _ => Err(HeadSent.into()),
        }
    }

    /// Sends a whole body, with its length if the head was not begun. An answer is often this alone.
    ///
    /// # Errors
    /// Fails with [`WrongLength`](super::WrongLength) if another length was declared, with [`NoBody`](super::NoBody) if
    /// the status has no body, and as a write to the connection does.
    #[track_caller]
    pub fn send(&mut self, body: impl AsRef<[u8]>) -> Result<(), Exception> {
        let body = body.as_ref();
        if self.state != State::New {
            return Ok(self.write_all(body)?);
        }
        self.start(Some(body.len() as u64))?;
        Ok(self.part(body)?)
    }

    /// Sends a file from an offset to its end, or `count` bytes of it, with the length if the head was not begun. From
    /// a plain socket the system sends the data, without a copy here; see [`WebStream::sendfile`](super::WebStream).
    ///
    /// # Errors
    /// Fails as [`send`](ResponseWriter::send) does, if the file cannot be read, and if it ends before.
    #[track_caller]
    pub fn sendfile(&mut self, file: &File, offset: u64, count: Option<u64>) -> Result<(), Exception> {
        let count = match count {
            Some(count) => count,
            None => file.metadata()?.len().saturating_sub(offset),
        };
        if self.state == State::New {
            self.start(Some(count))?;
        }
        if count == 0 {
            return Ok(());
        }
        self.check_part(count)?;
        if self.state == State::Dropped {
            return Ok(());
        }
        self.sent += count;
        if self.state == State::Chunked {
            self.wire.push(|out| write_chunk_size(out, count));
        }
        let sent = self
            .wire
            .sendfile(file, offset, count)
            .inspect_err(|_| self.cut = true)?;
        if sent < count {
            // Whatever else was sent would be taken for the rest of the file.
            self.cut = true;
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file has become shorter").into());
        }
        if self.state == State::Chunked {
            self.wire.push(|out| out.extend_from_slice(b"\r\n"));
        }
        self.count(count);
        Ok(())
    }

    /// Sends an informational answer, for example 103 with links, at once. The answer itself follows. Clients of
    /// HTTP/1.0 do not get it. (100 is sent by reading the [body](Body), and 101 by
    /// [`upgrade`](ResponseWriter::upgrade).)
    ///
    /// # Errors
    /// Fails with [`InvalidHeader`] for a status that is not from 102 to 199, and for what would not be a header, with
    /// [`HeadSent`] if the head was begun, and as a write to the connection does.
    #[track_caller]
    pub fn informational<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), Exception> {
        let valid = StatusCode::from_u16(status)
            .ok()
            .filter(|_| (102..200).contains(&status));
        let valid = valid.ok_or(InvalidHeader::Status)?;
        let mut head = Vec::new();
        fields::write_status(&mut head, valid, None);
        for (name, value) in headers {
            check_name(name.as_ref())?;
            check_value(name.as_ref(), value.as_ref())?;
            fields::write(&mut head, name.as_ref(), value.as_ref());
        }
        head.extend_from_slice(b"\r\n");
        self.check_new()?;
        if self.version == Version::HTTP_11 {
            self.wire.write(&head)?;
            self.wire.flush()?;
        }
        Ok(())
    }

    /// Answers with 101 and the headers that were set, or with 200 to `CONNECT`, and returns the connection, with what
    /// was read from it too far: from here on it is the handler's. `Connection: Upgrade` is added unless it was set.
    /// The connection is closed when the handler has returned.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use gevent::pywsgi::WSGIServer;
    /// use gevent::socket::TcpStream;
    ///
    /// let server = WSGIServer::new("127.0.0.1:0", |request, response| {
    ///     response.header("Upgrade", "echo")?;
    ///     let mut stream = response.upgrade(request)?;
    ///     let mut data = [0; 5];
    ///     stream.read_exact(&mut data)?;
    ///     Ok(stream.write_all(&data)?)
    /// });
    /// server.set_log(None);
    /// server.start()?;
    /// let mut client = TcpStream::connect(server.address().unwrap())?;
    /// client.write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello")?;
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer)?;
    /// assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n"));
    /// assert!(answer.ends_with("\r\n\r\nhello"));
    /// # server.stop()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// Fails with [`HeadSent`] if the head was begun, or the connection was upgraded, and as a write to the connection
    /// does.
    #[track_caller]
    pub fn upgrade(&mut self, request: &mut Request<Body>) -> Result<Upgraded, Exception> {
        self.check_new()?;
        let input = request.body_mut().take_input().ok_or(HeadSent)?;
        self.status = match self.is_connect {
            true => StatusCode::OK,
            false => StatusCode::SWITCHING_PROTOCOLS,
        };
        self.close = true;
        self.state = State::Upgraded;
        self.wire.set_answered(true);
        let has_connection = self
            .fields
            .split(|byte| *byte == b'\n')
            .any(|line| line.len() > 11 && line[..11].eq_ignore_ascii_case(b"connection:"));
        let now = self.connections.date();
        self.wire.push(|out| {
            fields::write_status(out, self.status, self.reason.as_deref());
            out.extend_from_slice(&self.fields);
            if !self.is_connect && !has_connection {
                fields::write(out, b"Connection", b"Upgrade");
            }
            if !self.has_date {
                date::write_header(now, out);
            }
            out.extend_from_slice(b"\r\n");
        });
        self.wire.flush()?;
        Ok(Upgraded::new(input))
    }

    /// Whether the head was begun, so that status and headers cannot be changed any more.
    pub fn is_begun(&self) -> bool {
        self.state != State::New
    }

    /// The status that was set.
    pub fn status_code(&self) -> StatusCode {
        self.status
    }
}

impl Write for ResponseWriter {
    /// Writes a part of the body. An empty one only begins the head.
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.state == State::New {
            self.start(None).map_err(io::Error::from)?;
        }
        self.part(buf)?;
        Ok(buf.len())
    }

    /// Sends what was written. If the head was not begun, this begins it.
    #[track_caller]
    fn flush(&mut self) -> io::Result<()> {
        if self.state == State::New {
            self.start(None).map_err(io::Error::from)?;
        }
        self.wire.flush()
    }
}

impl fmt::Debug for ResponseWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ResponseWriter");
        shown.field("status", &self.status).field("sent", &self.sent);
        shown.finish_non_exhaustive()
    }
}
