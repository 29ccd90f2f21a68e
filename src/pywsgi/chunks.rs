//! [`Chunks`]: the chunked transfer coding of a body.

use std::io;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::fault::Fault;
use super::input::Input;
use super::limits::{Limits, MOST_HEADERS};

/// Where in a chunked body the reader is.
///
/// ```text
/// 5;name=value CRLF      the size, in hexadecimal digits, and extensions, which are ignored
/// hello CRLF             the data
/// 0 CRLF                 the last chunk
/// name: value CRLF       trailers
/// CRLF                   the end
/// ```
///
/// Each line ends with CR and LF, in this order.
pub(super) struct Chunks {
    state: State,
    /// How many bytes of data have come, with those of the current chunk that are still to come.
    total: u64,
    trailers: Option<HeaderMap>,
}

enum State {
    /// A size comes next.
    Size,
    /// So many bytes of data come next, 0 if the line end behind them does.
    Data(u64),
    /// Trailers come next, or the end.
    Trailers,
    End,
}

impl Chunks {
    pub(super) fn new() -> Chunks {
        Chunks {
            state: State::Size,
            total: 0,
            trailers: None,
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        matches!(self.state, State::End)
    }

    pub(super) fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// How many bytes are left of the current chunk.
    pub(super) fn left_of_chunk(&self) -> u64 {
        match self.state {
            State::Data(left) => left,
            _ => 0,
        }
    }

    /// Notes that so many bytes of the current chunk were taken.
    pub(super) fn used(&mut self, n: u64) {
        if let State::Data(left) = &mut self.state {
            *left -= n;
        }
    }

    /// Reads up to the next data, and returns how many bytes are left of the chunk; 0 at the end of the body.
    #[track_caller]
    pub(super) fn left(&mut self, input: &mut Input, limits: &Limits) -> io::Result<u64> {
        loop {
            match self.state {
                State::End => return Ok(0),
                State::Data(0) => {
                    if line(input, 0, 2)? != 0 {
                        return Err(Fault::Malformed("a chunk is longer than its size").into());
                    }
                    input.consume(2);
                    self.state = State::Size;
                }
                State::Data(left) => return Ok(left),
                State::Size => {
                    let len = line(input, 0, limits.request_line)?;
                    let size = size(&input.data()[..len])?;
                    input.consume(len + 2);
                    if size == 0 {
                        self.state = State::Trailers;
                        continue;
                    }
                    self.total = self.total.saturating_add(size);
                    if self.total > limits.body {
                        return Err(Fault::TooLarge.into());
                    }
                    self.state = State::Data(size);
                }
                State::Trailers => {
                    let len = block(input, limits)?;
                    if len > 2 {
                        self.trailers = Some(parse(&input.data()[..len])?);
                    }
                    input.consume(len);
                    self.state = State::End;
                }
            }
        }
    }
}

/// The length of the line that begins at `from`, without its end. The line, with its end, may have `most` bytes.
#[track_caller]
fn line(input: &mut Input, from: usize, most: usize) -> io::Result<usize> {
    let mut looked_at = from;
    loop {
        let data = input.data();
        if let Some(end) = data[looked_at..].iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let end = looked_at + end;
            match (data[end], data.get(end + 1)) {
                (b'\r', Some(b'\n')) if end + 2 - from <= most => return Ok(end - from),
                (b'\r', Some(b'\n')) => return Err(too_long(most)),
                (b'\r', None) => looked_at = end,
                _ => return Err(Fault::Malformed("a line of a chunked body does not end with CRLF").into()),
            }
        } else {
            looked_at = data.len();
        }
        if data.len() - from > most {
            return Err(too_long(most));
        }
        if input.fill()? == 0 {
            return Err(Fault::Ended.into());
        }
    }
}

fn too_long(most: usize) -> io::Error {
    let why = match most {
        2 => "a chunk is longer than its size",
        _ => "a line of a chunked body is too long",
    };
    Fault::Malformed(why).into()
}

/// The size in the first line of a chunk: digits, and nothing else before the extensions.
fn size(line: &[u8]) -> io::Result<u64> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    if digits.is_empty() || digits.len() > 16 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Fault::Malformed("the size of a chunk is no number").into());
    }
    u64::from_str_radix(digits, 16).map_err(|_| Fault::Malformed("the size of a chunk is no number").into())
}

/// The length of the trailers, with the empty line behind them.
#[track_caller]
fn block(input: &mut Input, limits: &Limits) -> io::Result<usize> {
    let mut from = 0;
    loop {
        let len = line(input, from, limits.request_line)?;
        from += len + 2;
        if from > limits.head {
            return Err(Fault::HeadTooLarge.into());
        }
        if len == 0 {
            return Ok(from);
        }
    }
}

/// The trailers of a block whose lines end as they have to.
fn parse(block: &[u8]) -> io::Result<HeaderMap> {
    let malformed = || io::Error::from(Fault::Malformed("a trailer is malformed"));
    let mut fields = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let fields = match httparse::parse_headers(block, &mut fields) {
        Ok(httparse::Status::Complete((len, fields))) if len == block.len() => fields,
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::HeadTooLarge.into()),
        _ => return Err(malformed()),
    };
    let mut trailers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| malformed())?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| malformed())?;
        trailers.append(name, value);
    }
    Ok(trailers)
}
