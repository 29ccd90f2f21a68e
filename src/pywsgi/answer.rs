//! The way of an answer: its head, its parts and its end, which [`ResponseWriter`] hides.

use std::io;
use std::rc::Rc;

use greenlet_core::Exception;
use http::{Method, StatusCode, Version};

use super::connections::Connections;
use super::date;
use super::fields::{self, write_number};
use super::response::ResponseWriter;
use super::wire::Wire;

/// How far an answer is, and how its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The head was not sent.
    New,
    /// So many bytes have to follow.
    Counted(u64),
    Chunked,
    /// The body ends with the connection.
    UntilClose,
    /// The body is not sent: the answer to a `HEAD` request.
    Dropped,
    /// The whole answer was sent.
    Done,
    /// The connection is somebody else's.
    Upgraded,
}

impl ResponseWriter {
    pub(super) fn new(wire: Rc<Wire>, connections: Rc<Connections>) -> ResponseWriter {
        ResponseWriter {
            wire,
            connections,
            state: State::New,
            status: StatusCode::OK,
            reason: None,
            fields: Vec::new(),
            trailers: Vec::new(),
            length: None,
            has_date: false,
            close: false,
            cut: false,
            is_head: false,
            is_connect: false,
            version: Version::HTTP_11,
            sent: 0,
        }
    }

    /// Begins the answer to a request. With `close` it is the last one.
    pub(super) fn begin(&mut self, method: &Method, version: Version, close: bool) {
        self.reset();
        self.close = close;
        self.cut = false;
        self.is_head = method == Method::HEAD;
        self.is_connect = method == Method::CONNECT;
        self.version = version;
        self.sent = 0;
        self.wire.set_answered(false);
    }

    /// Forgets what the handler has set.
    pub(super) fn reset(&mut self) {
        self.state = State::New;
        self.status = StatusCode::OK;
        self.reason = None;
        self.fields.clear();
        self.trailers.clear();
        self.length = None;
        self.has_date = false;
    }

    pub(super) fn check_new(&self) -> Result<(), HeadSent> {
        match self.state {
            State::New => Ok(()),
            _ => Err(HeadSent),
        }
    }

    /// Begins the head. `known` is the length of the body, if that is known.
    pub(super) fn start(&mut self, known: Option<u64>) -> Result<(), Exception> {
        let has_no_body = matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if has_no_body && (known.is_some_and(|known| known > 0) || self.length.is_some_and(|length| length > 0)) {
            return Err(NoBody(self.status.as_u16()).into());
        }
        if let (Some(length), Some(known), false) = (self.length, known, self.is_head)
            && length != known
        {
            return Err(WrongLength(length).into());
        }
        let length = match self.trailers.is_empty() || self.version == Version::HTTP_10 {
            true => self.length.or(known),
            false => self.length,
        };
        self.close |= self.connections.are_ending();
        let body = match (length, self.version) {
            _ if has_no_body => State::Done,
            (Some(0), _) => State::Done,
            (Some(length), _) => State::Counted(length),
            (None, Version::HTTP_11) => State::Chunked,
            (None, _) => State::UntilClose,
        };
        self.close |= body == State::UntilClose;
        let now = self.connections.date();
        self.wire.push(|out| {
            fields::write_status(out, self.status, self.reason.as_deref());
            out.extend_from_slice(&self.fields);
            match self.close {
                true => fields::write(out, b"Connection", b"close"),
                false if self.version == Version::HTTP_10 => fields::write(out, b"Connection", b"keep-alive"),
                false => {}
            }
            if !self.has_date {
                date::write_header(now, out);
            }
            match length {
                // The handler has declared it.
                _ if has_no_body || self.length.is_some() => {}
                Some(length) => {
                    out.extend_from_slice(b"Content-Length: ");
                    write_number(out, length, 10);
                    out.extend_from_slice(b"\r\n");
                }
                None if body == State::Chunked => fields::write(out, b"Transfer-Encoding", b"chunked"),
                None => {}
            }
            out.extend_from_slice(b"\r\n");
        });
        self.state = if self.is_head { State::Dropped } else { body };
        self.wire.set_answered(true);
        Ok(())
    }

    /// Checks that so many bytes, which are some, may follow.
    pub(super) fn check_part(&self, len: u64) -> io::Result<()> {
        match self.state {
            _ if self.cut => Err(io::ErrorKind::BrokenPipe.into()),
            State::Counted(left) if len > left => Err(io::Error::other(WrongLength(self.length.unwrap_or(left)))),
            State::Done if matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => {
                Err(io::Error::other(NoBody(self.status.as_u16())))
            }
            State::Done => Err(io::Error::other(WrongLength(self.length.unwrap_or(0)))),
            State::Upgraded => Err(io::Error::other(HeadSent)),
            _ => Ok(()),
        }
    }

    /// Notes that so many bytes were sent.
    pub(super) fn count(&mut self, len: u64) {
        match self.state {
            State::Counted(left) if left == len => self.state = State::Done,
            State::Counted(left) => self.state = State::Counted(left - len),
            _ => {}
        }
    }

    /// Sends a part of the body.
    #[track_caller]
    pub(super) fn part(&mut self, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let len = data.len() as u64;
        self.check_part(len)?;
        if self.state == State::Dropped {
            return Ok(());
        }
        self.sent += len;
        match self.state {
            State::Chunked => {
                self.wire.push(|out| write_chunk_size(out, len));
                // Without its data, the size would be that of what comes next.
                self.wire.write(data).inspect_err(|_| self.cut = true)?;
                self.wire.push(|out| out.extend_from_slice(b"\r\n"));
            }
            _ => self.wire.write(data)?,
        }
        self.count(len);
        Ok(())
    }

    /// Ends the answer of a handler that has returned.
    pub(super) fn finish(&mut self) -> Result<(), Exception> {
        if self.state == State::New {
            let empty = self.length.is_none() || !self.is_head;
            self.start(empty.then_some(0))?;
        }
        match self.state {
            _ if self.cut => return Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
            State::Counted(left) => {
                let length = self.length.unwrap_or(left);
                return Err(WrongLength(length).into());
            }
            State::Chunked => {
                let trailers = &self.trailers;
                self.wire.push(|out| {
                    out.extend_from_slice(b"0\r\n");
                    out.extend_from_slice(trailers);
                    out.extend_from_slice(b"\r\n");
                });
                self.state = State::Done;
            }
            _ => {}
        }
        Ok(())
    }

    /// Answers with an error, after which the connection is closed. If the head was begun, the answer is cut off
    /// instead, unless it is complete.
    ///
    /// Source: gevent's `_ERRORS`, whose bytes these are.
    pub(super) fn fail(&mut self, status: StatusCode) {
        self.close = true;
        if self.state != State::New {
            self.cut = matches!(self.state, State::Counted(_) | State::Chunked | State::UntilClose);
            return;
        }
        self.reset();
        let body: &[u8] = match status {
            StatusCode::INTERNAL_SERVER_ERROR => b"Internal Server Error",
            _ => b"",
        };
        let shown = if self.is_head { b"" } else { body };
        let now = self.connections.date();
        self.wire.push(|out| {
            fields::write_status(out, status, None);
            out.extend_from_slice(b"Content-Type: text/plain\r\nConnection: close\r\nContent-Length: ");
            write_number(out, body.len() as u64, 10);
            out.extend_from_slice(b"\r\n");
            date::write_header(now, out);
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(shown);
        });
        self.set_answered(status, shown.len() as u64);
    }

    /// Answers a request that is not served. The connection is closed then.
    ///
    /// Source: gevent's `_BAD_REQUEST_RESPONSE` and `_REQUEST_TOO_LONG_RESPONSE`, whose bytes these are.
    pub(super) fn refuse(&mut self, status: StatusCode) {
        let reason = (status == StatusCode::URI_TOO_LONG).then_some("Request URI Too Long");
        self.wire.push(|out| {
            fields::write_status(out, status, reason);
            out.extend_from_slice(b"Connection: close\r\nContent-length: 0\r\n\r\n");
        });
        self.set_answered(status, 0);
    }

    fn set_answered(&mut self, status: StatusCode, sent: u64) {
        self.status = status;
        self.sent = sent;
        self.state = State::Done;
        self.wire.set_answered(true);
    }

    /// Whether the answer was begun and is not complete, so that the client must not get a proper end.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Has the connection closed after this answer.
    pub(super) fn set_close(&mut self) {
        self.close = true;
    }

    pub(super) fn closes(&self) -> bool {
        self.close
    }

    /// Whether only the end of the connection ends the body.
    pub(super) fn is_until_close(&self) -> bool {
        self.state == State::UntilClose
    }

    /// How many bytes of the body were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }
}

pub(super) fn write_chunk_size(out: &mut Vec<u8>, len: u64) {
    write_number(out, len, 16);
    out.extend_from_slice(b"\r\n");
}

/// The error of setting what belongs into the head of an answer, when the head was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the head of the answer was begun already")]
pub struct HeadSent;

/// The error of a body that is shorter or longer than its declared length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body has not the declared length of {0} bytes")]
pub struct WrongLength(pub u64);

/// The error of a body, or of its length, where the status has none: 204 and 304.
///
/// Source: the `AssertionError` of gevent's `write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {0} response must have no body")]
pub struct NoBody(pub u16);
